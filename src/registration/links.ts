import type { ServedDomain } from '../routing/domains.ts'
import type { Invitation } from './application.ts'

/** Where the pages of a domain with a DNS name are, unless they are elsewhere. */
const WEB_PORT = 5281

export interface InvitationLinks {
  /** For a client (XEP-0401 §3, XEP-0445 §2). */
  readonly xmpp: string
  /** For a browser: the page that explains it all; of a domain with a DNS name and an onion both. */
  readonly web: readonly string[]
}

/**
 * How an invitation is handed on. `web`: where the domain's pages are, without a slash at the end; else its own name.
 */
export function invitationLinks(
  { name: domain, onionAddress }: ServedDomain, token: string, { name, inviter }: Partial<Pick<Invitation, 'name' | 'inviter'>> = {}, web?: string,
): InvitationLinks {
  const page = `/invite/${token}`
  const onion = onionAddress === undefined ? [] : [`http://${onionAddress}${page}`]
  const named = domain === onionAddress ? [] : [`${web ?? `https://${new URL(`https://${domain}`).hostname}:${WEB_PORT}`}${page}`]
  return { xmpp: xmppLink(domain, token, name, inviter?.local), web: [...named, ...onion] }
}

/** RFC 5122 §2.3: what is not ASCII is UTF-8, percent-encoded. Names of accounts need nothing encoded. */
function xmppLink(domain: string, token: string, name: string | undefined, inviter: string | undefined): string {
  const host = encodeURI(domain)
  // Whoever has an account elsewhere only gets a contact by it; ibr=y says that it gives an account here, too.
  if (inviter !== undefined && name === undefined) return `xmpp:${inviter}@${host}?roster;preauth=${token};ibr=y`
  return `xmpp:${name === undefined ? '' : `${name}@`}${host}?register;preauth=${token}`
}
