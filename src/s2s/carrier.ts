import type { Clock, Timer } from '../clock.ts'
import type { Envelope } from '../routing/envelope.ts'
import type { StanzaRouter } from '../routing/extension.ts'
import { Acknowledgement, failed, NS_ACKNOWLEDGEMENT, type AcknowledgementLimits } from '../stream/acknowledgement.ts'
import type { Stream } from '../stream/stream.ts'
import { element, type Element } from '../xml/element.ts'
import { serialize } from '../xml/serialize.ts'
import { NS_SERVER } from '../xmpp/namespaces.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import type { Queued } from './queue.ts'
import { NOT_REACHED } from './refusals.ts'

export interface CarrierParts {
  readonly router: StanzaRouter
  readonly clock: Clock
  readonly limits: AcknowledgementLimits & {
    /** Milliseconds. */
    readonly time_to_acknowledge: number
  }
}

/**
 * A stream on which stanzas to another server go, acknowledged where both sides can (XEP-0198, without resumption): a
 * stanza is ours until the other side has said that it handled it. What it has not when the stream is over is bounced,
 * once: it may have been handled all the same.
 */
export class Carrier {
  readonly #stream: Stream
  readonly #parts: CarrierParts
  readonly #books: Acknowledgement<Envelope>
  #state: 'off' | 'asked' | 'on' = 'off'
  /** Runs while the other side owes us an answer. */
  #deadline: Timer | undefined
  #usedAt: number
  #onRoom: () => void = () => {}

  constructor(stream: Stream, parts: CarrierParts) {
    this.#stream = stream
    this.#parts = parts
    this.#books = new Acknowledgement(parts.limits, () => this.#ask())
    this.#usedAt = parts.clock.elapsed()
  }

  /** When a stanza last went this way or came, in milliseconds. */
  get usedAt(): number {
    return this.#usedAt
  }

  /** Called whenever there is room again. */
  set onRoom(onRoom: () => void) {
    this.#onRoom = onRoom
  }

  /** Asks the other side, which offers it, to acknowledge. Counting begins with what is sent next (XEP-0198 §3). */
  enable(): void {
    this.#stream.send(element(NS_ACKNOWLEDGEMENT, 'enable'))
    this.#state = 'asked'
  }

  /** 'full': nothing was sent, as too much is unacknowledged; 'lost': the stream is over, and nobody else tells the sender. */
  send({ envelope, text }: Queued): 'taken' | 'full' | 'lost' {
    if (!this.#stream.open) return 'lost'
    this.#usedAt = this.#parts.clock.elapsed()
    if (this.#state !== 'off') {
      if (!this.#books.add(envelope, Buffer.byteLength(text))) return 'full'
      this.#stream.sendText(text)
      return 'taken'
    }
    this.#stream.sendText(text)
    return this.#stream.open ? 'taken' : 'lost' // so much waited already that the stream was cut
  }

  /** A stanza of the other side was handled. */
  handled(): void {
    this.#usedAt = this.#parts.clock.elapsed()
    if (this.#state === 'on') this.#books.handled()
  }

  /** An element of XEP-0198. @throws StreamError */
  receive(received: Element): void {
    switch (received.name) {
      case 'r':
        if (this.#state === 'on') return this.#stream.send(this.#books.answer())
        break
      case 'a':
        if (this.#state === 'on') return this.#acknowledge(received.attrs['h'] ?? '')
        break
      case 'enable':
        if (this.#state !== 'off') return this.#stream.send(failed('unexpected-request'))
        this.#stream.send(element(NS_ACKNOWLEDGEMENT, 'enabled'))
        return this.#begin()
      case 'enabled':
        if (this.#state !== 'asked') break
        return this.#begin()
      case 'failed':
        if (this.#state !== 'asked') break
        this.#state = 'off'
        this.#books.takeAll()
        return this.#onRoom()
      case 'resume':
        return this.#stream.send(failed('feature-not-implemented'))
      default:
    }
    throw new StreamError('unsupported-stanza-type')
  }

  /** The last count, unasked, before we end the stream: what was handled is not to be bounced. */
  lastWords(): string {
    return this.#state === 'on' && this.#books.untold ? serialize(this.#books.answer(), NS_SERVER) : ''
  }

  /** The stream is over: bounces what nobody acknowledged. */
  released(): void {
    const lost = this.#books.takeAll()
    this.#books.pause()
    this.#state = 'off'
    this.#deadline?.cancel()
    for (const envelope of lost) this.#parts.router.bounce(envelope, NOT_REACHED)
  }

  #begin(): void {
    this.#state = 'on'
    this.#books.begin()
  }

  #acknowledge(text: string): void {
    const newly = this.#books.acknowledge(text)
    this.#deadline?.cancel()
    this.#deadline = undefined
    if (newly.length > 0) this.#onRoom()
  }

  #ask(): void {
    const { clock, limits } = this.#parts
    this.#deadline = clock.after(limits.time_to_acknowledge, () => this.#overdue())
    this.#stream.sendText(ASK)
  }

  /** RFC 6120 §4.6.4: a stream whose other side does not answer is dead, and reads no farewell, either. */
  #overdue(): void {
    this.#stream.fail(new StreamError('connection-timeout'))
    this.#stream.destroy()
  }
}

const ASK = serialize(element(NS_ACKNOWLEDGEMENT, 'r'), NS_SERVER)
