import { discoInfo, verificationString } from '../xmpp/disco-info.ts'
import type { Element } from '../xml/element.ts'
import type { ServedDomain } from './domains.ts'
import type { Host } from './extension.ts'

/** The node of XEP-0115 §4. It names the program, as what is announced of the policy does. */
export const CAPS_NODE = 'urn:sotto:caps'
export const CAPS_HASH = 'sha-1'

type Described = Pick<Host, 'identities' | 'features' | 'forms'>

/** What a served domain tells of itself (XEP-0030 §3.1), from what all extensions declare. */
export function domainInfo(host: Described, domain: ServedDomain | undefined, node?: string): Element {
  const identities = [{ category: 'server', type: 'im' }, ...host.identities.server]
  return discoInfo(identities, host.features.server, domain === undefined ? [] : host.forms(domain), node)
}

/** The same in short (XEP-0115 §5.1), made once for each domain: what is told follows from what is configured. */
export class DomainVersions {
  readonly #host: Described
  readonly #made = new Map<ServedDomain | undefined, string>()

  constructor(host: Described) {
    this.#host = host
  }

  of(domain: ServedDomain | undefined): string {
    let version = this.#made.get(domain)
    if (version === undefined) {
      version = verificationString(domainInfo(this.#host, domain), CAPS_HASH) ?? ''
      this.#made.set(domain, version)
    }
    return version
  }
}
