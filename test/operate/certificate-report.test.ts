import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { CertificateError, selfSignedFiles } from '../../src/net/tls.ts'
import { certificateLines } from '../../src/operate/certificate-report.ts'
import { CommandError } from '../../src/routing/command-error.ts'
import { dns, Issued, srv, xmpp } from '../net/authority.ts'

const NOW = Date.now()
const DAY = 86_400_000

let folder = ''
before(() => { folder = mkdtempSync(join(tmpdir(), 'sotto-report-')) })
after(() => rmSync(folder, { recursive: true }))

function lines(text: string, domain?: string, now = NOW): string[] {
  writeFileSync(join(folder, 'sotto.toml'), text)
  return certificateLines(loadConfig('sotto.toml', { cwd: folder }), domain, now)
}

/** What stands behind a title. */
function told(text: string, title: string, domain?: string, now = NOW): string | undefined {
  return lines(text, domain, now).find((line) => line.startsWith(`  ${title} `))?.slice(2 + title.length).trim()
}

/** The files of a certificate of an authority, as a domain's keys; it ends in ten days and half an hour. */
async function issued(names: Parameters<typeof Issued.root>[0] = {}): Promise<string> {
  const root = await Issued.root({ subject: 'C=IT, O=Friar Laurence, CN=Root of Verona', from: NOW - DAY, to: NOW + 20 * DAY })
  const one = await root.issue({ subject: 'CN=capulet.lit', from: NOW - DAY, to: NOW + 10 * DAY + 1_800_000, ...names })
  writeFileSync(join(folder, 'issued.crt'), `${one.pem}${root.pem}`)
  writeFileSync(join(folder, 'issued.key'), await one.keyPem(), { mode: 0o600 })
  return 'certificate = "issued.crt"\nkey = "issued.key"\n'
}

/** Upper case, with colons. */
function colons(hex: string): string {
  return hex.toUpperCase().replace(/..(?=.)/g, '$&:')
}

/** Of the first certificate in a PEM file. */
function bytesOf(file: string): Buffer {
  const [, text = ''] = /-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(readFileSync(file, 'utf8')) ?? []
  return Buffer.from(text, 'base64')
}

describe('sotto tls', () => {
  test('tells the fingerprints as clients show them: hex with colons, of the server\'s own certificate and not of its chain', async () => {
    const text = `[[domains]]\nname = "capulet.lit"\n${await issued()}`
    const der = bytesOf(join(folder, 'issued.crt'))
    assert.equal(told(text, 'SHA-256'), colons(createHash('sha256').update(der).digest('hex')))
    assert.equal(told(text, 'SHA-1'), colons(createHash('sha1').update(der).digest('hex')))
  })

  test('RFC 7469 §2.4: the pin is the hash of the key, so it stays when the certificate is renewed with the same key', async () => {
    const text = `[[domains]]\nname = "capulet.lit"\n${await issued()}`
    const der = bytesOf(join(folder, 'issued.crt'))
    const [, pin = ''] = /^sha256\/\/(.{43}=)$/.exec(told(text, 'key pin') ?? '') ?? []
    // A key on P-256 in its SubjectPublicKeyInfo is 91 bytes, which stand in the certificate as they are.
    const inside = [...der.keys()].some((at) => createHash('sha256').update(der.subarray(at, at + 91)).digest('base64') === pin)
    assert.ok(inside)
  })

  test('tells each domain that is named once, in whatever form, who issued it, and how long it is good', async () => {
    const names = [dns('capulet.lit'), dns('*.capulet.lit'), srv('_xmpp-client.capulet.lit'), xmpp('xn--bcher-kva.lit')]
    const text = `[[domains]]\nname = "capulet.lit"\n${await issued({ names })}`
    assert.equal(told(text, 'names'), 'capulet.lit, bücher.lit, *.capulet.lit')
    assert.equal(told(text, 'issuer'), 'C=IT, O=Friar Laurence, CN=Root of Verona')
    const ends = new Date(NOW + 10 * DAY + 1_800_000).toISOString().slice(0, 16).replace('T', ' ')
    assert.equal(told(text, 'expires'), `${ends} UTC (in 10 days)`)
    assert.equal(told(text, 'expires', undefined, NOW + 9 * DAY), `${ends} UTC (in 1 day)`)
    assert.equal(told(text, 'expires', undefined, NOW + 11 * DAY), `${ends} UTC (it has expired)`)
  })

  test('a certificate of the server\'s own making is called self-signed', async () => {
    await selfSignedFiles(join(folder, 'data', 'certificates'), 'capulet.lit', 'capulet.lit', NOW)
    assert.equal(told('[[domains]]\nname = "capulet.lit"\n', 'issuer'), 'itself (self-signed)')
    assert.equal(told('[[domains]]\nname = "capulet.lit"\n', 'names'), 'capulet.lit')
    rmSync(join(folder, 'data'), { recursive: true })
  })

  test('a certificate that only names its issuer like itself is not called self-signed', async () => {
    const root = await Issued.root({ subject: 'CN=capulet.lit', from: NOW - DAY, to: NOW + DAY })
    const one = await root.issue({ subject: 'CN=capulet.lit', from: NOW - DAY, to: NOW + DAY })
    writeFileSync(join(folder, 'like.crt'), one.pem)
    writeFileSync(join(folder, 'like.key'), await one.keyPem(), { mode: 0o600 })
    assert.equal(told('[[domains]]\nname = "capulet.lit"\ncertificate = "like.crt"\nkey = "like.key"\n', 'issuer'), 'CN=capulet.lit')
  })

  test('all domains, or the one that is asked for, with every place where its certificate is shown, and no other domain\'s', async () => {
    const text = '[[domains]]\nname = "onion"\n[[domains]]\nname = "capulet.lit"\n[[domains]]\nname = "montague.lit"\nfederation = "refuse"\nonion_service = true\n'
      + '[[listeners]]\nkind = "c2s"\naddress = "::"\nport = 5222\ndomains = ["capulet.lit"]\n'
      + '[[listeners]]\nkind = "s2s-tls"\naddress = "192.0.2.1"\nport = 5270\ndomains = ["capulet.lit", "montague.lit"]\n'
      + '[[listeners]]\nkind = "c2s-tls"\nport = 0\ndomains = ["montague.lit"]\n'
    const certificates = join(folder, 'data', 'certificates')
    for (const name of ['onion', 'capulet.lit', 'montague.lit']) await selfSignedFiles(certificates, name, name, NOW)
    const uses = (domain: string): string[] => lines(text, domain).slice(7).map((line) => line.slice(12))
    assert.deepEqual(uses('onion'), ['the onion service'])
    assert.deepEqual(uses('Capulet.lit'), ['c2s on [::]:5222', 's2s-tls on 192.0.2.1:5270', 'calls of other servers'])
    assert.deepEqual(uses('montague.lit'), ['s2s-tls on 192.0.2.1:5270', 'c2s-tls on 127.0.0.1, a free port each time', 'the onion service'])
    assert.deepEqual(lines(text).filter((line) => /^\S/.test(line)), ['onion', 'capulet.lit', 'montague.lit'])
    assert.deepEqual(lines(text, 'capulet.lit').filter((line) => /^\S/.test(line)), ['capulet.lit'])
    assert.throws(() => lines(text, 'verona.lit'), (error) => (
      error instanceof CommandError && error.message === 'that domain is not served here; these are: onion, capulet.lit, montague.lit'))
    rmSync(join(folder, 'data'), { recursive: true })
  })

  test('before a certificate is made that is said instead; a file that is none is named', async () => {
    assert.deepEqual(lines(''), ['onion', '  There is no certificate yet: start the server once, which makes one.'])
    mkdirSync(join(folder, 'data', 'certificates'), { recursive: true })
    writeFileSync(join(folder, 'data', 'certificates', 'onion.crt'), 'nothing')
    assert.throws(() => lines(''), (error) => error instanceof CertificateError && /onion\.crt: not a certificate/.test(error.message))
    rmSync(join(folder, 'data'), { recursive: true })
  })
})
