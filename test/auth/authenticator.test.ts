import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Authenticator, bySide } from '../../src/auth/authenticator.ts'
import type { Mechanisms } from '../../src/auth/mechanism.ts'
import { Sides } from '../../src/auth/sides.ts'
import { contextOf, makeParts } from './parts.ts'

function authenticator(plain = true): Authenticator {
  const { accounts, credentials, attempts } = makeParts()
  return new Authenticator({ claims: accounts, credentials, attempts, plain })
}

const BINDINGS = new Map([['tls-exporter', Buffer.alloc(32)]])
const SCRAM = ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1']
const PLUS = SCRAM.map((name) => `${name}-PLUS`)

test('RFC 6120 §6.3.3: mechanisms are offered in order of preference; PLAIN last, only on a secured stream', () => {
  assert.deepEqual(authenticator().mechanisms(contextOf()), [...SCRAM, 'PLAIN'])
  assert.deepEqual(authenticator().mechanisms(contextOf({ secured: false })), SCRAM)
  assert.deepEqual(authenticator(false).mechanisms(contextOf()), SCRAM)
  assert.deepEqual(authenticator().mechanisms(contextOf({ channelBindings: BINDINGS })), [...PLUS, ...SCRAM, 'PLAIN'])
})

test('RFC 6120 §6.5.7: a mechanism that was not offered on this stream does not start', () => {
  const start = (name: string, chosen: Parameters<typeof contextOf>[0]): boolean =>
    authenticator().start(name, contextOf(chosen)) !== undefined
  assert.ok(start('PLAIN', { offered: [...SCRAM, 'PLAIN'] }))
  assert.ok(!start('PLAIN', { offered: SCRAM }))
  assert.ok(!start('PLAIN', { offered: ['PLAIN'], secured: false }))
  assert.ok(!start('SCRAM-SHA-1-PLUS', { offered: PLUS }))
  assert.ok(start('SCRAM-SHA-1-PLUS', { offered: PLUS, channelBindings: BINDINGS }))
  assert.ok(!start('DIGEST-MD5', { offered: ['DIGEST-MD5'] }))
  assert.ok(!start('scram-sha-1', { offered: SCRAM }))
})

test('a flood of wrong passwords at an onion leaves a domain with a name its tries, and the other way around', () => {
  const asked: string[] = []
  let made = 0
  const sides = bySide(new Sides((): Mechanisms => {
    const which = `the ${++made}.`
    return { mechanisms: ({ domain }) => { asked.push(`${which} ${domain}`); return [] }, start: (_name, { domain }) => { asked.push(`${which} ${domain}`); return undefined } }
  }))
  const onion = `${'a'.repeat(56)}.onion`
  for (const domain of ['capulet.lit', onion, 'montague.lit']) {
    sides.mechanisms(contextOf({ domain }))
    sides.start('PLAIN', contextOf({ domain }))
  }
  assert.deepEqual(new Set(asked), new Set(['the 2. capulet.lit', `the 1. ${onion}`, 'the 2. montague.lit']))
  assert.equal(made, 2)
})
