import type { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { element, type Element } from '../xml/element.ts'
import { fillableForm, NS_DATA_FORMS, submission, type Blank } from '../xmpp/data-form.ts'
import { NS_REGISTER } from '../xmpp/namespaces.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import type { Application, Challenge } from './application.ts'
import type { Picture } from './visits.ts'
import { refusal } from './refusal.ts'

export const NS_BITS_OF_BINARY = 'urn:xmpp:bob'
const NS_MEDIA_ELEMENT = 'urn:xmpp:media-element'

/** What somebody filled in, who wants an account. */
export type Filled = Pick<Application, 'name' | 'password' | 'challenge'>

const TITLE = 'A new account'
const INSTRUCTIONS = 'Choose a name and a password. Nobody can find out or reset a password that you forget.'
const CHALLENGE = 'Then answer one of the two: type what the picture shows, or answer the question.'
const FORM_NEEDED = 'To register here, use a client that shows data forms, or an invitation.'

/** Name and password, in the fields of XEP-0077 for clients that know no others and as a form; `name`: the only one to be had. */
export function plainQuery(name: string | undefined): Element {
  return element(NS_REGISTER, 'query', {},
    element(NS_REGISTER, 'instructions', {}, INSTRUCTIONS),
    element(NS_REGISTER, 'username', {}, name),
    element(NS_REGISTER, 'password'),
    fillableForm(NS_REGISTER, { title: TITLE, instructions: INSTRUCTIONS }, account(name)))
}

/**
 * The form of XEP-0158 §4: a name, a password, and one answer to a picture or to a question.
 *
 * No fields beside it (XEP-0077 §6): what they can say would not be enough. COMPAT(Conversations 2): it shows the
 * picture only where the picture comes with the form, which XEP-0231 §2.1 allows.
 */
export function challengeQuery(id: string, { id: challenge, question }: Challenge, picture: Picture): Element {
  return element(NS_REGISTER, 'query', {},
    element(NS_REGISTER, 'instructions', {}, FORM_NEEDED),
    fillableForm(NS_REGISTER, { title: TITLE, instructions: `${INSTRUCTIONS} ${CHALLENGE}` }, [
      { name: 'challenge', type: 'hidden', value: challenge },
      { name: 'sid', type: 'hidden', value: id },
      // The required ones, and one of the others (§3.2).
      { name: 'answers', type: 'hidden', value: '3' },
      ...account(undefined),
      { name: 'ocr', type: 'text-single', label: 'Enter the text you see', content: media(picture) },
      { name: 'qa', type: 'text-single', label: question },
    ]),
    bitOfBinary(picture))
}

/** XEP-0231 §2.5; "If it is not suggested to cache the data", `max-age` "MUST be 0" (§2.4). */
export function bitOfBinary({ cid, bytes }: Picture): Element {
  return element(NS_BITS_OF_BINARY, 'data', { cid, type: 'image/png', 'max-age': '0' }, bytes.toString('base64'))
}

/** XEP-0231 §2.6: "sha1" for historical reasons; nothing rests on it. */
export function pictureOf(bytes: Buffer): Picture {
  return { cid: `sha1+${createHash('sha1').update(bytes).digest('hex')}@bob.xmpp.org`, bytes }
}

/** What a set says, whose query is `payload`. */
export function readFilled(payload: Element): Filled | StanzaError {
  const [form, ...more] = payload.elements().filter(({ namespace }) => namespace === NS_DATA_FORMS)
  if (form === undefined) return filled(payload.childContent('username', NS_REGISTER), payload.childContent('password', NS_REGISTER), undefined)
  // §4: a client "MUST NOT submit both the data form and the predefined fields".
  if (more.length > 0 || payload.elements().some(({ namespace }) => namespace === NS_REGISTER)) return refusal('bad-request')
  const fields = submission(form, NS_REGISTER)
  if (fields === undefined) return refusal('bad-request')
  const id = fields.get('challenge')
  const answer = [fields.get('ocr'), fields.get('qa')].find((one) => one !== undefined && one.trim() !== '')
  const challenge = id === undefined || answer === undefined ? undefined : { id, answer }
  return filled(fields.get('username'), fields.get('password'), challenge)
}

/** §3.1: who leaves something out, an empty password too, gets not-acceptable ("MUST"). */
function filled(name: string | undefined, password: string | undefined, challenge: Filled['challenge']): Filled | StanzaError {
  if (name === undefined || name === '' || password === undefined || password === '') {
    return refusal('not-acceptable', { text: 'A name and a password are needed.' })
  }
  return challenge === undefined ? { name, password } : { name, password, challenge }
}

function account(name: string | undefined): Blank[] {
  return [
    { name: 'username', type: 'text-single', label: 'Name', required: true, value: name },
    { name: 'password', type: 'text-private', label: 'Password', required: true },
  ]
}

/** XEP-0221 §2. The size is in a PNG's first bytes: a signature of 8, then length and name of the chunk that has it. */
function media({ cid, bytes }: Picture): Element {
  return element(NS_MEDIA_ELEMENT, 'media', { width: String(bytes.readUInt32BE(16)), height: String(bytes.readUInt32BE(20)) },
    element(NS_MEDIA_ELEMENT, 'uri', { type: 'image/png' }, `cid:${cid}`))
}
