import { Envelope } from '../routing/envelope.ts'
import type { StanzaRouter } from '../routing/extension.ts'
import { Acknowledgement, NS_ACKNOWLEDGEMENT, type AcknowledgementLimits } from '../stream/acknowledgement.ts'
import type { Stream } from '../stream/stream.ts'
import { element, type Element } from '../xml/element.ts'
import { serialize } from '../xml/serialize.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'
import { Jid } from '../xmpp/jid.ts'
import { NS_CLIENT } from '../xmpp/namespaces.ts'
import { errorReply, mayBeAnswered, StanzaError } from '../xmpp/stanza-error.ts'
import type { Copies } from './copies.ts'

export interface ManagementParts {
  readonly router: StanzaRouter
  readonly copies: Copies
  readonly limits: AcknowledgementLimits & {
    /** Milliseconds. */
    readonly time_to_resume: number
  }
}

/** RFC 6120 §8.3.3.13: "it could be delivered later", in a session that is there. */
const RECIPIENT_UNAVAILABLE = new StanzaError('recipient-unavailable')

/**
 * XEP-0198 of one session, from the time it asked for it: what it was sent and has not acknowledged, in order, whether
 * a stream is there to write it to or not. In memory alone; what is lost with the session is bounced, once.
 */
export class StreamManagement {
  /** By which the session can be resumed; undefined where its client did not ask for that. */
  readonly id: string | undefined
  /** How long it may be without a stream, in milliseconds. */
  readonly timeToResume: number
  readonly #parts: ManagementParts
  readonly #stream: () => Stream | undefined
  readonly #books: Acknowledgement<Element>

  /** By what the client asked for; `stream` is the session's, if it has one. */
  constructor(request: Element, parts: ManagementParts, stream: () => Stream | undefined) {
    this.#parts = parts
    this.#stream = stream
    this.#books = new Acknowledgement(parts.limits, () => this.ask())
    this.#books.begin()
    const { resume = '', max = '' } = request.attrs
    const wanted = /^\d{1,10}$/.test(max) ? Number(max) * 1000 : Number.POSITIVE_INFINITY
    this.timeToResume = /^\s*(true|1)\s*$/.test(resume) ? Math.min(parts.limits.time_to_resume, wanted) : 0
    this.id = this.timeToResume > 0 ? randomIdentifier() : undefined
  }

  /** What the client is told; counting begins on both sides with what is sent after it (XEP-0198 §4). */
  get enabled(): Element {
    if (this.id === undefined) return element(NS_ACKNOWLEDGEMENT, 'enabled')
    const max = String(Math.max(1, Math.floor(this.timeToResume / 1000)))
    return element(NS_ACKNOWLEDGEMENT, 'enabled', { id: this.id, resume: 'true', max })
  }

  /** How many stanzas of the client were handled. */
  get count(): string {
    return this.#books.count
  }

  /** How many stanzas wait for the client to acknowledge them. */
  get unacknowledged(): number {
    return this.#books.sent.length
  }

  handled(): void {
    this.#books.handled()
  }

  /** False, and nothing was sent, where too much is unacknowledged. */
  send(stanza: Element): boolean {
    const stream = this.#stream()
    const text = stream?.textOf(stanza) ?? serialize(stanza, NS_CLIENT)
    if (!this.#books.add(stanza, Buffer.byteLength(text))) return false
    this.#parts.copies.wait(stanza)
    stream?.sendText(text)
    return true
  }

  ask(): void {
    this.#stream()?.send(element(NS_ACKNOWLEDGEMENT, 'r'))
  }

  answer(): void {
    this.#stream()?.send(this.#books.answer())
  }

  /** The client has got so many stanzas in all. @throws StreamError */
  acknowledge(text: string): void {
    for (const stanza of this.#books.acknowledge(text)) this.#parts.copies.arrived(stanza)
  }

  /** The last count, unasked, before we end the stream: the client need not send again what we have. */
  lastWords(): string {
    return this.#books.untold ? this.#stream()?.textOf(this.#books.answer()) ?? '' : ''
  }

  /** The stream is gone; nobody can be asked. */
  pause(): void {
    this.#books.pause()
  }

  /** XEP-0198 §5: by another stream the server "MUST re-send to the peer any stanzas that are still marked as unhandled". */
  resend(): void {
    for (const stanza of this.#books.sent) this.#stream()?.send(stanza)
    this.#books.begin()
  }

  /** The session is over: what its client did not acknowledge did not arrive, as far as one can know (XEP-0198 §4). */
  lose(): void {
    this.#books.pause()
    for (const stanza of this.#books.takeAll()) if (this.#parts.copies.lost(stanza)) this.bounce(stanza)
  }

  /**
   * Tells the sender, as of a stanza to a resource that is not there: what nobody would have been told of then (a chat
   * state, a headline) is not worth it now, either.
   */
  bounce(stanza: Element): void {
    const { type } = stanza.attrs
    if (!mayBeAnswered(stanza) || stanza.name === 'presence') return
    if (stanza.name === 'message' && (type === 'headline' || stanza.child('body', NS_CLIENT) === undefined)) return
    const from = Jid.parse(stanza.attrs['from'] ?? '')
    const to = Jid.parse(stanza.attrs['to'] ?? '')
    if (from === undefined || to === undefined) return // of our own making
    this.#parts.router.forward(new Envelope(errorReply(stanza, RECIPIENT_UNAVAILABLE, to, from), to, from, true, 'server', undefined))
  }
}
