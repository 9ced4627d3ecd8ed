import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { expired, madeAt } from '../../src/backup/vault.ts'

const HOUR = 3_600_000
const MONDAY = Date.UTC(2026, 10, 23)

/** One each hour, back from a Monday's noon. */
function hours(count: number): { readonly made: number }[] {
  return Array.from({ length: count }, (_, index) => ({ made: MONDAY + 12 * HOUR - index * HOUR })).reverse()
}

describe('which backups are kept', () => {
  test('the last ones, whenever they were made', () => {
    const all = hours(100)
    const gone = expired(all, { hourly: 24, daily: 0, weekly: 0 })
    assert.deepEqual(gone, all.slice(0, 76))
  })

  test('of earlier days and weeks the last one each', () => {
    const all = hours(24 * 40)
    const gone = new Set(expired(all, { hourly: 2, daily: 3, weekly: 3 }))
    const kept = all.filter((each) => !gone.has(each)).map(({ made }) => new Date(made).toISOString().slice(0, 13))
    assert.deepEqual(kept, ['2026-11-15T23', '2026-11-21T23', '2026-11-22T23', '2026-11-23T11', '2026-11-23T12'])
  })

  test('the newest, though nothing is to be kept; and nothing of nothing', () => {
    assert.deepEqual(expired([{ made: 1 }, { made: 2 }], { hourly: 0, daily: 0, weekly: 0 }), [{ made: 1 }])
    assert.deepEqual(expired([], { hourly: 1, daily: 1, weekly: 1 }), [])
  })

  test('a clock that jumped back makes older ones, and takes none of the newer ones away', () => {
    const all = [{ made: MONDAY }, { made: MONDAY + HOUR }, { made: MONDAY - 300 * HOUR }]
    assert.deepEqual(expired(all, { hourly: 2, daily: 0, weekly: 0 }), [{ made: MONDAY - 300 * HOUR }])
  })

  test('a file that is no backup of ours has no time', () => {
    assert.equal(madeAt('sotto-2026-11-26T04-00-00Z.age'), Date.UTC(2026, 10, 26, 4))
    for (const name of ['sotto-2026-13-26T04-00-00Z.age', 'notes.age', 'sotto-2026-11-26T04-00-00Z.age.json']) assert.equal(madeAt(name), undefined, name)
  })
})
