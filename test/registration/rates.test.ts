import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Rates } from '../../src/registration/rates.ts'
import { TestClock } from '../clock.ts'

const HOUR = 3_600_000
const SETTINGS = { window: HOUR, accounts_per_peer: 5, accounts_per_domain: 40, accounts: 60, challenges_per_peer: 30, challenges: 120, failures_per_peer: 10 }

describe('rates of registration', () => {
  test('a peer that is over its own limit takes nothing of what there is for others', () => {
    const rates = new Rates(SETTINGS, new TestClock())
    const taken = Array.from({ length: 1000 }, () => rates.account('capulet.lit', 'flood')).filter((share) => share !== undefined)
    assert.equal(taken.length, 5)
    for (let number = 0; number < 35; number++) assert.ok(rates.account('capulet.lit', `circuit-${number}`) !== undefined)
    assert.equal(rates.account('capulet.lit', 'circuit-35'), undefined)
    assert.ok(rates.isFull('capulet.lit'))
  })

  test('a full domain leaves another its own, until all is full; a peer without a name counts there alone', () => {
    const rates = new Rates(SETTINGS, new TestClock())
    for (let number = 0; number < 40; number++) assert.ok(rates.account('capulet.lit', undefined) !== undefined)
    assert.equal(rates.account('capulet.lit', undefined), undefined)
    for (let number = 0; number < 20; number++) assert.ok(rates.account('montague.lit', undefined) !== undefined)
    assert.equal(rates.account('montague.lit', undefined), undefined)
  })

  test('what is given back is there again, once; with the window all is', () => {
    const clock = new TestClock()
    const rates = new Rates(SETTINGS, clock)
    const shares = Array.from({ length: 5 }, () => rates.account('capulet.lit', 'circuit-1'))
    shares[0]?.giveBack()
    shares[0]?.giveBack()
    assert.ok(rates.account('capulet.lit', 'circuit-1') !== undefined)
    assert.equal(rates.account('capulet.lit', 'circuit-1'), undefined)
    clock.advance(HOUR)
    assert.ok(rates.account('capulet.lit', 'circuit-1') !== undefined)
    shares[1]?.giveBack() // of the window before: it counts nowhere any more
    for (let number = 0; number < 4; number++) assert.ok(rates.account('capulet.lit', 'circuit-1') !== undefined)
    assert.equal(rates.account('capulet.lit', 'circuit-1'), undefined)
  })

  test('challenges: in a flood each peer is left a few, nobody\'s none, and the picture\'s painter never works for long', () => {
    const clock = new TestClock()
    const rates = new Rates(SETTINGS, clock)
    const ask = (peer: string | undefined): string | undefined => {
      clock.advance(100)
      return rates.challenge(peer)
    }
    for (let circuit = 0; circuit < 4; circuit++) {
      for (let number = 0; number < 30; number++) assert.equal(ask(`circuit-${circuit}`), undefined)
      assert.equal(ask(`circuit-${circuit}`), 'too-many')
    }
    assert.equal(ask(undefined), 'too-many')
    for (let number = 0; number < 3; number++) assert.equal(ask('circuit-5'), undefined)
    assert.equal(ask('circuit-5'), 'too-many')
    clock.advance(HOUR)
    const atOnce = Array.from({ length: 100 }, (_, number) => rates.challenge(`at once ${number}`)).filter((refused) => refused === undefined)
    assert.equal(atOnce.length, 20)
    assert.equal(rates.challenge('late'), 'busy')
    clock.advance(1000)
    assert.equal(rates.challenge('late'), undefined)
  })

  test('tries of invitations that are none count by peer, and never without a name', () => {
    const rates = new Rates(SETTINGS, new TestClock())
    for (let number = 0; number < 10; number++) {
      assert.ok(!rates.hasFailed('circuit-1'))
      rates.failed('circuit-1')
      for (let again = 0; again < 10; again++) rates.failed(undefined)
    }
    assert.ok(rates.hasFailed('circuit-1'))
    assert.ok(!rates.hasFailed('circuit-2'))
    assert.ok(!rates.hasFailed(undefined))
  })
})
