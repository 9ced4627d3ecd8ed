/**
 * How many streams each remote domain has opened to each of ours. Domains are counted, not addresses: all who come by an
 * onion have the same address, and a domain that was proved cannot take another's place. Nor can it find out, by what it
 * takes of one domain of ours, that another one is ours as well.
 */
export class Occupancy {
  readonly #most: number
  /** By the two names, which hold no space. */
  readonly #streams = new Map<string, number>()

  constructor(most: number) {
    this.#most = most
  }

  /** One more stream of that domain to that one of ours; false where there are as many as may be. */
  enter(local: string, remote: string): boolean {
    const pair = `${local} ${remote}`
    const count = this.#streams.get(pair) ?? 0
    if (count >= this.#most) return false
    this.#streams.set(pair, count + 1)
    return true
  }

  leave(local: string, remote: string): void {
    const pair = `${local} ${remote}`
    const rest = (this.#streams.get(pair) ?? 1) - 1
    if (rest > 0) this.#streams.set(pair, rest)
    else this.#streams.delete(pair)
  }
}
