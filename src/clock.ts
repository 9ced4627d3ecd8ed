/** A deadline that is still to come. */
export interface Timer {
  cancel(): void
}

/** Time, handed in from above so that tests own it. */
export interface Clock {
  /** Milliseconds since the epoch, as whoever sets the clock has it: it may jump, by years and backwards. */
  now(): number
  /** Milliseconds since some moment, by a clock that nobody sets: for how long ago something was. */
  elapsed(): number
  /** Calls `work` once after `milliseconds`, unless cancelled before; never keeps the process alive. */
  after(milliseconds: number, work: () => void): Timer
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => Math.floor(performance.now()),
  after: (milliseconds, work) => {
    const timer = setTimeout(work, milliseconds)
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}
