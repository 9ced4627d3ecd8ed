import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { expired, inOrder, madeAt, Vault } from '../../src/backup/vault.ts'

const HOUR = 3_600_000
const MONDAY = Date.UTC(2026, 10, 23)
const NOON = MONDAY + 12 * HOUR

/** One each hour, back from a Monday's noon. */
function hours(count: number): { readonly made: number }[] {
  return Array.from({ length: count }, (_, index) => ({ made: MONDAY + 12 * HOUR - index * HOUR })).reverse()
}

describe('which backups are kept', () => {
  test('the last ones, whenever they were made', () => {
    const all = hours(100)
    const gone = expired(all, { hourly: 24, daily: 0, weekly: 0 }, NOON)
    assert.deepEqual(gone, all.slice(0, 76))
  })

  test('of earlier days and weeks the last one each', () => {
    const all = hours(24 * 40)
    const gone = new Set(expired(all, { hourly: 2, daily: 3, weekly: 3 }, NOON))
    const kept = all.filter((each) => !gone.has(each)).map(({ made }) => new Date(made).toISOString().slice(0, 13))
    assert.deepEqual(kept, ['2026-11-15T23', '2026-11-21T23', '2026-11-22T23', '2026-11-23T11', '2026-11-23T12'])
  })

  test('the newest, though nothing is to be kept; and nothing of nothing', () => {
    assert.deepEqual(expired([{ made: 1 }, { made: 2 }], { hourly: 0, daily: 0, weekly: 0 }, 2), [{ made: 1 }])
    assert.deepEqual(expired([], { hourly: 1, daily: 1, weekly: 1 }, 0), [])
  })

  test('a clock that was set back: the one that was made just now stays, and so do those of the future, apart', () => {
    const [past, justMade, future] = [hours(50), { made: NOON + 1 }, hours(3).map(({ made }) => ({ made: made + 20_000 * HOUR }))]
    const gone = expired([...past, justMade, ...future], { hourly: 2, daily: 0, weekly: 0 }, justMade.made)
    assert.deepEqual(gone, [...past.slice(0, -1), ...future.slice(0, 1)])
  })

  test('whatever the clock shows, the one that was made last is never taken away, and there are not too many', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 60 }), fc.integer({ min: 0, max: 3 }), (times, most) => {
      let all: { readonly made: number }[] = []
      for (const time of times) {
        let made = time * HOUR
        while (all.some((one) => one.made === made)) made += 1000
        all.push({ made })
        const gone = expired(all, { hourly: most, daily: most, weekly: most }, made)
        all = all.filter((one) => !gone.includes(one))
        assert.ok(all.some((one) => one.made === made))
        assert.ok(all.length <= 2 * Math.max(1, 3 * most), 'they are bounded')
      }
    }))
  })

  test('those of the future count for older than those that are not', () => {
    assert.deepEqual(inOrder([{ made: 5 }, { made: 1 }, { made: 9 }, { made: 3 }], 4), [{ made: 5 }, { made: 9 }, { made: 1 }, { made: 3 }])
  })

  test('no two have the same name, though they were made at the same second of the clock', (t) => {
    const vault = new Vault(mkdtempSync(join(tmpdir(), 'sotto-vault-')))
    t.after(() => rmSync(vault.folder, { recursive: true }))
    const names = Array.from({ length: 3 }, () => {
      const { name, draft, made } = vault.place(NOON)
      writeFileSync(draft, '')
      vault.keep(name, draft)
      assert.equal(madeAt(name), made)
      return name
    })
    assert.deepEqual(names, ['00', '01', '02'].map((second) => `sotto-2026-11-23T12-00-${second}Z.age`))
  })

  test('what is no finished backup is cleared away: drafts, snapshots, receipts of nothing; nothing else is touched', (t) => {
    const vault = new Vault(mkdtempSync(join(tmpdir(), 'sotto-vault-')))
    t.after(() => rmSync(vault.folder, { recursive: true }))
    const kept = ['copies.json', 'notes.json', 'sotto-2026-11-23T12-00-00Z.age', 'sotto-2026-11-23T12-00-00Z.age.json']
    const cleared = ['sotto-2026-11-23T13-00-00Z.age.partial', 'snapshot-1.db', 'snapshot-1.db-journal', 'proof-x', 'sotto-2026-11-23T13-00-00Z.age.json',
      'sotto-2026-11-23T12-00-00Z.age.json.new']
    for (const name of [...kept, ...cleared]) writeFileSync(vault.path(name), '')
    vault.open()
    assert.deepEqual(readdirSync(vault.folder).sort(), kept)
  })

  test('a file that is no backup of ours has no time', () => {
    assert.equal(madeAt('sotto-2026-11-26T04-00-00Z.age'), Date.UTC(2026, 10, 26, 4))
    for (const name of ['sotto-2026-13-26T04-00-00Z.age', 'notes.age', 'sotto-2026-11-26T04-00-00Z.age.json']) assert.equal(madeAt(name), undefined, name)
  })
})
