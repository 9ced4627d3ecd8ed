import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { configSchema } from '../../src/config/schema.ts'
import { ServedDomains } from '../../src/routing/domains.ts'
import { NetworkDial } from '../../src/s2s/dial.ts'
import { onionAddress } from '../../src/tor/onion-address.ts'
import { createOnionKey } from '../../src/tor/onion-key.ts'

describe('whom a domain of ours may call', () => {
  const [ours, theirs] = [onionAddress(createOnionKey().publicKey), onionAddress(createOnionKey().publicKey)]

  function dial(more: Readonly<Record<string, unknown>> = {}): NetworkDial {
    const domains = [{ name: 'onion' }, { name: 'capulet.lit', onion_service: false, federation: 'refuse' }, { name: 'verona.lit', onion_service: false }]
    const config = configSchema.parse({ domains, ...more })
    const named = config.domains.map((one) => ({
      name: one.name === 'onion' ? ours : one.name, label: one.name, onionAddress: one.name === 'onion' ? ours : undefined, config: one,
    }))
    return new NetworkDial({ config, domains: new ServedDomains(named), socks: () => undefined, clock: systemClock })
  }

  const resolvers = { s2s: { resolvers: ['192.0.2.1'] } }
  const table: readonly (readonly [string, string, string, boolean, Readonly<Record<string, unknown>>?])[] = [
    ['an onion calls an onion', ours, theirs, true],
    ['and so does any other domain, whatever its policy', 'capulet.lit', theirs, true],
    ['but none does where no tor is used', 'capulet.lit', theirs, false, { tor: { enabled: false }, domains: [{ name: 'capulet.lit', onion_service: false }] }],
    ['an onion calls no name of DNS where no resolvers are named that Tor could ask', ours, 'example.org', false],
    ['and does where they are', ours, 'example.org', true, resolvers],
    ['federation = "refuse": a name of DNS is not called', 'capulet.lit', 'example.org', false],
    ['federation = "direct": it is', 'verona.lit', 'example.org', true],
    ['a domain that is not ours calls nobody', 'mantua.lit', 'example.org', false],
    ['an address that is none is not even looked for', ours, `${'a'.repeat(56)}.onion`, false],
    ['nor is a name for this machine', 'verona.lit', 'localhost', false],
    ['nor an address', 'verona.lit', '192.0.2.2', false],
  ]
  for (const [what, local, remote, may, more] of table) {
    test(`whom we may call: ${what}`, () => {
      assert.equal(dial(more).reaches(local, remote), may)
    })
  }

  test('there is no tor yet: it is tried again later, and nothing else is tried instead', async () => {
    const caller = dial(resolvers)
    const { signal } = new AbortController()
    const [route] = await caller.routes(ours, theirs, signal)
    assert.ok(route)
    await assert.rejects(caller.connect(route, theirs, undefined, signal), { name: 'Unreachable', temporary: true })
    await assert.rejects(caller.routes(ours, 'example.org', signal), { name: 'Unreachable', temporary: true })
  })

  test('where there is no way, none will be there later, either', async () => {
    await assert.rejects(dial().routes('capulet.lit', 'example.org', new AbortController().signal), { name: 'Unreachable', temporary: false })
  })
})
