import { Resolver as NodeResolver } from 'node:dns/promises'
import type { Clock } from '../clock.ts'

/** What asks DNS: directly (SystemResolver), or over TCP through whatever connects, e.g. Tor (TcpResolver). */
export interface Resolver {
  /**
   * The SRV records of a domain (A-labels), with the lowest priorities first and at most MOST_RECORDS; none where it
   * has none or does not exist.
   *
   * @throws DnsError where nothing is known, as nobody gave a usable answer
   */
  services(service: Service, domain: string): Promise<readonly ServiceRecord[]>
  /** The IPv4 (A) or IPv6 (AAAA) addresses of a host, at most MOST_RECORDS. @throws DnsError */
  addresses(host: string, family: 4 | 6): Promise<readonly string[]>
}

/** RFC 6120 §3.2.1, and XEP-0368 §3 for direct TLS. */
export type Service = 'xmpp-server' | 'xmpps-server'

/** RFC 2782. */
export interface ServiceRecord {
  readonly priority: number
  readonly weight: number
  readonly port: number
  /** A host's name without final dot and in lower case, as the peer wrote it; '.' where the service is not there. */
  readonly target: string
}

/** No answer to a question of DNS. */
export class DnsError extends Error {
  /** A constant for the log. */
  readonly condition: string
  /** Whether another try, some time later, may succeed. */
  readonly temporary: boolean

  constructor(condition: string, temporary: boolean, options?: ErrorOptions) {
    super(`no answer from DNS: ${condition}`, options)
    this.name = 'DnsError'
    this.condition = condition
    this.temporary = temporary
  }
}

/** Of one answer. Nobody has so many servers; a longer list wants to keep us busy. */
export const MOST_RECORDS = 32

export interface SystemResolverSettings {
  readonly clock: Clock
  /** For one question, with all its retries. */
  readonly milliseconds: number
  /** "IP:port"; those of the machine (/etc/resolv.conf) by default. */
  readonly servers?: readonly string[]
}

/** Asks the resolvers of this machine, from this machine's address. */
export class SystemResolver implements Resolver {
  readonly #settings: SystemResolverSettings

  constructor(settings: SystemResolverSettings) {
    this.#settings = settings
  }

  async services(service: Service, domain: string): Promise<readonly ServiceRecord[]> {
    const records = await this.#ask((resolver) => resolver.resolveSrv(serviceName(service, domain)))
    return preferred(records.map(({ priority, weight, port, name }) => ({ priority, weight, port, target: canonical(name) })))
  }

  async addresses(host: string, family: 4 | 6): Promise<readonly string[]> {
    const found = await this.#ask((resolver) => family === 4 ? resolver.resolve4(host) : resolver.resolve6(host))
    return found.slice(0, MOST_RECORDS)
  }

  async #ask<T>(question: (resolver: NodeResolver) => Promise<T[]>): Promise<T[]> {
    const { clock, milliseconds, servers } = this.#settings
    // One for each question, as cancelling ends all that a resolver was asked.
    const resolver = new NodeResolver({ timeout: Math.ceil(milliseconds / 3), tries: 2 })
    if (servers !== undefined) resolver.setServers(servers)
    const timer = clock.after(milliseconds, () => resolver.cancel())
    try {
      return await question(resolver)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
      if (code === 'ENODATA' || code === 'ENOTFOUND') return []
      throw new DnsError(CONDITIONS[code] ?? 'dns-failed', code !== 'EBADNAME', { cause: error })
    } finally {
      timer.cancel()
    }
  }
}

const CONDITIONS: Readonly<Record<string, string>> = {
  EBADNAME: 'dns-name-invalid',
  EBADRESP: 'dns-malformed',
  ECANCELLED: 'dns-timed-out',
  ECONNREFUSED: 'dns-unreachable',
  EREFUSED: 'dns-refused',
  ESERVFAIL: 'dns-servfail',
  ETIMEOUT: 'dns-timed-out',
}

export function serviceName(service: Service, domain: string): string {
  return `_${service}._tcp.${domain}`
}

/** The first MOST_RECORDS by priority: what is left out would have been tried last. */
export function preferred(records: readonly ServiceRecord[]): readonly ServiceRecord[] {
  return records.toSorted((one, other) => one.priority - other.priority).slice(0, MOST_RECORDS)
}

/** As it is compared: lower case, without the final dot, which the root alone keeps. */
export function canonical(name: string): string {
  const bare = name.endsWith('.') ? name.slice(0, -1) : name
  return bare === '' ? '.' : bare.toLowerCase()
}
