import type { Clock } from '../clock.ts'

/** How much may come at once after a while of silence. */
const BURST_SECONDS = 2

/** What can be left unread, so that what its peer sends too fast waits in the peer's own buffers. */
export interface Pausable {
  pause(): void
  resume(): void
}

/** How fast one peer is read: a bucket of bytes which fills at a steady rate. */
export class Rate {
  readonly #bytesPerSecond: number
  readonly #source: Pausable
  readonly #clock: Clock
  #bytes: number
  #at: number

  constructor(bytesPerSecond: number, source: Pausable, clock: Clock) {
    this.#bytesPerSecond = bytesPerSecond
    this.#source = source
    this.#clock = clock
    this.#bytes = bytesPerSecond * BURST_SECONDS
    this.#at = clock.elapsed()
  }

  /** So many bytes were read: where they were too many, no more are until the rate allows it again. */
  took(bytes: number): void {
    const now = this.#clock.elapsed()
    const filled = Math.max(0, now - this.#at) / 1000 * this.#bytesPerSecond
    this.#bytes = Math.min(this.#bytes + filled, this.#bytesPerSecond * BURST_SECONDS) - bytes
    this.#at = now
    if (this.#bytes >= 0) return
    this.#source.pause()
    this.#clock.after(Math.ceil(-this.#bytes / this.#bytesPerSecond * 1000), () => this.#source.resume())
  }
}
