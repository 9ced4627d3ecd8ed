import { Envelope } from '../routing/envelope.ts'
import type { Host } from '../routing/extension.ts'
import type { Session } from '../routing/sessions.ts'
import { element, type Element } from '../xml/element.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS_CLIENT } from '../xmpp/namespaces.ts'
import { NS_AVATAR_METADATA, NS_PUBSUB_EVENT } from './avatar.ts'
import { Capabilities, type Interest } from './capabilities.ts'
import { kindOf } from './node-kinds.ts'
import { PersonalItems, type Item, type Node } from './personal-items.ts'
import { RemoteWatchers, type Watcher } from './remote-watchers.ts'

/**
 * Who hears of what is published (XEP-0163 §4): the account's own clients of all of it, contacts of new avatars alone;
 * each client of what it wants to hear. A contact is who sees the account's presence and shows its own: what others
 * cannot know of it from afar is not used here either, where it happens to be on the same server.
 */
export class Notifications {
  readonly #host: Host
  readonly #items: PersonalItems
  readonly #capabilities: Capabilities
  readonly #watchers = new RemoteWatchers()
  /** Sessions that had their last items since they became available (§4.3.3). */
  readonly #greeted = new WeakSet<Session>()

  constructor(host: Host) {
    this.#host = host
    this.#items = host.shared(PersonalItems)
    this.#capabilities = host.shared(Capabilities)
  }

  published(account: Jid, item: Item): void {
    const items = once(() => this.#itemsOf(account, item))
    this.#tellOwn(account, item.node, items)
    if (this.#isTold(account, item.node)) this.#tellContacts(account, item.node, items)
  }

  retracted(account: Jid, name: string, ids: readonly string[]): void {
    this.#tellOwn(account, name, () => element(NS_PUBSUB_EVENT, 'items', { node: name },
      ...ids.map((id) => element(NS_PUBSUB_EVENT, 'retract', { id }))))
    this.#tellOfLoss(account, name)
  }

  /** Of the whole node: 'delete' or 'purge' (XEP-0060 §8.4, §8.5). */
  emptied(account: Jid, name: string, how: 'delete' | 'purge'): void {
    this.#tellOwn(account, name, () => element(NS_PUBSUB_EVENT, how, { node: name }))
    this.#tellOfLoss(account, name)
  }

  /** A session became available, or shows other capabilities than before. */
  shown(session: Session, presence: Element): void {
    const { account, jid } = session
    if (!this.#capabilities.isClaimed(presence)) return
    const isNew = !this.#greeted.has(session)
    this.#greeted.add(session)
    this.#capabilities.learn(account, jid, presence, (interest) => {
      if (isNew && this.#host.sessions.get(jid) === session) this.#greet(session, interest)
    })
  }

  /** It is not available any more: the next time it is, it gets the last items anew. */
  hidden(session: Session): void {
    this.#greeted.delete(session)
  }

  ended(session: Session): void {
    this.#capabilities.forget(session)
  }

  /** Presence of somebody on another server, for one of our accounts. */
  observe({ element: presence, from, to, type }: Envelope): void {
    const { audience, domains } = this.#host
    const account = to.bare
    if (from.isBare && type !== 'unavailable' || domains.links(to.domain, from.domain)) return
    if (type === 'unavailable') return this.#watchers.unavailable(account, from)
    if (type !== '' || !audience.follows(account, from)) return
    const watcher = this.#watchers.available(account, from, presence)
    if (watcher !== undefined && audience.sees(from, account)) this.#welcome(account, watcher)
  }

  /** §4.3.4: an account lets a contact see its presence from now on: a new subscriber. */
  approved(account: Jid, contact: Jid): void {
    if (!this.#areFriends(account, contact)) return
    for (const watcher of this.#watchers.of(account)) if (watcher.resource.bare.equals(contact.bare)) this.#welcome(account, watcher)
    if (!this.#host.domains.links(account.domain, contact.domain)) return
    for (const session of this.#host.sessions.of(contact).values()) {
      if (this.#interestOf(session)?.has(NS_AVATAR_METADATA) === true) this.#sendLast(account, session.jid)
    }
  }

  lost(local: string, remote: string): void {
    this.#watchers.lost(local, remote)
  }

  forget(account: Jid): void {
    this.#watchers.forget(account)
  }

  #welcome(account: Jid, watcher: Watcher): void {
    if (!this.#capabilities.isClaimed(watcher.presence)) return
    const isNew = !watcher.isGreeted
    watcher.isGreeted = true
    this.#capabilities.learn(account, watcher.resource, watcher.presence, (interest) => {
      if (isNew && interest.has(NS_AVATAR_METADATA) && this.#areFriends(account, watcher.resource)) this.#sendLast(account, watcher.resource)
    })
  }

  /** The last items of its own account, and those of the contacts whose server this is (§4.3.4). */
  #greet(session: Session, interest: Interest): void {
    const { audience, domains } = this.#host
    const { account, jid } = session
    for (const { name, settings } of this.#items.nodes(account)) {
      const item = settings.sendsLast && interest.has(name) ? this.#items.item(account, name) : undefined
      if (item !== undefined) session.send(notification(account, jid, this.#itemsOf(account, item)))
    }
    if (!interest.has(NS_AVATAR_METADATA)) return
    for (const contact of audience.followed(account)) {
      if (domains.links(account.domain, contact.domain) && this.#areFriends(contact, account)) this.#sendLast(contact, jid)
    }
  }

  #sendLast(account: Jid, resource: Jid): void {
    const node = this.#items.node(account, NS_AVATAR_METADATA)
    const item = this.#items.item(account, NS_AVATAR_METADATA)
    if (item === undefined || node?.settings.sendsLast !== true || !isForContacts(node)) return
    this.#send(account, resource, this.#itemsOf(account, item))
  }

  /** §4: "the PEP service shall send notifications to all of the account owner's available resources", of their interest. */
  #tellOwn(account: Jid, name: string, content: () => Element): void {
    for (const session of this.#host.sessions.of(account).values()) {
      if (this.#interestOf(session)?.has(name) === true) session.send(notification(account, session.jid, content()))
    }
  }

  #tellContacts(account: Jid, name: string, content: () => Element): void {
    const { audience, domains, sessions } = this.#host
    for (const contact of audience.subscribers(account)) {
      if (!domains.links(account.domain, contact.domain) || !this.#areFriends(account, contact)) continue
      for (const session of sessions.of(contact).values()) {
        if (this.#interestOf(session)?.has(name) === true) this.#send(account, session.jid, content())
      }
    }
    for (const { resource, presence } of this.#watchers.of(account)) {
      if (!this.#areFriends(account, resource)) continue
      if (this.#capabilities.interestOf(account.domain, resource, presence)?.has(name) === true) this.#send(account, resource, content())
    }
  }

  /** Contacts are told that there is no avatar any more in the words of XEP-0084 §3.5, which their policy knows. */
  #tellOfLoss(account: Jid, name: string): void {
    if (kindOf(name)?.isTold !== true || this.#items.item(account, name) !== undefined) return
    this.#tellContacts(account, name, () => element(NS_PUBSUB_EVENT, 'items', { node: name },
      element(NS_PUBSUB_EVENT, 'item', {}, element(NS_AVATAR_METADATA, 'metadata'))))
  }

  #isTold(account: Jid, name: string): boolean {
    const node = this.#items.node(account, name)
    return kindOf(name)?.isTold === true && node !== undefined && isForContacts(node)
  }

  #interestOf({ account, jid, presence }: Session): Interest | undefined {
    return presence === undefined ? undefined : this.#capabilities.interestOf(account.domain, jid, presence)
  }

  /** The account, one of ours, lets the contact see its presence, and sees that of the contact. */
  #areFriends(account: Jid, contact: Jid): boolean {
    const { audience } = this.#host
    return audience.sees(contact, account) && audience.follows(account, contact)
  }

  #itemsOf(account: Jid, item: Item): Element {
    return element(NS_PUBSUB_EVENT, 'items', { node: item.node },
      element(NS_PUBSUB_EVENT, 'item', { id: item.id }, this.#items.payload(account, item)))
  }

  /** To others by the policy, as whatever goes from one person to another, and by who blocks whom (§4.3.3). */
  #send(account: Jid, to: Jid, content: Element): void {
    this.#host.router.submit(new Envelope(notification(account, to, content), account, to, true, 'server', undefined))
  }
}

/** An image is made into XML where somebody wants to have it. */
function once(make: () => Element): () => Element {
  let made: Element | undefined
  return () => made ??= make()
}

function isForContacts({ settings }: Node): boolean {
  return settings.access !== 'whitelist'
}

/** §4.3.1: from the account, to the very resource. */
function notification(account: Jid, to: Jid, content: Element): Element {
  return element(NS_CLIENT, 'message', { type: 'headline', id: randomIdentifier(), from: account.toString(), to: to.toString() },
    element(NS_PUBSUB_EVENT, 'event', {}, content))
}
