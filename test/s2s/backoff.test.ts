import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Backoff } from '../../src/s2s/backoff.ts'

describe('how long a server that was not reached is left alone', () => {
  test('twice as long each time, at most five minutes, and never less than half of it', () => {
    const [least, most] = [new Backoff(() => 0), new Backoff(() => 1)]
    const waits = Array.from({ length: 10 }, () => [least.failed(0), most.failed(0)])
    assert.deepEqual(waits.slice(0, 3), [[1000, 2000], [2000, 4000], [4000, 8000]])
    assert.deepEqual(waits.at(-1), [150_000, 300_000])
  })

  test('it holds until the time has passed, and no longer', () => {
    const backoff = new Backoff(() => 0)
    assert.equal(backoff.holds(0), false)
    backoff.failed(500)
    assert.deepEqual([backoff.holds(500), backoff.holds(1499), backoff.holds(1500)], [true, true, false])
  })

  test('after a success the next failure is a first one', () => {
    const backoff = new Backoff(() => 0)
    for (let count = 0; count < 5; count += 1) backoff.failed(0)
    backoff.succeeded()
    assert.equal(backoff.holds(0), false)
    assert.equal(backoff.failed(0), 1000)
  })

  test('a server that never answers is still tried after years of failures', () => {
    const backoff = new Backoff(() => 1)
    for (let count = 0; count < 5000; count += 1) backoff.failed(0)
    assert.equal(backoff.failed(0), 300_000)
  })
})
