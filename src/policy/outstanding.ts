import type { Clock } from '../clock.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { Element } from '../xml/element.ts'
import type { Question } from './iq-payloads.ts'

const ANSWER_MILLISECONDS = 120_000
const MOST_PER_SENDER = 64
const MOST_SENDERS = 4096

/** A request that went on, and may have one answer. */
export interface Asked {
  readonly question: Question
  /** The rebuilt payload. */
  readonly payload: Element
}

interface Entry extends Asked {
  readonly expires: number
}

/**
 * Requests between people's clients that wait for an answer, so that nothing else passes as a result. Forgotten after
 * two minutes; where somebody asks more, or more people ask, than there is room for, the oldest go first.
 */
export class Outstanding {
  readonly #clock: Clock
  /** By the account that asks, on that side, then by addresses and id. */
  readonly #senders = new Map<string, Map<string, Entry>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `side`: see ServedDomains. */
  expect(side: string, from: Jid, to: Jid, id: string, asked: Asked): void {
    const sender = `${side} ${from.bare}`
    const entries = this.#senders.get(sender) ?? new Map<string, Entry>()
    this.#senders.delete(sender)
    if (this.#senders.size >= MOST_SENDERS) forgetFirst(this.#senders)
    this.#senders.set(sender, entries)
    const name = entryName(from, to, id)
    entries.delete(name)
    if (entries.size >= MOST_PER_SENDER) forgetFirst(entries)
    entries.set(name, { ...asked, expires: this.#clock.elapsed() + ANSWER_MILLISECONDS })
  }

  /** The request that an answer from `from` to `to` belongs to, which has then had its answer. */
  settle(side: string, from: Jid, to: Jid, id: string): Asked | undefined {
    const sender = `${side} ${to.bare}`
    const entries = this.#senders.get(sender)
    const name = entryName(to, from, id)
    const entry = entries?.get(name)
    if (entries === undefined || entry === undefined) return undefined
    entries.delete(name)
    if (entries.size === 0) this.#senders.delete(sender)
    return entry.expires > this.#clock.elapsed() ? entry : undefined
  }
}

function entryName(from: Jid, to: Jid, id: string): string {
  return `${from}\n${to}\n${id}`
}

function forgetFirst(map: Map<string, unknown>): void {
  for (const name of map.keys()) {
    map.delete(name)
    return
  }
}
