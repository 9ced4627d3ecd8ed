import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { accountName, isReserved, RESERVED_NAMES, skeleton } from '../../src/registration/names.ts'

describe('names', () => {
  test('are what Accounts takes, in small letters', () => {
    for (const [text, name] of [['Juliet', 'juliet'], ['a', 'a'], ['0', '0'], ['a.b-c_d', 'a.b-c_d'], ['x'.repeat(64), 'x'.repeat(64)]] as const) {
      assert.equal(accountName(text), name)
    }
    for (const text of ['', 'x'.repeat(65), '.a', '-a', '_a', 'a b', 'a@b', '\u212a', '\u0130', 'a\n', '\ufb01', 'stra\u00dfe']) assert.equal(accountName(text), undefined, text)
  })

  test('one skeleton for names that can be taken for each other', () => {
    for (const [one, other] of [
      ['juliet', 'ju1iet'], ['juliet', 'juIiet'.toLowerCase()], ['paul', 'pau1'], ['bob', 'b0b'], ['rnercutio', 'mercutio'], ['vvilliam', 'william'],
      ['john.doe', 'johndoe'], ['john-doe', 'john_doe'], ['capulet', 'c.a.p.u.l.e.t'], ['claire', 'daire'], ['s4mps0n', 'sampson'],
      ['juliet', 'julie7'], ['nurse', 'nur5e'], ['jill', 'iiii'], ['7ybalt', 'tybalt'],
    ] as const) assert.equal(skeleton(one), skeleton(other), `${one} ${other}`)
  })

  test('another skeleton for names that cannot', () => {
    for (const [one, other] of [['romeo', 'rosaline'], ['juliet', 'julia'], ['paris', 'peter'], ['juliet', 'juliette'], ['anna', 'hanna'], ['bob', 'rob'], ['max', 'mex']] as const) {
      assert.notEqual(skeleton(one), skeleton(other), `${one} ${other}`)
    }
  })

  test('each name has a skeleton, and that one is its own', () => {
    for (const name of ['a', '0', 'rn', 'vv', 'cl', 'l1i', '0-0', 'x'.repeat(64), 'rnrnrn', 'clcl']) {
      assert.notEqual(skeleton(name), '')
      assert.equal(skeleton(skeleton(name)), skeleton(name), name)
    }
  })

  test('RFC 2142, and what looks like it, is kept back; names of people are not', () => {
    for (const name of ['abuse', 'postmaster', 'hostmaster', 'webmaster', 'security', 'admin', 'adm1n', 'r00t', 'root', 'sup.port', 'xmpp', 'operator', 'no_reply', 'sotto']) {
      assert.ok(isReserved(name), name)
    }
    for (const name of ['juliet', 'romeo', 'nurse', 'bob', 'alice', 'tybalt', 'ali', 'rob', 'adam', 'timo', 'sue', 'ivy']) assert.ok(!isReserved(name), name)
    assert.ok(isReserved('pr1nce', ['prince']))
    assert.ok(RESERVED_NAMES.every((name) => accountName(name) === name))
  })
})
