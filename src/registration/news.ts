import type { Clock, Timer } from '../clock.ts'
import type { ServedDomain } from '../routing/domains.ts'
import type { Operators } from '../routing/operators.ts'

/** New accounts are told of together: no more than one headline in this time. */
const BATCH_MILLISECONDS = 60_000

/** What the operators are told of registration. It names domains and numbers, and nobody. */
export class News {
  readonly #operators: Operators
  readonly #clock: Clock
  /** By domain: accounts that nobody was told of yet. */
  readonly #made = new Map<ServedDomain, { count: number, readonly timer: Timer }>()

  constructor(operators: Operators, clock: Clock) {
    this.#operators = operators
    this.#clock = clock
  }

  accountMade(domain: ServedDomain): void {
    const waiting = this.#made.get(domain)
    if (waiting !== undefined) {
      waiting.count++
      return
    }
    const timer = this.#clock.after(BATCH_MILLISECONDS, () => {
      const count = this.#made.get(domain)?.count ?? 0
      this.#made.delete(domain)
      this.#operators.tell('New accounts', count === 1 ? `An account was made at ${domain.name}.` : `${count} accounts were made at ${domain.name}.`, domain)
    })
    this.#made.set(domain, { count: 1, timer })
  }

  narrowed(domain: ServedDomain, milliseconds: number): void {
    const minutes = Math.ceil(milliseconds / 60_000)
    this.#operators.tell('Too many new accounts', `As many accounts were made as may be. For ${minutes} min ${domain.name} asks for invitations; `
      + 'sotto registration open ends that at once.', domain)
  }

  widened(domain: ServedDomain): void {
    this.#operators.tell('Registration is open again', `${domain.name} asks for no invitations any more.`, domain)
  }
}
