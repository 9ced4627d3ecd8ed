import type { ServiceRecord } from '../net/resolver.ts'

/**
 * The order in which servers are tried (RFC 2782, "Priority" and "Weight"): by priority, and within one priority at
 * random, where a record's chance to be next is its weight's share of what is left, and little where it is 0.
 *
 * @param random gives 0 <= n < 1
 */
export function orderByWeight<Entry extends ServiceRecord>(records: readonly Entry[], random: () => number): Entry[] {
  const priorities = [...new Set(records.map(({ priority }) => priority))].sort((one, other) => one - other)
  return priorities.flatMap((priority) => shuffle(records.filter((one) => one.priority === priority), random))
}

function shuffle<Entry extends ServiceRecord>(records: readonly Entry[], random: () => number): Entry[] {
  // "all those with weight 0 are placed at the beginning of the list": they are taken where the number drawn is 0.
  const left = records.toSorted((one, other) => Number(one.weight > 0) - Number(other.weight > 0))
  const ordered: Entry[] = []
  while (left.length > 0) {
    const sum = left.reduce((total, { weight }) => total + weight, 0)
    const drawn = Math.floor(random() * (sum + 1))
    let running = 0
    const chosen = left.findIndex(({ weight }) => (running += weight) >= drawn)
    ordered.push(...left.splice(chosen, 1))
  }
  return ordered
}
