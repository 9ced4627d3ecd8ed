import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KnownKeys } from '../../src/otr/known-keys.ts'
import { classify } from '../../src/otr/message.ts'
import { bodyOf, bodyVectors } from './vectors.ts'

test('a key is known in its own direction of its own conversation only', () => {
  const keys = new KnownKeys()
  keys.of('romeo', 'juliet').remember('key')
  assert.equal(keys.of('romeo', 'juliet').knows('key'), true)
  assert.equal(keys.of('juliet', 'romeo').knows('key'), false)
  assert.equal(keys.of('romeo', 'nurse').knows('key'), false)
})

test('the four latest keys of a direction are kept', () => {
  const memory = new KnownKeys().of('romeo', 'juliet')
  for (const key of ['1', '2', '3', '4', '5']) memory.remember(key)
  assert.deepEqual(['1', '2', '3', '4', '5'].map((key) => memory.knows(key)), [false, true, true, true, true])
})

test('of 4096 directions the one unused for longest is forgotten', () => {
  const keys = new KnownKeys()
  for (let number = 0; number < 4096; number++) keys.of(`${number}`, 'juliet').remember('key')
  assert.equal(keys.of('0', 'juliet').knows('key'), true)
  keys.of('4096', 'juliet')
  assert.equal(keys.of('0', 'juliet').knows('key'), true)
  assert.equal(keys.of('1', 'juliet').knows('key'), false)
})

test('a known key spares the check of the key and of nothing else', () => {
  const memory = new KnownKeys().of('romeo', 'juliet')
  for (const { name, body, valid } of bodyVectors) {
    for (const again of [1, 2]) {
      const passes = /^(query|error|encoded|fragment)$/.test(classify(body, undefined, memory).kind)
      assert.equal(passes, valid, `${name}, ${again}`)
    }
  }
})

test('where every key is known, whatever is wrong with anything else is found', () => {
  const memory = { knows: () => true, remember: () => {} }
  for (const { name, body, valid, reason = '' } of bodyVectors) {
    if (valid || /^dh (range|not in|mpi|is text)/.test(reason)) continue
    assert.match(classify(body, undefined, memory).kind, /^(plaintext|tagged|malformed)$/, name)
  }
})

test('a key that was refused is not known', () => {
  const memory = new KnownKeys().of('romeo', 'juliet')
  const body = bodyOf('bad-v2-data-y-nonresidue')
  assert.equal(classify(body, undefined, memory).kind, 'malformed')
  assert.equal(classify(body, undefined, memory).kind, 'malformed')
})
