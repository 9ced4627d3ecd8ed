import type { Credential } from '../auth/mechanism.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import type { Judged } from '../net/certificate-judge.ts'
import type { Connection } from '../net/connection.ts'
import type { TlsIdentity } from '../net/tls.ts'
import type { StanzaRouter } from '../routing/extension.ts'
import type { HandlerTables } from '../routing/handler-tables.ts'
import { NS_ACKNOWLEDGEMENT } from '../stream/acknowledgement.ts'
import type { OpenedDomain, Stream, StreamOwner } from '../stream/stream.ts'
import type { Element } from '../xml/element.ts'
import type { StreamHeader } from '../xml/parser.ts'
import { Jid } from '../xmpp/jid.ts'
import { NS_DIALBACK, NS_STREAM, NS_STREAM_ERRORS } from '../xmpp/namespaces.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import { Carrier } from './carrier.ts'
import { mayCarryBack, proofsOf, type Claim } from './claim.ts'
import { answer, authoritativeAnswer, domainOf, readDialback, type DialbackElement, type DialbackSecrets, type Judgement } from './dialback.ts'
import { admit, isStanza } from './entrance.ts'
import type { Occupancy } from './occupancy.ts'
import { NO_ROOM, NOT_ALLOWED, NOT_FOUND } from './refusals.ts'

export interface IncomingParts {
  readonly router: StanzaRouter
  readonly tables: HandlerTables
  readonly secrets: DialbackSecrets
  readonly clock: Clock
  readonly limits: Config['s2s']
  readonly occupancy: Occupancy
  /** All that are open. */
  readonly streams: Set<IncomingStream>
  /** What the certificate says that was shown on it. */
  readonly judge: (connection: Connection) => Judged
  /** The operator's word on a remote domain. */
  mayConnect(domain: string): boolean
  /** Whether there is a way to it; see Dial. */
  reaches(local: string, remote: string): boolean
  /** Asks the remote domain itself; this and the next two: see Outgoing. */
  verify(local: string, remote: string, streamId: string, key: string): Promise<Judgement>
  heard(local: string, remote: string, carrier: Carrier | undefined): void
  release(local: string, remote: string, carrier: Carrier, cleanly: boolean): void
}

/** Domains that one stream may speak for at a time (XEP-0220 §2.7.1), and claims that are under way on it. */
const MOST_DOMAINS = 16
const MOST_CLAIMS = 4

const ITEM_NOT_FOUND = new StanzaError('item-not-found')
const FORBIDDEN = new StanzaError('forbidden')
/** It showed no certificate by which it could be that domain, and none is dispensed with. */
const NOT_AUTHORIZED = new StanzaError('not-authorized')

/**
 * A stream that another server opened. What it may say is decided here and nowhere else: stanzas from the domains that
 * were proved on it, to the one domain of ours that it was opened for. How a domain may be proved says `proofsOf`; the
 * name that the stream gave itself proves nothing.
 */
export class IncomingStream implements StreamOwner {
  readonly #domains: ReadonlyMap<string, TlsIdentity>
  readonly #parts: IncomingParts
  readonly #proved = new Set<string>()
  readonly #claimed = new Set<string>()
  /** Domains that have proved themselves, and that are answered on this stream from the next element on. */
  readonly #unanswered = new Set<string>()
  #stream: Stream | undefined
  #carrier: Carrier | undefined
  /** The other side takes our stanzas on this stream, too (XEP-0288). */
  #bidirectional = false
  /** What the first header said; '' where it named nobody. */
  #from: string | undefined
  /** Of the certificate; there is one for all of the stream. */
  #judged: Judged | undefined
  #cleanly = false

  constructor(domains: ReadonlyMap<string, TlsIdentity>, parts: IncomingParts) {
    this.#domains = domains
    this.#parts = parts
  }

  /** By what the other side may be taken for the domain that its stream header names (XEP-0178 §3); undefined where by nothing. */
  get credential(): Credential | undefined {
    const [stream, from] = [this.#stream, this.#from ?? '']
    // Who has a certificate of a domain of ours is not we all the same: we do not call ourselves.
    if (stream?.connection.protection !== 'tls' || from === '' || from === stream.domain) return undefined
    const claim = this.#described(stream, from)
    return proofsOf(claim).includes('certificate') ? { from: Jid.of('', from), judged: claim.judged } : undefined
  }

  opened(stream: Stream, { attrs: { from, to } }: StreamHeader): OpenedDomain {
    const domain = domainOf(to ?? '')
    const identity = domain === undefined ? undefined : this.#domains.get(domain)
    if (domain === undefined || identity === undefined) throw new StreamError('host-unknown')
    const claimed = from === undefined ? '' : domainOf(from)
    // A restart is by the same server: what was agreed would be carried to another. Before TLS it need not say who it is.
    if (claimed === undefined || ((this.#from ?? '') !== '' && claimed !== this.#from)) throw new StreamError('invalid-from')
    if (claimed !== '') this.#checkRuling(claimed)
    this.#from = claimed
    this.#judged = undefined
    if (this.#stream === undefined) this.#parts.streams.add(this)
    this.#stream = stream
    this.#carrier ??= new Carrier(stream, this.#parts)
    return { domain, identity }
  }

  /** After SASL the stream was opened anew, and what it may negotiate now it may leave. */
  offered(): void {
    const stream = this.#stream
    const domain = stream?.account?.domain
    if (stream === undefined || domain === undefined || !stream.negotiating) return
    if (!this.#parts.occupancy.enter(stream.domain, domain)) throw new StreamError('resource-constraint')
    stream.established(this)
    this.#prove(stream, domain, 'external')
  }

  received(received: Element): void {
    const stream = this.#stream
    const { namespace, name } = received
    if (stream === undefined) return
    if (namespace === NS_DIALBACK) return this.#dialback(stream, readDialback(received))
    if (isStanza(received)) return this.#stanza(stream, received)
    if (received.is('error', NS_STREAM)) return this.#refused(stream, received)
    if (namespace === NS_ACKNOWLEDGEMENT) return this.#acknowledgement(stream, received)
    const route = this.#parts.tables.nonza('server', namespace, name)
    if (route === undefined) throw new StreamError('unsupported-stanza-type')
    route.handle(stream, received, undefined)
  }

  /** XEP-0288 §2.2: the other side wants our stanzas on this stream, from when it has proved who it is. */
  carryBack(): void {
    this.#bidirectional = true
  }

  /** The operator's rulings changed. */
  recheck(): void {
    const isAllowed = [this.#from ?? '', ...this.#proved, ...this.#claimed].every((domain) => domain === '' || this.#parts.mayConnect(domain))
    if (!isAllowed) this.#stream?.fail(new StreamError('policy-violation'))
  }

  /** The other server ends what it does not use; one that does not, and is silent for longer than it should, is gone. */
  idle(): void {
    this.#cleanly = true
    this.#stream?.end()
  }

  lastWords(): string {
    return this.#carrier?.lastWords() ?? ''
  }

  closed(): void {
    const { streams, occupancy } = this.#parts
    const [stream, carrier] = [this.#stream, this.#carrier]
    streams.delete(this)
    const proved = [...this.#proved]
    this.#proved.clear()
    this.#unanswered.clear()
    if (stream === undefined || carrier === undefined) return
    for (const domain of proved) occupancy.leave(stream.domain, domain)
    for (const domain of proved) this.#parts.release(stream.domain, domain, carrier, this.#cleanly || stream.endedByPeer)
    carrier.released()
  }

  #dialback(stream: Stream, dialback: DialbackElement): void {
    // An answer on this stream answers nothing: we ask on streams that we opened.
    if (dialback.type !== undefined) throw new StreamError('policy-violation')
    if (dialback.name === 'verify') stream.send(authoritativeAnswer(this.#parts.secrets, stream.domain, dialback))
    else this.#claim(stream, dialback)
  }

  /** XEP-0220 §2.2.1: the claim to be `from` is put to that domain itself, over Tor where it is an onion. */
  #claim(stream: Stream, { from, to, key }: DialbackElement): void {
    this.#checkRuling(from)
    const { id, domain } = stream
    const refusal = to !== domain ? ITEM_NOT_FOUND
      : from === domain ? NOT_ALLOWED
        : !this.#parts.reaches(domain, from) ? NOT_FOUND
          : !proofsOf(this.#described(stream, from)).includes('dialback') ? NOT_AUTHORIZED
            : this.#claimed.size >= MOST_CLAIMS || this.#proved.size >= MOST_DOMAINS ? NO_ROOM : undefined
    if (refusal !== undefined) return stream.send(answer('result', to, from, refusal))
    if (this.#claimed.has(from)) throw new StreamError('policy-violation', 'Wait for the answer before you go on.')
    this.#claimed.add(from)
    this.#parts.verify(domain, from, id, key).then((judgement) => {
      this.#claimed.delete(from)
      // A restart gave the stream another id, and the key was for this one.
      if (stream.open && stream.id === id) this.#verified(stream, from, judgement)
    }).catch((error: unknown) => stream.fail(error))
  }

  #described({ connection, domain: local }: Stream, domain: string): Claim {
    const { judge, limits, reaches } = this.#parts
    const { protection, onion } = connection
    const judged = this.#judged ??= judge(connection)
    return { domain, protection, onion, judged, reachable: reaches(local, domain), unverified: limits.unverified }
  }

  /** Before anybody is called because of it. RFC 6120 §4.9.3.14: a local service policy is broken. */
  #checkRuling(domain: string): void {
    if (!this.#parts.mayConnect(domain)) throw new StreamError('policy-violation')
  }

  #verified(stream: Stream, from: string, judgement: Judgement): void {
    const isNew = !this.#proved.has(from)
    const answered = judgement === 'valid' && isNew && !this.#parts.occupancy.enter(stream.domain, from) ? NO_ROOM : judgement
    if (answered === 'valid') {
      if (stream.negotiating) stream.established(this)
      stream.send(answer('result', stream.domain, from, 'valid'))
      if (isNew) this.#prove(stream, from, 'dialback')
      return
    }
    if (answered === 'invalid') {
      this.#disprove(stream, from)
      stream.settings.log.warn('s2s.spoofed', { part: 's2s', id: stream.id })
    }
    // §2.2.1: an invalid key ends the stream, unless it has been proved for others.
    const mayGoOn = answered !== 'invalid' || this.#proved.size > 0
    stream.send(answer('result', stream.domain, from, answered === 'invalid' && mayGoOn ? FORBIDDEN : answered))
    if (!mayGoOn) stream.end()
  }

  /** The other side was told, or knows by SASL, that it is known. */
  #prove(stream: Stream, domain: string, condition: 'external' | 'dialback'): void {
    this.#proved.add(domain)
    stream.settings.log.debug('s2s.proved-them', { part: 's2s', condition, id: stream.id })
    if (this.#bidirectional && mayCarryBack(this.#described(stream, domain))) this.#unanswered.add(domain)
    this.#parts.heard(stream.domain, domain, undefined)
  }

  /**
   * Who has proved itself says something now. If that is not that it wants acknowledgements (XEP-0198 §3), it does not:
   * what was sent to it before that is counted by nobody, and lost with the stream.
   */
  #mayAnswer(stream: Stream): void {
    for (const domain of this.#unanswered) this.#parts.heard(stream.domain, domain, this.#carrier)
    this.#unanswered.clear()
  }

  #disprove(stream: Stream, domain: string): void {
    this.#unanswered.delete(domain)
    if (!this.#proved.delete(domain)) return
    this.#parts.occupancy.leave(stream.domain, domain)
    if (this.#carrier !== undefined) this.#parts.release(stream.domain, domain, this.#carrier, false)
  }

  #stanza(stream: Stream, received: Element): void {
    if (stream.negotiating) throw new StreamError('not-authorized')
    this.#mayAnswer(stream)
    admit(received, { local: stream.domain, speaksFor: (domain) => this.#proved.has(domain) }, this.#parts.router)
    this.#carrier?.handled()
  }

  #acknowledgement(stream: Stream, received: Element): void {
    if (stream.negotiating) throw new StreamError('not-authorized')
    this.#carrier?.receive(received)
    this.#mayAnswer(stream)
  }

  #refused(stream: Stream, error: Element): void {
    this.#cleanly = error.child('connection-timeout', NS_STREAM_ERRORS) !== undefined
    stream.end()
  }
}
