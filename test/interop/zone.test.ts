import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { selfSignedFiles } from '../../src/net/tls.ts'

const SOTTO = fileURLToPath(new URL('../../src/main.js', import.meta.url))
/** What a zone has besides, or it is none. */
const ZONE = `$ORIGIN xn--bcher-kva.lit.
@ 3600 IN SOA ns hostmaster 1 3600 600 86400 60
@ 3600 IN NS ns
ns 3600 IN A 192.0.2.1
xmpp 3600 IN A 192.0.2.2
`

test('BIND reads what `sotto dns` prints, all of it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-zone-'))
  try {
    await selfSignedFiles(join(folder, 'data', 'certificates'), 'bücher.lit', 'xn--bcher-kva.lit', Date.now())
    const kinds = [['c2s', 5222], ['c2s-tls', 443], ['s2s', 5269], ['s2s-tls', 5270]] as const
    const listeners = kinds.map(([kind, port]) => `[[listeners]]\nkind = "${kind}"\naddress = "0.0.0.0"\nport = ${port}\n`)
    writeFileSync(join(folder, 'sotto.toml'), `[[domains]]\nname = "bücher.lit"\n[[domains]]\nname = "onion"\n${listeners.join('')}`)
    const options = ['--host', 'xmpp.bücher.lit', '--authority', 'ca.verona.lit', '--account', 'https://ca.verona.lit/acct/1?x=2']
    const printed = execFileSync(process.execPath, [SOTTO, '--config', join(folder, 'sotto.toml'), 'dns', ...options], { encoding: 'utf8' })
    const file = join(folder, 'zone')
    writeFileSync(file, ZONE + printed)
    const read = execFileSync('named-checkzone', ['-D', '-i', 'local', '-o', '-', 'xn--bcher-kva.lit', file], { encoding: 'utf8' })
    const records = read.split('\n').filter((line) => /\sIN\s+(?:SRV|TLSA|CAA)\s/.test(line)).map((line) => line.replace(/\s+/g, ' '))
    assert.equal(records.length, printed.split('\n').filter((line) => line !== '' && !line.startsWith(';')).length)
    assert.deepEqual(records.filter((line) => line.includes(' SRV ')), [
      '_xmpp-client._tcp.xn--bcher-kva.lit. 3600 IN SRV 10 5 5222 xmpp.xn--bcher-kva.lit.',
      '_xmpp-server._tcp.xn--bcher-kva.lit. 3600 IN SRV 10 5 5269 xmpp.xn--bcher-kva.lit.',
      '_xmpps-client._tcp.xn--bcher-kva.lit. 3600 IN SRV 5 5 443 xmpp.xn--bcher-kva.lit.',
      '_xmpps-server._tcp.xn--bcher-kva.lit. 3600 IN SRV 5 5 5270 xmpp.xn--bcher-kva.lit.',
    ])
    assert.ok(records.includes('xn--bcher-kva.lit. 3600 IN CAA 0 issue "ca.verona.lit; accounturi=https://ca.verona.lit/acct/1?x=2"'))
    assert.equal(records.filter((line) => /^_(?:443|5222|5269|5270)\._tcp\.xmpp\..* TLSA 3 1 1 /.test(line)).length, 4)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
