import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { element, type Element } from '../xml/element.ts'
import { Jid } from '../xmpp/jid.ts'
import { NS_DIALBACK, NS_SERVER, NS_STANZA_ERRORS } from '../xmpp/namespaces.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import { StreamError } from '../xmpp/stream-error.ts'

/** Announced as a stream feature (XEP-0220 §2.4.1); errors in answers do not end the stream (§2.4.2). */
export const NS_DIALBACK_FEATURE = 'urn:xmpp:features:dialback'

/** A SHA-256 in hexadecimal is what everybody sends; whoever sends more than a hash of twice that is up to something. */
const LONGEST_KEY = 128

const ITEM_NOT_FOUND = new StanzaError('item-not-found')

/** What became of a claim to speak for a domain. */
export type Judgement = 'valid' | 'invalid' | StanzaError

/**
 * The dialback secrets of our domains, each its own and new at every start: keys of domains that are not linked have
 * nothing in common, and none outlives the process.
 */
export class DialbackSecrets {
  readonly #make: () => string
  readonly #secrets = new Map<string, string>()

  constructor(make = () => randomBytes(32).toString('hex')) {
    this.#make = make
  }

  /** The key by which `from`, a domain of ours, shows to `to` that the stream with that id is its own. */
  keyFor(from: string, to: string, streamId: string): string {
    let secret = this.#secrets.get(from)
    if (secret === undefined) this.#secrets.set(from, secret = this.#make())
    return dialbackKey(secret, to, from, streamId)
  }

  /** Is that the key which we made, as `from`, for that stream? Takes the same time for any key of the same length. */
  isKey(key: string, from: string, to: string, streamId: string): boolean {
    const [given, wanted] = [Buffer.from(key), Buffer.from(this.keyFor(from, to, streamId))]
    return given.length === wanted.length && timingSafeEqual(given, wanted)
  }
}

/** XEP-0185 §2: a key that its maker can check without having kept it. All 64 digits of it, in lower case. */
export function dialbackKey(secret: string, receiving: string, originating: string, streamId: string): string {
  const hidden = createHash('sha256').update(secret).digest('hex')
  return createHmac('sha256', hidden).update(`${receiving} ${originating} ${streamId}`).digest('hex')
}

/** An element of dialback, as it was sent to us. */
export interface DialbackElement {
  readonly name: 'result' | 'verify'
  readonly from: string
  readonly to: string
  /** Undefined in a request; in an answer what it says. */
  readonly type: string | undefined
  /** Of `verify`: the stream that is asked about; '' where none is named. */
  readonly id: string
  /** '' in an answer. */
  readonly key: string
}

/** Reads <result/> or <verify/>. @throws StreamError where it names no two domains, or is neither (XEP-0220 §2) */
export function readDialback(received: Element): DialbackElement {
  const { name, attrs: { from = '', to = '', type, id = '' } } = received
  if (name !== 'result' && name !== 'verify') throw new StreamError('unsupported-stanza-type')
  const [sender, target] = [domainOf(from), domainOf(to)]
  if (sender === undefined || target === undefined) throw new StreamError('improper-addressing')
  const key = received.content().trim()
  if (key.length > LONGEST_KEY || id.length > LONGEST_KEY) throw new StreamError('policy-violation', 'A key has 64 characters.')
  return { name, from: sender, to: target, type, id, key }
}

export function request(name: 'result' | 'verify', from: string, to: string, key: string, id?: string): Element {
  return element(NS_DIALBACK, name, { from, to, id }, key)
}

/** The answer, with the reason where it is neither valid nor invalid (XEP-0220 §2.5). */
export function answer(name: 'result' | 'verify', from: string, to: string, judgement: Judgement, id?: string): Element {
  if (!(judgement instanceof StanzaError)) return element(NS_DIALBACK, name, { from, to, id, type: judgement })
  return element(NS_DIALBACK, name, { from, to, id, type: 'error' },
    element(NS_SERVER, 'error', { type: judgement.type }, element(NS_STANZA_ERRORS, judgement.condition)))
}

/** What we say, as the authoritative server of `ours`, to whoever asks whether a key is ours (XEP-0220 §2.2.2). */
export function authoritativeAnswer(secrets: DialbackSecrets, ours: string, { from, to, id, key }: DialbackElement): Element {
  if (to !== ours) return answer('verify', to, from, ITEM_NOT_FOUND, id)
  return answer('verify', to, from, secrets.isKey(key, to, from, id) ? 'valid' : 'invalid', id)
}

/** The name of a domain, normalized; undefined for anything else. */
export function domainOf(text: string): string | undefined {
  const jid = Jid.parse(text)
  return jid === undefined || jid.local !== '' || !jid.isBare ? undefined : jid.domain
}
