/**
 * How many streams each remote domain has opened to us. Domains are counted, not addresses: all who come by an onion
 * have the same address, and a domain that was proved cannot take another's place.
 */
export class Occupancy {
  readonly #most: number
  readonly #streams = new Map<string, number>()

  constructor(most: number) {
    this.#most = most
  }

  /** One more stream of that domain; false where it has as many as it may. */
  enter(domain: string): boolean {
    const count = this.#streams.get(domain) ?? 0
    if (count >= this.#most) return false
    this.#streams.set(domain, count + 1)
    return true
  }

  leave(domain: string): void {
    const rest = (this.#streams.get(domain) ?? 1) - 1
    if (rest > 0) this.#streams.set(domain, rest)
    else this.#streams.delete(domain)
  }
}
