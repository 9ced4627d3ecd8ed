import { ONION } from '../config/domain-name.ts'
import type { Config } from '../config/schema.ts'
import type { ServedDomain } from '../routing/domains.ts'

/**
 * How links to a domain's pages begin, best first: by its DNS name, as configured or by the first listener for browsers
 * that serves it; and by its onion. None where it has no pages.
 */
export function pagesAddresses(
  { name, label, onionAddress, config: { web } }: ServedDomain, { listeners, tor, web: { enabled } }: Config,
): readonly string[] {
  const listener = label === ONION ? undefined : listeners.find(({ kind, domains, port }) => kind === 'https' && domains.includes(label) && port !== 0)
  const named = web !== '' ? [web] : listener === undefined ? [] : [new URL(`https://${name}:${listener.port}`).origin]
  return [...named, ...enabled && tor.enabled && onionAddress !== undefined ? [`http://${onionAddress}`] : []]
}
