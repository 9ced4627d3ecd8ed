import type { Audience } from '../routing/audience.ts'
import { Envelope } from '../routing/envelope.ts'
import type { Host, Verdict } from '../routing/extension.ts'
import type { Session } from '../routing/sessions.ts'
import { element, type Element } from '../xml/element.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS_CLIENT } from '../xmpp/namespaces.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import type { DirectedPresence } from './directed.ts'
import type { Rosters } from './roster.ts'
import { awaitsAccount, awaitsContact, seesAccount, seesContact } from './subscription.ts'

const BAD_REQUEST = new StanzaError('bad-request')
const RESOURCE_CONSTRAINT = new StanzaError('resource-constraint')

/** Exchanging presence (RFC 6121 §4): broadcast, probes, directed presence, and what follows the end of a session. */
export class Presence implements Audience {
  readonly #host: Host
  readonly #rosters: Rosters
  readonly #directed: DirectedPresence

  constructor(host: Host, rosters: Rosters, directed: DirectedPresence) {
    this.#host = host
    this.#rosters = rosters
    this.#directed = directed
  }

  /** A client's presence without `to`. */
  broadcast({ element: stanza, type, session }: Envelope): StanzaError | undefined {
    if (session === undefined) return BAD_REQUEST
    switch (type) {
      case '': return this.#available(session, stanza)
      case 'unavailable': return this.#unavailable(session, stanza)
      case 'error': return undefined
      default: return BAD_REQUEST
    }
  }

  /** §4.5.2: "If the server detects that the user has gone offline ungracefully" it speaks for the client. */
  ended(session: Session): void {
    this.#unavailable(session, unavailablePresence(session.jid))
  }

  /** Judges directed presence on its way out (§4.6.3): whoever got it is told when the session becomes unavailable. */
  judgeOutgoing({ origin, directed, type, to, session }: Envelope): Verdict {
    if (origin !== 'client' || !directed || session === undefined) return undefined
    if (type === 'unavailable') this.#directed.remove(session, to)
    // A subscriber hears of a session that is available in any case.
    if (type !== '' || (session.presence !== undefined && this.sees(to, session.account))) return undefined
    return this.#directed.add(session, to) ? undefined : RESOURCE_CONSTRAINT
  }

  /** Presence of no or of type unavailable, for one of our accounts (§8.5.2.1.2, §8.5.3). */
  deliver({ element: stanza, from, to, type }: Envelope): void {
    const sessions = this.#host.sessions.of(to)
    for (const session of sessions.values()) {
      // §4.6.1: it "SHOULD remove any entity that sends unavailable presence to the user".
      if (type === 'unavailable') this.#directed.remove(session, from)
      if (to.isBare ? session.presence !== undefined : session.jid.equals(to)) session.send(stanza)
    }
  }

  /** A presence probe (§4.3.2, §4.6.6). */
  answer({ element: probe, from, to }: Envelope): void {
    const account = to.bare
    if (this.sees(from, account)) return this.#tell(from, to, probe)
    const session = to.isBare ? undefined : this.#host.sessions.get(to)
    // Whether or not the session ever sent initial presence: for who got its directed presence it is available.
    if (session !== undefined && this.#directed.has(session, from)) return this.#send(mere(session), session.jid, from)
    this.#deny(account, from.bare, probe.attrs['id'])
  }

  /** True where the account, one of ours, lets the viewer see its presence, or is the viewer itself. */
  sees(viewer: Jid, account: Jid): boolean {
    const contact = viewer.bare
    return contact.equals(account) || seesAccount(this.#rosters.of(account.bare).get(contact)?.state ?? 'none')
  }

  /** True where the account, one of ours, has a subscription to the contact's presence, wherever the contact is. */
  follows(account: Jid, contact: Jid): boolean {
    return seesContact(this.#rosters.of(account.bare).get(contact.bare)?.state ?? 'none')
  }

  followed(account: Jid): readonly Jid[] {
    return this.#rosters.of(account.bare).contacts.map(({ jid }) => jid)
  }

  subscribers(account: Jid): readonly Jid[] {
    return this.#rosters.of(account.bare).subscribers
  }

  viewers(session: Session): readonly Jid[] {
    const subscribers = session.presence === undefined ? [] : this.#rosters.of(session.account).subscribers
    return [...subscribers, ...this.#directed.of(session).values()]
  }

  /** §8.5.3.1: does this very session let the entity know that it is there? */
  isSharedBy(session: Session, entity: Jid): boolean {
    return this.sees(entity, session.account) || this.#directed.has(session, entity)
  }

  /** Current presence of all available resources, to one who may now see it (§3.1.5). */
  sendCurrent(account: Jid, contact: Jid): void {
    for (const { presence, jid } of this.#host.sessions.of(account).values()) {
      if (presence !== undefined) this.#send(presence, jid, contact)
    }
  }

  /** Unavailable presence of all available resources, to one who may see it no longer (§3.2.2, §3.3.3). */
  sendUnavailable(account: Jid, contact: Jid): void {
    for (const { presence, jid } of this.#host.sessions.of(account).values()) {
      if (presence !== undefined) this.#send(unavailablePresence(jid), jid, contact)
    }
  }

  /** Asks for the presence of a contact on another server (§4.3.1). */
  probe(account: Jid, contact: Jid): void {
    this.#send(element(NS_CLIENT, 'presence', { type: 'probe', id: randomIdentifier(), from: account.toString() }), account, contact)
  }

  /** §3.1.2: a request is sent again, as the first may be lost on its way to a remote domain. `session` is told where that fails. */
  askAgain(account: Jid, contact: Jid, session?: Session): void {
    const request = { type: 'subscribe', id: randomIdentifier(), from: account.toString() }
    this.#send(element(NS_CLIENT, 'presence', request), account, contact, session)
  }

  #available(session: Session, stanza: Element): StanzaError | undefined {
    const priority = parsePriority(stanza)
    if (priority === undefined) return BAD_REQUEST
    const isInitial = session.presence === undefined
    session.showPresence(stanza, priority)
    this.#sendToOwn(session, stanza)
    this.#sendToSubscribers(session, stanza)
    if (isInitial) this.#gather(session)
    return undefined
  }

  #unavailable(session: Session, stanza: Element): undefined {
    const wasAvailable = session.presence !== undefined
    const recipients = this.#directed.of(session)
    this.#directed.clear(session)
    if (wasAvailable) {
      this.#sendToOwn(session, stanza) // the session itself gets it, too (§4.5.2)
      session.showPresence(undefined, 0)
      this.#sendToSubscribers(session, stanza)
    }
    for (const recipient of recipients.values()) {
      const wasTold = wasAvailable && this.sees(recipient, session.account)
      if (!wasTold) this.#send(stanza, session.jid, recipient, session)
    }
  }

  /** §4.2.2: to all available resources, that which sent it included. */
  #sendToOwn(session: Session, stanza: Element): void {
    const copy = stanza.with({ to: session.account.toString() })
    for (const own of this.#host.sessions.of(session.account).values()) if (own.presence !== undefined) own.send(copy)
  }

  #sendToSubscribers(session: Session, stanza: Element): void {
    const { domains, sessions } = this.#host
    for (const contact of this.#rosters.of(session.account).subscribers) {
      const isReachable = !domains.links(session.account.domain, contact.domain) || sessions.of(contact).size > 0
      if (isReachable) this.#send(stanza, session.jid, contact, session)
    }
  }

  /** What a newly available resource has to know: its contacts' presence (§4.3.1) and the requests that wait (§3.1.3). */
  #gather(session: Session): void {
    const { domains, sessions } = this.#host
    const { account, jid } = session
    for (const own of sessions.of(account).values()) {
      if (own !== session && own.presence !== undefined) session.send(own.presence.with({ to: account.toString() }))
    }
    const roster = this.#rosters.of(account)
    for (const { jid: contact } of roster.contacts) {
      if (!domains.links(account.domain, contact.domain)) {
        this.probe(account, contact)
      } else if (this.sees(account, contact)) {
        this.#tell(jid, contact, undefined)
      } else {
        this.#deny(contact, account, undefined) // §4.3.2, as if it had been probed: the two rosters agree again
      }
    }
    for (const { jid: contact, state, requestId } of roster.all()) {
      const request = { type: 'subscribe', id: requestId }
      if (awaitsAccount(state)) {
        session.send(element(NS_CLIENT, 'presence', { ...request, from: contact.toString(), to: account.toString() }))
      }
      if (awaitsContact(state) && !domains.links(account.domain, contact.domain)) this.askAgain(account, contact, session)
    }
  }

  /** Tells a viewer who may know it what presence the account, or that one resource of it, has (§4.3.2). */
  #tell(viewer: Jid, asked: Jid, probe: Element | undefined): void {
    const { sessions } = this.#host
    if (!asked.isBare) {
      const session = sessions.get(asked)
      const isShown = session !== undefined && (session.presence !== undefined || this.#directed.has(session, viewer))
      return this.#send(isShown ? mere(session) : unavailablePresence(asked, probe?.attrs['id']), asked, viewer)
    }
    let isAvailable = false
    for (const { presence, jid } of sessions.of(asked).values()) {
      if (presence === undefined) continue
      isAvailable = true
      this.#send(presence, jid, viewer)
    }
    // DEVIATION: RFC 6121 §4.3.2 wants the answer to a probe to tell the time of the last presence; no such times are kept.
    if (!isAvailable && probe !== undefined) this.#send(unavailablePresence(asked, probe.attrs['id']), asked, viewer)
  }

  /** §4.3.2: the answer to one who may not see the account's presence, and of an account that does not exist. */
  #deny(account: Jid, viewer: Jid, id: string | undefined): void {
    this.#send(element(NS_CLIENT, 'presence', { type: 'unsubscribed', id, from: account.toString() }), account, viewer)
  }

  /** `session` is told where that fails. The stanza's `from` is stamped already. */
  #send(stanza: Element, from: Jid, to: Jid, session?: Session): void {
    this.#host.router.forward(new Envelope(stanza.with({ to: to.toString() }), from, to, true, 'server', session))
  }
}

/** RFC 6121 §4.7.2.3: one integer from -128 to 127, or none, which is 0; undefined where it is something else. */
export function parsePriority(presence: Element): number | undefined {
  let text: string | undefined
  for (const child of presence.elements()) {
    if (!child.is('priority', NS_CLIENT)) continue
    if (text !== undefined) return undefined
    text = child.content().trim()
  }
  if (text === undefined) return 0
  if (!/^[+-]?\d{1,3}$/.test(text)) return undefined
  const priority = Number(text)
  return priority >= -128 && priority <= 127 ? priority : undefined
}

/** §4.3.2.1: the answer to a probe has the id of the probe. */
function unavailablePresence(from: Jid, id?: string): Element {
  return element(NS_CLIENT, 'presence', { type: 'unavailable', id, from: from.toString() })
}

/** §4.3.2: "only the fact that the resource is available". */
function mere(session: Session): Element {
  return element(NS_CLIENT, 'presence', { from: session.jid.toString() })
}
