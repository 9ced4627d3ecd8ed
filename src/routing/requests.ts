import type { Clock, Timer } from '../clock.ts'
import type { Element } from '../xml/element.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'
import type { Jid } from '../xmpp/jid.ts'

/** At most this many requests of our own are outstanding; a further one counts as unanswered at once. */
const MAXIMUM_OUTSTANDING = 10_000

interface Outstanding {
  readonly from: string
  readonly to: string
  readonly answered: (answer: Element | undefined) => void
  readonly deadline: Timer
}

/**
 * IQ requests that the server itself sent and waits for.
 *
 * An answer counts only if id, sender and addressee are all those of the request (RFC 6120 §8.1.3 asks for the id
 * alone; matching on it alone let strangers answer in other servers, CVE-2024-46957).
 */
export class Requests {
  readonly #clock: Clock
  readonly #outstanding = new Map<string, Outstanding>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Registers a request and returns the id to send it with. `answered` is called once: with the result or error
   * stanza, or with undefined when `milliseconds` have passed.
   */
  expect(from: Jid, to: Jid, milliseconds: number, answered: (answer: Element | undefined) => void): string {
    const id = randomIdentifier()
    if (this.#outstanding.size >= MAXIMUM_OUTSTANDING) {
      answered(undefined)
      return id
    }
    const deadline = this.#clock.after(milliseconds, () => {
      if (this.#outstanding.delete(id)) answered(undefined)
    })
    this.#outstanding.set(id, { from: from.toString(), to: to.toString(), answered, deadline })
    return id
  }

  /** True if this IQ result or error answers one of ours; it is then consumed. */
  settle(answer: Element, from: Jid, to: Jid): boolean {
    const id = answer.attrs['id']
    if (id === undefined) return false
    const request = this.#outstanding.get(id)
    if (request === undefined || request.to !== from.toString() || request.from !== to.toString()) return false
    this.#outstanding.delete(id)
    request.deadline.cancel()
    request.answered(answer)
    return true
  }
}
