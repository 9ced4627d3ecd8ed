import { ONION } from '../config/domain-name.ts'
import type { Config } from '../config/schema.ts'
import { isUnderOnion } from '../xmpp/domainpart.ts'
import type { Site } from './site.ts'

/** How clients reach a domain, as far as whoever reads this site may know. */
export interface Ways {
  /** The address of its onion service, where it has one that may be told. */
  readonly onion: string | undefined
  /** Is the domain's name the onion address itself? */
  readonly isOnion: boolean
  /** Ports that others than this machine can reach, where the domain has a DNS name. */
  readonly starttls: readonly number[]
  readonly direct: readonly number[]
}

/** The ports that clients look for, behind each onion. */
export const ONION_CLIENT_PORT = 5222

export function waysTo({ domain: { name, label, onionAddress } }: Site, { listeners, tor }: Config): Ways {
  const ports = (kind: 'c2s' | 'c2s-tls'): number[] => [...new Set(listeners
    .filter((one) => one.kind === kind && one.domains.includes(label) && label !== ONION && one.port !== 0 && !isLoopback(one.address))
    .map(({ port }) => port))].sort((one, other) => one - other)
  return { onion: tor.enabled ? onionAddress : undefined, isOnion: isUnderOnion(name), starttls: ports('c2s'), direct: ports('c2s-tls') }
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}
