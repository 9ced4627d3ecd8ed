import type { Clock, Timer } from '../clock.ts'
import type { Envelope } from '../routing/envelope.ts'
import type { StanzaRouter } from '../routing/extension.ts'
import type { Stream } from '../stream/stream.ts'
import { element, type Element } from '../xml/element.ts'
import { serialize } from '../xml/serialize.ts'
import { NS_SERVER, NS_STANZA_ERRORS } from '../xmpp/namespaces.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import type { Queued } from './queue.ts'
import { NOT_REACHED } from './refusals.ts'

export const NS_ACKNOWLEDGEMENT = 'urn:xmpp:sm:3'

export interface CarrierParts {
  readonly router: StanzaRouter
  readonly clock: Clock
  readonly limits: {
    readonly unacknowledged_stanzas: number
    /** Of the texts. */
    readonly unacknowledged_bytes: number
    /** Milliseconds. */
    readonly time_to_acknowledge: number
  }
}

/** Counts of stanzas are of 32 bits and begin again at 0 (XEP-0198 §4). */
const COUNTS = 2 ** 32

/**
 * A stream on which stanzas to another server go, acknowledged where both sides can (XEP-0198, without resumption): a
 * stanza is ours until the other side has said that it handled it. What it has not when the stream is over is bounced,
 * once: it may have been handled all the same.
 *
 * One question is under way at a time, asked at the end of a turn for all that was sent in it.
 */
export class Carrier {
  readonly #stream: Stream
  readonly #parts: CarrierParts
  #state: 'off' | 'asked' | 'on' = 'off'
  #sent: { readonly envelope: Envelope, readonly bytes: number }[] = []
  #bytes = 0
  #acknowledged = 0
  #handled = 0
  #told = 0
  /** Runs while the other side owes us an answer. */
  #deadline: Timer | undefined
  #planned = false
  #usedAt: number
  #onRoom: () => void = () => {}

  constructor(stream: Stream, parts: CarrierParts) {
    this.#stream = stream
    this.#parts = parts
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
      const { limits } = this.#parts
      const bytes = Buffer.byteLength(text)
      if (this.#sent.length >= limits.unacknowledged_stanzas) return 'full'
      if (this.#sent.length > 0 && this.#bytes + bytes > limits.unacknowledged_bytes) return 'full'
      this.#sent.push({ envelope, bytes })
      this.#bytes += bytes
      this.#planToAsk()
      this.#stream.sendText(text)
      return 'taken'
    }
    this.#stream.sendText(text)
    return this.#stream.open ? 'taken' : 'lost' // so much waited already that the stream was cut
  }

  /** A stanza of the other side was handled. */
  handled(): void {
    this.#usedAt = this.#parts.clock.elapsed()
    if (this.#state === 'on') this.#handled = (this.#handled + 1) % COUNTS
  }

  /** An element of XEP-0198. @throws StreamError */
  receive(received: Element): void {
    switch (received.name) {
      case 'r':
        if (this.#state === 'on') return this.#stream.sendText(this.#answer())
        break
      case 'a':
        if (this.#state === 'on') return this.#acknowledge(received.attrs['h'] ?? '')
        break
      case 'enable':
        if (this.#state !== 'off') return this.#stream.send(failed('unexpected-request'))
        this.#stream.send(element(NS_ACKNOWLEDGEMENT, 'enabled'))
        this.#state = 'on'
        return
      case 'enabled':
        if (this.#state !== 'asked') break
        this.#state = 'on'
        return this.#planToAsk()
      case 'failed':
        if (this.#state !== 'asked') break
        this.#state = 'off'
        this.#forget(this.#sent.length)
        return this.#onRoom()
      case 'resume':
        return this.#stream.send(failed('feature-not-implemented'))
      default:
    }
    throw new StreamError('unsupported-stanza-type')
  }

  /** The last count, unasked, before we end the stream: what was handled is not to be bounced. */
  lastWords(): string {
    return this.#state === 'on' && this.#handled !== this.#told ? this.#answer() : ''
  }

  /** The stream is over: bounces what nobody acknowledged. */
  released(): void {
    const lost = this.#sent.map(({ envelope }) => envelope)
    this.#forget(lost.length)
    this.#state = 'off'
    this.#deadline?.cancel()
    for (const envelope of lost) this.#parts.router.bounce(envelope, NOT_REACHED)
  }

  #answer(): string {
    this.#told = this.#handled
    return serialize(element(NS_ACKNOWLEDGEMENT, 'a', { h: String(this.#handled) }), NS_SERVER)
  }

  #acknowledge(text: string): void {
    const count = /^\d{1,10}$/.test(text) ? Number(text) : COUNTS
    if (count >= COUNTS) throw new StreamError('bad-format')
    const newly = (count - this.#acknowledged + COUNTS) % COUNTS
    if (newly > this.#sent.length) {
      const known = String((this.#acknowledged + this.#sent.length) % COUNTS)
      throw new StreamError('undefined-condition', undefined,
        element(NS_ACKNOWLEDGEMENT, 'handled-count-too-high', { h: text, 'send-count': known }))
    }
    this.#acknowledged = count
    this.#forget(newly)
    this.#deadline?.cancel()
    this.#deadline = undefined
    if (this.#sent.length > 0) this.#planToAsk()
    if (newly > 0) this.#onRoom()
  }

  #forget(count: number): void {
    for (const { bytes } of this.#sent.splice(0, count)) this.#bytes -= bytes
  }

  /** A microtask runs when all that came in one read was handled, and before that turn's output is written. */
  #planToAsk(): void {
    if (this.#planned || this.#state !== 'on' || this.#deadline !== undefined || this.#sent.length === 0) return
    this.#planned = true
    queueMicrotask(() => {
      this.#planned = false
      if (this.#state !== 'on' || this.#deadline !== undefined || this.#sent.length === 0) return
      const { clock, limits } = this.#parts
      this.#deadline = clock.after(limits.time_to_acknowledge, () => this.#overdue())
      this.#stream.sendText(ASK)
    })
  }

  /** RFC 6120 §4.6.4: a stream whose other side does not answer is dead, and reads no farewell, either. */
  #overdue(): void {
    this.#stream.fail(new StreamError('connection-timeout'))
    this.#stream.destroy()
  }
}

const ASK = serialize(element(NS_ACKNOWLEDGEMENT, 'r'), NS_SERVER)

function failed(condition: 'unexpected-request' | 'feature-not-implemented'): Element {
  return element(NS_ACKNOWLEDGEMENT, 'failed', {}, element(NS_STANZA_ERRORS, condition))
}
