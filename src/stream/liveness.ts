import type { Clock, Timer } from '../clock.ts'
import type { Lifetime } from '../lifetime.ts'
import type { Jid } from '../xmpp/jid.ts'

/** How often every stream's deadlines are looked at. One timer for all: a timer each would cost more than the streams. */
const SWEEP_MILLISECONDS = 2000

/** A stream, as those see it who end it. */
export interface Watched {
  readonly connection: { readonly onion: boolean }
  /** Not yet known: who it is was not said, or not proved. */
  readonly negotiating: boolean
  /** Who proved to be at the other end. */
  readonly account: Jid | undefined
  /** Looks at its deadlines; `now` in milliseconds. */
  sweep(now: number): void
  fail(error: unknown): void
  destroy(): void
}

/** Ends streams that log in too slowly, read nothing or have died in silence. */
export class Liveness implements Lifetime {
  readonly name = 'liveness'
  readonly #clock: Clock
  readonly #streams = new Set<Watched>()
  #timer: Timer | undefined
  #onEmpty: (() => void) | undefined
  /** The time of the last sweep, in milliseconds; cheap to read for each chunk that comes. */
  now: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.now = clock.elapsed()
  }

  add(stream: Watched): void {
    this.#streams.add(stream)
  }

  remove(stream: Watched): void {
    this.#streams.delete(stream)
    if (this.#streams.size === 0) this.#onEmpty?.()
  }

  /** Resolves when no stream is left, or after `milliseconds`. */
  emptied(milliseconds: number): Promise<void> {
    if (this.#streams.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const deadline = this.#clock.after(milliseconds, resolve)
      this.#onEmpty = () => {
        deadline.cancel()
        resolve()
      }
    })
  }

  get streams(): ReadonlySet<Watched> {
    return this.#streams
  }

  start(): void {
    this.#timer = this.#clock.after(SWEEP_MILLISECONDS, () => {
      this.sweep()
      this.start()
    })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  sweep(): void {
    this.now = this.#clock.elapsed()
    for (const stream of this.#streams) stream.sweep(this.now)
  }
}
