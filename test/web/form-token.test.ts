import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TlsIdentity } from '../../src/net/tls.ts'
import { loadConfig } from '../../src/config/load.ts'
import { FormTokens } from '../../src/web/form-token.ts'
import type { Site, Visit } from '../../src/web/site.ts'
import { TestClock } from '../clock.ts'

describe('the token in a form', () => {
  const clock = new TestClock(1_800_000_000_000)
  const tokens = new FormTokens(clock)
  const [config] = loadConfig(undefined, { cwd: '/' }).domains
  assert.ok(config)
  const site = (name: string, kind: Site['kind'] = 'onion'): Site => (
    { kind, domain: { name, label: name, onionAddress: undefined, config }, identity: {} as TlsIdentity }) // it is not looked at
  const visit: Visit = { site: site('capulet.lit'), peer: 'circuit 31', host: 'capulet.lit' }

  test('holds for its purpose, its site, its visitor and what it is bound to, and for nothing else', () => {
    const token = tokens.issue('register', visit, 'x')
    assert.ok(tokens.holds(token, 'register', visit, 'x'))
    assert.ok(!tokens.holds(token, 'invitation', visit, 'x'))
    assert.ok(!tokens.holds(token, 'register', visit, 'y'))
    assert.ok(!tokens.holds(token, 'register', visit))
    assert.ok(!tokens.holds(token, 'register', { ...visit, peer: 'circuit 32' }, 'x'))
    assert.ok(!tokens.holds(token, 'register', { ...visit, peer: undefined }, 'x'))
    assert.ok(!tokens.holds(token, 'register', { ...visit, site: site('montague.lit') }, 'x'))
    assert.ok(!tokens.holds(token, 'register', { ...visit, site: site('capulet.lit', 'https') }, 'x'))
    assert.ok(!new FormTokens(clock).holds(token, 'register', visit, 'x'), 'of another process')
  })

  test('with any character changed, added or left out it does not hold', () => {
    const token = tokens.issue('register', visit)
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === 'A' ? 'B' : 'A'
      for (const changed of [`${token.slice(0, at)}${other}${token.slice(at + 1)}`, `${token.slice(0, at)}${token.slice(at + 1)}`, `${token.slice(0, at)}A${token.slice(at)}`]) {
        // The last character of base64url holds two bits that are no part of the signature.
        if (Buffer.from(changed.split('.')[2] ?? '', 'base64url').equals(Buffer.from(token.split('.')[2] ?? '', 'base64url')) && changed.length === token.length && at === token.length - 1) continue
        assert.ok(!tokens.holds(changed, 'register', visit), `${at}`)
      }
    }
    for (const none of ['', '.', '..', 'zzzzzzzzzzzz.AAAAAAAAAAAAAAAA.AAAA', `${token}.`, ` ${token}`]) assert.ok(!tokens.holds(none, 'register', visit))
  })

  test('no two are equal, and an hour later it does not hold any more', () => {
    const token = tokens.issue('register', visit)
    assert.notEqual(token, tokens.issue('register', visit))
    clock.advance(3_599_999)
    assert.ok(tokens.holds(token, 'register', visit))
    clock.advance(1)
    assert.ok(!tokens.holds(token, 'register', visit))
  })
})
