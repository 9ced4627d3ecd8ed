import type { Duplex } from 'node:stream'
import { TLSSocket, connect as connectTls } from 'node:tls'
import { Element } from '../../src/xml/element.ts'
import { NS_CLIENT, NS_STREAM } from '../../src/xmpp/namespaces.ts'
import { XmlReader, escaped, text } from './xml-text.ts'

export interface XmlStreamOptions {
  /** The content namespace; jabber:client by default. */
  readonly namespace?: string
  /** Milliseconds each wait may take; 15 seconds by default, onions want more. */
  readonly patience?: number
  /** Sees each element first; true takes it away from `next`. */
  readonly intercept?: (element: Element) => boolean
}

interface Waiter {
  readonly matches: (element: Element) => boolean
  readonly resolve: (element: Element) => void
  readonly reject: (error: Error) => void
}

/** More than any test leaves unread; past it the test is at fault. */
const MOST_UNREAD = 20_000

/** The initiating side of a pair of XML streams, without opinions: tests send what they like and wait for answers. */
export class XmlStream {
  readonly #namespace: string
  readonly #patience: number
  readonly #intercept: (element: Element) => boolean
  readonly #unread: Element[] = []
  readonly #waiters = new Set<Waiter>()
  /** Resolves once, when nothing more will arrive, to the reason: 'closed', a stream error's condition, a failure. */
  readonly ended: Promise<string>
  #end: (reason: string) => void = () => {}
  #socket: Duplex
  #reader: XmlReader
  #ending: string | undefined

  constructor(socket: Duplex, options: XmlStreamOptions = {}) {
    const { namespace = NS_CLIENT, patience = 15_000, intercept = () => false } = options
    this.#namespace = namespace
    this.#patience = patience
    this.#intercept = intercept
    this.ended = new Promise((resolve) => { this.#end = resolve })
    this.#reader = this.#newReader()
    this.#socket = socket
    this.#listen(socket)
  }

  /** What TLS says of this connection (exporter, certificate), where it is secured. */
  get tls(): TLSSocket | undefined {
    return this.#socket instanceof TLSSocket ? this.#socket : undefined
  }

  /** Sends a stream header of version 1.0, restarting the stream where there was one, and waits for the peer's. */
  async open(attributes: Readonly<Record<string, string>>): Promise<Element> {
    this.#reader = this.#newReader()
    let pairs = " version='1.0'"
    for (const [name, value] of Object.entries(attributes)) pairs += ` ${name}='${escaped(value)}'`
    const header = this.next((element) => element.is('stream', NS_STREAM), 'a stream header')
    this.send(`<?xml version='1.0'?><stream:stream xmlns='${this.#namespace}' xmlns:stream='${NS_STREAM}'${pairs}>`)
    return header
  }

  /** Text goes out exactly as it is given. */
  send(stanza: Element | string): void {
    if (this.#ending !== undefined) throw new Error(`the stream has ended: ${this.#ending}`)
    this.#socket.write(typeof stanza === 'string' ? stanza : text(stanza, this.#namespace))
  }

  /**
   * Takes the first element, read already or still to come, which `matches`. Others keep their order.
   *
   * @throws Error naming `what`, when the stream ends or patience runs out
   */
  async next(
    matches: (element: Element) => boolean = () => true,
    what = 'an element',
    patience = this.#patience,
  ): Promise<Element> {
    const at = this.#unread.findIndex(matches)
    const [found] = at < 0 ? [] : this.#unread.splice(at, 1)
    if (found !== undefined) return found
    if (this.#ending !== undefined) throw new Error(`waited for ${what}, but the stream has ended: ${this.#ending}`)
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(late)
        this.#waiters.delete(waiter)
      }
      const waiter: Waiter = {
        matches,
        resolve: (element) => { settle(); resolve(element) },
        reject: (error) => { settle(); reject(new Error(`waited for ${what}, but ${error.message}`)) },
      }
      const late = setTimeout(() => {
        waiter.reject(new Error(`nothing of the kind came in ${patience} ms${this.#seen()}`))
      }, patience)
      this.#waiters.add(waiter)
    })
  }

  /** Takes everything that has been read and that nobody waited for. */
  takeUnread(): Element[] {
    return this.#unread.splice(0)
  }

  /**
   * TLS from here on, by the side that connected. With an `authority` (PEM) the certificate must be its, for `name`;
   * without, it is not checked.
   */
  async secure(name: string, authority: string | undefined): Promise<void> {
    const plain = this.#socket
    plain.removeAllListeners()
    const secured = connectTls({
      socket: plain,
      servername: name,
      ALPNProtocols: ['xmpp-client'],
      ...authority === undefined ? { rejectUnauthorized: false } : { ca: authority },
    })
    await new Promise<void>((resolve, reject) => {
      secured.once('secureConnect', resolve)
      secured.once('error', reject)
      secured.once('close', () => reject(new Error('the peer closed the connection during the TLS handshake')))
    })
    secured.removeAllListeners('close')
    this.#socket = secured
    this.#listen(secured)
  }

  /** Closes our stream and waits until the peer closed its own (RFC 6120 §4.4). */
  async close(): Promise<void> {
    if (this.#ending === undefined) this.#socket.write('</stream:stream>')
    const late = setTimeout(() => this.cut(), this.#patience)
    await this.ended
    clearTimeout(late)
    this.#socket.destroy()
  }

  /** Drops the connection without a word, as a lost network does. */
  cut(): void {
    this.#finish('cut')
    this.#socket.destroy()
  }

  /** Stops reading; the peer's bytes pile up at the peer. `resume` undoes it. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  #listen(socket: Duplex): void {
    socket.on('data', (bytes: Buffer) => {
      try {
        this.#reader.read(bytes)
      } catch (error) {
        this.#finish(`unreadable: ${String(error)}`)
        socket.destroy()
      }
    })
    socket.on('error', (error: Error) => this.#finish(error.message))
    socket.on('close', () => this.#finish('the connection closed'))
  }

  #newReader(): XmlReader {
    return new XmlReader({
      opened: (header) => this.#take(header),
      element: (element) => {
        this.#take(element)
        if (element.is('error', NS_STREAM)) this.#finish(element.elements()[0]?.name ?? 'stream error')
      },
      closed: () => this.#finish('closed'),
    })
  }

  #take(element: Element): void {
    if (this.#intercept(element)) return
    for (const waiter of this.#waiters) {
      if (waiter.matches(element)) return waiter.resolve(element)
    }
    if (this.#unread.push(element) > MOST_UNREAD) throw new Error(`more than ${MOST_UNREAD} elements were left unread`)
  }

  #finish(reason: string): void {
    if (this.#ending !== undefined) return
    this.#ending = reason
    for (const waiter of this.#waiters) waiter.reject(new Error(`the stream ended: ${reason}`))
    this.#end(reason)
  }

  #seen(): string {
    const last = this.#unread.at(-1)
    return last === undefined ? '' : `; ${this.#unread.length} unread, the last: ${text(last).slice(0, 300)}`
  }
}
