import type { Clock } from '../clock.ts'

/** Tells the operators something by message. No text names a person, or where copies are. */
export type Tell = (subject: string, text: string) => void

export interface AlarmParts {
  readonly tell: Tell
  readonly clock: Clock
  readonly subject: string
  /** How often it is said again while it lasts. */
  readonly everyMilliseconds: number
}

/** One thing that may go wrong: the operators are told when it does, now and then while it lasts, and once when it is well again. */
export class Alarm {
  readonly #parts: AlarmParts
  /** When it was told last; undefined while all is well. */
  #told: number | undefined

  constructor(parts: AlarmParts) {
    this.#parts = parts
  }

  ring(text: string): void {
    const { tell, clock, subject, everyMilliseconds } = this.#parts
    const now = clock.elapsed()
    if (this.#told !== undefined && now - this.#told < everyMilliseconds) return
    this.#told = now
    tell(subject, text)
  }

  well(text: string): void {
    if (this.#told === undefined) return
    this.#told = undefined
    this.#parts.tell(this.#parts.subject, text)
  }
}
