const SHORTEST_MILLISECONDS = 2000
const LONGEST_MILLISECONDS = 300_000

/**
 * How long a server that was not reached is left alone: 1 to 2 s after the first failure, then twice that, at most
 * 5 minutes. Half of it is chance, so that servers which lost each other do not call each other in step.
 */
export class Backoff {
  readonly #random: () => number
  #failures = 0
  #until = 0

  /** `random` in [0, 1). */
  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  /** Is it too soon to try? Milliseconds, as all times here. */
  holds(now: number): boolean {
    return now < this.#until
  }

  /** One more failure: for so long nothing is tried. */
  failed(now: number): number {
    const most = Math.min(SHORTEST_MILLISECONDS * 2 ** this.#failures, LONGEST_MILLISECONDS)
    const wait = Math.round(most / 2 + most / 2 * this.#random())
    this.#failures = Math.min(this.#failures + 1, 30)
    this.#until = now + wait
    return wait
  }

  succeeded(): void {
    this.#failures = 0
    this.#until = 0
  }
}
