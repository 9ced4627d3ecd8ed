import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { IDLE_MILLISECONDS, SignIns } from '../../src/registration/sign-ins.ts'
import { TestClock } from '../clock.ts'
import { jid } from './real-house.ts'

const JULIET = jid('juliet@capulet.lit')
const NURSE = jid('nurse@capulet.lit')
const HOUR = 3_600_000

describe('sign-ins', () => {
  const make = (): { clock: TestClock, signIns: SignIns } => {
    const clock = new TestClock(Date.UTC(2025, 0, 31, 23))
    return { clock, signIns: new SignIns(clock) }
  }

  test('are known by a secret of 256 bits, at their own domain', () => {
    const { signIns } = make()
    const [one, other] = [signIns.begin(JULIET, true), signIns.begin(JULIET, false)]
    assert.match(one, /^[\w-]{43}$/)
    assert.notEqual(one, other)
    assert.equal(signIns.find(one, 'capulet.lit')?.account.toString(), 'juliet@capulet.lit')
    for (const [secret, domain] of [[one, 'montague.lit'], ['', 'capulet.lit'], [one.slice(1), 'capulet.lit'], [one.toUpperCase(), 'capulet.lit']] as const) {
      assert.equal(signIns.find(secret, domain), undefined)
    }
    assert.deepEqual(signIns.of(JULIET).map(({ since, onion }) => [since, onion]), [['2025-01-31', false], ['2025-01-31', true]])
  })

  test('end after a quarter of an hour without use, and after twelve hours in any case', () => {
    const { clock, signIns } = make()
    const idle = signIns.begin(JULIET, true)
    const busy = signIns.begin(JULIET, true)
    clock.advance(IDLE_MILLISECONDS - 1)
    assert.ok(signIns.find(busy, 'capulet.lit') !== undefined)
    clock.advance(1)
    assert.equal(signIns.find(idle, 'capulet.lit'), undefined)
    let lasted = IDLE_MILLISECONDS
    while (signIns.find(busy, 'capulet.lit') !== undefined) {
      clock.advance(IDLE_MILLISECONDS / 3)
      lasted += IDLE_MILLISECONDS / 3
    }
    assert.equal(lasted, 12 * HOUR)
    assert.deepEqual(signIns.of(JULIET), [])
  })

  test('of one account are eight at the most: one more, and the one that was not used for the longest time ends; others stay', () => {
    const { clock, signIns } = make()
    const nurse = signIns.begin(NURSE, true)
    const secrets = Array.from({ length: 8 }, () => signIns.begin(JULIET, true))
    clock.advance(1)
    signIns.find(secrets[0] ?? '', 'capulet.lit')
    signIns.begin(JULIET, true)
    assert.deepEqual(secrets.map((secret) => signIns.find(secret, 'capulet.lit') !== undefined), [true, false, true, true, true, true, true, true])
    assert.ok(signIns.find(nurse, 'capulet.lit') !== undefined)
  })

  test('end by their secret, or with all of the account but one', () => {
    const { signIns } = make()
    const [one, other, third, nurse] = [signIns.begin(JULIET, true), signIns.begin(JULIET, true), signIns.begin(JULIET, true), signIns.begin(NURSE, true)]
    signIns.end(one)
    signIns.endAll(JULIET, other)
    assert.deepEqual([one, other, third, nurse].map((secret) => signIns.find(secret, 'capulet.lit') !== undefined), [false, true, false, true])
  })
})
