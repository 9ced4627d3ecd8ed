import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { X509Certificate } from 'node:crypto'
import { Authorities } from '../../src/net/authorities.ts'
import { judge } from '../../src/net/certificate-judge.ts'
import { SocketConnection } from '../../src/net/connection.ts'
import { selfSignedFiles, TlsIdentity } from '../../src/net/tls.ts'
import { dns, Issued, NOW, SERVER_AUTH } from './authority.ts'

describe('what a server that calls shows of itself', () => {
  let folder: string
  let identity: TlsIdentity
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-peer-'))
    identity = new TlsIdentity(await selfSignedFiles(folder, 'capulet', 'capulet.lit', Date.now()), Date.now())
  })
  after(() => rmSync(folder, { recursive: true }))

  /** A handshake on loopback, and the chain that our side saw in it. */
  async function seen(options: ConnectionOptions): Promise<readonly Buffer[]> {
    const server = createServer({ allowHalfOpen: true })
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    const accepted = once(server, 'connection')
    const plain = connect((server.address() as AddressInfo).port, '127.0.0.1')
    const [socket] = await accepted as [ReturnType<typeof connect>]
    const connection = new SocketConnection(socket, undefined, false)
    const secured = connection.startTls(identity, undefined, 'xmpp-server')
    const peer = connectTls({ socket: plain, rejectUnauthorized: false, ...options })
    try {
      await once(peer, 'secureConnect')
      assert.equal(await secured, true)
      return connection.peerChain()
    } finally {
      peer.destroy()
      connection.destroy()
      server.close()
    }
  }

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${maxVersion}: its certificate comes as it is, trusted or not`, async () => {
      const mine = await selfSignedFiles(folder, 'montague', 'montague.lit', Date.now())
      const chain = await seen({ maxVersion, cert: readFileSync(mine.certificate), key: readFileSync(mine.key) })
      assert.deepEqual(chain, [new X509Certificate(readFileSync(mine.certificate)).raw])
    })

    test(`${maxVersion}: a certificate for servers alone, which OpenSSL refuses when its owner calls, is believed`, async () => {
      const root = await Issued.root()
      const intermediate = await root.authority()
      const leaf = await intermediate.issue({ names: [dns('montague.lit')], purposes: [SERVER_AUTH] })
      const chain = await seen({ maxVersion, cert: leaf.pem + intermediate.pem, key: await leaf.keyPem() })
      assert.deepEqual(chain, [leaf.der, intermediate.der])
      const judged = judge(chain, { authorities: new Authorities([root.pem]), now: NOW })
      assert.ok(judged.trusted)
      assert.equal(judged.names.covers('montague.lit', 'xmpp-server'), true)
      assert.equal(judged.names.covers('capulet.lit', 'xmpp-server'), false)
    })

    test(`${maxVersion}: one without a certificate is let in, and has no chain`, async () => {
      assert.deepEqual(await seen({ maxVersion }), [])
    })
  }
})
