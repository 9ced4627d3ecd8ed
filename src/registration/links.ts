import type { ServedDomain } from '../routing/domains.ts'
import type { Invitation } from './application.ts'

export interface InvitationLinks {
  /** For a client (XEP-0401 §3, XEP-0445 §2). */
  readonly xmpp: string
  /** For a browser: the page that explains it all; of a domain with a DNS name and an onion both. None where it has no pages. */
  readonly web: readonly string[]
}

/** How an invitation is handed on. `pages`: how links to the domain's pages begin (`pagesAddresses`). */
export function invitationLinks(
  { name: domain }: ServedDomain, token: string, { name, inviter }: Partial<Pick<Invitation, 'name' | 'inviter'>> = {}, pages: readonly string[] = [],
): InvitationLinks {
  return { xmpp: xmppLink(domain, token, name, inviter?.local), web: pages.map((address) => `${address}/invite/${token}`) }
}

/** RFC 5122 §2.3: what is not ASCII is UTF-8, percent-encoded. Names of accounts need nothing encoded. */
function xmppLink(domain: string, token: string, name: string | undefined, inviter: string | undefined): string {
  const host = encodeURI(domain)
  // Whoever has an account elsewhere only gets a contact by it; ibr=y says that it gives an account here, too.
  if (inviter !== undefined && name === undefined) return `xmpp:${inviter}@${host}?roster;preauth=${token};ibr=y`
  return `xmpp:${name === undefined ? '' : `${name}@`}${host}?register;preauth=${token}`
}
