import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { SocketConnection } from '../../src/net/connection.ts'
import { TLS_SETTINGS } from '../../src/net/tls-settings.ts'
import { selfSignedFiles, TlsIdentity } from '../../src/net/tls.ts'

const HYBRID = 'X25519MLKEM768'
const [MAJOR = 0, MINOR = 0] = (process.versions.openssl ?? '').split('.').map(Number)
/** OpenSSL has ML-KEM from 3.5 on. */
const HAS_HYBRID = MAJOR > 3 || (MAJOR === 3 && MINOR >= 5)

describe('what is negotiated in TLS', () => {
  let folder = ''
  let server: Server
  /** Of the connections that came in, which shook hands. */
  let secured: Promise<boolean>

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-negotiated-'))
    const identity = new TlsIdentity(await selfSignedFiles(folder, 'capulet', 'capulet.lit', Date.now()), Date.now())
    server = createServer({ allowHalfOpen: true }, (socket) => { secured = new SocketConnection(socket, undefined, false).startTls(identity) })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  after(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })

  const address = (): ConnectionOptions => (
    { port: (server.address() as AddressInfo).port, host: '127.0.0.1', rejectUnauthorized: false }) // it listens on TCP

  /** What a client agrees on with us. @throws as the handshake fails */
  async function negotiate(options: ConnectionOptions): Promise<{ readonly cipher: string, readonly group: string | undefined }> {
    const socket = connectTls({ ...address(), ...options })
    try {
      await once(socket, 'secureConnect')
      return { cipher: socket.getCipher().name, group: groupOf(socket) }
    } finally {
      socket.destroy()
    }
  }

  test('the hybrid group is in the list where, and only where, this OpenSSL has it', () => {
    assert.equal(TLS_SETTINGS.ecdhCurve.includes(HYBRID), HAS_HYBRID, `OpenSSL ${process.versions.openssl}`)
  })

  test('the best group that both have is used: the hybrid before X25519, even where the client had guessed X25519', async () => {
    const best = HAS_HYBRID ? HYBRID : 'X25519'
    assert.deepEqual((await negotiate({ ecdhCurve: TLS_SETTINGS.ecdhCurve })).group, best)
    if (HAS_HYBRID) assert.deepEqual((await negotiate({ ecdhCurve: `X25519:${HYBRID}` })).group, best)
    assert.deepEqual((await negotiate({ ecdhCurve: 'P-256:X25519' })).group, 'prime256v1', 'a round trip less is worth more than X25519')
    assert.deepEqual((await negotiate({ ecdhCurve: 'X25519:P-256', maxVersion: 'TLSv1.2' })).group, 'X25519')
  })

  test('RFC 9325 §4.2.1: our order of ciphers counts, but who puts ChaCha20 first has no AES in hardware and gets it', async () => {
    for (const [offered, taken] of [
      ['ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
      ['ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
      ['ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
    ] as const) assert.equal((await negotiate({ ciphers: offered, maxVersion: 'TLSv1.2' })).cipher, taken)
    assert.equal((await negotiate({ ciphers: 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256' })).cipher, 'TLS_AES_128_GCM_SHA256')
  })

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`RFC 7590 §3.3, RFC 9325 §3.4: no session is resumed, by ticket or id, with ${version}`, async () => {
      const first = connectTls({ ...address(), minVersion: version, maxVersion: version })
      const [session] = await once(first, 'session') as [Buffer]
      first.destroy()
      const second = connectTls({ ...address(), minVersion: version, maxVersion: version, session })
      await once(second, 'secureConnect')
      assert.equal(second.isSessionReused(), false)
      second.destroy()
    })
  }

  for (const [what, options] of [
    ['RFC 9325 §4.2: CBC is refused', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA' }],
    ['RFC 9155 §2: a client that knows signatures with SHA-1 alone is refused', { sigalgs: 'ECDSA+SHA1', ciphers: 'DEFAULT@SECLEVEL=0', maxVersion: 'TLSv1.2' }],
    ['a group that is not in the list is refused', { ecdhCurve: 'P-521', maxVersion: 'TLSv1.3', minVersion: 'TLSv1.3' }],
  ] as const) {
    test(what, async () => {
      await assert.rejects(negotiate(options as ConnectionOptions), /handshake failure|alert|ECONNRESET/i)
      assert.equal(await secured, false)
    })
  }
})

/** The group of the key exchange, as this runtime calls it. */
function groupOf(socket: TLSSocket): string | undefined {
  return (socket.getEphemeralKeyInfo() as { readonly name?: string }).name
}
