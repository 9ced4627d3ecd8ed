import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backoff } from '../../src/tor/backoff.ts'

test('a tor that dies is started again after 1 to 2 s, then ever later, never later than 60 s', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 1000].map((failures) => backoff(failures, 0)), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 1000].map((failures) => backoff(failures, 0.5)), [1500, 3000, 6000, 12_000, 24_000, 45_000, 45_000, 45_000])
  assert.equal(backoff(1000, 0.999_999), 60_000)
})
