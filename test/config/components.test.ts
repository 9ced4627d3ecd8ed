import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ConfigError } from '../../src/config/config-error.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/schema.ts'

let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sotto-components-'))
  for (const [name, text, mode] of [['secret', 'a rose by any other name\n', 0o600], ['short', 'rose\n', 0o600], ['open', 'a rose by any other name\n', 0o644]] as const) {
    writeFileSync(join(folder, name), text)
    chmodSync(join(folder, name), mode)
  }
})
after(() => rmSync(folder, { recursive: true }))

const DOMAINS = ['capulet.lit', 'onion'].map((name) => `[[domains]]\nname = "${name}"\n`).join('')
const GATE = 'name = "gate.capulet.lit"\nsecret_file = "secret"'

function load(...components: string[]): Config {
  const file = join(folder, 'sotto.toml')
  writeFileSync(file, `${DOMAINS}[[listeners]]\nkind = "c2s"\nport = 5222\n${components.map((one) => `[[components]]\n${one}\n`).join('')}`)
  return loadConfig(file, { cwd: folder })
}

function complaints(...components: string[]): string[] {
  try {
    load(...components)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ key }) => key)
    throw error
  }
}

describe('components', () => {
  test('there is none unless the operator wants one', () => {
    assert.deepEqual(load().components, [])
  })

  test('a component is for the domains with DNS names unless it says more, and one under the onion for the onion', () => {
    const [gate, dove] = load(GATE, 'name = "dove.onion"\nsecret_file = "secret"').components
    assert.deepEqual(gate, { name: 'gate.capulet.lit', secret_file: join(folder, 'secret'), listen: undefined, domains: ['capulet.lit'] })
    assert.deepEqual(dove?.domains, ['onion'])
  })

  test('it connects to a unix socket, or to a port of this machine alone', () => {
    assert.deepEqual(load(`${GATE}\nlisten = "127.0.0.1:5347"`).components[0]?.listen, { host: '127.0.0.1', port: 5347 })
    assert.deepEqual(load(`${GATE}\nlisten = "[::1]:5347"`).components[0]?.listen, { host: '::1', port: 5347 })
    for (const listen of ['0.0.0.0:5347', '[::]:5347', '192.0.2.1:5347', 'localhost:5347', '127.0.0.1:70000', '127.0.0.300:5347', '127.0.0.1', '/tmp/sock', '5347']) {
      assert.deepEqual(complaints(`${GATE}\nlisten = "${listen}"`), ['components[0].listen'], listen)
    }
  })

  for (const [what, component, key] of [
    ['no secret', 'name = "gate.capulet.lit"\nsecret_file = ""', 'secret_file'],
    ['a secret file that is not there', 'name = "gate.capulet.lit"\nsecret_file = "nowhere"', 'secret_file'],
    ['a secret that others can read', 'name = "gate.capulet.lit"\nsecret_file = "open"', 'secret_file'],
    ['a secret that is short', 'name = "gate.capulet.lit"\nsecret_file = "short"', 'secret_file'],
    ['the name of a domain here', 'name = "capulet.lit"\nsecret_file = "secret"', 'name'],
    ['the name of the onion', 'name = "onion"\nsecret_file = "secret"', 'name'],
    ['a name that is none', 'name = "gate capulet"\nsecret_file = "secret"', 'name'],
    ['the onion, and a DNS name', `${GATE}\ndomains = ["onion"]`, 'domains'],
    ['both sides', `${GATE}\ndomains = ["capulet.lit", "onion"]`, 'domains'],
    ['a domain that is not served', `${GATE}\ndomains = ["montague.lit"]`, 'domains[0]'],
    ['the port of a listener', `${GATE}\nlisten = "127.0.0.1:5222"`, 'listen'],
  ] as const) {
    test(`a component with ${what} is refused`, () => {
      assert.deepEqual(complaints(component), [`components[0].${key}`])
    })
  }

  test('two components have two names and two ports', () => {
    assert.deepEqual(complaints(`${GATE}\nlisten = "127.0.0.1:5347"`, `${GATE}\nlisten = "127.0.0.1:5347"`), ['components[1].name', 'components[1].listen'])
  })
})
