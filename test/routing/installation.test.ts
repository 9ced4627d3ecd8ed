import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConfigError } from '../../src/config/config-error.ts'
import { configSchema } from '../../src/config/schema.ts'
import { extensions } from '../../src/extensions.ts'
import { install } from '../../src/routing/installation.ts'
import { TestHouse } from '../house.ts'

describe('booting the extensions', () => {
  const { config, ...ground } = new TestHouse().installation.host

  test('a domain whose policy no extension enforces keeps the server from starting', () => {
    const without = extensions.filter(({ enforces }) => enforces === undefined)
    assert.equal(without.length, extensions.length - 1)
    assert.throws(() => install(without, { ...ground, config }), (error) => error instanceof ConfigError
      && error.problems.map(({ key }) => key).join() === 'domains[0].policy,domains[1].policy'
      && error.message.includes('nothing in this server enforces "otr"'))
  })

  test('one domain of several is enough', () => {
    const mixed = configSchema.parse({ domains: [{ name: 'capulet.lit', onion_service: false }] })
    const [domain] = mixed.domains
    assert.ok(domain)
    const other = { ...mixed, domains: [domain, { ...domain, policy: 'none' as 'otr' }] }
    assert.throws(() => install(extensions, { ...ground, config: other }), /domains\[1\]\.policy: nothing/)
  })
})
