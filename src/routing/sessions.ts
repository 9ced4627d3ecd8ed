import type { Element } from '../xml/element.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { StreamError } from '../xmpp/stream-error.ts'

/** A bound resource on this server (RFC 6120 §7). c2s/session.ts is the implementation. */
export interface Session {
  /** The full JID. */
  readonly jid: Jid
  /** The bare JID. */
  readonly account: Jid
  /** The last presence broadcast, stamped with the full JID; undefined while the resource is not available. */
  readonly presence: Element | undefined
  /** The priority of that presence, -128..127 (RFC 6121 §4.7.2.3); 0 while there is none. */
  readonly priority: number
  /** The day it was bound on, as '2025-01-31'. */
  readonly since: string
  /** Whether it comes by the onion; by which circuit or from where is nobody's business. */
  readonly onion: boolean
  /** Called by im/presence.ts alone. */
  showPresence(presence: Element | undefined, priority: number): void
  /** Writes a stanza to the client, or keeps it until that comes back; it keeps the order of calls. After the end it does nothing. */
  send(stanza: Element): void
  /** Ends the session and its stream, with that stream error where one is given. */
  end(error?: StreamError): void
}

/** A stream whose peer proved to be an account, and has no session yet. */
export interface Arrival {
  readonly account: Jid | undefined
  readonly negotiating: boolean
  fail(error: StreamError): void
}

const NONE: ReadonlyMap<string, Session> = new Map()

/** Who is connected. c2s/session.ts alone adds and removes. */
export class Sessions {
  readonly #accounts = new Map<string, Map<string, Session>>()
  /** All streams of clients; c2s streams are not in this room's sight, so the doors give them. */
  arrivals: () => Iterable<Arrival> = () => []
  #count = 0

  get count(): number {
    return this.#count
  }

  add(session: Session): void {
    const account = session.account.toString()
    let resources = this.#accounts.get(account)
    if (resources === undefined) this.#accounts.set(account, resources = new Map())
    if (!resources.has(session.jid.resource)) this.#count++
    resources.set(session.jid.resource, session)
  }

  /** Removes exactly this session: a resource that was taken over by another session stays. */
  remove(session: Session): void {
    const account = session.account.toString()
    const resources = this.#accounts.get(account)
    if (resources?.get(session.jid.resource) !== session) return
    resources.delete(session.jid.resource)
    this.#count--
    if (resources.size === 0) this.#accounts.delete(account)
  }

  /** The session of a full JID. */
  get(jid: Jid): Session | undefined {
    return this.#accounts.get(jid.bare.toString())?.get(jid.resource)
  }

  /** The connected resources of an account, by resourcepart, in the order in which they were bound. */
  of(account: Jid): ReadonlyMap<string, Session> {
    return this.#accounts.get(account.bare.toString()) ?? NONE
  }

  /**
   * Ends whatever goes on in the account's name but `spared`: its sessions, and streams that may still bind one, as they
   * proved before what would not be proof any more.
   */
  end(account: Jid, error: StreamError, spared?: Session): void {
    for (const session of [...this.of(account).values()]) if (session !== spared) session.end(error)
    for (const stream of [...this.arrivals()]) {
      if (stream.negotiating && stream.account?.bare.equals(account.bare) === true) stream.fail(error)
    }
  }

  *all(): IterableIterator<Session> {
    for (const resources of this.#accounts.values()) yield* resources.values()
  }
}
