import type { Clock, Timer } from '../clock.ts'
import { Envelope } from '../routing/envelope.ts'
import type { HandlerTables } from '../routing/handler-tables.ts'
import type { Session, Sessions } from '../routing/sessions.ts'
import type { OpenedDomain, Stream, StreamOwner } from '../stream/stream.ts'
import { element, type Element } from '../xml/element.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'
import { Jid } from '../xmpp/jid.ts'
import { NS_CLIENT } from '../xmpp/namespaces.ts'
import { errorReply, mayBeAnswered, StanzaError } from '../xmpp/stanza-error.ts'
import { StreamError, type StreamCondition } from '../xmpp/stream-error.ts'
import type { FormerSessions } from './former-sessions.ts'
import { StreamManagement, type ManagementParts } from './stream-management.ts'

const NS_PING = 'urn:xmpp:ping'

/** What every client session needs of the house. */
export interface SessionParts extends ManagementParts {
  readonly sessions: Sessions
  readonly formerSessions: FormerSessions
  readonly tables: HandlerTables
  readonly clock: Clock
}

/** Our own reasons to end a stream that say nothing against its client: it may have heard nothing of it. */
const SURVIVED: readonly StreamCondition[] = ['connection-timeout', 'resource-constraint']

/**
 * A client's bound resource (RFC 6120 §7): from its stream into the router, and from the router to its stream.
 *
 * With XEP-0198 it may outlive its stream: it is away then, looks to everybody else as it did before, and keeps what it
 * is sent until its client comes back by another stream, or the time is over.
 */
export class ClientSession implements Session, StreamOwner {
  readonly jid: Jid
  readonly account: Jid
  readonly since: string
  #stream: Stream | undefined
  #management: StreamManagement | undefined
  readonly #parts: SessionParts
  readonly #from: string
  #presence: Element | undefined
  #priority = 0
  /** Of its stream, or of the last one. */
  #onion: boolean
  #awaySince: number | undefined
  #expiry: Timer | undefined
  /** 'ending': whatever becomes of its stream, it must not be resumed. */
  #state: 'living' | 'ending' | 'ended' = 'living'

  constructor(stream: Stream, jid: Jid, parts: SessionParts) {
    this.jid = jid
    this.account = jid.bare
    this.#from = jid.toString()
    this.since = new Date(stream.settings.clock.now()).toISOString().slice(0, 10)
    this.#stream = stream
    this.#onion = stream.connection.onion
    this.#parts = parts
  }

  get onion(): boolean {
    return this.#onion
  }

  get presence(): Element | undefined {
    return this.#presence
  }

  get priority(): number {
    return this.#priority
  }

  showPresence(presence: Element | undefined, priority: number): void {
    this.#presence = presence
    this.#priority = priority
  }

  /** Since when it has no stream, by `Clock.elapsed`; undefined while it has one. */
  get awaySince(): number | undefined {
    return this.#awaySince
  }

  get management(): StreamManagement | undefined {
    return this.#management
  }

  send(stanza: Element): void {
    const { tables, copies } = this.#parts
    if (this.#state === 'ended' || tables.session.withholds(this, stanza)) return
    if (this.#management === undefined) {
      this.#stream?.send(stanza)
      copies.arrived(stanza)
    } else if (!this.#management.send(stanza)) {
      return this.#overflow(this.#management, stanza)
    }
    tables.session.sent(this, stanza)
  }

  end(error?: StreamError): void {
    if (this.#state === 'ended') return
    this.#state = 'ending'
    if (this.#stream === undefined) this.#over()
    else if (error === undefined) this.#stream.end()
    else this.#stream.fail(error)
  }

  // Stream management (XEP-0198)

  /** What the client asked for by `request`; it is to be told at once. Once in a session. */
  enable(request: Element): Element {
    this.#management = new StreamManagement(request, this.#parts, () => this.#stream)
    return this.#management.enabled
  }

  /** Goes on by this stream, whose peer was told so: sends what was not acknowledged, and then the rest. */
  resume(stream: Stream): void {
    const former = this.#stream
    this.#stream = undefined
    if (former !== undefined) {
      former.owner = REPLACED
      former.fail(new StreamError('conflict'))
    }
    this.#expiry?.cancel()
    this.#awaySince = undefined
    this.#stream = stream
    this.#onion = stream.connection.onion
    stream.established(this)
    this.#management?.resend()
    this.#parts.tables.session.resumed(this)
  }

  // From the stream

  opened(): OpenedDomain {
    throw new StreamError('policy-violation') // a bound stream cannot be restarted
  }

  received(received: Element): void {
    const { name } = received
    if (received.namespace !== NS_CLIENT || (name !== 'message' && name !== 'presence' && name !== 'iq')) {
      return this.#nonza(received)
    }
    this.#management?.handled()
    this.#parts.tables.session.received(this, received)
    const { from, to } = received.attrs
    if (from !== undefined && from !== this.#from) this.#checkFrom(from)
    const target = to === undefined ? this.account : Jid.parse(to)
    // RFC 6120 §8.1.2.1: the server stamps the full JID, whatever the client said.
    const stamped = from === this.#from ? received : received.with({ from: this.#from })
    if (target === undefined) return this.#refuseAddress(stamped)
    this.#parts.router.submit(new Envelope(stamped, this.jid, target, to !== undefined, 'client', this))
  }

  /** Asks the client for a sign of life: any byte is one, so an error will do as an answer. */
  idle(): void {
    if (this.#management !== undefined) return this.#management.ask()
    this.send(element(NS_CLIENT, 'iq', {
      type: 'get', id: randomIdentifier(9), from: this.jid.domain, to: this.#from,
    }, element(NS_PING, 'ping')))
  }

  lastWords(): string {
    return this.#management?.lastWords() ?? ''
  }

  closed(error?: StreamError): void {
    const endedByPeer = this.#stream?.endedByPeer === true
    this.#stream = undefined
    const mayComeBack = this.#state === 'living' && !endedByPeer && (error === undefined || SURVIVED.includes(error.condition))
    if (mayComeBack && this.#management?.id !== undefined) this.#leave(this.#management, this.#management.id)
    else this.#over()
  }

  #leave(management: StreamManagement, id: string): void {
    const { clock, formerSessions } = this.#parts
    management.pause()
    this.#awaySince = clock.elapsed()
    this.#expiry = clock.after(management.timeToResume, () => {
      formerSessions.add(this.account, { id, count: management.count })
      this.#over()
    })
  }

  #overflow(management: StreamManagement, stanza: Element): void {
    this.end(new StreamError('resource-constraint', 'Too much is not acknowledged.'))
    management.bounce(stanza)
  }

  #over(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#expiry?.cancel()
    this.#awaySince = undefined
    this.#parts.sessions.remove(this)
    this.#parts.tables.session.ended(this)
    this.#management?.lose()
  }

  #nonza(received: Element): void {
    const route = this.#parts.tables.nonza('client', received.namespace, received.name)
    if (route === undefined || this.#stream === undefined) throw new StreamError('unsupported-stanza-type')
    route.handle(this.#stream, received, this)
  }

  /** RFC 6120 §8.1.2.1: a `from` that is neither the full nor the bare JID is a stream error. */
  #checkFrom(from: string): void {
    const claimed = Jid.parse(from)
    if (claimed === undefined || !(claimed.equals(this.jid) || claimed.equals(this.account))) throw new StreamError('invalid-from')
  }

  /** RFC 6120 §8.3.3.8: the answer to a stanza whose `to` is no JID comes from the account itself. */
  #refuseAddress(stanza: Element): void {
    if (mayBeAnswered(stanza)) this.send(errorReply(stanza, new StanzaError('jid-malformed'), this.account, this.jid))
  }
}

/** Who owns a stream whose session went on by another. */
const REPLACED: StreamOwner = {
  opened: () => { throw new StreamError('policy-violation') },
  received: () => {},
  idle: () => {},
  closed: () => {},
}
