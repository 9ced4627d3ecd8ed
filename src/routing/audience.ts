import type { Jid } from '../xmpp/jid.ts'
import type { Session } from './sessions.ts'

/** Who may know what: asked by whatever answers strangers in an account's name. */
export interface Audience {
  /** True if the account, one of ours, lets `viewer` see its presence, or is the viewer itself: by the account's roster. */
  sees(viewer: Jid, account: Jid): boolean
  /** True if the account, one of ours, has a subscription to the contact's presence: by the account's roster, too. */
  follows(account: Jid, contact: Jid): boolean
  /** All whose presence it has a subscription to, by bare JID. */
  followed(account: Jid): readonly Jid[]
  /** Who sees the account's presence by its roster, by bare JID. */
  subscribers(account: Jid): readonly Jid[]
  /** Who was told that this session is there: subscribers, by bare JID, and those to whom it sent directed presence. */
  viewers(session: Session): readonly Jid[]
}
