import { element, type Element } from '../xml/element.ts'
import { NS_STANZA_ERRORS } from '../xmpp/namespaces.ts'
import type { StanzaCondition } from '../xmpp/stanza-error.ts'
import { StreamError } from '../xmpp/stream-error.ts'

export const NS_ACKNOWLEDGEMENT = 'urn:xmpp:sm:3'

/** Counts of stanzas are of 32 bits and begin again at 0 (XEP-0198 §4). */
const COUNTS = 2 ** 32

export interface AcknowledgementLimits {
  readonly unacknowledged_stanzas: number
  /** As they are written. */
  readonly unacknowledged_bytes: number
}

/**
 * The books of one end by XEP-0198: how many stanzas it handled, and which of those that it sent the other end has not
 * said to have handled. They outlive the stream where it can be resumed.
 *
 * One question is under way at a time, asked at the end of a turn for all that was sent in it: so never more often than
 * once a round trip.
 */
export class Acknowledgement<Sent> {
  readonly #limits: AcknowledgementLimits
  readonly #ask: () => void
  #sent: { readonly item: Sent, readonly bytes: number }[] = []
  #bytes = 0
  #acknowledged = 0
  #handled = 0
  #told = 0
  #state: 'silent' | 'content' | 'planned' | 'asked' = 'silent'

  /** `ask` sends the question. */
  constructor(limits: AcknowledgementLimits, ask: () => void) {
    this.#limits = limits
    this.#ask = ask
  }

  /** What is not acknowledged, in order. */
  get sent(): readonly Sent[] {
    return this.#sent.map(({ item }) => item)
  }

  /** How many stanzas of the other end were handled, as `h` says it. */
  get count(): string {
    return String(this.#handled)
  }

  /** Was something handled that the other end was not told of? */
  get untold(): boolean {
    return this.#handled !== this.#told
  }

  /** A stanza of the other end was handled. */
  handled(): void {
    this.#handled = nextCount(this.#handled)
  }

  /** A stanza is about to be sent; false, and nothing has changed, where too much is unacknowledged. A single one always fits. */
  add(item: Sent, bytes: number): boolean {
    const { unacknowledged_stanzas, unacknowledged_bytes } = this.#limits
    if (this.#sent.length >= unacknowledged_stanzas) return false
    if (this.#sent.length > 0 && this.#bytes + bytes > unacknowledged_bytes) return false
    this.#sent.push({ item, bytes })
    this.#bytes += bytes
    this.#plan()
    return true
  }

  /** From now on the other end can be asked: it may have been sent something already. */
  begin(): void {
    this.#state = 'content'
    this.#plan()
  }

  /** Nobody can be asked: there is no stream, or the other end does not want to. */
  pause(): void {
    this.#state = 'silent'
  }

  /** The answer to the other end's question. */
  answer(): Element {
    this.#told = this.#handled
    return element(NS_ACKNOWLEDGEMENT, 'a', { h: this.count })
  }

  /** The other end has handled so many in all; those of them that were not known to be are taken out. @throws StreamError */
  acknowledge(text: string): readonly Sent[] {
    const count = parseCount(text)
    if (count === undefined) throw new StreamError('bad-format')
    const newly = (count - this.#acknowledged + COUNTS) % COUNTS
    if (newly > this.#sent.length) {
      const known = String((this.#acknowledged + this.#sent.length) % COUNTS)
      throw new StreamError('undefined-condition', undefined,
        element(NS_ACKNOWLEDGEMENT, 'handled-count-too-high', { h: text, 'send-count': known }))
    }
    this.#acknowledged = count
    if (this.#state === 'asked') this.#state = 'content'
    const taken = this.#take(newly)
    this.#plan()
    return taken
  }

  /** Takes all of them out: whatever happens next, none is delivered or bounced twice. */
  takeAll(): readonly Sent[] {
    return this.#take(this.#sent.length)
  }

  #take(count: number): readonly Sent[] {
    return this.#sent.splice(0, count).map(({ item, bytes }) => {
      this.#bytes -= bytes
      return item
    })
  }

  /** A microtask runs when all that came in one read was handled, and before that turn's output is written. */
  #plan(): void {
    if (this.#state !== 'content' || this.#sent.length === 0) return
    this.#state = 'planned'
    queueMicrotask(() => {
      if (this.#state !== 'planned') return
      this.#state = this.#sent.length === 0 ? 'content' : 'asked'
      if (this.#state === 'asked') this.#ask()
    })
  }
}

/** XEP-0198 §4: after 2^32-1 "the value of 'h' SHALL be reset" to 0. */
export function nextCount(count: number): number {
  return (count + 1) % COUNTS
}

/** An `h`; undefined where it is none. */
export function parseCount(text: string): number | undefined {
  const count = /^\d{1,10}$/.test(text) ? Number(text) : COUNTS
  return count < COUNTS ? count : undefined
}

/** XEP-0198 §6; `count`: of a session that was. */
export function failed(condition: StanzaCondition, count?: string): Element {
  return element(NS_ACKNOWLEDGEMENT, 'failed', { h: count }, element(NS_STANZA_ERRORS, condition))
}
