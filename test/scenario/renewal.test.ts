import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { createServer, TLSSocket } from 'node:tls'
import { systemClock } from '../../src/clock.ts'
import { selfSignedFiles, type CertificateFiles } from '../../src/net/tls.ts'
import { TestClock } from '../clock.ts'
import { address, answer, dnsServer, NXDOMAIN, srv } from '../net/dns-server.ts'
import { Scenario, type RawStream } from './scenario.ts'

const DOMAIN = 'capulet.lit'
const KINDS = ['c2s', 'c2s-tls', 's2s', 's2s-tls'] as const
const HALF_A_MINUTE = 30_000

describe('a certificate that is renewed while the server runs', () => {
  test('is shown on every kind of listener and to servers that are called, and the streams before it live on', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-renewal-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const files = await selfSignedFiles(folder, 'first', DOMAIN, Date.now())
    const renewed = await selfSignedFiles(folder, 'second', DOMAIN, Date.now())
    const [before, after] = [fingerprintOf(files), fingerprintOf(renewed)]
    const called = await callee(t, files)

    // The half minute between two looks at the files passes when this test says so; all other time is real.
    const time = new TestClock(Date.now())
    const { after: really } = systemClock
    t.mock.method(systemClock, 'after', (milliseconds: number, work: () => void) => (
      (milliseconds === HALF_A_MINUTE ? time.after : really).call(time, milliseconds, work)))
    const scenario = await Scenario.start(configuration(files, called.resolver), { [`juliet@${DOMAIN}`]: 'at thy word' })
    t.after(() => scenario.stop())
    const streams = await Promise.all(KINDS.map((_, index) => secure(scenario, index)))
    assert.deepEqual(streams.map(shownOn), KINDS.map(() => before))
    const [juliet, other, ...servers] = streams
    assert.ok(juliet !== undefined && other !== undefined)
    await open(juliet, 'jabber:client')
    await juliet.authenticate(DOMAIN, 'juliet', 'at thy word', 'balcony')
    assert.equal(await called.by(juliet, 'montague.lit'), before)

    copyFileSync(renewed.certificate, files.certificate)
    copyFileSync(renewed.key, files.key)
    time.advance(HALF_A_MINUTE)

    const later = await Promise.all(KINDS.map((_, index) => secure(scenario, index)))
    assert.deepEqual(later.map(shownOn), KINDS.map(() => after))
    assert.equal(await called.by(juliet, 'verona.lit'), after)

    juliet.send(`<iq type='get' id='still' to='${DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>`)
    await juliet.expect(/<iq [^>]*id='still'[^>]*type='result'|<iq [^>]*type='result'[^>]*id='still'/)
    await open(other, 'jabber:client')
    for (const server of servers) await open(server, 'jabber:server')
    for (const stream of [...streams, ...later]) stream.destroy()
  })
})

/** A stream by that listener, inside TLS. */
async function secure(scenario: Scenario, index: number): Promise<RawStream> {
  const stream = await scenario.raw(index)
  if (KINDS[index] === 'c2s' || KINDS[index] === 's2s') {
    await open(stream, KINDS[index] === 'c2s' ? 'jabber:client' : 'jabber:server')
    stream.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`)
    await stream.expect(/<proceed[^>]*>/)
  }
  await stream.upgrade(DOMAIN)
  return stream
}

async function open(stream: RawStream, contentNamespace: string): Promise<void> {
  stream.send(`<stream:stream to='${DOMAIN}' from='montague.lit' version='1.0' xmlns='${contentNamespace}'`
    + ` xmlns:stream='http://etherx.jabber.org/streams'>`)
  await stream.expect(/<\/stream:features>/)
}

function shownOn({ socket }: RawStream): string | undefined {
  return socket instanceof TLSSocket ? socket.getPeerCertificate().fingerprint256 : undefined
}

function fingerprintOf({ certificate }: CertificateFiles): string {
  return new X509Certificate(readFileSync(certificate)).fingerprint256
}

/** Other domains, all on one server, which asks each server that calls it for its certificate, and then is silent. */
async function callee(t: TestContext, { certificate, key }: CertificateFiles) {
  const server = createServer({
    cert: readFileSync(certificate), key: readFileSync(key), requestCert: true, rejectUnauthorized: false, ALPNProtocols: ['xmpp-server'],
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets: TLSSocket[] = []
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo // it listens on TCP
  const dns = await dnsServer(t, (asked) => {
    const [{ name, type } = { name: '', type: '' }] = asked.questions
    if (type === 'SRV' && name.startsWith('_xmpps-server.')) return answer(asked, [srv(name, 'host.lit', { port })])
    return answer(asked, type === 'A' && name === 'host.lit' ? [address(name, '127.0.0.1')] : [], type === 'SRV' ? { flags: NXDOMAIN } : {})
  })
  return {
    resolver: `127.0.0.1:${dns.port}`,
    /** The fingerprint of what our server shows when that client's stanza makes it call that domain. */
    by: async (client: RawStream, domain: string): Promise<string> => {
      const call = once(server, 'secureConnection')
      client.send(`<presence type='subscribe' to='romeo@${domain}'/>`)
      const [socket] = await call as [TLSSocket]
      sockets.push(socket.on('error', () => {}))
      return socket.getPeerCertificate().fingerprint256
    },
  }
}

function configuration({ certificate, key }: CertificateFiles, resolver: string): string {
  return [
    '[tor]\nenabled = false\n[auth]\nargon2_memory = "7168kB"\nargon2_passes = 1\n',
    `[s2s]\ndirect_resolvers = ["${resolver}"]\nunverified = ["montague.lit", "verona.lit"]\n`,
    `[[domains]]\nname = "${DOMAIN}"\ncertificate = "${certificate}"\nkey = "${key}"\n`,
    ...KINDS.map((kind) => `[[listeners]]\nkind = "${kind}"\nport = 0\n`),
  ].join('')
}
