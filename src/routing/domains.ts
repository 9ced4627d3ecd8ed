import type { DomainConfig } from '../config/schema.ts'

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

  get(name: string): ServedDomain | undefined {
    return this.#byName.get(name)
  }

  all(): readonly ServedDomain[] {
    return [...this.#byName.values()]
  }
}
