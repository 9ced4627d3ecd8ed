import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Acknowledgement, nextCount, parseCount } from '../../src/stream/acknowledgement.ts'

/** Microtasks run before this. */
const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

describe('the books of one end by XEP-0198', () => {
  const open = (unacknowledged_stanzas = 10, unacknowledged_bytes = 100) => {
    let asked = 0
    const books = new Acknowledgement<string>({ unacknowledged_stanzas, unacknowledged_bytes }, () => { asked += 1 })
    return { books, asked: () => asked }
  }

  test('§4: counts are of 32 bits and begin again at 0', () => {
    assert.deepEqual([nextCount(0), nextCount(2 ** 32 - 2), nextCount(2 ** 32 - 1)], [1, 2 ** 32 - 1, 0])
    assert.deepEqual(['0', '4294967295', '4294967296', '-1', '1.5', '', ' 1', '1e3'].map(parseCount),
      [0, 2 ** 32 - 1, undefined, undefined, undefined, undefined, undefined, undefined])
  })

  test('what is acknowledged is taken out once, from the first on', () => {
    const { books } = open()
    for (const item of ['a', 'b', 'c']) books.add(item, 1)
    assert.deepEqual(books.acknowledge('2'), ['a', 'b'])
    assert.deepEqual(books.acknowledge('2'), [])
    assert.deepEqual([books.sent, books.takeAll(), books.takeAll()], [['c'], ['c'], []])
  })

  test('they are bounded by number and by bytes, and what is acknowledged makes room; one stanza fits, however large', () => {
    const few = open(2).books
    assert.deepEqual([few.add('a', 1), few.add('b', 1), few.add('c', 1)], [true, true, false])
    few.acknowledge('1')
    assert.deepEqual([few.add('c', 1), few.sent], [true, ['b', 'c']])
    const small = open(10, 100).books
    assert.deepEqual([small.add('a', 500), small.add('b', 1)], [true, false])
    small.acknowledge('1')
    assert.deepEqual([small.add('b', 60), small.add('c', 41), small.add('d', 40)], [true, false, true])
  })

  test('the other end is asked when a turn ends, once until it has answered, and not while nobody can be', async () => {
    const { books, asked } = open()
    books.add('a', 1)
    await turn()
    assert.equal(asked(), 0)
    books.begin()
    books.add('b', 1)
    await turn()
    books.add('c', 1)
    await turn()
    assert.equal(asked(), 1)
    books.acknowledge('2')
    await turn()
    assert.equal(asked(), 2)
    books.acknowledge('3')
    await turn()
    assert.equal(asked(), 2) // there is nothing to ask for
    books.add('d', 1)
    books.pause()
    await turn()
    assert.equal(asked(), 2)
    books.begin()
    books.begin()
    await turn()
    assert.equal(asked(), 3)
  })

  test('it knows whether the other end was told the last count', () => {
    const { books } = open()
    assert.equal(books.untold, false)
    books.handled()
    assert.equal(books.untold, true)
    assert.deepEqual([books.answer().attrs['h'], books.untold], ['1', false])
  })
})
