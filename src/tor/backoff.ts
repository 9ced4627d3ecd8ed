const SHORTEST_MILLISECONDS = 1000
const LONGEST_MILLISECONDS = 60_000

/**
 * Milliseconds to wait after so many failures in a row (0 is the first): between 1 and 2 s, then twice that, at most
 * 60 s. Half of it is chance (`random`, in [0, 1)), so that what failed together does not come back together.
 */
export function backoff(failures: number, random: number): number {
  const most = Math.min(SHORTEST_MILLISECONDS * 2 ** (failures + 1), LONGEST_MILLISECONDS)
  return Math.round(most / 2 + most / 2 * random)
}
