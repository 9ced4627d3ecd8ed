import { FINDINGS, type Finding } from '../otr/data-audit.ts'
import type { ExchangeVerdict } from '../otr/exchange-audit.ts'

/** What is counted: the verdicts on key exchanges, and the findings in data messages. */
export type Counter = `exchange-${ExchangeVerdict}` | 'data' | Finding

const COUNTERS: readonly Counter[] = ['exchange-opened', 'exchange-unseen', 'exchange-forged', 'data', ...FINDINGS]

/** How often what was found, since the server started. Numbers alone: of whom is not known here. */
export class AuditCounters {
  readonly #counts = new Map<Counter, number>(COUNTERS.map((counter) => [counter, 0]))

  add(counter: Counter): void {
    this.#counts.set(counter, (this.#counts.get(counter) ?? 0) + 1)
  }

  /** In one order, those that are 0 included. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts)
  }
}
