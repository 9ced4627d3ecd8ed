import 'reflect-metadata' // @peculiar/x509 needs it loaded first
import { CRLDistributionPointsExtension } from '@peculiar/x509'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { certificateLines } from '../../src/operate/certificate-report.ts'
import { dns, Issued, type Wishes } from '../net/authority.ts'
import { Scenario } from '../scenario/scenario.ts'
import { missing } from './programs.ts'
import { audit, type Finding, type Severity } from './testssl.ts'

const DAY = 86_400_000
/** Named in the certificates: testssl.sh rates it high where nobody can learn that one is revoked. It is not asked for. */
const REVOCATIONS = 'http://verona.lit/revoked.crl'

/** Each kind of listener, and each kind of certificate that authorities issue, by STARTTLS and directly. */
const LISTENERS = [
  { kind: 'c2s', domain: 'capulet.lit' },
  { kind: 'c2s-tls', domain: 'montague.lit' },
  { kind: 's2s', domain: 'montague.lit' },
  { kind: 's2s-tls', domain: 'capulet.lit' },
  { kind: 'https', domain: 'capulet.lit' },
] as const
const CERTIFICATES: Readonly<Record<string, Wishes>> = { 'capulet.lit': { curve: 'P-256' }, 'montague.lit': { rsaBits: 2048 } }
/** Its certificate is signed by itself, and names no list: what testssl.sh has to find. */
const CARELESS = 'mercutio.lit'

/** That it was tested at all. */
const TESTED = ['SSLv3', 'TLS1', 'TLS1_3', 'cipherlist_NULL', 'cipherlist_STRONG', 'cert_chain_of_trust', 'cert_trust', 'heartbleed', 'ROBOT', 'SWEET32', 'LUCKY13', 'RC4']
/**
 * What could not be tested, and need not be: GOST, which no OpenSSL here has; and resumption where the client left before
 * the ticket of TLS 1.3 came, which testssl.sh takes for a lost connection (test/net/tls-settings.test.ts looks at it).
 */
const UNTESTED = ['engine_problem', 'sessionresumption_ticket']
const GRAVE: readonly Severity[] = ['MEDIUM', 'HIGH', 'CRITICAL', 'FATAL']

const skip = missing('testssl', 'openssl') ?? false

describe('testssl.sh, as Debian ships it', { skip, concurrency: 3 }, () => {
  let folder = ''
  let authority = ''
  let scenario: Scenario
  let goBetween: Server

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-audit-'))
    authority = join(folder, 'authority.pem')
    const root = await Issued.root({ from: Date.now() - DAY, to: Date.now() + 365 * DAY })
    writeFileSync(authority, root.pem)
    for (const [domain, wishes] of Object.entries(CERTIFICATES)) {
      const extensions = [new CRLDistributionPointsExtension([REVOCATIONS])]
      await keep(folder, domain, await root.issue({ subject: `CN=${domain}`, names: [dns(domain)], ...validity(), extensions, ...wishes }))
    }
    await keep(folder, CARELESS, await Issued.root({ subject: `CN=${CARELESS}`, names: [dns(CARELESS)], authority: false, ...validity() }))
    writeFileSync(join(folder, 'sotto.toml'), configuration(folder))
    scenario = await Scenario.start(configuration(folder))
    goBetween = await startingTls(scenario)
  })

  after(async () => {
    goBetween?.close()
    await scenario?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  for (const [index, { kind, domain }] of LISTENERS.entries()) {
    test(`finds nothing of medium severity or worse at a listener ${kind}`, async (t) => {
      const port = kind === 's2s' ? (goBetween.address() as AddressInfo).port : scenario.ports[index] ?? 0 // it listens on TCP
      const findings = await audit({ domain, port, starttls: kind === 'c2s', authority })
      tell(t, findings)
      assert.deepEqual(findings.filter(({ severity }) => GRAVE.includes(severity)), [])
      assert.deepEqual(findings.filter(({ severity, id }) => severity === 'WARN' && !UNTESTED.includes(id)), [])
      assert.deepEqual(TESTED.filter((id) => !findings.some((one) => one.id === id)), [])
      assert.equal(shown(findings), printed(folder, domain), 'the fingerprint is not the one that `sotto tls` prints')
    })
  }

  test('does find what is wrong: a certificate that is signed by itself and names no revocation list', async (t) => {
    const port = scenario.ports[LISTENERS.length] ?? 0
    const findings = await audit({ domain: CARELESS, port, starttls: false, authority, checks: ['--server-defaults'] })
    tell(t, findings)
    const grave = findings.filter(({ severity }) => GRAVE.includes(severity)).map(({ id }) => id.replace(/ .*/, ''))
    assert.deepEqual(grave, ['cert_chain_of_trust', 'cert_revocation'])
  })
})

function validity(): Wishes {
  return { from: Date.now() - DAY, to: Date.now() + 90 * DAY }
}

async function keep(folder: string, domain: string, issued: Issued): Promise<void> {
  writeFileSync(join(folder, `${domain}.crt`), issued.pem)
  writeFileSync(join(folder, `${domain}.key`), await issued.keyPem(), { mode: 0o600 })
}

function configuration(folder: string): string {
  return [
    '[tor]\nenabled = false\n',
    ...[...Object.keys(CERTIFICATES), CARELESS].map((domain) => (
      `[[domains]]\nname = "${domain}"\ncertificate = "${join(folder, domain)}.crt"\nkey = "${join(folder, domain)}.key"\n`)),
    ...[...LISTENERS, { kind: 'c2s-tls', domain: CARELESS }].map(({ kind, domain }) => (
      `[[listeners]]\nkind = "${kind}"\nport = 0\ndomains = ["${domain}"]\n`)),
  ].join('')
}

/**
 * COMPAT(testssl.sh 3.0.8): it asks for STARTTLS as a client only, which no listener for servers answers. So this asks for
 * it, as the server of another domain, and then hands on what is said.
 */
async function startingTls(scenario: Scenario): Promise<Server> {
  const index = LISTENERS.findIndex(({ kind }) => kind === 's2s')
  const server = createServer({ pauseOnConnect: true }, (caller) => {
    caller.on('error', () => {})
    scenario.raw(index).then(async (stream) => {
      stream.send(`<stream:stream to='${LISTENERS[index]?.domain}' version='1.0' xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>`)
      await stream.expect(/<\/stream:features>/)
      await stream.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`).expect(/<proceed[^>]*>/)
      const socket = stream.socket.removeAllListeners('data')
      caller.on('close', () => socket.destroy())
      socket.pipe(caller)
      caller.pipe(socket)
    }).catch(() => caller.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** How many findings of each severity there are, and which of them are low. */
function tell(t: TestContext, findings: readonly Finding[]): void {
  const count = (wanted: Severity): number => findings.filter(({ severity }) => severity === wanted).length
  const low = findings.filter(({ severity }) => severity === 'LOW').map(({ id, finding }) => `; ${id}: ${finding}`)
  const seconds = findings.find(({ id }) => id === 'scanTime')?.finding
  t.diagnostic(`${count('OK')} good, ${count('INFO')} for information, ${count('LOW')} low, in ${seconds} s${low.join('')}`)
}

/** Of the certificate that was shown, without colons. */
function shown(findings: readonly Finding[]): string | undefined {
  return findings.find(({ id }) => id === 'cert_fingerprintSHA256')?.finding
}

/** As `sotto tls` prints it, without colons. */
function printed(folder: string, domain: string): string | undefined {
  const [, sha256 = ''] = certificateLines(loadConfig('sotto.toml', { cwd: folder }), domain, Date.now())
  return sha256.replace(/^ *SHA-256 */, '').replaceAll(':', '')
}
