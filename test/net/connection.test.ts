import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { createHash, X509Certificate } from 'node:crypto'
import { type Connection, type ConnectionOwner, SocketConnection } from '../../src/net/connection.ts'
import { networkName } from '../../src/net/listener.ts'
import { CertificateError, selfSignedFiles, TlsIdentity, type CertificateFiles } from '../../src/net/tls.ts'
import { Issued } from './authority.ts'

describe('TLS on a connection', () => {
  let folder: string
  let files: CertificateFiles
  let identity: TlsIdentity
  let server: Server
  let accepted: Promise<Connection>
  let secured: Promise<boolean>

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-tls-'))
    files = await selfSignedFiles(folder, 'capulet', 'capulet.lit', Date.now())
    identity = new TlsIdentity(files, Date.now())
    server = createServer({ allowHalfOpen: true }, (socket) => { // as listeners do
      const connection = new SocketConnection(socket, undefined, false)
      secured = connection.startTls(identity, (name) => name === 'capulet.lit' ? identity : undefined)
      accept(connection)
    })
    let accept: (connection: Connection) => void
    const next = (): void => { accepted = new Promise((resolve) => { accept = resolve }) }
    next()
    server.on('connection', () => queueMicrotask(next))
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  })
  after(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })

  const client = (options: ConnectionOptions = {}): TLSSocket => connectTls({
    port: (server.address() as AddressInfo).port, host: '127.0.0.1', servername: 'capulet.lit', rejectUnauthorized: false, ...options,
  })

  test('RFC 9266 §2: both ends derive the same tls-exporter binding', async () => {
    const waiting = accepted
    const socket = client({ minVersion: 'TLSv1.3' })
    await once(socket, 'secureConnect')
    const connection = await waiting
    assert.equal(await secured, true)
    assert.equal(connection.protection, 'tls')
    assert.deepEqual(connection.channelBindings().get('tls-exporter'),
      socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)))
    socket.destroy()
  })

  test('RFC 5929 §3.1: with TLS 1.3, tls-unique is the Finished message of the client, and it is not advertised', async () => {
    const waiting = accepted
    const socket = client({ minVersion: 'TLSv1.3' })
    await once(socket, 'secureConnect')
    const connection = await waiting
    assert.equal(await secured, true)
    assert.deepEqual(connection.unlistedBindings(), new Map([['tls-unique', socket.getFinished()]]))
    assert.ok(!connection.channelBindings().has('tls-unique'))
    socket.destroy()
  })

  test('RFC 5929 §4: tls-server-end-point is the hash of the certificate; RFC 9266 §4.2: no exporter below TLS 1.3', async () => {
    const waiting = accepted
    const socket = client({ maxVersion: 'TLSv1.2' })
    await once(socket, 'secureConnect')
    const bindings = (await waiting).channelBindings()
    assert.deepEqual([...bindings.keys()], ['tls-server-end-point'])
    assert.equal((await waiting).unlistedBindings().size, 0)
    assert.deepEqual(bindings.get('tls-server-end-point'), createHash('sha256').update(socket.getPeerCertificate().raw).digest())
    socket.destroy()
  })

  test('a record that cannot be decrypted ends the connection', async () => {
    const plain = connect((server.address() as AddressInfo).port, '127.0.0.1')
    const waiting = accepted
    const socket = client({ socket: plain })
    await once(socket, 'secureConnect')
    const connection = await waiting
    await secured
    socket.on('error', () => {}) // the alert that it gets in answer
    const owner = new ClosedOwner()
    connection.owner = owner
    plain.write(Buffer.concat([Buffer.from([0x17, 3, 3, 0, 32]), Buffer.alloc(32, 7)]))
    await owner.gone
    socket.destroy()
  })

  for (const [how, leave] of [['says that it leaves', (socket: Socket) => socket.end()], ['just goes', (socket: Socket) => socket.resetAndDestroy()]] as const) {
    test(`a peer that ${how} instead of shaking hands is not waited for`, async () => {
      const waiting = accepted
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
      const connection = await waiting
      const owner = new ClosedOwner()
      connection.owner = owner
      leave(socket)
      await owner.gone
      assert.equal(await secured, false)
      socket.destroy()
    })
  }

  for (const [what, options] of [
    ['RFC 8996: TLS 1.1 is refused', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' }],
    ['RFC 7590 §3: a cipher without forward secrecy is refused', { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }],
    ['XEP-0368 §3: a client that offers other protocols alone is refused', { ALPNProtocols: ['h2'] }],
    ['a server name that is not served here is refused', { servername: 'montague.lit' }],
  ] as const) {
    test(what, async () => {
      const socket = client(options as ConnectionOptions)
      const [error] = await once(socket, 'error') as [Error]
      assert.match(error.message, /alert|protocol|ECONNRESET|disconnected/i)
      assert.equal(await secured, false)
    })
  }

  test('RFC 7590 §1: nobody is served by TLS before 1.2', async () => {
    const socket = client({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' })
    const [error] = await once(socket, 'error') as [NodeJS.ErrnoException]
    assert.equal(error.code, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
    assert.equal(await secured, false)
  })

  test('a client is not asked for a certificate; one that it has is not seen', async () => {
    const waiting = accepted
    const socket = client({ cert: readFileSync(files.certificate), key: readFileSync(files.key) })
    await once(socket, 'secureConnect')
    const connection = await waiting
    assert.equal(await secured, true)
    assert.deepEqual(connection.peerChain(), [])
    socket.destroy()
  })

  test('TLS 1.2 renegotiation is refused', async () => {
    const socket = client({ maxVersion: 'TLSv1.2' })
    await once(socket, 'secureConnect')
    const refused = once(socket, 'error')
    socket.renegotiate({}, () => {})
    const [error] = await refused as [Error]
    assert.match(error.message, /renegotiation/i)
    socket.destroy()
  })

  test('a new certificate is taken up, and a broken one refused while the old one stays', async () => {
    const mine = await selfSignedFiles(folder, 'reload', 'capulet.lit', Date.now())
    const reloading = new TlsIdentity(mine, Date.now())
    const before = reloading.endPoint
    assert.equal(reloading.reload(Date.now()), false)
    writeFileSync(mine.certificate, 'not a certificate at all')
    assert.throws(() => reloading.reload(Date.now()), CertificateError)
    assert.equal(reloading.endPoint, before)
    const other = await selfSignedFiles(folder, 'newer', 'capulet.lit', Date.now())
    assert.throws(() => new TlsIdentity({ certificate: other.certificate, key: files.key }, Date.now()), /not the key of/)
    assert.throws(() => new TlsIdentity(other, Date.parse('2999-01-01')), /expired/)
  })

  test('RFC 5929 §4.1: who shook hands before the certificate was renewed binds to the one that it was shown', async () => {
    const waiting = accepted
    const socket = client()
    await once(socket, 'secureConnect')
    const connection = await waiting
    assert.equal(await secured, true)
    const renewed = await selfSignedFiles(folder, 'renewed', 'capulet.lit', Date.now())
    copyFileSync(renewed.certificate, files.certificate)
    copyFileSync(renewed.key, files.key)
    assert.equal(identity.reload(Date.now()), true)
    const shown = createHash('sha256').update(socket.getPeerCertificate().raw).digest()
    assert.notDeepEqual(identity.endPoint, shown)
    assert.deepEqual(connection.channelBindings().get('tls-server-end-point'), shown)
    socket.destroy()
  })

  test('a file that only got other rights is read again: it may not have been readable', async () => {
    const mine = await selfSignedFiles(folder, 'rights', 'capulet.lit', Date.now())
    const reloading = new TlsIdentity(mine, Date.now())
    chmodSync(mine.key, 0o640)
    assert.equal(reloading.reload(Date.now()), true)
    assert.equal(reloading.reload(Date.now()), false)
  })

  test('a certificate that OpenSSL does not take is refused as such, with its file', async () => {
    const weak = await Issued.root({ subject: 'CN=capulet.lit', authority: false, from: Date.now() - 1000, to: Date.now() + 86_400_000, rsaBits: 512 })
    const mine = { certificate: join(folder, 'weak.crt'), key: join(folder, 'weak.key') }
    writeFileSync(mine.certificate, weak.pem)
    writeFileSync(mine.key, await weak.keyPem(), { mode: 0o600 })
    assert.throws(() => new TlsIdentity(mine, Date.now()), (error) => error instanceof CertificateError && /weak\.crt: TLS cannot be spoken/.test(error.message))
  })

  test('a self-signed certificate names its domain in every way a peer may look for it, and nothing else', async () => {
    const { subject, subjectAltName, serialNumber } = new X509Certificate(identityPem(files))
    assert.equal(subject, 'CN=capulet.lit')
    assert.match(subjectAltName ?? '', /DNS:capulet\.lit.*XmppAddr.*capulet\.lit.*_xmpp-client\.capulet\.lit/s)
    const other = await selfSignedFiles(folder, 'second', 'capulet.lit', Date.now())
    assert.notEqual(new X509Certificate(identityPem(other)).serialNumber, serialNumber)
  })
})

test('a loopback address names nobody; IPv6 counts by its /64', () => {
  for (const [address, name] of [
    ['127.0.0.1', undefined], ['127.9.9.9', undefined], ['::1', undefined], ['::ffff:127.0.0.1', undefined], [undefined, undefined],
    ['192.0.2.7', '192.0.2.7'], ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'], ['2001:db8::1', '2001:db8:0:0::/64'], ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ] as const) assert.equal(networkName(address), name, String(address))
})

class ClosedOwner implements ConnectionOwner {
  readonly gone: Promise<void>
  closed: () => void = () => {}

  constructor() {
    this.gone = new Promise((resolve) => { this.closed = resolve })
  }

  receivedBytes(): void {}
  exceeded(): void {}
  drained(): void {}
  ended(): void {}
}

function identityPem(files: CertificateFiles): string {
  return readFileSync(files.certificate, 'utf8')
}
