import { Envelope } from '../routing/envelope.ts'
import { DROP, EMPTY, type Extension, type Host, type Iq, type IqAnswer, type Verdict } from '../routing/extension.ts'
import type { Session } from '../routing/sessions.ts'
import type { Database, Migration } from '../store/database.ts'
import { element, type Element } from '../xml/element.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'
import { Jid } from '../xmpp/jid.ts'
import { NS_CLIENT } from '../xmpp/namespaces.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'

export const NS_BLOCKING = 'urn:xmpp:blocking'
const NS_BLOCKING_ERRORS = 'urn:xmpp:blocking:errors'

/** An account blocks at most this many JIDs. */
const BLOCKED_JIDS = 1000
/** Block lists in use are kept in memory for at most this many accounts. */
const LISTS_IN_MEMORY = 20_000

const SERVICE_UNAVAILABLE = new StanzaError('service-unavailable')
const BAD_REQUEST = new StanzaError('bad-request')
const JID_MALFORMED = new StanzaError('jid-malformed')
const RESOURCE_CONSTRAINT = new StanzaError('resource-constraint', { text: 'The block list is full.' })
const BLOCKED = new StanzaError('not-acceptable', { type: 'cancel', application: element(NS_BLOCKING_ERRORS, 'blocked') })

const MIGRATIONS: readonly Migration[] = [{
  step: 1,
  sql: 'CREATE TABLE blocked_jid (account TEXT NOT NULL, jid TEXT NOT NULL, PRIMARY KEY (account, jid)) STRICT, WITHOUT ROWID;',
}]

/** XEP-0191: Blocking Command. Section numbers in this file are those of version 1.3. */
export const blocking: Extension = {
  name: 'blocking',
  implements: [{ xep: 191, title: 'Blocking Command', version: '1.3', since: '0.1.0', status: 'complete' }],
  clauses: [
    { clause: 'XEP-0191 §3.1', text: 'the feature is told' },
    { clause: 'XEP-0191 §3.2', text: 'the list is returned, also an empty one' },
    { clause: 'XEP-0191 §3.3', text: 'a result, and a push to each resource that asked for the list' },
    { clause: 'XEP-0191 §3.3', text: 'without an item: bad-request' },
    { clause: 'XEP-0191 §3.3', text: 'unavailable presence to whom is blocked' },
    { clause: 'XEP-0191 §3.3', text: 'nothing of the blocked is delivered; presence is not answered, requests are' },
    { clause: 'XEP-0191 §3.3', text: 'nothing is routed to the blocked: not-acceptable with <blocked/>' },
    { clause: 'XEP-0191 §3.4', text: 'current presence to whom is unblocked, whose stanzas are delivered again' },
    { clause: 'XEP-0191 §3.5', text: 'all are unblocked at once' },
    { clause: 'XEP-0191 §5', text: 'one\'s own resources are never blocked' },
  ],
  features: { server: [NS_BLOCKING] },
  migrations: MIGRATIONS,

  install(host) {
    const list = new BlockList(host.database)
    const command = new BlockingCommand(host, list)
    const own = { namespace: NS_BLOCKING, at: 'own' } as const
    const kinds = ['message', 'presence', 'iq'] as const
    return {
      iq: [
        { ...own, type: 'get', name: 'blocklist', handle: (iq) => command.list(iq) },
        { ...own, type: 'set', name: 'block', handle: (iq) => command.block(iq) },
        { ...own, type: 'set', name: 'unblock', handle: (iq) => command.unblock(iq) },
      ],
      outgoing: [{ kinds, judge: (envelope) => judgeOutgoing(list, envelope) }],
      incoming: [{ kinds, judge: (envelope) => judgeIncoming(list, envelope) }],
      account: {
        created: (account) => list.forget(account),
        deleted: (account) => list.clear(account),
        exported: (account) => ({ blocked_jid: list.stored(account) }),
        portable: (account) => [element(NS_BLOCKING, 'blocklist', {}, ...[...list.of(account)].map(itemElement))],
        renamed: (account, renamed) => list.rename(account, renamed),
      },
    }
  },
}

/** §3.3: to the blocked JID the user appears to be offline. */
function judgeIncoming(list: BlockList, { from, to, kind, type }: Envelope): Verdict {
  if (to.local === '' || !list.blocks(to.bare, from)) return undefined
  // Presence of any kind "MUST NOT" be answered, IQ answers "MUST be silently dropped", and what does not ask for an
  // answer gets none from an account that is offline either (RFC 6121 §8.5.2.2.1).
  return kind === 'presence' || type === 'result' || type === 'error' || type === 'headline' ? DROP : SERVICE_UNAVAILABLE
}

/** §3.3: nothing goes to the blocked JID; a client is told why, what the server sends in its name goes silently. */
function judgeOutgoing(list: BlockList, { from, to, directed, origin }: Envelope): Verdict {
  if (!directed || !list.blocks(from.bare, to)) return undefined
  return origin === 'client' ? BLOCKED : DROP
}

/** Whom each account blocks. The only code that touches its table; a change is in force at once. */
class BlockList {
  readonly #database: Database
  readonly #inUse = new Map<string, Set<string>>()

  constructor(database: Database) {
    this.#database = database
  }

  of(account: Jid): Set<string> {
    const key = account.toString()
    let jids = this.#inUse.get(key)
    if (jids !== undefined) return jids
    const rows = this.#database.statement<{ jid: string }>('SELECT jid FROM blocked_jid WHERE account = ?').all(key)
    jids = new Set(rows.map(({ jid }) => jid))
    if (this.#inUse.size >= LISTS_IN_MEMORY) this.#makeRoom()
    this.#inUse.set(key, jids)
    return jids
  }

  /** §5: a full JID, a bare JID with all its resources, a domain with all that is in it. Never the account itself. */
  blocks(account: Jid, other: Jid): boolean {
    const jids = this.of(account)
    if (jids.size === 0 || other.bare.equals(account)) return false
    return covers(jids, other)
  }

  /** Resolves once it is on disk. */
  async change(account: Jid, jids: Iterable<string>, change: 'block' | 'unblock'): Promise<void> {
    const key = account.toString()
    const list = this.of(account)
    const changed = [...jids].filter((jid) => list.has(jid) === (change === 'unblock'))
    for (const jid of changed) if (change === 'block') list.add(jid); else list.delete(jid)
    const sql = change === 'block'
      ? 'INSERT INTO blocked_jid (account, jid) VALUES (?, ?) ON CONFLICT DO NOTHING'
      : 'DELETE FROM blocked_jid WHERE account = ? AND jid = ?'
    try {
      await this.#database.write(() => { for (const jid of changed) this.#database.statement(sql).run(key, jid) })
    } catch (cause) {
      this.#inUse.delete(key) // the disk has the truth
      throw cause
    }
  }

  /** As it lies on disk. */
  stored(account: Jid): readonly unknown[] {
    this.#database.flush()
    return this.#database.statement('SELECT * FROM blocked_jid WHERE account = ? ORDER BY jid').all(account.toString())
  }

  /** In memory the list stays in force: what the account says as it is deleted is not for those it blocked, either. */
  clear(account: Jid): undefined {
    this.of(account)
    this.#database.statement('DELETE FROM blocked_jid WHERE account = ?').run(account.toString())
  }

  /** Whom it blocked of its own domain is blocked under the new name. */
  rename(account: Jid, renamed: Jid): void {
    const add = this.#database.statement('INSERT INTO blocked_jid (account, jid) VALUES (?, ?) ON CONFLICT DO NOTHING')
    for (const text of this.of(account)) {
      const jid = Jid.parse(text)
      const moved = jid?.domain === account.domain ? Jid.of(jid.local, renamed.domain, jid.resource) : jid
      add.run(renamed.toString(), (moved ?? text).toString())
    }
    this.clear(account)
    this.forget(account)
  }

  forget(account: Jid): void {
    this.#inUse.delete(account.toString())
  }

  /** Lets all go at once: those still in use come back at their next stanza. */
  #makeRoom(): void {
    this.#database.flush()
    this.#inUse.clear()
  }
}

/** The three commands (§3.2 to §3.5), for the account's own clients alone. */
class BlockingCommand {
  readonly #host: Host
  readonly #list: BlockList
  /** Sessions that asked for the list get the changes. */
  readonly #interested = new WeakSet<Session>()

  constructor(host: Host, list: BlockList) {
    this.#host = host
    this.#list = list
  }

  list({ to: account, session }: Iq): IqAnswer {
    if (session !== undefined) this.#interested.add(session)
    return element(NS_BLOCKING, 'blocklist', {}, ...[...this.#list.of(account)].map(itemElement))
  }

  block({ to: account, payload }: Iq): IqAnswer | Promise<IqAnswer> {
    const jids = parseItems(payload)
    if (jids instanceof StanzaError) return jids
    if (jids.size === 0) return BAD_REQUEST
    const list = this.#list.of(account)
    const fresh = [...jids].filter(([jid]) => !list.has(jid))
    if (list.size + fresh.length > BLOCKED_JIDS) return RESOURCE_CONSTRAINT
    // While it may still be sent: "MUST send unavailable presence information to the JID".
    this.#show(account, new Map(fresh), (session) => unavailable(session.jid))
    return this.#change(account, [...jids.keys()], 'block', payload)
  }

  unblock({ to: account, payload }: Iq): IqAnswer | Promise<IqAnswer> {
    const asked = parseItems(payload)
    if (asked instanceof StanzaError) return asked
    const list = this.#list.of(account)
    const all = asked.size === 0 // §3.5
    const jids = [...(all ? list : asked.keys())].filter((jid) => list.has(jid))
    const written = this.#change(account, jids, 'unblock', payload)
    const unblocked = new Map(jids.map((text) => [text, Jid.parse(text)]))
    this.#show(account, unblocked, (session, viewer) => this.#host.audience.sees(viewer, account) ? session.presence : undefined)
    this.#probe(account, unblocked)
    return written
  }

  #change(account: Jid, jids: readonly string[], change: 'block' | 'unblock', payload: Element): Promise<IqAnswer> {
    const written = this.#list.change(account, jids, change)
    // The JIDs alone: what else was said of one was for this server (XEP-0377).
    const push = payload.withChildren(payload.elements().map(({ attrs }) => itemElement(attrs['jid'] ?? '')))
    for (const session of this.#host.sessions.of(account).values()) {
      if (!this.#interested.has(session)) continue
      session.send(element(NS_CLIENT, 'iq', { type: 'set', id: randomIdentifier(), to: session.jid.toString() }, push))
    }
    return written.then((): IqAnswer => EMPTY)
  }

  /** To all whom these JIDs cover and who know of a session, and to full JIDs of such, presence of that session. */
  #show(account: Jid, jids: ReadonlyMap<string, Jid | undefined>, presenceOf: (session: Session, viewer: Jid) => Element | undefined): void {
    const { audience, sessions } = this.#host
    const resources = [...jids.values()].filter((jid) => jid !== undefined && !jid.isBare && audience.sees(jid, account))
    for (const session of sessions.of(account).values()) {
      const viewers = new Map(audience.viewers(session).filter((viewer) => covers(jids, viewer)).map((viewer) => [viewer.toString(), viewer]))
      for (const jid of session.presence === undefined ? [] : resources) if (jid !== undefined) viewers.set(jid.toString(), jid)
      for (const [to, viewer] of viewers) {
        const presence = viewer.bare.equals(account) ? undefined : presenceOf(session, viewer)
        if (presence !== undefined) this.#forward(presence.with({ to }), session.jid, viewer)
      }
    }
  }

  /** What contacts said meanwhile was dropped: the account learns anew how they are (RFC 6121 §4.3.1). */
  #probe(account: Jid, jids: ReadonlyMap<string, Jid | undefined>): void {
    const isThere = [...this.#host.sessions.of(account).values()].some((session) => session.presence !== undefined)
    if (!isThere) return
    for (const contact of this.#host.audience.followed(account)) {
      if (!covers(jids, contact)) continue
      const addresses = { from: account.toString(), to: contact.toString() }
      this.#forward(element(NS_CLIENT, 'presence', { type: 'probe', id: randomIdentifier(), ...addresses }), account, contact)
    }
  }

  #forward(presence: Element, from: Jid, to: Jid): void {
    this.#host.router.forward(new Envelope(presence, from, to, true, 'server', undefined))
  }
}

/** §5: by its full JID, its bare JID, its domain or that with its resource. */
function covers(jids: { has(jid: string): boolean }, other: Jid): boolean {
  return jids.has(other.toString()) || jids.has(other.bare.toString()) || jids.has(other.domain)
    || jids.has(`${other.domain}/${other.resource}`)
}

/** The JIDs in the items, by their text. */
function parseItems(payload: Element): Map<string, Jid> | StanzaError {
  const jids = new Map<string, Jid>()
  for (const item of payload.elements()) {
    const text = item.is('item', NS_BLOCKING) ? item.attrs['jid'] : undefined
    if (text === undefined) return BAD_REQUEST
    const jid = Jid.parse(text)
    if (jid === undefined) return JID_MALFORMED
    jids.set(jid.toString(), jid)
  }
  return jids
}

function itemElement(jid: string): Element {
  return element(NS_BLOCKING, 'item', { jid })
}

function unavailable(from: Jid): Element {
  return element(NS_CLIENT, 'presence', { type: 'unavailable', from: from.toString() })
}
