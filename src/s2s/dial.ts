import { domainToASCII } from 'node:url'
import type { Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import { SocketConnection, type Connection } from '../net/connection.ts'
import { dial, DialError } from '../net/dial.ts'
import { SystemResolver, type Resolver } from '../net/resolver.ts'
import { TcpResolver } from '../net/tcp-resolver.ts'
import type { TlsIdentity } from '../net/tls.ts'
import type { ServedDomains } from '../routing/domains.ts'
import { connectThroughTor, type TorEndpoint } from '../tor/socks5.ts'
import { SocksError } from '../tor/tor-error.ts'
import { isUnderOnion } from '../xmpp/domainpart.ts'
import { decide, type DestinationQuestion, type Route } from './destination.ts'
import { locate } from './location.ts'

/** The port on which servers listen for servers, behind an onion as elsewhere (RFC 6120 §14.7). */
export const SERVER_PORT = 5269

/** How other servers are reached, and which of them can be. */
export interface Dial {
  /** May that domain of ours call the other, and is there a way? Decided by names alone: nothing is asked of anybody. */
  reaches(local: string, remote: string): boolean
  /** Where the other is called, in order. @throws Unreachable */
  routes(local: string, remote: string, signal: AbortSignal): Promise<readonly Route[]>
  /**
   * A connection to there, by TLS where the route begins with it. `identity` is shown in TLS to whoever asks.
   * @throws Unreachable
   */
  connect(route: Route, remote: string, identity: TlsIdentity | undefined, signal: AbortSignal): Promise<Connection>
}

/** The other server was not reached. */
export class Unreachable extends Error {
  /** Later may be better. */
  readonly temporary: boolean

  constructor(temporary: boolean, options?: ErrorOptions) {
    super('the other server was not reached', options)
    this.name = 'Unreachable'
    this.temporary = temporary
  }
}

export interface NetworkDialParts {
  readonly config: Config
  readonly domains: ServedDomains
  /** Where tor is now; undefined while there is none. */
  readonly socks: () => TorEndpoint | undefined
  readonly clock: Clock
}

/** So often the operating system asks whether a silent peer is still there: networks on the way forget who is silent. */
const KEEPALIVE_MILLISECONDS = 60_000

/**
 * Calls by the network: directly, or through Tor, as `decide` says. Through Tor each pair of domains has its own
 * circuits, for DNS too: those who run relays, resolvers or other servers cannot tell that two of the pairs are ours.
 */
export class NetworkDial implements Dial {
  readonly #parts: NetworkDialParts
  readonly #direct: Resolver

  constructor(parts: NetworkDialParts) {
    const { config: { s2s }, clock } = parts
    this.#parts = parts
    const servers = s2s.direct_resolvers.map(({ host, port }) => host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)
    this.#direct = new SystemResolver({ clock, milliseconds: this.#milliseconds, ...servers.length > 0 ? { servers } : {} })
  }

  reaches(local: string, remote: string): boolean {
    return decide({ ...this.#question(local, remote), found: undefined }).state !== 'refused'
  }

  async routes(local: string, remote: string, signal: AbortSignal): Promise<readonly Route[]> {
    const location = await locate(this.#question(local, remote), {
      direct: this.#direct,
      tor: (isolation) => this.#resolverThroughTor(isolation, signal),
    })
    if (location.state === 'refused') throw new Unreachable(location.temporary)
    return location.routes
  }

  async connect(route: Route, remote: string, identity: TlsIdentity | undefined, signal: AbortSignal): Promise<Connection> {
    const connection = new SocketConnection(await this.#socket(route, signal), undefined, route.via === 'tor' && isUnderOnion(route.host))
    if (route.tls === 'starttls') return connection
    const abort = (): void => connection.destroy()
    signal.addEventListener('abort', abort)
    const secured = await connection.callTls(domainToASCII(remote), identity, 'xmpp-server')
    signal.removeEventListener('abort', abort)
    if (!secured) throw new Unreachable(true)
    return connection
  }

  async #socket({ via, host, port, isolation }: Route, signal: AbortSignal): Promise<Socket> {
    try {
      if (via === 'tor') return await this.#throughTor(host, port, isolation, signal)
      const { clock } = this.#parts
      const socket = await dial({ host, port, milliseconds: this.#milliseconds, signal }, { clock, resolver: this.#direct })
      return socket.setKeepAlive(true, KEEPALIVE_MILLISECONDS)
    } catch (cause) {
      if (cause instanceof SocksError || cause instanceof DialError) throw new Unreachable(cause.temporary, { cause })
      throw cause
    }
  }

  async #throughTor(host: string, port: number, isolation: string, signal: AbortSignal): Promise<Socket> {
    const proxy = this.#parts.socks()
    if (proxy === undefined) throw new Unreachable(true)
    return await connectThroughTor({ proxy, host, port, isolation, milliseconds: this.#milliseconds, signal }, this.#parts.clock)
  }

  #resolverThroughTor(isolation: string, ends: AbortSignal): Resolver {
    const { config: { s2s: { resolvers } }, clock } = this.#parts
    return new TcpResolver({
      clock, servers: resolvers, isolation, milliseconds: this.#milliseconds,
      connect: (host, port, pair, signal) => this.#throughTor(host, port, pair, AbortSignal.any([signal, ends])),
    })
  }

  #question(local: string, remote: string): Omit<DestinationQuestion, 'found'> {
    const { config: { tor, s2s }, domains } = this.#parts
    return {
      local, remote, policy: domains.get(local)?.config.federation ?? 'refuse', random: Math.random,
      settings: { tor: tor.enabled, resolvers: s2s.resolvers.length > 0, onionMap: s2s.onion_map },
    }
  }

  /** For each step: there are three of them, DNS, connecting and what is said then, and Tor tries twice. */
  get #milliseconds(): number {
    return Math.ceil(this.#parts.config.s2s.time_to_connect / 3)
  }
}
