import type { Clock, Timer } from '../src/clock.ts'

/** Time that passes only when a test says so. */
export class TestClock implements Clock {
  #now: number
  /** What was set, beside what passed. */
  #jumped = 0
  #timers: { readonly at: number; readonly work: () => void }[] = []

  constructor(now = 0) {
    this.#now = now
  }

  now(): number {
    return this.#now + this.#jumped
  }

  elapsed(): number {
    return this.#now
  }

  /** Somebody sets it: no time has passed, and no timer is due. */
  set(now: number): void {
    this.#jumped = now - this.#now
  }

  after(milliseconds: number, work: () => void): Timer {
    const timer = { at: this.#now + milliseconds, work }
    this.#timers.push(timer)
    return { cancel: () => { this.#timers = this.#timers.filter((one) => one !== timer) } }
  }

  /** How many timers are set. */
  get waiting(): number {
    return this.#timers.length
  }

  /** Lets time pass, and what is due happen, in order. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)
      if (next === undefined) break
      this.#timers = this.#timers.filter((one) => one !== next)
      this.#now = Math.max(this.#now, next.at)
      next.work()
    }
    this.#now = end
  }
}
