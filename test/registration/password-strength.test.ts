import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { passwordStrength, type PasswordStrength } from '../../src/registration/password-strength.ts'

describe('how hard a password is to guess', () => {
  const known = ['juliet', 'capulet.lit']
  let strength: PasswordStrength
  before(async () => { strength = await passwordStrength(3) })

  test('lists of words and passwords, patterns, dates and what everybody knows of its owner make it easy', () => {
    for (const password of [
      'password', 'P@ssw0rd1!', 'qwertyuiop', 'aaaaaaaaaaaaaaaa', '1999-01-04', 'iloveyou1', 'juliet1999', 'Jul1et!!', 'capulet.lit', 'capuletlit1', 'abcdefgh1234',
      'trustno1', 'abcabcabcabcabc',
    ]) assert.equal(strength.objection(password, known), 'password-weak', password)
  })

  test('several words that do not belong together, or many random signs, are hard', () => {
    for (const password of ['wherefore art thou', 'correct horse battery staple', 'q8Zw-4Lmp-77xy', 'Xk2#9vLq0pT', '\u30ed\u30df\u30aa\u3068\u30b8\u30e5\u30ea\u30a8\u30c3\u30c8\u306e\u5e97', '\ud83c\udf39\ud83d\udde1\ufe0f balcony orchard tomb']) {
      assert.equal(strength.objection(password, known), undefined, password)
    }
  })

  test('what follows the first 32 characters is not looked at, so that no password takes long', () => {
    assert.equal(strength.objection(`${'a'.repeat(32)} correct horse battery staple`, known), 'password-weak')
    assert.equal(strength.objection(`correct horse battery staple ${'a'.repeat(900)}`, known), undefined)
  })

  test('with a score of 0 eight characters are enough; seven, none, and what is no text never are', async () => {
    const lenient = await passwordStrength(0)
    assert.equal(lenient.objection('password', known), undefined)
    for (const one of [lenient, strength]) {
      assert.equal(one.objection('7 chars', known), 'password-weak')
      assert.equal(one.objection('', known), 'password-weak')
      assert.equal(one.objection('\ud800 wherefore art thou', known), 'password-invalid')
      assert.equal(one.objection('x'.repeat(1025), known), 'password-invalid')
    }
  })
})
