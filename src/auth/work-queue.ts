/** Nothing was done: as much work waits as may wait. Try again later. */
export class QueueFull extends Error {
  constructor() {
    super('too much work is waiting')
    this.name = 'QueueFull'
  }
}

/**
 * Runs at most `parallel` works at once and lets at most `waiting` others wait, in order. Password hashing goes
 * through here: it takes a core and megabytes each time, and whoever may try to log in can cause it.
 */
export class WorkQueue {
  readonly #parallel: number
  readonly #limit: number
  readonly #waiting: Array<() => void> = []
  #running = 0

  constructor(parallel: number, waiting: number) {
    this.#parallel = parallel
    this.#limit = waiting
  }

  /** @throws QueueFull */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#parallel) this.#running++
    else if (this.#waiting.length < this.#limit) await new Promise<void>((resolve) => { this.#waiting.push(resolve) })
    else throw new QueueFull()
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next() // it takes over this place
    }
  }
}
