import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Attempts } from '../../src/auth/attempts.ts'
import { TestClock } from '../clock.ts'

const SETTINGS = { attempts_per_account: 4, attempts_per_peer: 6, attempts_window: 1000 }

/** How many of `tries` were admitted. */
function admitted(
  attempts: Attempts, tries: number, account: (n: number) => string, peer: (n: number) => string | undefined,
): number {
  return Array.from({ length: tries }, (_, n) => attempts.admit(account(n), peer(n))).filter(Boolean).length
}

test('an account takes so many failures within the window, from whatever circuits they come', () => {
  const clock = new TestClock()
  const attempts = new Attempts(SETTINGS, clock)
  assert.equal(admitted(attempts, 10, () => 'romeo', (n) => `circuit-${n}`), 4)
  assert.ok(attempts.admit('juliet', 'circuit-0'), 'others are not touched')
  clock.advance(999)
  assert.ok(!attempts.admit('romeo', 'another'))
  clock.advance(1)
  assert.ok(attempts.admit('romeo', 'another'))
})

test('a peer takes so many failures, whatever names it tries', () => {
  const attempts = new Attempts(SETTINGS, new TestClock())
  assert.equal(admitted(attempts, 20, (n) => `name-${n}`, () => 'circuit'), 6)
  assert.ok(attempts.admit('romeo', 'another'))
})

test('a peer that only its connection names shares no count with others', () => {
  const attempts = new Attempts(SETTINGS, new TestClock())
  assert.equal(admitted(attempts, 100, (n) => `name-${n}`, () => undefined), 100)
})

test('a login that succeeds counts for nothing', () => {
  const attempts = new Attempts(SETTINGS, new TestClock())
  for (let login = 0; login < 100; login++) {
    assert.ok(attempts.admit('romeo', 'circuit'))
    attempts.forgive('romeo', 'circuit')
  }
})

test('tries at once are counted at once', () => {
  const attempts = new Attempts(SETTINGS, new TestClock())
  assert.equal(admitted(attempts, 1000, () => 'romeo', () => undefined), 4)
})

test('many new circuits make the server wary of all, but lock out nobody', () => {
  const clock = new TestClock()
  const attempts = new Attempts(SETTINGS, clock)
  const many = SETTINGS.attempts_per_peer * 50
  assert.equal(admitted(attempts, many, (n) => `name-${n}`, (n) => `circuit-${n}`), many)
  assert.equal(admitted(attempts, 10, () => 'romeo', (n) => `new-${n}`), 1, 'a quarter of 4')
  assert.equal(admitted(attempts, 10, (n) => `else-${n}`, () => 'circuit'), 2, 'a quarter of 6, rounded up')
  assert.ok(attempts.admit('juliet', 'hers'))
  clock.advance(1000)
  assert.equal(admitted(attempts, 10, () => 'romeo', (n) => `new-${n}`), 4)
})

test('names are remembered up to a bound; the oldest is forgotten first', () => {
  const attempts = new Attempts({ ...SETTINGS, attempts_per_peer: 1_000_000 }, new TestClock())
  assert.equal(admitted(attempts, 5, () => 'first', () => undefined), 4)
  admitted(attempts, 19_999, (n) => `name-${n}`, () => undefined)
  assert.ok(!attempts.admit('first', undefined))
  admitted(attempts, 2, (n) => `more-${n}`, () => undefined)
  assert.ok(attempts.admit('first', undefined))
})

test('a clock that is set locks nobody out for longer, nor for shorter: the window is of the time that passes', () => {
  const clock = new TestClock()
  const attempts = new Attempts(SETTINGS, clock)
  admitted(attempts, 10, () => 'romeo', () => undefined)
  for (const years of [-1, 2]) {
    clock.set(clock.now() + years * 365 * 86_400_000)
    assert.ok(!attempts.admit('romeo', undefined))
  }
  clock.advance(SETTINGS.attempts_window)
  assert.ok(attempts.admit('romeo', undefined))
})
