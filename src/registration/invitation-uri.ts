import type { ServedDomain } from '../routing/domains.ts'
import type { Invitation } from './application.ts'

/**
 * The link that an invited person's client opens: to ask for an account (XEP-0445 §3), and where an account invites, to
 * become its contact as well (XEP-0401 §4.1). Names of accounts are plain ASCII, so nothing in it is escaped.
 */
export function invitationUri(domain: ServedDomain, token: string, { name, inviter }: Pick<Invitation, 'name' | 'inviter'>): string {
  if (inviter !== undefined && name === undefined) return `xmpp:${inviter.toString()}?roster;preauth=${token};ibr=y`
  return `xmpp:${name === undefined ? '' : `${name}@`}${domain.name}?register;preauth=${token}`
}
