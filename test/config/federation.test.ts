import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ConfigError } from '../../src/config/config-error.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/schema.ts'

let folder = ''
before(() => { folder = mkdtempSync(join(tmpdir(), 'sotto-federation-')) })
after(() => rmSync(folder, { recursive: true }))

const ADDRESS = 'a'.repeat(56)

function load(text: string): Config {
  writeFileSync(join(folder, 'sotto.toml'), text)
  return loadConfig('sotto.toml', { cwd: folder })
}

/** What the operator is told, one line a problem. */
function refused(text: string): string[] {
  try {
    load(text)
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n')
    throw error
  }
  return []
}

test('an onion domain calls others through Tor by default, and never directly', () => {
  assert.equal(load('').domains[0]?.federation, 'tor')
  assert.equal(load('[[domains]]\nname = "onion"\nfederation = "refuse"').domains[0]?.federation, 'refuse')
  assert.deepEqual(refused('[[domains]]\nname = "onion"\nfederation = "direct"'), [
    'sotto.toml:3: domains[0].federation: each connection that is not made through Tor would tell where the onion service is. '
    + 'Write "tor" or "refuse", or remove this line.',
  ])
})

test('a DNS name is direct by default, unless it is served by its onion service alone', () => {
  const federation = (domain: string, listener: string): string | undefined =>
    load(`[[domains]]\nname = "capulet.lit"\n${domain}\n[[listeners]]\nkind = "c2s"\nport = 5222\n${listener}`).domains[0]?.federation
  assert.equal(federation('', ''), 'direct')
  assert.equal(federation('', 'address = "0.0.0.0"'), 'direct')
  assert.equal(federation('onion_service = true', 'address = "0.0.0.0"'), 'direct')
  assert.equal(federation('onion_service = true', ''), 'tor')
  assert.equal(federation('onion_service = true', 'address = "::1"'), 'tor')
  assert.equal(federation('onion_service = true\nfederation = "direct"', ''), 'direct')
})

test('resolvers are addresses, with port 53 where none is written', () => {
  const { s2s } = load('[s2s]\nresolvers = ["9.9.9.9", "9.9.9.9:5353", "[2620:fe::fe]", "[2620:fe::fe]:853"]')
  assert.deepEqual(s2s.resolvers, [
    { host: '9.9.9.9', port: 53 }, { host: '9.9.9.9', port: 5353 }, { host: '2620:fe::fe', port: 53 }, { host: '2620:fe::fe', port: 853 },
  ])
  assert.deepEqual(load('').s2s.resolvers, [])
  for (const wrong of ['dns.capulet.lit', '9.9.9.9:', '9.9.9.9:0', '9.9.9.9:65536', '2620:fe::fe', '[9.9.9.9]:53', '[2620:fe::fe', '']) {
    const [problem = ''] = refused(`[s2s]\nresolvers = ["${wrong}"]`)
    assert.match(problem, /^sotto\.toml:2: s2s\.resolvers\[0\]: ".*" is no resolver\. Write "IP:port"/, wrong)
  }
  assert.equal(refused(`[s2s]\nresolvers = ["9.9.9.9", "9.9.9.9", "9.9.9.9", "9.9.9.9", "9.9.9.9"]`).length, 1)
})

test('the onion map leads from a DNS name, as JIDs have it, to an onion address and a port', () => {
  const { s2s } = load(`[s2s.onion_map]\n"Montague.lit" = "${ADDRESS.toUpperCase()}.onion"\n"xn--bcher-kva.lit" = "${ADDRESS}.onion:5270"`)
  assert.deepEqual(s2s.onion_map, {
    'montague.lit': { host: `${ADDRESS}.onion`, port: 5269 }, 'bücher.lit': { host: `${ADDRESS}.onion`, port: 5270 },
  })
})

test('in the onion map each wrong line is told by itself', () => {
  assert.deepEqual(refused(`[s2s.onion_map]\nonion = "${ADDRESS}.onion"\nmontague = "montague.lit"\n"x.lit" = "${ADDRESS}.onion:0"`), [
    `sotto.toml:1: s2s.onion_map.x.lit: "${ADDRESS}.onion:0" is no onion address. `
      + 'Write "ADDRESS.onion" or "ADDRESS.onion:PORT", ADDRESS of 56 characters.',
    `sotto.toml:2: s2s.onion_map.onion: "${ADDRESS}.onion" is the onion of no DNS name. Write it behind the domain that it belongs to.`,
    'sotto.toml:3: s2s.onion_map.montague: "montague.lit" is no onion address. '
      + 'Write "ADDRESS.onion" or "ADDRESS.onion:PORT", ADDRESS of 56 characters.',
  ])
})

test('an onion map without tor is told, as nobody falls back from it', () => {
  const [problem = '', ...more] = refused(`[tor]\nenabled = false\n[s2s.onion_map]\n"montague.lit" = "${ADDRESS}.onion"`)
  assert.match(problem, /^sotto\.toml:3: s2s\.onion_map: .*which is switched off/)
  assert.deepEqual(more, [])
})
