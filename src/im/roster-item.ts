import { element, type Element } from '../xml/element.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS_ROSTER } from '../xmpp/namespaces.ts'
import { awaitsContact, subscriptionAttribute, type Standing } from './subscription.ts'

/** What an account keeps of one contact (RFC 6121 §2.1.2). A value: a change makes another one. */
export interface RosterItem extends Standing {
  /** The contact's bare JID. */
  readonly jid: Jid
  /** What the user calls the contact; '' where nothing was said. */
  readonly name: string
  readonly groups: readonly string[]
  /** False while all there is of the contact is its unanswered request, which the roster must not show (§3.1.3). */
  readonly listed: boolean
  /**
   * The `id` of that request.
   * DEVIATION: RFC 6121 §3.1.3 wants the complete stanza of a request kept for an absent account; only that there is
   * one, and its `id`, are kept, so that strangers cannot store what they like.
   */
  readonly requestId: string | undefined
}

/** The item of a contact of whom nothing is kept. */
export function unknownContact(jid: Jid): RosterItem {
  return { jid, name: '', groups: [], state: 'none', approved: false, listed: false, requestId: undefined }
}

/** The item as in roster results and pushes. */
export function itemElement({ jid, name, groups, state, approved }: RosterItem): Element {
  return element(NS_ROSTER, 'item', {
    jid: jid.toString(),
    name: name === '' ? undefined : name,
    subscription: subscriptionAttribute(state),
    ask: awaitsContact(state) ? 'subscribe' : undefined,
    approved: approved ? 'true' : undefined,
  }, ...groups.map((group) => element(NS_ROSTER, 'group', {}, group)))
}

/** Do the two look the same to a client? Then there is nothing to push. */
export function looksSame(one: RosterItem, other: RosterItem): boolean {
  return one.listed === other.listed && one.approved === other.approved && one.name === other.name
    && awaitsContact(one.state) === awaitsContact(other.state)
    && subscriptionAttribute(one.state) === subscriptionAttribute(other.state)
    && one.groups.length === other.groups.length && one.groups.every((group, index) => group === other.groups[index])
}
