import 'reflect-metadata' // @peculiar/x509 needs it loaded first
import assert from 'node:assert/strict'
import { createHash, webcrypto, X509Certificate } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { X509CertificateGenerator } from '@peculiar/x509'
import { loadConfig } from '../../src/config/load.ts'
import { CertificateError, selfSignedFiles } from '../../src/net/tls.ts'
import { zoneLines, type DnsOptions } from '../../src/operate/dns.ts'
import { CommandError } from '../../src/routing/command-error.ts'

let folder = ''
before(() => { folder = mkdtempSync(join(tmpdir(), 'sotto-dns-')) })
after(() => rmSync(folder, { recursive: true }))

const LISTENERS = `
[[listeners]]
kind = "c2s"
address = "0.0.0.0"
port = 5222
[[listeners]]
kind = "c2s-tls"
address = "::"
port = 443
`

function lines(text: string, options: DnsOptions = {}): string[] {
  writeFileSync(join(folder, 'sotto.toml'), text)
  return zoneLines(loadConfig('sotto.toml', { cwd: folder }), options)
}

/** What a name server reads: each record by owner, type and data. @throws where a line is no record */
function zone(text: string, options?: DnsOptions): string[] {
  return lines(text, options).filter((line) => !line.startsWith(';')).map((line) => {
    const [, owner, rest] = /^((?:[a-z0-9_-]+\.)+) 3600 IN ((?:SRV \d+ \d+ \d+|TLSA 3 1 1|CAA 0 issue) \S.*)$/.exec(line) ?? assert.fail(line)
    return `${owner} ${rest}`
  })
}

/** A certificate of an authority with that organization. */
async function issuedBy(organization: string): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const made = await X509CertificateGenerator.create({
    subject: 'CN=capulet.lit', issuer: [{ C: ['US'] }, { O: [organization] }, { CN: ['X1'] }], serialNumber: '01', signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 86_400_000), notAfter: new Date(Date.now() + 86_400_000), publicKey: keys.publicKey, signingKey: keys.privateKey,
  }, webcrypto)
  const file = join(folder, 'issued.crt')
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  writeFileSync(file, made.toString('pem'))
  writeFileSync(join(folder, 'issued.key'), `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`, { mode: 0o600 })
  return 'certificate = "issued.crt"\nkey = "issued.key"\n'
}

describe('sotto dns', () => {
  test('RFC 6120 §3.2.1, XEP-0368 §3: a record for each service, direct TLS preferred, "." where there is none', () => {
    assert.deepEqual(zone(`[[domains]]\nname = "capulet.lit"\n${LISTENERS}`, { host: 'xmpp.capulet.lit.' }), [
      '_xmpps-client._tcp.capulet.lit. SRV 5 5 443 xmpp.capulet.lit.',
      '_xmpp-client._tcp.capulet.lit. SRV 10 5 5222 xmpp.capulet.lit.',
      '_xmpps-server._tcp.capulet.lit. SRV 0 0 0 .',
      '_xmpp-server._tcp.capulet.lit. SRV 0 0 0 .',
    ])
  })

  test('servers are led to the ports that are for them, and find the key of the certificate there, too', async () => {
    await selfSignedFiles(join(folder, 'data', 'certificates'), 'capulet.lit', 'capulet.lit', Date.now())
    const listeners = LISTENERS + '[[listeners]]\nkind = "s2s"\naddress = "192.0.2.1"\nport = 5269\n[[listeners]]\nkind = "s2s"\naddress = "2001:db8::1"\n'
      + 'port = 5269\n[[listeners]]\nkind = "s2s-tls"\naddress = "192.0.2.1"\nport = 5270\n[[listeners]]\nkind = "s2s"\nport = 6269\n'
    const text = `[[domains]]\nname = "capulet.lit"\n${listeners}`
    const records = zone(text)
    assert.deepEqual(records.slice(2, 4), [
      '_xmpps-server._tcp.capulet.lit. SRV 5 5 5270 capulet.lit.', '_xmpp-server._tcp.capulet.lit. SRV 10 5 5269 capulet.lit.',
    ])
    assert.deepEqual(records.filter((one) => one.includes('TLSA')).map((one) => one.slice(0, one.indexOf(' '))),
      ['443', '5222', '5269', '5270'].map((port) => `_${port}._tcp.capulet.lit.`))
    assert.ok(lines(text).includes('; 127.0.0.1:6269 is reached from this machine alone, so it is left out.'))
    rmSync(join(folder, 'data'), { recursive: true })
  })

  test('whoever calls other servers and cannot be called by them is told so', () => {
    const isTold = (text: string): boolean => lines(`[[domains]]\nname = "capulet.lit"\n${text}`).some((line) => /^; No listener for servers/.test(line))
    assert.ok(isTold(LISTENERS))
    assert.ok(isTold(`${LISTENERS}[[listeners]]\nkind = "s2s"\nport = 5269\n`)) // of this machine alone
    for (const more of ['[[listeners]]\nkind = "s2s-tls"\naddress = "::"\nport = 5270\n', '[s2s]\nenabled = false\n']) assert.ok(!isTold(LISTENERS + more))
    assert.ok(!isTold(`federation = "refuse"\n${LISTENERS}`))
  })

  test('names are written in A-labels, the target is the domain itself by default', () => {
    const [first] = zone(`[[domains]]\nname = "bücher.lit"\n${LISTENERS}`)
    assert.equal(first, '_xmpps-client._tcp.xn--bcher-kva.lit. SRV 5 5 443 xn--bcher-kva.lit.')
  })

  test('RFC 7671 §5.1: the key of the certificate at each port that uses it, the same for one of our own making', async () => {
    const { certificate } = await selfSignedFiles(join(folder, 'data', 'certificates'), 'capulet.lit', 'capulet.lit', Date.now())
    const spki = new X509Certificate(readFileSync(certificate)).publicKey.export({ type: 'spki', format: 'der' })
    const hash = createHash('sha256').update(spki).digest('hex')
    const records = zone(`[[domains]]\nname = "capulet.lit"\n${LISTENERS}`, { host: 'xmpp.capulet.lit' }).filter((one) => one.includes('TLSA'))
    assert.deepEqual(records, [
      `_443._tcp.xmpp.capulet.lit. TLSA 3 1 1 ${hash}`, `_5222._tcp.xmpp.capulet.lit. TLSA 3 1 1 ${hash}`,
    ])
    rmSync(join(folder, 'data'), { recursive: true })
  })

  test('before a certificate is made that is said instead', () => {
    assert.ok(lines(`[[domains]]\nname = "capulet.lit"\n${LISTENERS}`).some((line) => /^; .*start the server once/.test(line)))
  })

  test('a file that is no certificate any more is named', async () => {
    const pair = await issuedBy('Friar Laurence')
    writeFileSync(join(folder, 'sotto.toml'), `[[domains]]\nname = "capulet.lit"\n${pair}${LISTENERS}`)
    const config = loadConfig('sotto.toml', { cwd: folder })
    writeFileSync(join(folder, 'issued.crt'), 'nothing')
    assert.throws(() => zoneLines(config, {}), (error) => error instanceof CertificateError && /issued\.crt: not a certificate/.test(error.message))
    rmSync(join(folder, 'issued.crt'))
    assert.throws(() => zoneLines(config, {}), /issued\.crt: cannot be read \(ENOENT\)/)
    mkdirSync(join(folder, 'issued.crt'))
    assert.throws(() => zoneLines(config, {}), /issued\.crt: cannot be read \(EISDIR\)/)
    rmSync(join(folder, 'issued.crt'), { recursive: true })
  })

  test('RFC 8659 §4.2: the authority is known from what it issued', async () => {
    for (const [organization, name] of [['Let\'s Encrypt', 'letsencrypt.org'], ['Google Trust Services LLC', 'pki.goog']] as const) {
      const records = zone(`[[domains]]\nname = "capulet.lit"\n${await issuedBy(organization)}${LISTENERS}`)
      assert.equal(records.at(-1), `capulet.lit. CAA 0 issue "${name}"`)
    }
  })

  test('an authority that is not known is not guessed: the record is a comment until it is told', async () => {
    const text = `[[domains]]\nname = "capulet.lit"\n${await issuedBy('Friar Laurence')}${LISTENERS}`
    assert.ok(!zone(text).some((one) => one.includes('CAA')))
    assert.ok(lines(text).includes('; capulet.lit. 3600 IN CAA 0 issue "AUTHORITY"'))
    assert.equal(zone(text, { authority: 'ca.verona.lit' }).at(-1), 'capulet.lit. CAA 0 issue "ca.verona.lit"')
  })

  test('RFC 8657 §3: the account with the authority is part of the record', () => {
    const text = `[[domains]]\nname = "capulet.lit"\n${LISTENERS}`
    const account = 'https://ca.verona.lit/acct/1?x=2'
    assert.equal(zone(text, { authority: 'ca.verona.lit', account }).at(-1), `capulet.lit. CAA 0 issue "ca.verona.lit; accounturi=${account}"`)
    for (const wrong of ['1', 'https://a b', 'https://a"', 'https://a;b', 'https://a\\', 'https://a\nb']) {
      assert.throws(() => lines(text, { account: wrong }), CommandError, wrong)
    }
  })

  test('a listener of this machine alone has no record, and neither has one on a free port', () => {
    const text = '[[domains]]\nname = "capulet.lit"\n[[listeners]]\nkind = "c2s"\nport = 5222\n[[listeners]]\nkind = "c2s-tls"\naddress = "::"\nport = 0'
    assert.ok(zone(text).every((one) => one.endsWith(' SRV 0 0 0 .')))
    assert.ok(lines(text).includes('; 127.0.0.1:5222 is reached from this machine alone, so it is left out.'))
  })

  test('another domain\'s listener is not told: nothing links the two', () => {
    const text = '[[domains]]\nname = "capulet.lit"\n[[domains]]\nname = "montague.lit"\n[[domains]]\nname = "onion"\n'
      + '[[listeners]]\nkind = "c2s"\naddress = "0.0.0.0"\nport = 5222\ndomains = ["capulet.lit"]\n'
      + '[[listeners]]\nkind = "c2s"\naddress = "0.0.0.0"\nport = 6222\ndomains = ["montague.lit"]\n'
    assert.ok(zone(text, { domain: 'Capulet.lit' }).includes('_xmpp-client._tcp.capulet.lit. SRV 10 5 5222 capulet.lit.'))
    assert.doesNotMatch(lines(text, { domain: 'capulet.lit' }).join('\n'), /montague|6222|onion/)
  })

  test('which domain is asked where several have DNS names; an onion has nothing to publish', () => {
    const two = '[[domains]]\nname = "capulet.lit"\n[[domains]]\nname = "montague.lit"\n'
    assert.throws(() => lines(two), /^CommandError: say for which domain: capulet\.lit, montague\.lit$/)
    assert.throws(() => lines(two, { domain: 'verona.lit' }), /that domain is not served here/)
    for (const [text, domain] of [['', undefined], ['', 'onion'], [two, `${'a'.repeat(56)}.onion`]] as const) {
      assert.throws(() => lines(text, { domain }), /an onion address is found without DNS/)
    }
  })

  test('a host or authority that is no DNS name cannot get into the zone', () => {
    const text = '[[domains]]\nname = "capulet.lit"\n'
    for (const wrong of ['a b', 'a\nb', '192.0.2.1', 'x;', 'onion', '']) {
      assert.throws(() => lines(text, { host: wrong }), CommandError, wrong)
      assert.throws(() => lines(text, { authority: wrong }), CommandError, wrong)
    }
  })
})
