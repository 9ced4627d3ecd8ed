import type { Config } from '../config/schema.ts'
import type { Judged } from '../net/certificate-judge.ts'
import type { Connection } from '../net/connection.ts'
import type { TlsIdentity } from '../net/tls.ts'
import type { StanzaRouter } from '../routing/extension.ts'
import { NS_ACKNOWLEDGEMENT } from '../stream/acknowledgement.ts'
import type { Place } from '../stream/admission.ts'
import { Stream, type OpenedDomain, type StreamOwner, type StreamSettings } from '../stream/stream.ts'
import { element, type Element } from '../xml/element.ts'
import type { StreamHeader } from '../xml/parser.ts'
import { NS_DIALBACK, NS_SASL, NS_STREAM, NS_STREAM_ERRORS } from '../xmpp/namespaces.ts'
import type { StanzaError } from '../xmpp/stanza-error.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import { Carrier } from './carrier.ts'
import type { Route } from './destination.ts'
import { answer, authoritativeAnswer, domainOf, readDialback, request, type DialbackElement, type DialbackSecrets } from './dialback.ts'
import { admit, isStanza } from './entrance.ts'
import { NOT_ALLOWED, NOT_BELIEVED, NOT_FOUND, NOT_REACHED } from './refusals.ts'

/** XEP-0288: what is offered, and what is taken. */
export const NS_BIDI_FEATURE = 'urn:xmpp:features:bidi'
export const NS_BIDI = 'urn:xmpp:bidi'

/** A domain of ours and one of others. */
export interface Pair {
  readonly local: string
  readonly remote: string
}

export interface OutgoingStreamParts {
  readonly secrets: DialbackSecrets
  readonly router: StanzaRouter
  readonly stream: StreamSettings
  readonly limits: Config['s2s']
  /** What the certificate says that was shown on it. */
  readonly judge: (connection: Connection) => Judged
}

/** Who is told of a stream. */
export interface StreamWatcher {
  /** It is secured, the other side is who it should be, and can be asked whether keys are its own. */
  ready(): void
  /** The other side knows that we are who we are: stanzas may go. */
  proved(carrier: Carrier): void
  /** It says of the key for the stream with that id: 'valid', 'invalid', or something else. */
  answered(id: string, type: string): void
  /** Called once. */
  over(end: StreamEnd): void
}

export interface StreamEnd {
  /** What waits for it is bounced with it. */
  readonly error: StanzaError
  /** One of the two ended it as agreed, as it was not used: nothing is wrong with the way. */
  readonly cleanly: boolean
}

/** It was us who called: nobody's place is taken. */
const OUR_OWN_PLACE: Place = { loggedIn: () => {}, leave: () => {} }

/**
 * One stream that we opened to the server of a remote domain. Who answers is judged first, by its certificate or by the
 * onion it is at; then we prove who we are, by SASL EXTERNAL (XEP-0178) where it is offered to us, else by dialback.
 */
export class OutgoingStream implements StreamOwner {
  watcher: StreamWatcher
  readonly #pair: Pair
  readonly #route: Route
  readonly #parts: OutgoingStreamParts
  readonly #identity: TlsIdentity | undefined
  readonly #stream: Stream
  readonly #carrier: Carrier
  #stage: 'negotiating' | 'ready' | 'authenticating' | 'restarting' | 'proving' | 'proved' | 'over' = 'negotiating'
  #features: Element | undefined
  /** Whether the other side is known to be the remote domain. It is not where its certificate need not be valid. */
  #identified: boolean
  /** Whether it may send us stanzas on this stream, too (XEP-0288). */
  #bidirectional = false
  #refusal = NOT_REACHED
  #cleanly = false
  /** When it was last used for anything but stanzas. */
  #usedAt: number

  /** @throws StreamError where TLS is spoken on the connection already, with the wrong one */
  constructor(
    pair: Pair, route: Route, connection: Connection, identity: TlsIdentity | undefined, parts: OutgoingStreamParts, watcher: StreamWatcher,
  ) {
    this.watcher = watcher
    this.#pair = pair
    this.#route = route
    this.#parts = parts
    this.#identity = identity
    this.#identified = route.proof === 'onion'
    this.#usedAt = parts.stream.clock.elapsed()
    if (connection.protection === 'tls') this.#judge(connection)
    this.#stream = new Stream(connection, parts.stream, OUR_OWN_PLACE, this, { from: pair.local, to: pair.remote, identity })
    this.#carrier = new Carrier(this.#stream, { router: parts.router, clock: parts.stream.clock, limits: parts.limits })
  }

  /** Nothing is under way on it: it can be asked to verify, or to prove us. */
  get idleReady(): boolean {
    return this.#stage === 'ready'
  }

  get ready(): boolean {
    return this.#stage !== 'negotiating' && this.#stage !== 'over'
  }

  /** Asks whether the key is the remote domain's own, for the stream with that id (XEP-0220 §2.1.2). */
  verify(id: string, key: string): void {
    this.#use()
    this.#stream.send(request('verify', this.#pair.local, this.#pair.remote, key, id))
  }

  /** Proves who we are; once, on a stream that is ready. */
  prove(): void {
    if (this.#identified && this.#features?.child('bidi', NS_BIDI_FEATURE) !== undefined) {
      this.#bidirectional = true
      this.#stream.send(element(NS_BIDI, 'bidi'))
    }
    const mechanisms = this.#features?.child('mechanisms', NS_SASL)?.elements() ?? []
    const external = mechanisms.some((one) => one.is('mechanism', NS_SASL) && one.content().trim() === 'EXTERNAL')
    if (!external || this.#identity === undefined) return this.#proveByDialback()
    this.#stage = 'authenticating'
    this.#stream.send(element(NS_SASL, 'auth', { mechanism: 'EXTERNAL' }, '=')) // XEP-0178 §3: we are whom `from` names
  }

  /** Ends it as agreed. */
  end(): void {
    this.#cleanly = true
    this.#stream.end()
  }

  fail(error: StreamError): void {
    this.#stream.fail(error)
  }

  // From the stream

  opened({ connection }: Stream, { attrs: { from, id } }: StreamHeader): OpenedDomain {
    if (from !== undefined && domainOf(from) !== this.#pair.remote) throw new StreamError('invalid-from')
    if (id === undefined || id === '') throw new StreamError('bad-format', 'A stream has an id.') // RFC 6120 §4.7.3
    if (connection.protection === 'tls' && !this.#identified) this.#judge(connection)
    return { domain: this.#pair.local, identity: undefined }
  }

  negotiated(features: Element): void {
    const isSecure = this.#route.proof === 'onion' || this.#stream.connection.protection === 'tls'
    if (!isSecure) throw new StreamError('policy-violation', 'Nothing is said without TLS.')
    this.#features = features
    this.#stage = 'ready'
    this.watcher.ready()
  }

  received(received: Element): void {
    const { namespace } = received
    if (received.is('error', NS_STREAM)) return this.#refused(received)
    if (namespace === NS_DIALBACK) return this.#dialback(readDialback(received))
    if (namespace === NS_SASL && this.#stage === 'authenticating') return this.#authenticated(received)
    if (received.is('features', NS_STREAM) && this.#stage === 'restarting') {
      this.#features = received
      return this.#proved('external')
    }
    if (this.#stage !== 'proved') throw new StreamError('unsupported-stanza-type')
    if (namespace === NS_ACKNOWLEDGEMENT) return this.#carrier.receive(received)
    if (!isStanza(received) || !this.#bidirectional) throw new StreamError('unsupported-stanza-type')
    const { local, remote } = this.#pair
    admit(received, { local, speaksFor: (domain) => domain === remote }, this.#parts.router)
    this.#carrier.handled()
  }

  /** We called, so it is for us to end it once it was not used for long. */
  idle(): void {
    const { clock } = this.#parts.stream
    const usedAt = Math.max(this.#usedAt, this.#carrier.usedAt)
    if (clock.elapsed() - usedAt >= this.#parts.limits.idle_close) return this.end()
    this.#stream.heardAt = usedAt
    this.#stream.askedAt = 0
  }

  lastWords(): string {
    return this.#stage === 'proved' ? this.#carrier.lastWords() : ''
  }

  closed(): void {
    this.#stage = 'over'
    this.watcher.over({ error: this.#refusal, cleanly: this.#cleanly || this.#stream.endedByPeer })
    this.#carrier.released()
  }

  /** RFC 6120 §13.7.2.1: who answers must show a certificate of the domain that was called. */
  #judge(connection: Connection): void {
    if (this.#identified) return
    const { judge, limits, stream: { log } } = this.#parts
    const { remote } = this.#pair
    const judged = judge(connection)
    this.#identified = judged.trusted && judged.names.covers(remote, 'xmpp-server')
    if (this.#identified || limits.unverified.includes(remote)) return
    log.warn('s2s.untrusted', { part: 's2s', condition: judged.trusted ? 'other-name' : judged.reason })
    throw new StreamError('policy-violation', 'Show a valid certificate of the domain that was called.')
  }

  #proveByDialback(): void {
    this.#stage = 'proving'
    const { local, remote } = this.#pair
    // XEP-0220 §2.1.1: a key that the other side can ask our domain about, which it reaches by its own way.
    this.#stream.send(request('result', local, remote, this.#parts.secrets.keyFor(local, remote, this.#stream.id)))
  }

  /** XEP-0178 §3: whoever is refused by certificate "MAY" go on with dialback. */
  #authenticated({ name }: Element): void {
    if (name === 'failure') return this.#proveByDialback()
    if (name !== 'success') throw new StreamError('policy-violation') // EXTERNAL challenges nobody who has said all
    this.#stage = 'restarting'
    this.#stream.restart()
  }

  #dialback(dialback: DialbackElement): void {
    const { local, remote } = this.#pair
    const { name, from, to, id, type } = dialback
    if (from !== remote) throw new StreamError('invalid-from')
    if (type === undefined) {
      // More domains than the one that was called do not come in by this stream.
      this.#stream.send(name === 'verify' ? authoritativeAnswer(this.#parts.secrets, local, dialback) : answer('result', to, from, NOT_ALLOWED))
    } else if (name === 'verify') {
      if (to === local) this.watcher.answered(id, type)
    } else if (this.#stage !== 'proving' || to !== local) {
      throw new StreamError('policy-violation') // solicited results only: at any other time it is a lie or a mistake
    } else if (type === 'valid') {
      this.#proved('dialback')
    } else {
      this.#refusal = type === 'invalid' ? NOT_BELIEVED : NOT_REACHED
      this.#stream.end()
    }
  }

  #proved(condition: 'external' | 'dialback'): void {
    this.#stage = 'proved'
    this.#parts.stream.log.debug('s2s.proved-us', { part: 's2s', condition, id: this.#stream.id })
    this.#use()
    if (this.#features?.child('sm', NS_ACKNOWLEDGEMENT) !== undefined) this.#carrier.enable()
    this.watcher.proved(this.#carrier)
  }

  /** RFC 6120 §4.9: the peer's error ends the stream. That there is no such domain will not change soon. */
  #refused(error: Element): void {
    const isGone = error.child('host-unknown', NS_STREAM_ERRORS) ?? error.child('host-gone', NS_STREAM_ERRORS)
    if (isGone !== undefined) this.#refusal = NOT_FOUND
    // COMPAT(ejabberd 23.01, Prosody 0.12): how they end a stream that was not used for long.
    this.#cleanly = error.child('connection-timeout', NS_STREAM_ERRORS) !== undefined
    this.#stream.end()
  }

  #use(): void {
    this.#usedAt = this.#parts.stream.clock.elapsed()
  }
}
