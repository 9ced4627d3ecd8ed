import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prepared } from '../../src/auth/password.ts'

test('RFC 4013 §3: the examples', () => {
  assert.equal(prepared('I\u00adX'), 'IX')
  assert.equal(prepared('user'), 'user')
  assert.equal(prepared('USER'), 'USER')
  assert.equal(prepared('\u00aa'), 'a')
  assert.equal(prepared('\u2168'), 'IX')
})

test('the same password typed in two ways is one', () => {
  assert.equal(prepared('Cafe\u0301 au lait'), prepared('Caf\u00e9 au lait'))
  assert.equal(prepared('a\u00a0b'), 'a b')
})

test('what Unicode 3.2 did not know or SASLprep prohibits still is a password', () => {
  assert.equal(prepared('\u{1f339}\u{1f339}'), '\u{1f339}\u{1f339}')
  assert.equal(prepared('bell\u0007e\u0301'), 'bell\u0007\u00e9')
  assert.equal(prepared('\u0627\u0031'), '\u0627\u0031')
})

test('nothing, too much and half a character are none', () => {
  assert.equal(prepared(''), undefined)
  assert.equal(prepared('x'.repeat(1025)), undefined)
  assert.equal(prepared('\u00e9'.repeat(513)), undefined)
  assert.equal(prepared('\ufdfa'.repeat(300)), undefined, 'it grows under NFKC')
  assert.equal(prepared('a\ud83c'), undefined)
  assert.equal(prepared('x'.repeat(1024))?.length, 1024)
})
