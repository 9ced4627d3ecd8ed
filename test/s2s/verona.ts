/** Servers in one process that call each other by unix sockets, and peers that say exactly what a test wants said. */
import assert, { AssertionError } from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type ListenOptions, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions, TLSSocketOptions } from 'node:tls'
import type { Clock } from '../../src/clock.ts'
import type { Config } from '../../src/config/schema.ts'
import { SocketConnection, type Connection } from '../../src/net/connection.ts'
import { selfSignedFiles, TlsIdentity } from '../../src/net/tls.ts'
import type { Route } from '../../src/s2s/destination.ts'
import { SERVER_PORT, Unreachable, type Dial } from '../../src/s2s/dial.ts'
import { Federation } from '../../src/s2s/federation.ts'
import type { ServedDomains } from '../../src/routing/domains.ts'
import type { Extension } from '../../src/routing/extension.ts'
import type { Ingress, IngressSettings } from '../../src/stream/ingress.ts'
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
    return new SocketConnection(socket, undefined, proof === 'onion')
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export interface TestServerOptions {
  /** How others come in at its socket; as by an onion where nothing is said. */
  readonly kind?: IngressSettings['kind']
  /** Who it is in TLS; by a certificate that it signed itself where nothing is said. */
  readonly identity?: TlsIdentity
  readonly now?: number
  /** By which it calls others; the network where nothing is said. */
  readonly dial?: (config: Config, domains: ServedDomains, clock: Clock) => Dial
}

/** One of our servers, with one domain. */
export class TestServer {
  readonly house: TestHouse
  readonly clock: TestClock
  readonly log: TestLog
  readonly federation: Federation
  readonly #ingress: Ingress

  private constructor(house: TestHouse, clock: TestClock, log: TestLog, federation: Federation, ingress: Ingress) {
    this.house = house
    this.clock = clock
    this.log = log
    this.federation = federation
    this.#ingress = ingress
  }

  static async start(
    network: Network, domain: string, s2s: Readonly<Record<string, unknown>> = {}, options: TestServerOptions = {},
  ): Promise<TestServer> {
    const { kind = 'onion-unnamed', now = Date.now(), dial } = options
    const [clock, log] = [new TestClock(now), new TestLog()]
    const identity = options.identity ?? new TlsIdentity(await selfSignedFiles(network.folder, domain, domain, now), now)
    const config = { domains: [{ name: domain, onion_service: false }], s2s }
    let federation: Federation | undefined
    const remote: Extension = {
      name: 'test-federation',
      implements: [],
      install: (host) => {
        federation = new Federation({
          config: host.config, clock, log, identityOf: () => identity, mayConnect: (name) => !network.blocked.has(name),
          dial: (domains) => dial?.(host.config, domains, clock) ?? network,
        })
        return federation.extension.install(host)
      },
    }
    const house = new TestHouse({ extensions, accounts: [`romeo@${domain}`, `juliet@${domain}`], config, remote })
    if (federation === undefined) throw new Error('not installed')
    const ingress = federation.ingress(
      { kind, address: { socket: network.path(domain) }, domains: new Map([[domain, identity]]) }, house.installation)
    await ingress.start()
    federation.start()
    return new TestServer(house, clock, log, federation, ingress)
  }

  /** Nobody can come in any more; streams go on. */
  close(): void {
    this.#ingress.stop()
  }

  async stop(): Promise<void> {
    this.close()
    const stopping = this.federation.stop()
    const late = setTimeout(() => this.clock.advance(2000), 500) // whoever does not end its side is not waited for
    await stopping
    clearTimeout(late)
  }
}

/** A peer of which a test writes every word: what calls it, and what it calls. */
export class FakePeer {
  readonly #server: Server
  readonly #waiting: { readonly came: (stream: RawStream) => void, readonly deadline: NodeJS.Timeout }[] = []
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
  }

  static listen(network: Network, domain: string): Promise<FakePeer> {
    return FakePeer.at({ path: network.path(domain) })
  }

  /** By TCP, at a free port, where nothing else is said. */
  static async at(address: ListenOptions = { host: '127.0.0.1', port: 0 }): Promise<FakePeer> {
    const server = createServer()
    const peer = new FakePeer(server)
    server.on('connection', (socket) => {
      peer.#sockets.add(socket.on('error', () => {}))
      const first = peer.#waiting.shift()
      clearTimeout(first?.deadline)
      first?.came(RawStream.on(socket))
    })
    server.listen(address)
    await once(server, 'listening')
    return peer
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** How often it was called so far. */
  get calls(): number {
    return this.#sockets.size
  }

  /** The next connection that comes in. */
  called(): Promise<RawStream> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ came: resolve, deadline: setTimeout(() => reject(new AssertionError({ message: 'nobody called' })), 2 * PATIENCE) })
    })
  }

  /** The next that comes in, answered with a header and features. */
  async opened(domain: string, id = 'fake', features = ''): Promise<RawStream> {
    const stream = await this.called()
    await stream.expect(/<stream:stream [^>]*>/)
    return stream.send(header({ from: domain, id }) + `<stream:features>${features}</stream:features>`)
  }

  /** The same, and opened anew inside TLS, where it shows that certificate. */
  async openedInTls(domain: string, tls: TLSSocketOptions, features = '', id = 'fake'): Promise<RawStream> {
    const stream = await this.opened(domain, 'before', STARTTLS)
    await stream.expect(/<starttls [^>]*>/)
    await stream.send(PROCEED).accept(tls)
    await stream.expect(/<stream:stream [^>]*>/)
    return stream.send(header({ from: domain, id }) + `<stream:features>${features}</stream:features>`)
  }

  /** A stream to one of our servers, open and with its features read; with the id that it was given. */
  async call(network: Network, from: string, to: string): Promise<{ stream: RawStream, id: string }> {
    const stream = await this.knock(network, from, to)
    return { stream, ...await features(stream) }
  }

  /** The same inside TLS, with what is offered there; `tls` says which certificate is shown. */
  static async callInTls(
    network: Network, from: string, to: string, tls: ConnectionOptions = {},
  ): Promise<{ stream: RawStream, id: string, offered: string }> {
    const stream = (await RawStream.open({ path: network.path(to) })).send(header({ from, to }))
    await features(stream)
    await stream.send(STARTTLS).expect(/<proceed[^>]*>/)
    await stream.upgrade(to, tls)
    return { stream, ...await features(stream.send(header({ from, to }))) }
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
    for (const { deadline } of this.#waiting) clearTimeout(deadline)
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}

const STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
const PROCEED = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"

/** Reads a server's header and what it offers. */
export async function features(stream: RawStream): Promise<{ id: string, offered: string }> {
  const [, id = ''] = await stream.expect(/<stream:stream [^>]*id='([^']*)'[^>]*>/)
  const [offered] = await stream.expect(/<stream:features.*?(?:<\/stream:features>|(?<=<stream:features)\/>)/)
  return { id, offered }
}

export function header(attributes: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(attributes).map(([name, value]) => ` ${name}='${value}'`).join('')
  return `<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback'`
    + ` xmlns:stream='http://etherx.jabber.org/streams' version='1.0'${pairs}>`
}

/** Waits until it is so; streams take turns of the event loop. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + PATIENCE; !isSo();) {
    if (Date.now() > deadline) assert.fail(`it never came to pass: ${what}`)
    await new Promise((resolve) => { setTimeout(resolve, 2) })
  }
}
