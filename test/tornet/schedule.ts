/**
 * When the authority votes. All of this was measured, with tor 0.4.9:
 *
 * - the first consensus comes at a multiple of the initial interval of the wall clock, and holds those relays that
 *   have told of themselves before the vote, 2 s earlier (4 s with the longer intervals). An authority looks for its
 *   next boundary 1 s after it is up, so one within that second is past for it, however fast the machine is, and one
 *   5.5 s after the start has all relays on an idle machine; in between the consensus is a partial one, which then
 *   stands until the second. So a network starts 0.8 s before a boundary, some times, and then with more time until
 *   the next. With the longer intervals relays look for the consensus less often: they are up some 16 s after it, not
 *   1 to 8;
 * - after the second consensus new clients of so small a network hang for more than a minute. It is put as far away
 *   as possible: 24 h must be a multiple of the interval, whose boundaries count from midnight, UTC; and intervals of
 *   more than 90 minutes make services complain (24 of them must stay below 2^17 s). Midnight is a boundary of all:
 *   a network that starts shortly before it is good for less than half an hour.
 */
const QUICK = { initial: 5, lead: 5.8 } as const
const ATTEMPTS = [QUICK, QUICK, QUICK, { initial: 10, lead: 10.8 }, { initial: 20, lead: 20.8 }] as const
const INTERVALS = [2700, 2880, 3200, 3456, 3600, 4320, 4800, 5400] as const

export interface Schedule {
  /** Seconds between the attempts of the authority at a first consensus. */
  readonly initial: number
  /** Milliseconds to wait before the start. */
  readonly wait: number
  /** Seconds between all later ones. */
  readonly interval: number
  /** Seconds since the epoch: when the second consensus comes. */
  readonly second: number
}

/** For a start at `now` (milliseconds since the epoch); undefined after the last attempt. `attempt` counts from 0. */
export function schedule(now: number, attempt: number): Schedule | undefined {
  const timing = ATTEMPTS[attempt]
  if (timing === undefined) return undefined
  const period = timing.initial * 1000
  const wait = ((-timing.lead * 1000 - now) % period + period) % period
  const choices = INTERVALS.map((interval) => ({ interval, left: interval - (now / 1000) % interval }))
  const { interval, left } = choices.reduce((best, choice) => choice.left > best.left ? choice : best)
  return { initial: timing.initial, wait, interval, second: now / 1000 + left }
}
