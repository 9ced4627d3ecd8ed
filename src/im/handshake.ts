import { Envelope } from '../routing/envelope.ts'
import { DROP, type Host, type Verdict } from '../routing/extension.ts'
import type { Session } from '../routing/sessions.ts'
import { element } from '../xml/element.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS_CLIENT } from '../xmpp/namespaces.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import type { Presence } from './presence.ts'
import type { RosterItem } from './roster-item.ts'
import type { Rosters } from './roster.ts'
import {
  arriving, awaitsAccount, awaitsContact, leaving, seesAccount, seesContact, SUBSCRIPTION_TYPES, type Standing,
  type SubscriptionType,
} from './subscription.ts'

/** §3.1.3, Security Warning: an account keeps at most this many requests of strangers; further ones are ignored. */
export const WAITING_REQUESTS = 100

const NOT_ALLOWED = new StanzaError('not-allowed', { text: 'An account always sees its own presence.' })
const RESOURCE_CONSTRAINT = new StanzaError('resource-constraint', { text: 'The roster is full.' })

/**
 * Managing presence subscriptions (RFC 6121 §3): the stanzas by which an account and a contact agree on who sees
 * whom. What they do to the state is subscription.ts; here they are stamped, passed on, and their effects told.
 *
 * A contact on this server and one elsewhere are treated alike: what is for a local account comes back by `arrive`.
 */
export class Handshake {
  readonly #host: Host
  readonly #rosters: Rosters
  readonly #presence: Presence

  constructor(host: Host, rosters: Rosters, presence: Presence) {
    this.#host = host
    this.#rosters = rosters
    this.#presence = presence
  }

  /** Judges what a client sends: the stanza goes on with bare addresses or not at all (§3: "MUST stamp"). */
  judgeOutgoing({ origin, directed, type, element: stanza, from, to, session }: Envelope): Verdict {
    if (origin !== 'client' || !directed || !isSubscriptionType(type)) return undefined
    const account = from.bare
    const contact = to.bare
    if (contact.equals(account)) return NOT_ALLOWED
    const item = this.#rosters.item(account, contact)
    const { route, next } = leaving(item, type)
    if ((type === 'subscribe' || type === 'subscribed') && !item.listed && this.#isFull(account)) return RESOURCE_CONSTRAINT
    // §3.2.2: "While the user is still subscribed to the contact's presence".
    if (type === 'unsubscribed' && seesAccount(item.state)) this.#presence.sendUnavailable(account, contact)
    this.#change(account, item, next, type)
    if (!route) return DROP
    const stamped = stanza.with({ from: account.toString(), to: contact.toString() })
    this.#host.router.forward(new Envelope(stamped, account, contact, true, 'server', session))
    if (type === 'subscribed') this.#presence.sendCurrent(account, contact)
    return DROP
  }

  /**
   * Takes what a contact sends to one of our accounts; for no such account nothing happens (§8.5.1).
   * DEVIATION: RFC 6121 §3.1.2 wants an error for who asks an account of this server that does not exist; by §8.5.1 it is
   * ignored, here too, as the error would tell everyone who has an account.
   */
  arrive({ element: stanza, type, from, to }: Envelope): void {
    const account = to.bare
    const contact = from.bare
    if (!isSubscriptionType(type) || contact.equals(account) || !this.#host.accounts.exists(account)) return
    // §8.5.3.2.2: with a resource that is not there only a request counts.
    if (!to.isBare && type !== 'subscribe' && this.#host.sessions.get(to) === undefined) return
    const item = this.#rosters.item(account, contact)
    const { deliver, next, reply } = arriving(item, type)
    if (type === 'subscribe' && !this.#mayAsk(account, contact)) return
    if (deliver) {
      const shown = stanza.with({ from: contact.toString(), to: account.toString() })
      for (const session of this.#audience(account, type)) session.send(shown)
    }
    const requestId = type === 'subscribe' ? stanza.attrs['id'] : item.requestId
    this.#change(account, { ...item, requestId }, next, type)
    if (type === 'unsubscribe' && reply !== undefined) this.#presence.sendUnavailable(account, contact)
    if (reply !== undefined) this.#send(reply, account, contact, reply === 'subscribed' ? stanza.attrs['id'] : undefined)
    if (reply === 'subscribed') this.#presence.sendCurrent(account, contact)
  }

  /**
   * An error that came back for what was sent in the account's name. Of a request the user hears (§3.1.2: "MUST return an
   * appropriate error stanza to the user"), and it stays pending; what was not a client's own, a probe above all, is nobody's.
   */
  refused({ element: stanza, from, to }: Envelope): void {
    if (!awaitsContact(this.#rosters.item(to, from.bare).state)) return
    for (const session of this.#rosters.interested(to)) session.send(stanza)
  }

  /** Ends whatever there is between the two, as its item is removed (§2.5.2) or the account is deleted. */
  end(account: Jid, { jid: contact, state }: RosterItem): void {
    if (seesContact(state) || awaitsContact(state)) this.#send('unsubscribe', account, contact)
    if (seesAccount(state)) this.#presence.sendUnavailable(account, contact)
    if (seesAccount(state) || awaitsAccount(state)) this.#send('unsubscribed', account, contact)
  }

  /** Both see each other from now on, without a question. Where one roster is full, nothing changes in either. */
  async befriend(one: Jid, other: Jid): Promise<void> {
    const pairs = [[one, other], [other, one]] as const
    if (pairs.some(([account, contact]) => !this.#rosters.item(account, contact).listed && this.#isFull(account))) return
    await Promise.all(pairs.map(([account, contact]) => {
      this.#host.log.roster({ account: account.toString(), contact: contact.toString(), action: 'subscribed' })
      return this.#rosters.put(account, { ...this.#rosters.item(account, contact), state: 'both', listed: true, requestId: undefined })
    }))
  }

  /** Keeps the new standing. The roster shows a contact once the account itself did something about it (§3.1.3). */
  #change(account: Jid, item: RosterItem, { state, approved }: Standing, type: SubscriptionType): void {
    const listed = item.listed || approved || subscriptionShows(state)
    if (state === item.state && approved === item.approved && listed === item.listed) return
    if (!listed && !awaitsAccount(state)) {
      if (this.#rosters.of(account).get(item.jid) !== undefined) settle(this.#rosters.remove(account, item.jid))
      return
    }
    const requestId = awaitsAccount(state) ? item.requestId : undefined
    settle(this.#rosters.put(account, { ...item, state, approved, listed, requestId }))
    this.#host.log.roster({ account: account.toString(), contact: item.jid.toString(), action: type })
  }

  /** A request is for all available resources, its outcome for all interested ones (§3.1.3, §3.1.6, §3.2.3, §3.3.3). */
  #audience(account: Jid, type: SubscriptionType): Session[] {
    if (type !== 'subscribe') return this.#rosters.interested(account)
    return [...this.#host.sessions.of(account).values()].filter((session) => session.presence !== undefined)
  }

  #isFull(account: Jid): boolean {
    return this.#rosters.of(account).listed >= this.#host.config.limits.roster_items
  }

  /** Requests that wait are bounded, and apart from the roster: strangers can fill the one, but not the other. */
  #mayAsk(account: Jid, contact: Jid): boolean {
    const roster = this.#rosters.of(account)
    return roster.get(contact) !== undefined || roster.size - roster.listed < WAITING_REQUESTS
  }

  #send(type: SubscriptionType, account: Jid, contact: Jid, id = randomIdentifier()): void {
    const stanza = element(NS_CLIENT, 'presence', { type, id, from: account.toString(), to: contact.toString() })
    this.#host.router.forward(new Envelope(stanza, account, contact, true, 'server', undefined))
  }
}

export function isSubscriptionType(type: string): type is SubscriptionType {
  return (SUBSCRIPTION_TYPES as readonly string[]).includes(type)
}

function subscriptionShows(state: Standing['state']): boolean {
  return state !== 'none' && state !== 'none+in'
}

/** What became of the write is the roster's own business: it logs a failure and reads what is on disk again. */
function settle(written: Promise<void>): void {
  written.catch(() => undefined)
}
