import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/schema.ts'
import { pagesAddresses } from '../../src/registration/pages-address.ts'
import type { ServedDomain } from '../../src/routing/domains.ts'

const ONION = `${'v'.repeat(56)}.onion`

describe('how links to the pages of a domain begin', () => {
  let folder = ''
  before(() => { folder = mkdtempSync(join(tmpdir(), 'sotto-pages-')) })
  after(() => rmSync(folder, { recursive: true }))

  const given = (toml: string): Config => {
    writeFileSync(join(folder, 'sotto.toml'), toml)
    return loadConfig(join(folder, 'sotto.toml'), { cwd: folder })
  }
  const addresses = (config: Config, label: string, onionAddress?: string): readonly string[] => {
    const domain = config.domains.find(({ name }) => name === label)
    assert.ok(domain)
    const served: ServedDomain = { name: label === 'onion' ? onionAddress ?? '' : label, label, onionAddress, config: domain }
    return pagesAddresses(served, config)
  }

  test('an onion has its own, and no other domain\'s', () => {
    const config = given('[[domains]]\nname = "onion"\n[[domains]]\nname = "capulet.lit"\n[[listeners]]\nkind = "https"\nport = 5281\n')
    assert.deepEqual(addresses(config, 'onion', ONION), [`http://${ONION}`])
    assert.deepEqual(addresses(config, 'capulet.lit'), ['https://capulet.lit:5281'])
  })

  test('a DNS name has that of its first listener, in A-labels, and its onion\'s', () => {
    const config = given('[[domains]]\nname = "b\u00fccher.lit"\nonion_service = true\n[[listeners]]\nkind = "https"\nport = 443\n[[listeners]]\nkind = "https"\nport = 5281\n')
    assert.deepEqual(addresses(config, 'b\u00fccher.lit', ONION), ['https://xn--bcher-kva.lit', `http://${ONION}`])
  })

  test('what the operator wrote comes first', () => {
    const config = given('[[domains]]\nname = "capulet.lit"\nweb = "https://chat.capulet.lit/"\n[[listeners]]\nkind = "https"\nport = 5281\n')
    assert.deepEqual(addresses(config, 'capulet.lit'), ['https://chat.capulet.lit'])
  })

  test('without a listener, without tor or with the pages switched off there are none', () => {
    assert.deepEqual(addresses(given('[[domains]]\nname = "capulet.lit"\n[[listeners]]\nkind = "c2s"\nport = 5222\n'), 'capulet.lit'), [])
    assert.deepEqual(addresses(given('[web]\nenabled = false\n'), 'onion', ONION), [])
    assert.deepEqual(addresses(given('[tor]\nenabled = false\n'), 'onion', ONION), [])
  })

  test('what is no address of a web server is refused', () => {
    for (const web of ['http://capulet.lit', 'capulet.lit', 'https://capulet.lit/pages', 'https://romeo@capulet.lit', 'https://capulet.lit/?a', 'javascript:1']) {
      assert.throws(() => given(`[[domains]]\nname = "capulet.lit"\nweb = "${web}"\n`), /domains\[0\]\.web/, web)
    }
  })
})
