import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { Jid } from '../xmpp/jid.ts'

/** The configured name of a domain whose real name is the address of its own onion service. */
export const ONION = 'onion'

/**
 * The configured name of a domain as JIDs have it (RFC 7622 §3.2: lower case, U-labels), or what is wrong with it.
 * An onion address cannot be configured: it follows from a key that this server makes and keeps.
 */
export function domainName(text: string): string | { readonly problem: string } {
  if (text === ONION) return ONION
  const ascii = domainToASCII(text)
  if (isIP(text.replace(/^\[|\]$/g, '')) !== 0 || isIP(ascii) !== 0) return { problem: 'an IP address' }
  if (/\.onion\.?$/i.test(text)) return { problem: 'an onion address, which follows from a key of this server' }
  const domain = isHostName(ascii) ? Jid.of('', text)?.domain : undefined
  return domain ?? { problem: 'no valid DNS name' }
}

/** RFC 1123 §2.1 and RFC 1035 §2.3.4: letters, digits and inner hyphens, 63 octets a label, 253 in all. */
function isHostName(ascii: string): boolean {
  return ascii.length <= 253 && ascii.split('.').every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(label))
}
