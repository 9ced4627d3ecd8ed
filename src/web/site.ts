import type { TlsIdentity } from '../net/tls.ts'
import type { ServedDomain } from '../routing/domains.ts'
import { domainpart } from '../xmpp/domainpart.ts'

/** The pages of one domain, as they are reached by one way: those of its onion and those of its DNS name are two sites. */
export interface Site {
  readonly kind: 'onion' | 'https'
  readonly domain: ServedDomain
  /** What TLS shows for it, and what its clients see. */
  readonly identity: TlsIdentity
}

/** Who asks, and for the pages of which domain. */
export interface Visit {
  readonly site: Site
  /** The name that limits count by, as `Connection.peer`: a circuit or a network; undefined is nobody's. */
  readonly peer: string | undefined
  /** By what name it was asked for, with the port if one was said. */
  readonly host: string
}

/** The sites behind one door, by the names that a browser may ask for there. There are no others. */
export class Sites {
  readonly #byHost = new Map<string, Site>()

  constructor(sites: readonly Site[]) {
    for (const site of sites) for (const host of hostsOf(site)) this.#byHost.set(host, site)
  }

  /** What is meant where TLS names none. */
  get first(): Site | undefined {
    return this.#byHost.values().next().value
  }

  /** By the name in TLS, or in the header Host with its port taken off; in A-labels. */
  get(host: string): Site | undefined {
    return this.#byHost.get(domainpart(host) ?? '')
  }
}

/** An onion's pages do not answer for the DNS name, nor the other way round: who knows one may not know the other. */
function hostsOf({ kind, domain: { name, onionAddress, config } }: Site): readonly string[] {
  if (kind === 'onion') return onionAddress === undefined ? [] : [onionAddress]
  const further = config.web === '' ? undefined : domainpart(new URL(config.web).hostname)
  return further === undefined ? [name] : [name, further]
}
