import assert from 'node:assert/strict'
import { test } from 'node:test'
import { orderByWeight } from '../../src/s2s/srv-order.ts'

const record = (target: string, priority: number, weight: number) => ({ target, priority, weight, port: 5269 })

/** The targets in order, with these numbers drawn one after the other. */
function ordered(records: readonly ReturnType<typeof record>[], ...drawn: readonly number[]): string {
  const numbers = [...drawn]
  return orderByWeight(records, () => numbers.shift() ?? 0).map(({ target }) => target).join(' ')
}

test('RFC 2782: the lowest priority is first, whatever its weight', () => {
  assert.equal(ordered([record('c', 30, 65_535), record('a', 0, 1), record('b', 10, 100)]), 'a b c')
})

test('RFC 2782: the number drawn, from 0 to the sum inclusive, falls into a running sum of the weights', () => {
  const records = [record('a', 0, 1), record('b', 0, 3), record('c', 0, 5)]
  // Sum 9: 0 and 1 are a, 2 to 4 are b, 5 to 9 are c.
  const first = Array.from({ length: 10 }, (_, drawn) => ordered(records, (drawn + 0.5) / 10)[0]).join('')
  assert.equal(first, 'aabbbccccc')
  assert.equal(ordered(records, 0.99, 0.99, 0.99), 'c b a')
})

test('RFC 2782: weight 0 is taken first only where 0 is drawn', () => {
  const records = [record('a', 0, 5), record('none', 0, 0)]
  assert.equal(ordered(records, 0), 'none a')
  assert.equal(ordered(records, 1 / 6), 'a none')
})

test('all weights 0: every record comes once', () => {
  assert.equal(ordered([record('a', 0, 0), record('b', 0, 0), record('c', 0, 0)], 0.9, 0.9, 0.9), 'a b c')
})

test('nothing in, nothing out', () => {
  assert.equal(ordered([]), '')
})
