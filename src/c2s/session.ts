import { Envelope } from '../routing/envelope.ts'
import type { StanzaRouter } from '../routing/extension.ts'
import type { HandlerTables } from '../routing/handler-tables.ts'
import type { Session, Sessions } from '../routing/sessions.ts'
import type { OpenedDomain, Stream, StreamOwner } from '../stream/stream.ts'
import { element, type Element } from '../xml/element.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'
import { Jid } from '../xmpp/jid.ts'
import { NS_CLIENT } from '../xmpp/namespaces.ts'
import { errorReply, mayBeAnswered, StanzaError } from '../xmpp/stanza-error.ts'
import { StreamError } from '../xmpp/stream-error.ts'

const NS_PING = 'urn:xmpp:ping'

/** What every client session needs of the house. */
export interface SessionParts {
  readonly router: StanzaRouter
  readonly sessions: Sessions
  readonly tables: HandlerTables
}

/** A client's bound resource (RFC 6120 §7): from its stream into the router, and from the router to its stream. */
export class ClientSession implements Session, StreamOwner {
  readonly jid: Jid
  readonly account: Jid
  readonly since: string
  readonly #stream: Stream
  readonly #parts: SessionParts
  readonly #from: string
  #presence: Element | undefined
  #priority = 0
  #ended = false

  constructor(stream: Stream, jid: Jid, parts: SessionParts) {
    this.jid = jid
    this.account = jid.bare
    this.#from = jid.toString()
    this.since = new Date(stream.settings.clock.now()).toISOString().slice(0, 10)
    this.#stream = stream
    this.#parts = parts
  }

  get onion(): boolean {
    return this.#stream.connection.onion
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

  send(stanza: Element): void {
    this.#stream.send(stanza)
    this.#parts.tables.session.sent(this, stanza)
  }

  end(error?: StreamError): void {
    if (error === undefined) this.#stream.end()
    else this.#stream.fail(error)
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
    this.send(element(NS_CLIENT, 'iq', {
      type: 'get', id: randomIdentifier(9), from: this.jid.domain, to: this.#from,
    }, element(NS_PING, 'ping')))
  }

  closed(): void {
    if (this.#ended) return
    this.#ended = true
    this.#parts.sessions.remove(this)
    this.#parts.tables.session.ended(this)
  }

  #nonza(received: Element): void {
    const route = this.#parts.tables.nonza('client', received.namespace, received.name)
    if (route === undefined) throw new StreamError('unsupported-stanza-type')
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
