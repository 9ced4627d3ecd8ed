import type { DomainConfig } from '../config/schema.ts'
import type { Envelope } from './envelope.ts'

/** A domain that this server serves, with its real name. */
export interface ServedDomain {
  /** As in JIDs: normalized; for `name = "onion"` the onion address itself. */
  readonly name: string
  /** For files and for the operator: the configured name ('onion' or the DNS name). Never sent to anybody. */
  readonly label: string
  /** The address of its own onion service, where it has one. */
  readonly onionAddress: string | undefined
  readonly config: DomainConfig
}

/** The list of served domains; fixed at boot, since onion addresses follow from keys. */
export class ServedDomains {
  readonly #byName: ReadonlyMap<string, ServedDomain>

  constructor(domains: readonly ServedDomain[]) {
    this.#byName = new Map(domains.map((domain) => [domain.name, domain]))
  }

  serves(name: string): boolean {
    return this.#byName.has(name)
  }

  /**
   * May a stanza from that domain be delivered here, to that one? The onion domain and those with DNS names are not
   * linked: they are remote to each other, or a client of one could find the other out by asking for it.
   */
  links(from: string, to: string): boolean {
    const target = this.#byName.get(to)
    if (target === undefined || from === to) return target !== undefined
    const source = this.#byName.get(from)
    return source === undefined || isNamedByKey(source) === isNamedByKey(target)
  }

  /**
   * Whose server it is that sees the stanza now, where between domains that are not linked one process sees it twice, as
   * it leaves and as it arrives; '' where it never leaves. For those who remember what was said.
   */
  sideOf({ origin, from, to }: Pick<Envelope, 'origin' | 'from' | 'to'>): string {
    if (origin !== 'client') return to.domain
    return this.links(from.domain, to.domain) ? '' : from.domain
  }

  get(name: string): ServedDomain | undefined {
    return this.#byName.get(name)
  }

  all(): readonly ServedDomain[] {
    return [...this.#byName.values()]
  }
}

/** 'onion' in the configuration: its name is its onion address, and nothing ties it to a DNS name. */
function isNamedByKey({ name, onionAddress }: ServedDomain): boolean {
  return name === onionAddress
}
