import type { Judged } from '../net/certificate-judge.ts'
import type { Protection } from '../net/connection.ts'
import { isUnderOnion } from '../xmpp/domainpart.ts'

/** What is known of a stream on which somebody claims to be a domain. */
export interface Claim {
  readonly domain: string
  readonly protection: Protection
  /** Whether it came in by an onion of ours. */
  readonly onion: boolean
  /** What the certificate says that was shown on it. */
  readonly judged: Judged
  /** Whether our domain may call that one, and knows a way: what cannot be answered is not heard, either. */
  readonly reachable: boolean
  /** Domains whose certificate need not be valid (`s2s.unverified`). */
  readonly unverified: readonly string[]
}

/**
 * How the claim may be proved: the one place that says it. Nothing is ever proved on a stream which neither TLS nor an
 * onion circuit protects, and nothing by a name alone.
 *
 * | who | by which way | 'certificate' (SASL EXTERNAL) | 'dialback' |
 * | --- | --- | --- | --- |
 * | `.onion` | any | no: an authority says nothing about a key | to that onion, through Tor |
 * | other | TLS, with a valid certificate of the domain | yes | yes |
 * | other | TLS, without one | no | if it is in `s2s.unverified` |
 * | other | our onion | with a certificate, as above | yes: the domain's own server is asked, by a way on which it shows its certificate |
 */
export function proofsOf(claim: Claim): readonly ('certificate' | 'dialback')[] {
  const { domain, protection, onion, judged, reachable, unverified } = claim
  if (protection === 'none' || !reachable) return []
  if (isUnderOnion(domain)) return ['dialback']
  if (judged.trusted && judged.names.covers(domain, 'xmpp-server')) return ['certificate', 'dialback']
  // Whoever comes by an onion of ours has reached it, and nobody stands between: a key for this stream is from its maker.
  return onion || unverified.includes(domain) ? ['dialback'] : []
}

/**
 * May what we say to the domain go by the stream on which it proved itself (XEP-0288)? Only where nobody can stand
 * between: dialback says who opened a stream, not who reads it.
 */
export function mayCarryBack({ domain, onion, judged }: Claim): boolean {
  return onion || (!isUnderOnion(domain) && judged.trusted && judged.names.covers(domain, 'xmpp-server'))
}
