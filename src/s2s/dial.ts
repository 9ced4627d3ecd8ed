import type { Clock } from '../clock.ts'
import { Connection } from '../net/connection.ts'
import { connectThroughTor, type TorEndpoint } from '../tor/socks5.ts'
import { SocksError } from '../tor/tor-error.ts'
import { decide, type Route } from './destination.ts'

/** The port on which servers listen for servers, behind an onion as elsewhere (RFC 6120 §14.7). */
export const SERVER_PORT = 5269

/** How other servers are reached, and which of them can be. */
export interface Dial {
  /** May that domain of ours call the other, and is there a way? Decided by names alone: nothing is asked of anybody. */
  reaches(local: string, remote: string): boolean
  /** A connection whose other end is the remote domain. @throws Unreachable */
  call(local: string, remote: string, signal: AbortSignal): Promise<Connection>
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

export interface OnionDialParts {
  /** Where tor is now; undefined while there is none. */
  readonly socks: () => TorEndpoint | undefined
  /** Is that domain of ours itself an onion? No other can be called back, so no other may call. */
  readonly isOnion: (local: string) => boolean
  readonly clock: Clock
  /** For each of at most two attempts. */
  readonly milliseconds: number
}

/**
 * From onion to onion. The name is the key of the service: whoever answers at it is the domain, so nothing else has
 * to prove it. Each pair of domains has its own circuit: those who run relays cannot tell that two of them are ours.
 */
export class OnionDial implements Dial {
  readonly #parts: OnionDialParts

  constructor(parts: OnionDialParts) {
    this.#parts = parts
  }

  reaches(local: string, remote: string): boolean {
    return this.#route(local, remote) !== undefined
  }

  async call(local: string, remote: string, signal: AbortSignal): Promise<Connection> {
    const { socks, clock, milliseconds } = this.#parts
    const route = this.#route(local, remote)
    if (route === undefined) throw new Unreachable(false)
    const proxy = socks()
    if (proxy === undefined) throw new Unreachable(true)
    try {
      const { host, port, isolation } = route
      return new Connection(await connectThroughTor({ proxy, host, port, isolation, milliseconds, signal }, clock), undefined, true)
    } catch (cause) {
      if (!(cause instanceof SocksError)) throw cause
      throw new Unreachable(cause.temporary, { cause })
    }
  }

  /** Those routes alone at whose end nobody needs a certificate: what judges one is not asked here. */
  #route(local: string, remote: string): Route | undefined {
    if (!this.#parts.isOnion(local)) return undefined
    const decision = decide({
      local, remote, policy: 'refuse', settings: { tor: true, resolvers: false, onionMap: {} }, found: undefined, random: () => 0,
    })
    return decision.state !== 'routes' ? undefined : decision.routes.find(({ via, proof }) => via === 'tor' && proof === 'onion')
  }
}
