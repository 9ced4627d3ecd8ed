/** Servers in one process that call each other by unix sockets, and peers that say exactly what a test wants said. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Connection } from '../../src/net/connection.ts'
import { selfSignedFiles, TlsIdentity } from '../../src/net/tls.ts'
import type { Route } from '../../src/s2s/destination.ts'
import { SERVER_PORT, Unreachable, type Dial } from '../../src/s2s/dial.ts'
import { Federation } from '../../src/s2s/federation.ts'
import type { Ingress } from '../../src/stream/ingress.ts'
import type { Extension } from '../../src/routing/extension.ts'
import { extensions } from '../../src/extensions.ts'
import { TestClock } from '../clock.ts'
import { TestHouse, TestLog } from '../house.ts'
import { RawStream } from '../scenario/scenario.ts'

const PATIENCE = 5000

/** The network: each name leads to a unix socket, as an onion address leads to a service. */
export class Network implements Dial {
  readonly folder = mkdtempSync(join(tmpdir(), 'sotto-s2s-'))
  readonly called: string[] = []
  /** What proves to those who call who it is that answers. */
  proof: Route['proof'] = 'onion'
  /** Domains that the operators of all servers here have ruled out. */
  readonly blocked = new Set<string>()

  path(domain: string): string {
    return join(this.folder, `${domain}.sock`)
  }

  reaches(_local: string, remote: string): boolean {
    return remote.endsWith('.lit')
  }

  async routes(local: string, remote: string): Promise<readonly Route[]> {
    this.called.push(`${local} ${remote}`)
    return [{ via: 'tor', host: remote, port: SERVER_PORT, tls: 'starttls', proof: this.proof, isolation: `${local} ${remote}` }]
  }

  async connect({ proof }: Route, remote: string): Promise<Connection> {
    const socket = connect(this.path(remote))
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', () => reject(new Unreachable(remote !== 'nowhere.lit')))
    })
    return new Connection(socket, undefined, proof === 'onion')
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** One of our servers, with one domain. */
export class TestServer {
  readonly house: TestHouse
  readonly clock: TestClock
  readonly #federation: Federation
  readonly #ingress: Ingress

  private constructor(house: TestHouse, clock: TestClock, federation: Federation, ingress: Ingress) {
    this.house = house
    this.clock = clock
    this.#federation = federation
    this.#ingress = ingress
  }

  static async start(
    network: Network, domain: string, s2s: Readonly<Record<string, unknown>> = {}, rules: readonly Extension[] = extensions,
  ): Promise<TestServer> {
    const clock = new TestClock(Date.now())
    const identity = new TlsIdentity(await selfSignedFiles(network.folder, domain, domain, Date.now()), Date.now())
    const config = { domains: [{ name: domain, onion_service: false }], s2s }
    let federation: Federation | undefined
    const remote: Extension = {
      name: 'test-federation',
      implements: [],
      install: (host) => {
        federation = new Federation({ config: host.config, clock, log: new TestLog(), dial: () => network, identityOf: () => identity, mayConnect: (name) => !network.blocked.has(name) })
        return federation.extension.install(host)
      },
    }
    const house = new TestHouse({ extensions: rules, accounts: [`romeo@${domain}`, `juliet@${domain}`], config, remote })
    if (federation === undefined) throw new Error('not installed')
    const ingress = federation.ingress(
      { kind: 'onion-unnamed', address: { socket: network.path(domain) }, domains: new Map([[domain, identity]]) }, house.installation)
    await ingress.start()
    federation.start()
    return new TestServer(house, clock, federation, ingress)
  }

  /** Nobody can come in any more; streams go on. */
  close(): void {
    this.#ingress.stop()
  }

  async stop(): Promise<void> {
    this.close()
    await this.#federation.stop()
  }
}

/** A peer of which a test writes every word: what calls it, and what it calls. */
export class FakePeer {
  readonly #server: Server
  readonly #waiting: ((stream: RawStream) => void)[] = []
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
  }

  static async listen(network: Network, domain: string): Promise<FakePeer> {
    const server = createServer()
    const peer = new FakePeer(server)
    server.on('connection', (socket) => {
      peer.#sockets.add(socket.on('error', () => {}))
      peer.#waiting.shift()?.(RawStream.on(socket))
    })
    server.listen(network.path(domain))
    await once(server, 'listening')
    return peer
  }

  /** The next connection that comes in. */
  called(): Promise<RawStream> {
    return new Promise((resolve) => { this.#waiting.push(resolve) })
  }

  /** The next that comes in, answered with a header and features. */
  async opened(domain: string, id = 'fake', features = ''): Promise<RawStream> {
    const stream = await this.called()
    await stream.expect(/<stream:stream [^>]*>/)
    return stream.send(header({ from: domain, id }) + `<stream:features>${features}</stream:features>`)
  }

  /** A stream to one of our servers, open and with its features read; with the id that it was given. */
  async call(network: Network, from: string, to: string): Promise<{ stream: RawStream, id: string }> {
    const stream = await this.knock(network, from, to)
    const [, id = ''] = await stream.expect(/<stream:stream [^>]*id='([^']*)'[^>]*>/)
    await stream.expect(/<\/stream:features>/)
    return { stream, id }
  }

  /** Its header alone is sent. */
  async knock(network: Network, from: string, to: string): Promise<RawStream> {
    return (await RawStream.open({ path: network.path(to) })).send(header({ from, to }))
  }

  /** The same, proved: our server asks us, and we say yes. */
  async proved(network: Network, from: string, to: string): Promise<{ stream: RawStream, asked: RawStream }> {
    const { stream, id } = await this.call(network, from, to)
    const opened = this.opened(from)
    stream.send(`<db:result from='${from}' to='${to}'>key</db:result>`)
    const asked = await opened
    await asked.expect(new RegExp(`<db:verify [^>]*id='${id}'[^>]*>key</db:verify>`))
    asked.send(`<db:verify from='${from}' to='${to}' id='${id}' type='valid'/>`)
    await stream.expect(/<db:result [^>]*type='valid'\/>/)
    return { stream, asked }
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}

export function header(attributes: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(attributes).map(([name, value]) => ` ${name}='${value}'`).join('')
  return `<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback'`
    + ` xmlns:stream='http://etherx.jabber.org/streams' version='1.0'${pairs}>`
}

/** Waits until it is so; streams take turns of the event loop. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + PATIENCE; !isSo();) {
    if (Date.now() > deadline) throw new Error(`it never came to pass: ${what}`)
    await new Promise((resolve) => { setTimeout(resolve, 2) })
  }
}
