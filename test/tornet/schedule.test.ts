import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schedule } from './schedule.ts'

const NOON = Date.UTC(2026, 0, 1, 12)
const MIDNIGHT = Date.UTC(2026, 0, 1)

test('the network starts so many seconds before a boundary as the first consensus needs, and more when it fails', () => {
  for (let now = NOON; now < NOON + 30_000; now += 137) {
    for (const [attempt, [period, lead]] of [[5, 5.8], [5, 5.8], [5, 5.8], [10, 10.8], [20, 20.8]].entries()) {
      const timing = schedule(now, attempt)
      assert.ok(timing !== undefined && period !== undefined && lead !== undefined)
      assert.equal(Math.round(now + timing.wait + lead * 1000) % (period * 1000), 0)
      assert.ok(timing.wait >= 0 && timing.wait < period * 1000)
    }
  }
  assert.equal(schedule(NOON, 5), undefined)
})

test('the second consensus is at least 25 minutes away, but in the last half hour before midnight, UTC', () => {
  for (let minute = 0; minute <= 24 * 60 - 30; minute += 1) {
    const now = MIDNIGHT + minute * 60_000
    const { interval, second } = schedule(now, 0) ?? assert.fail()
    assert.equal(Math.round(second) % interval, 0)
    assert.equal(86_400 % interval, 0)
    const left = second - now / 1000
    assert.ok(left >= 25 * 60 && left <= 90 * 60, `${left / 60} minutes at minute ${minute}`)
  }
})
