import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Sessions, Session } from '../routing/sessions.ts'
import type { Database } from '../store/database.ts'
import { element, type Element } from '../xml/element.ts'
import { Jid } from '../xmpp/jid.ts'
import { NS_CLIENT, NS_ROSTER } from '../xmpp/namespaces.ts'
import { itemElement, looksSame, unknownContact, type RosterItem } from './roster-item.ts'
import { RosterTable } from './roster-table.ts'
import { seesAccount, seesContact } from './subscription.ts'

/** Rosters in use are kept in memory until they hold this many items together (some 50 MB). */
const ITEMS_IN_MEMORY = 200_000

export interface RosterParts {
  readonly database: Database
  readonly sessions: Sessions
  readonly clock: Clock
  readonly log: Log
}

/** The roster of one account, as it is now; what is not yet on disk included. */
export class Roster {
  readonly #items = new Map<string, RosterItem>()
  #listed = 0
  #subscribers: readonly Jid[] | undefined
  #contacts: readonly RosterItem[] | undefined
  /** Milliseconds of the last change, or a little more: see `Rosters.#push`. 0 where there never was one. */
  version: number
  /** Changes that are not on disk yet: until they are, this is the only place where they are. */
  unwritten = 0

  constructor(items: readonly RosterItem[], version: number) {
    for (const item of items) this.put(item)
    this.version = version
  }

  get size(): number {
    return this.#items.size
  }

  /** How many contacts the roster shows; the others are requests of strangers. */
  get listed(): number {
    return this.#listed
  }

  get(contact: Jid): RosterItem | undefined {
    return this.#items.get(contact.toString())
  }

  all(): IterableIterator<RosterItem> {
    return this.#items.values()
  }

  /** Who sees the account's presence (`from` and `both`), by bare JID. */
  get subscribers(): readonly Jid[] {
    return this.#subscribers ??= [...this.#items.values()].filter((item) => seesAccount(item.state)).map((item) => item.jid)
  }

  /** Whose presence the account sees (`to` and `both`). */
  get contacts(): readonly RosterItem[] {
    return this.#contacts ??= [...this.#items.values()].filter((item) => seesContact(item.state))
  }

  put(item: RosterItem): void {
    this.#forget(item.jid)
    this.#items.set(item.jid.toString(), item)
    if (item.listed) this.#listed++
  }

  delete(contact: Jid): void {
    this.#forget(contact)
    this.#items.delete(contact.toString())
  }

  /** Takes what is derived from the item back; its place in the order stays. */
  #forget(contact: Jid): void {
    if (this.get(contact)?.listed === true) this.#listed--
    this.#subscribers = undefined
    this.#contacts = undefined
  }
}

/**
 * The rosters of all accounts: the memory of those in use, the table behind it, and the roster pushes (RFC 6121 §2.1.6).
 *
 * A change is visible and pushed at once, so pushes leave in the order of the changes (§2.6.3); the promise tells when
 * it is on disk. Where it never gets there, the roster is read from disk again.
 */
export class Rosters {
  readonly #table: RosterTable
  readonly #database: Database
  readonly #sessions: Sessions
  readonly #clock: Clock
  readonly #log: Log
  /** In the order of their last use. */
  readonly #inUse = new Map<string, Roster>()
  readonly #interested = new WeakSet<Session>()
  #items = 0

  constructor({ database, sessions, clock, log }: RosterParts) {
    this.#table = new RosterTable(database)
    this.#database = database
    this.#sessions = sessions
    this.#clock = clock
    this.#log = log
  }

  of(account: Jid): Roster {
    const key = account.toString()
    let roster = this.#inUse.get(key)
    if (roster === undefined) {
      const stored = this.#table.load(account)
      roster = new Roster(stored.items, stored.version)
      this.#items += weight(roster)
    } else {
      this.#inUse.delete(key)
    }
    this.#inUse.set(key, roster)
    if (this.#items > ITEMS_IN_MEMORY) this.#makeRoom()
    return roster
  }

  /** The item of a contact, or a blank one. */
  item(account: Jid, contact: Jid): RosterItem {
    return this.of(account).get(contact) ?? unknownContact(contact)
  }

  /** From now on the session gets roster pushes (§2.2: it is an interested resource). */
  addInterest(session: Session): void {
    this.#interested.add(session)
  }

  interested(account: Jid): Session[] {
    return [...this.#sessions.of(account).values()].filter((session) => this.#interested.has(session))
  }

  /** Puts an item in place of what there is, and pushes it: where a client sees a difference, or always (§2.3.2). */
  put(account: Jid, item: RosterItem, push: 'difference' | 'always' = 'difference'): Promise<void> {
    const roster = this.of(account)
    const before = roster.get(item.jid) ?? unknownContact(item.jid)
    this.#items -= weight(roster)
    roster.put(item)
    this.#items += weight(roster)
    if (item.listed && (push === 'always' || !looksSame(before, item))) this.#push(account, roster, itemElement(item))
    const { version } = roster
    return this.#write(account, item.jid, roster, () => this.#table.save(account, item, version))
  }

  remove(account: Jid, contact: Jid): Promise<void> {
    const roster = this.of(account)
    const listed = roster.get(contact)?.listed === true
    this.#items -= weight(roster)
    roster.delete(contact)
    this.#items += weight(roster)
    if (listed) this.#push(account, roster, element(NS_ROSTER, 'item', { jid: contact.toString(), subscription: 'remove' }))
    const { version } = roster
    return this.#write(account, contact, roster, () => this.#table.remove(account, contact, version))
  }

  /** All that is stored of it, by table. */
  stored(account: Jid): Readonly<Record<string, unknown>> {
    this.#database.flush()
    return this.#table.stored(account)
  }

  /** Removes all of it, inside the caller's transaction. */
  clear(account: Jid): void {
    this.#table.clear(account)
    this.#forget(account)
  }

  /**
   * Gives all of it to the account's new name, inside the caller's transaction. Contacts of its domain have a new name as
   * well. With all others nothing is agreed any more, as they know the name before: they stay listed, to be asked anew.
   */
  rename(account: Jid, renamed: Jid): void {
    const { items, version } = this.#table.load(account)
    this.clear(account)
    const next = Math.max(this.#clock.now(), version + 1)
    for (const item of items) {
      const contact = item.jid.domain === account.domain ? Jid.of(item.jid.local, renamed.domain) : undefined
      if (contact !== undefined) this.#table.save(renamed, { ...item, jid: contact }, next)
      else if (item.listed) this.#table.save(renamed, { ...unknownContact(item.jid), name: item.name, groups: item.groups, listed: true }, next)
    }
  }

  /**
   * Tells all interested resources, with the next version. Versions are times: even where an account is made anew, or
   * an older backup is restored, none comes back with another content (§2.6.3: "MUST be unique").
   */
  #push(account: Jid, roster: Roster, item: Element): void {
    roster.version = Math.max(roster.version + 1, this.#clock.now())
    const query = element(NS_ROSTER, 'query', { ver: String(roster.version) }, item)
    for (const session of this.interested(account)) {
      session.send(element(NS_CLIENT, 'iq', { type: 'set', id: `push-${roster.version}`, to: session.jid.toString() }, query))
    }
  }

  async #write(account: Jid, contact: Jid, roster: Roster, work: () => void): Promise<void> {
    roster.unwritten++
    try {
      await this.#database.write(work)
    } catch (cause) {
      this.#log.error('roster.write-failed', { part: 'im' }, cause)
      if (this.#inUse.get(account.toString()) === roster) this.#forget(account)
      this.#takeBack(account, contact, roster.version)
      throw cause
    } finally {
      roster.unwritten--
    }
  }

  /** The change was pushed and did not come to pass: what is on disk is pushed after it, under a version of its own. */
  #takeBack(account: Jid, contact: Jid, version: number): void {
    try {
      const roster = this.of(account)
      if (roster.version >= version) return // it was none that a client sees
      roster.version = version
      const item = roster.get(contact)
      this.#push(account, roster, item?.listed === true ? itemElement(item)
        : element(NS_ROSTER, 'item', { jid: contact.toString(), subscription: 'remove' }))
    } catch (cause) {
      this.#log.error('roster.write-failed', { part: 'im' }, cause) // it cannot even be read: at the next login, perhaps
    }
  }

  /** Lets those go that were not used for the longest time. */
  #makeRoom(): void {
    for (const [key, roster] of this.#inUse) {
      if (this.#items <= ITEMS_IN_MEMORY) return
      if (roster.unwritten > 0) continue
      this.#inUse.delete(key)
      this.#items -= weight(roster)
    }
  }

  #forget(account: Jid): void {
    const roster = this.#inUse.get(account.toString())
    if (roster === undefined) return
    this.#inUse.delete(account.toString())
    this.#items -= weight(roster)
  }
}

/** An empty roster takes memory, too. */
function weight(roster: Roster): number {
  return roster.size + 1
}
