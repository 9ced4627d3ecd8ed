import type { GeneralSubtree, NameConstraints } from '@peculiar/asn1-x509'
import { domainpart } from '../xmpp/domainpart.ts'
import type { CertificateNames } from './certificate-names.ts'

/**
 * May an authority with these constraints sign these names (RFC 5280 §4.2.1.10)?
 *
 * What it may say of DNS names holds for a domain in whatever form it is written: or an authority for montague.lit
 * alone would sign an XmppAddr of capulet.lit. Constraints on addresses of people, IP addresses, URIs and directory
 * names bind names that nobody reads here; those on other forms may be meant for ours, and cannot be kept.
 */
export function mayName({ permittedSubtrees = [], excludedSubtrees = [] }: NameConstraints, names: CertificateNames): boolean {
  const all = [...permittedSubtrees, ...excludedSubtrees]
  if (all.some(({ base }) => base.otherName !== undefined || base.registeredID !== undefined)) return false
  const permitted = dnsBases(permittedSubtrees)
  const excluded = dnsBases(excludedSubtrees)
  if (permitted === undefined || excluded === undefined) return false
  for (const name of names.domains()) {
    if (permitted.length > 0 && !permitted.some((base) => isWithin(name, base))) return false
    if (excluded.some((base) => isWithin(name, base) || mayMean(name, base))) return false
  }
  return true
}

/** The domains whose subtrees are meant, '' for all; undefined where one of them is no domain. */
function dnsBases(subtrees: readonly GeneralSubtree[]): readonly string[] | undefined {
  const bases: string[] = []
  for (const { base: { dNSName } } of subtrees) {
    if (dNSName === undefined) continue
    // ".montague.lit" is not in the RFC but in certificates; OpenSSL and we read it as "montague.lit".
    const bare = dNSName.startsWith('.') ? dNSName.slice(1) : dNSName
    const base = bare === '' ? '' : domainpart(bare)
    if (base === undefined) return undefined
    bases.push(base)
  }
  return bases
}

/** "Any DNS name that can be constructed by simply adding zero or more labels to the left-hand side." */
function isWithin(name: string, base: string): boolean {
  return base === '' || name === base || name.endsWith(`.${base}`)
}

/** "*.montague.lit" may be used as "secret.montague.lit", which may be what is excluded. */
function mayMean(name: string, base: string): boolean {
  return name.startsWith('*.') && isWithin(base, name.slice(2))
}
