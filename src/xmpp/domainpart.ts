import { isIPv6 } from 'node:net'
import { toASCII, toUnicode } from 'tr46'
import { belongsTo } from './code-points.ts'

/** Bytes of a domain name in ASCII, without the last dot (RFC 1034 §3.1). */
const LONGEST_NAME = 253

/** Letters, digits and hyphens, in labels of 1 to 63 (RFC 1123 §2.1). IPv4 addresses look just so, onion names too. */
const ASCII_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i
const RESERVED_LABEL = /(?:^|\.)..--/

const IDNA = {
  checkBidi: true,
  checkHyphens: true,
  checkJoiners: true,
  useSTD3ASCIIRules: true,
  verifyDNSLength: true,
  transitionalProcessing: false,
} as const

/**
 * Normalizes a domainpart (RFC 7622 §3.2): a name in lower case with its labels in Unicode, an IPv4 address, or an
 * IPv6 address in brackets, in the form of RFC 5952. Undefined where it is none. One final dot is stripped first.
 *
 * DEVIATION: RFC 7622 §3.2 allows an IPv6 address with a zone (RFC 6874); it is refused, as it names an interface of
 * the sender's own machine.
 */
export function domainpart(text: string): string | undefined {
  if (text.startsWith('[')) return ipv6(text)
  const name = text.endsWith('.') ? text.slice(0, -1) : text
  if (name.length > LONGEST_NAME) return undefined
  if (ASCII_NAME.test(name) && !RESERVED_LABEL.test(name)) return name.toLowerCase()
  return internationalized(name)
}

/** IDNA 2008 (RFC 5890, RFC 5892), with the mappings of UTS #46. A-labels become U-labels (RFC 7622 §3.2.1). */
function internationalized(name: string): string | undefined {
  if (toASCII(name, IDNA) === null) return undefined
  const { domain, error } = toUnicode(name, IDNA)
  if (error) return undefined
  // UTS #46 lets symbols pass, which RFC 5892 does not. Its classes for letters are those of PRECIS.
  return domain.split('.').every((label) => belongsTo(label, 'identifier')) ? domain : undefined
}

function ipv6(text: string): string | undefined {
  const address = text.slice(1, -1)
  if (!text.endsWith(']') || address.includes('%') || !isIPv6(address)) return undefined
  return new URL(`http://[${address}]`).hostname
}

/** Is that the name of an onion service, or below one? Such a name is a key, and no authority and no DNS has a say in it. */
export function isUnderOnion(domain: string): boolean {
  return domain === 'onion' || domain.endsWith('.onion')
}
