import type { Clock, Timer } from '../clock.ts'
import type { Limits } from '../config/schema.ts'
import type { Log } from '../log.ts'
import type { Connection, ConnectionOwner } from '../net/connection.ts'
import type { TlsIdentity } from '../net/tls.ts'
import type { Element } from '../xml/element.ts'
import type { ParserOwner, StreamHeader } from '../xml/parser.ts'
import { XmlError } from '../xml/xml-error.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'
import type { Jid } from '../xmpp/jid.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import type { Place } from './admission.ts'
import type { Negotiating, StreamFeature } from './feature.ts'
import { DOCUMENTS, type Framing, type StreamReader } from './framing.ts'
import { checkHeader } from './header-check.ts'
import type { Liveness, Watched } from './liveness.ts'
import { Initiation, type Call } from './initiation.ts'
import { Negotiation } from './negotiation.ts'
import { Outbox, type WriteTurn } from './outbox.ts'
import { parserLimits } from './parser-limits.ts'
import { Rate } from './rate.ts'

/** The one listener of a stream: first the ingress which accepted it, then the session that is bound on it. */
export interface StreamOwner {
  /** The peer opened (or restarted) the stream: which of our domains is it for? @throws StreamError host-unknown */
  opened(stream: Stream, header: StreamHeader): OpenedDomain
  /** Instead of stream features, where there are none. */
  negotiation?(stream: Stream): Negotiating
  /** A top-level element, once nothing is left to negotiate. @throws StreamError */
  received(element: Element): void
  /** On a stream that we initiated: it is secured, and nothing is left to negotiate but who we are, by these features. */
  negotiated?(features: Element): void
  /** On a stream that was opened to us: the peer was told what it may negotiate now. */
  offered?(): void
  /** Nothing was heard for `limits.idle_before_ping`: ask whether the peer lives. */
  idle(): void
  /** Text to be sent before our farewell; called once, where the stream was open. */
  lastWords?(): string
  /** The stream is over; called once, and nothing can be sent any more. `error` is ours, where we ended it with one. */
  closed(error?: StreamError): void
}

export interface OpenedDomain {
  readonly domain: string
  /** Undefined where TLS is not to be had. */
  readonly identity: TlsIdentity | undefined
}

/** What all streams of one kind share. */
export interface StreamSettings {
  readonly contentNamespace: string
  readonly features: readonly StreamFeature<Stream>[]
  readonly limits: Limits
  readonly clock: Clock
  readonly log: Log
  readonly turn: WriteTurn
  /** As documents where it is undefined. */
  readonly framing?: Framing
  readonly liveness: Liveness
  /** Bytes per second that are read from a peer; as many as it sends where this is undefined. */
  readonly rate?: number
}

/** How long we wait for the peer's end of the stream after ours (RFC 6120 §4.4). */
const CLOSING_MILLISECONDS = 5000

/**
 * The XML streams on one connection. RFC 6120's stream has one direction; this is the pair, with us as the receiving
 * entity, or as the initiating one where there is a `call`. It owns what was agreed on it: security, account, resource.
 */
export class Stream implements ConnectionOwner, ParserOwner, Watched {
  readonly connection: Connection
  readonly settings: StreamSettings
  owner: StreamOwner
  /** The receiving entity's id of the stream; a new one for each header (RFC 6120 §4.7.3: unique and unpredictable). */
  id = ''
  domain = ''
  identity: TlsIdentity | undefined
  /** Who proved to be at the other end. */
  account: Jid | undefined
  /** Who the peer says it is, in its last header: unproved, and not even parsed. */
  claimed: string | undefined
  /** When the liveness sweep last saw that something had come, in its own coarse time. */
  heardAt: number
  /** When the idle peer was asked for a sign of life; 0 while it need not be. */
  askedAt = 0
  /** Until when the peer has to log in, in the same time; later for one who fills in a form. */
  loginBy: number
  /** The peer ended the stream as agreed (RFC 6120 §4.4). */
  endedByPeer = false
  readonly #framing: Framing
  #parser: StreamReader
  #negotiation: Negotiating | undefined
  readonly #call: Call | undefined
  readonly #rate: Rate | undefined
  readonly #outbox: Outbox
  readonly #place: Place
  #state: 'waiting' | 'open' | 'closing' | 'closed' = 'waiting'
  #closingTimer: Timer | undefined

  constructor(connection: Connection, settings: StreamSettings, place: Place, owner: StreamOwner, call?: Call) {
    this.connection = connection
    this.#place = place
    this.settings = settings
    this.owner = owner
    this.loginBy = (this.heardAt = settings.liveness.now) + settings.limits.time_to_login
    this.#outbox = new Outbox(connection, settings.turn, settings.clock)
    this.#call = call
    this.#framing = settings.framing ?? DOCUMENTS
    this.#rate = settings.rate === undefined ? undefined : new Rate(settings.rate, connection, settings.clock)
    this.#negotiation = call === undefined ? owner.negotiation?.(this) ?? new Negotiation(this, settings.features)
      : new Initiation(this, call, (features) => {
        this.established(this.owner)
        this.owner.negotiated?.(features)
      })
    this.#parser = this.#framing.reader(this, parserLimits(settings.limits, false))
    connection.owner = this
    settings.liveness.add(this)
    if (call !== undefined) this.#open(call.from)
  }

  /** TLS, or an onion circuit from end to end. */
  get secured(): boolean {
    return this.connection.protection !== 'none'
  }

  get open(): boolean { return this.#state === 'open' }

  send(element: Element): void {
    if (this.#state === 'open') this.sendText(this.textOf(element))
  }

  /** As it is written on this stream. */
  textOf(element: Element): string {
    return this.#framing.element(element, this.settings.contentNamespace)
  }

  /** Sends what is serialized already. */
  sendText(text: string): void {
    if (this.#state !== 'open') return
    if (!this.#outbox.put(text, this.settings.limits.outbox)) {
      this.fail(new StreamError('resource-constraint', 'Too much waits to be read.'))
    }
  }

  /** Writes now what would be written at the end of this turn. */
  flush(): void { this.#outbox.flush() }

  // From the connection

  receivedBytes(chunk: Buffer): void {
    if (this.#state === 'closed') return
    this.heardAt = this.settings.liveness.now
    this.askedAt = 0
    try {
      this.#parser.write(chunk)
    } catch (error) {
      this.fail(error)
    }
    // A stream that ends is read to its end: what is left unread would break the connection before our farewell is read.
    if (this.#state !== 'closing') this.#rate?.took(chunk.length)
  }

  /** RFC 6120 §4.9.3.14: as where the parser finds it too large. */
  exceeded(): void { this.fail(new StreamError('policy-violation')) }

  drained(): void { this.#outbox.drained() }

  ended(): void { this.end() }

  closed(): void {
    const before = this.#state
    this.#state = 'closed'
    this.#closingTimer?.cancel()
    this.settings.liveness.remove(this)
    this.#place.leave()
    this.#parser.stop()
    if (before !== 'closing' && before !== 'closed') this.owner.closed()
  }

  // From the parser

  streamOpened(header: StreamHeader): void {
    if (this.#state === 'closing') return
    checkHeader(header, this.settings.contentNamespace)
    const { domain, identity } = this.owner.opened(this, header)
    // RFC 6120 §4.3.3: a restarted stream is for the same domain, or what was agreed would be carried to another.
    if (this.domain !== '' && domain !== this.domain) throw new StreamError('host-unknown')
    this.domain = domain
    this.identity = identity
    this.claimed = header.attrs['from']
    if (this.#call === undefined) this.#open(domain)
    else this.id = header.attrs['id'] ?? ''
    this.#negotiation?.offer()
    if (this.#call === undefined) this.owner.offered?.()
  }

  received(element: Element): void {
    if (this.#state !== 'open') return
    if (this.#negotiation === undefined) this.owner.received(element)
    else this.#negotiation.receive(element)
  }

  streamClosed(): void {
    this.endedByPeer = this.#state === 'open'
    this.end()
  }

  // For negotiation and what is above

  /**
   * Starts the stream anew (RFC 6120 §4.3.3): what comes next must be a header. Nothing may have been sent before
   * the restart was agreed: such bytes would be from before TLS.
   */
  restart(): void {
    if (this.stopParsing() > 0) throw new StreamError('policy-violation', 'Bytes came before the stream was restarted.')
    this.#parser = this.#framing.reader(this, parserLimits(this.settings.limits, this.account !== undefined || !this.negotiating))
    if (this.#state !== 'open') return
    this.#state = 'waiting'
    if (this.#call !== undefined) this.#open(this.#call.from)
  }

  /** Parses nothing more; the number of bytes that had come already. */
  stopParsing(): number { return this.#parser.stop() }

  /** The peer proved to be that account, and the stream goes on without a restart (XEP-0388 §2.6.1). */
  authenticated(account: Jid): void {
    this.account = account
    this.#parser.setLimits(parserLimits(this.settings.limits, true))
  }

  /** Tells the peer what it may negotiate now. */
  offer(): void {
    this.#negotiation?.offer()
  }

  /** Everything is negotiated: from now on `owner` gets what comes, under the limits of a peer that is known. */
  established(owner: StreamOwner): void {
    this.owner = owner
    this.#negotiation = undefined
    this.#parser.setLimits(parserLimits(this.settings.limits, true))
    this.#place.loggedIn()
  }

  get negotiating(): boolean { return this.#negotiation !== undefined }

  /** Ends the stream as agreed (RFC 6120 §4.4). */
  end(): void { this.#close(undefined) }

  /** Ends the stream with an error; anything but an error of ours is a bug, logged, and shown as internal. */
  fail(error: unknown): void {
    if (error instanceof StreamError) return this.#close(error)
    if (error instanceof XmlError) return this.#close(new StreamError(error.condition))
    this.settings.log.error('stream.failed', { id: this.id }, error)
    this.#close(new StreamError('internal-server-error'))
  }

  /** Ends without waiting for anybody. */
  destroy(): void { this.connection.destroy() }

  /** Called by the liveness sweep, every few seconds. */
  sweep(now: number): void {
    const { limits } = this.settings
    const isSilent = !this.negotiating && this.askedAt !== 0 && now - this.askedAt > limits.idle_after_ping
    if (isSilent || this.#outbox.overdue(now, limits.time_to_drain)) {
      this.fail(new StreamError('connection-timeout'))
      this.connection.destroy() // it reads nothing, so it will not read our farewell either
    } else if (this.negotiating) {
      if (now > this.loginBy) this.fail(new StreamError('connection-timeout'))
    } else if (this.askedAt === 0 && now - this.heardAt > limits.idle_before_ping) {
      this.askedAt = now
      this.owner.idle()
    }
  }

  #open(from: string | undefined): void {
    const to = this.#call?.to
    const id = to === undefined ? randomIdentifier() : undefined
    this.id = id ?? ''
    this.#state = 'open'
    this.sendText(this.#framing.header({ contentNamespace: this.settings.contentNamespace, from, to, id }))
  }

  #close(error: StreamError | undefined): void {
    if (this.#state === 'closing' || this.#state === 'closed') return
    const lastWords = this.#state === 'open' ? this.owner.lastWords?.() ?? '' : ''
    // RFC 6120 §4.9.1.2: an error before our header needs the header first. It names no domain: none was agreed.
    if (this.#state === 'waiting') this.#open(this.domain === '' ? undefined : this.domain)
    const reason = error === undefined ? '' : this.textOf(error.toElement())
    this.#outbox.put(lastWords + reason + this.#framing.end, Number.POSITIVE_INFINITY)
    this.#outbox.flushLast()
    this.#state = 'closing'
    if (error !== undefined) this.settings.log.debug('stream.error', { condition: error.condition, id: this.id })
    this.connection.end()
    this.#closingTimer = this.settings.clock.after(CLOSING_MILLISECONDS, () => this.connection.destroy())
    if (error !== undefined) this.#parser.stop()
    this.owner.closed(error)
  }
}
