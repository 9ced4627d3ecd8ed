import { randomUUID } from 'node:crypto'
import { setTimeout as passed } from 'node:timers/promises'
import { element, type Element } from '../../src/xml/element.ts'
import { NS_CLIENT, NS_REGISTER, NS_STANZA_ERRORS } from '../../src/xmpp/namespaces.ts'
import { KINDS } from './vocabulary.ts'
import { XmppClient, type ReachOptions } from './xmpp-client.ts'
import type { XmlStream } from './xml-stream.ts'

const NS_DATA_FORMS = 'jabber:x:data'
/** A form is a request, and a stream has a limited number of them. */
const POLL_MILLISECONDS = 250
const NS_MEDIA_ELEMENT = 'urn:xmpp:media-element'

/** The form of XEP-0158 §4, as somebody sees it. */
export interface ShownForm {
  readonly challenge: string
  /** To its question. */
  readonly answer: string
  /** Without `cid:`. */
  readonly cid: string
  /** The whole <query/>. */
  readonly query: Element
}

/** Somebody without an account, at a server that may give one. */
export class Applicant {
  readonly stream: XmlStream
  readonly features: Element

  private constructor(stream: XmlStream, features: Element) {
    this.stream = stream
    this.features = features
  }

  static async reach(options: ReachOptions, domain: string): Promise<Applicant> {
    const { stream, features } = await XmppClient.reach(options, domain)
    return new Applicant(stream, features)
  }

  /** Sends an IQ with that content, which is as it goes out, and waits for the answer. */
  async ask(type: 'get' | 'set', content: string | Element, attributes: Readonly<Record<string, string>> = {}): Promise<Element> {
    const id = attributes['id'] ?? randomUUID()
    const pairs = Object.entries({ type, id, ...attributes }).map(([name, value]) => ` ${name}='${value}'`).join('')
    if (typeof content === 'string') this.stream.send(`<iq${pairs}>${content}</iq>`)
    else this.stream.send(element(NS_CLIENT, 'iq', { type, id, ...attributes }, content))
    return await this.stream.next(({ name, attrs }) => name === 'iq' && attrs['id'] === id, 'the answer to an IQ')
  }

  /** One whose question can be answered. */
  async form(): Promise<ShownForm> {
    for (;;) {
      const { question, ...form } = await this.anyForm()
      const answer = answerTo(question)
      if (answer !== undefined) return { ...form, answer }
    }
  }

  async anyForm(): Promise<Omit<ShownForm, 'answer'> & { readonly question: string }> {
    let answer = await this.ask('get', element(NS_REGISTER, 'query'))
    // The server draws so many pictures a second, and tests are fast.
    while (conditionOf(answer) === 'resource-constraint') {
      await passed(POLL_MILLISECONDS)
      answer = await this.ask('get', element(NS_REGISTER, 'query'))
    }
    const query = answer.child('query', NS_REGISTER)
    const fields = query?.child('x', NS_DATA_FORMS)?.elements().filter(({ name }) => name === 'field') ?? []
    const field = (name: string): Element | undefined => fields.find(({ attrs }) => attrs['var'] === name)
    const cid = field('ocr')?.child('media', NS_MEDIA_ELEMENT)?.childContent('uri', NS_MEDIA_ELEMENT)
    const challenge = field('challenge')?.childContent('value', NS_DATA_FORMS)
    const question = field('qa')?.attrs['label']
    if (query === undefined || cid === undefined || challenge === undefined || question === undefined) {
      throw new Error(`no form with a challenge: ${conditionOf(answer) ?? 'another one'}`)
    }
    return { challenge, question, cid: cid.replace(/^cid:/, ''), query }
  }

  /** Submits the form; `fields` may leave out, change or add some of those that are usual. */
  async submit(fields: Readonly<Record<string, string | undefined>>): Promise<Element> {
    return await this.ask('set', element(NS_REGISTER, 'query', {}, submitted({ FORM_TYPE: NS_REGISTER, ...fields })))
  }

  /** By the fields of XEP-0077 alone. */
  async register(username: string, password: string): Promise<Element> {
    return await this.ask('set', element(NS_REGISTER, 'query', {},
      element(NS_REGISTER, 'username', {}, username), element(NS_REGISTER, 'password', {}, password)))
  }

  /** Asks for a form, answers its question and submits it. */
  async apply(username: string, password: string): Promise<Element> {
    const { challenge, answer } = await this.form()
    return await this.submit({ challenge, qa: answer, username, password })
  }

  /** An invitation (XEP-0445 §4). */
  async show(token: string): Promise<Element> {
    return await this.ask('set', element('urn:xmpp:pars:0', 'preauth', { token }))
  }

  cut(): void {
    this.stream.cut()
  }
}

/** A form of type submit. */
export function submitted(fields: Readonly<Record<string, string | undefined>>, type = 'submit'): Element {
  return element(NS_DATA_FORMS, 'x', { type }, ...Object.entries(fields).flatMap(([name, value]) => value === undefined ? []
    : [element(NS_DATA_FORMS, 'field', { var: name }, element(NS_DATA_FORMS, 'value', {}, value))]))
}

/** The defined condition of an error; undefined where it is a result. */
export function conditionOf(answer: Element): string | undefined {
  return answer.child('error', NS_CLIENT)?.elements().find(({ name, namespace }) => namespace === NS_STANZA_ERRORS && name !== 'text')?.name
}

/** The text of an error. */
export function textOf(answer: Element): string | undefined {
  return answer.child('error', NS_CLIENT)?.childContent('text', NS_STANZA_ERRORS)
}

/** What a person would answer who reads the question; undefined where it is of a kind that this one never saw. */
export function answerTo(question: string): string | undefined {
  const [, task = '', list = ''] = /^(.*?)\??: ([a-z, ]+)\.$/.exec(question) ?? []
  const words = list.split(', ')
  const [, letter] = /\b(first|second|third|last) letters? of\b/.exec(task) ?? []
  if (letter !== undefined) return words.map((word) => word.at(ORDINALS.indexOf(letter)) ?? '').join('')
  const kind = Object.entries(KINDS).find(([name]) => task.includes(` ${name}`))?.[1]
  const found = words.filter((word) => kind?.includes(word))
  if (/\bthree\b/i.test(task)) return found.length === 3 ? found.join(' ') : undefined
  const [, place] = /\bafter it the (first|third|fifth|last) word\b/.exec(task) ?? []
  const [only = '', ...others] = found
  if (place === undefined || only === '' || others.length > 0) return undefined
  return `${[...only].reverse().join('')} ${words.at(['first', 'second', 'third', 'fourth', 'fifth'].indexOf(place)) ?? ''}`
}

/** By place; what is not among them is the last. */
const ORDINALS = ['first', 'second', 'third']
