import type { Timer } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import { Envelope } from '../routing/envelope.ts'
import type { StanzaRouter } from '../routing/extension.ts'
import type { Place } from '../stream/admission.ts'
import { Stream, type OpenedDomain, type StreamOwner, type StreamSettings } from '../stream/stream.ts'
import type { Element } from '../xml/element.ts'
import type { StreamHeader } from '../xml/parser.ts'
import { NS_DIALBACK, NS_STREAM, NS_STREAM_ERRORS } from '../xmpp/namespaces.ts'
import { errorReply, mayBeAnswered, StanzaError } from '../xmpp/stanza-error.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import { Backoff } from './backoff.ts'
import { Unreachable, type Dial } from './dial.ts'
import { authoritativeAnswer, domainOf, readDialback, request, type DialbackElement, type DialbackSecrets, type Judgement } from './dialback.ts'
import { stanzaText, StanzaQueue } from './queue.ts'
import { Verifications } from './verifications.ts'

/** What all pairs share. */
export interface PairParts {
  readonly dial: Dial
  readonly secrets: DialbackSecrets
  readonly router: StanzaRouter
  readonly stream: StreamSettings
  readonly limits: Config['s2s']
}

/** RFC 6120 §10.4: an other server that is not there, and one that is not there now. */
export const NOT_FOUND = new StanzaError('remote-server-not-found')
export const NOT_REACHED = new StanzaError('remote-server-timeout')
export const NO_ROOM = new StanzaError('resource-constraint')

/** It was us who called: nobody's place is taken. */
const OUR_OWN_PLACE: Place = { loggedIn: () => {}, leave: () => {} }

/**
 * The way from a domain of ours to one of others (XEP-0220's domain pair): at most one stream, what waits for it, and
 * what is asked on it. A stanza that was taken is written to a stream on which we proved who we are, or bounced, once.
 */
export class DomainPair implements StreamOwner {
  readonly #local: string
  readonly #remote: string
  readonly #parts: PairParts
  readonly #forget: () => void
  readonly #queue: StanzaQueue
  readonly #verifications: Verifications
  readonly #backoff = new Backoff()
  /** 'open': secured, and we have not said who we are; as much as it takes to ask for a verification. */
  #stage: 'idle' | 'calling' | 'open' | 'proving' | 'proved' = 'idle'
  #stream: Stream | undefined
  #call: AbortController | undefined
  #deadline: Timer | undefined
  /** What the stanzas are bounced with where the peer ends the stream: by its own error, if it gave one. */
  #refusal = NOT_REACHED
  #usedAt = 0

  /** `forget` is called whenever nothing is left that must be remembered of the pair. */
  constructor(local: string, remote: string, parts: PairParts, forget: () => void) {
    this.#local = local
    this.#remote = remote
    this.#parts = parts
    this.#forget = forget
    this.#queue = new StanzaQueue(parts.limits)
    this.#verifications = new Verifications(parts.stream.clock, parts.limits.time_to_connect)
  }

  get #proved(): boolean {
    return this.#stage === 'proved'
  }

  /** Takes the stanza, or says at once why it cannot. */
  send(envelope: Envelope): StanzaError | undefined {
    if (this.#proved) {
      this.#write(stanzaText(envelope))
      return this.#proved ? undefined : NOT_REACHED // so much waited already that the stream was cut
    }
    if (this.#stage === 'idle' && this.#backoff.holds(this.#now)) return NOT_REACHED
    if (!this.#queue.add(envelope)) return NO_ROOM
    this.#proceed()
    return undefined
  }

  /**
   * Asks the remote server whether the key is its own (XEP-0220 §2.1.2). No backoff holds it: whoever claims to be that
   * server has just called, so it is likely to be there.
   */
  verify(streamId: string, key: string): Promise<Judgement> {
    const judgement = this.#verifications.add(streamId, key)
    this.#proceed()
    return judgement
  }

  /** Bounces what waits and ends the stream: the server stops. */
  end(): void {
    this.#drop(NOT_REACHED)
  }

  // From the stream

  opened(_stream: Stream, { attrs: { from, id } }: StreamHeader): OpenedDomain {
    if (from !== undefined && domainOf(from) !== this.#remote) throw new StreamError('invalid-from')
    if (id === undefined || id === '') throw new StreamError('bad-format', 'A stream has an id.') // RFC 6120 §4.7.3
    return { domain: this.#local, identity: undefined }
  }

  negotiated(): void {
    this.#deadline?.cancel()
    this.#stage = 'open'
    this.#usedAt = this.#now
    this.#proceed()
  }

  received(received: Element): void {
    if (received.is('error', NS_STREAM)) return this.#refused(received)
    if (received.namespace !== NS_DIALBACK) throw new StreamError('unsupported-stanza-type')
    const dialback = readDialback(received)
    if (dialback.from !== this.#remote) throw new StreamError('invalid-from')
    if (dialback.name === 'result') this.#judged(dialback)
    else if (dialback.type === undefined) this.#stream?.send(authoritativeAnswer(this.#parts.secrets, this.#local, dialback))
    else if (dialback.to === this.#local) this.#verifications.settle(dialback.id, dialback.type)
  }

  /** Nothing comes on a stream that is for one direction: it is over once nothing was sent for long, either. */
  idle(): void {
    const stream = this.#stream
    if (stream === undefined) return
    if (this.#now - this.#usedAt >= this.#parts.limits.idle_close) return stream.end()
    stream.heardAt = this.#usedAt
    stream.askedAt = 0
  }

  closed(): void {
    if (this.#stream === undefined) return // we ended it
    const unfinished = this.#stage === 'calling' || this.#stage === 'proving' || !this.#verifications.empty
    if (unfinished) return this.#failed(this.#refusal)
    this.#drop(NOT_REACHED)
    this.#forget()
  }

  /** Does the next step that can be done. */
  #proceed(): void {
    if (this.#stage === 'idle') return this.#dial()
    if (this.#stage === 'calling' || this.#stream === undefined) return
    for (const { id, key } of this.#verifications.unasked()) {
      this.#usedAt = this.#now
      this.#stream.send(request('verify', this.#local, this.#remote, key, id))
    }
    if (this.#stage === 'open' && !this.#queue.empty) this.#prove(this.#stream)
  }

  #dial(): void {
    const { dial, stream: settings } = this.#parts
    const call = this.#call = new AbortController()
    this.#stage = 'calling'
    this.#refusal = NOT_REACHED
    this.#limitTime()
    dial.call(this.#local, this.#remote, call.signal).then((connection) => {
      if (call.signal.aborted) return connection.destroy()
      this.#stream = new Stream(connection, settings, OUR_OWN_PLACE, this, { from: this.#local, to: this.#remote })
    }).catch((error: unknown) => {
      if (call.signal.aborted) return
      if (!(error instanceof Unreachable)) settings.log.error('s2s.dial-failed', { part: 's2s' }, error)
      this.#failed(error instanceof Unreachable && !error.temporary ? NOT_FOUND : NOT_REACHED)
    })
  }

  /** XEP-0220 §2.1.1: a key that the other side can ask our domain about, which it reaches by its own way. */
  #prove(stream: Stream): void {
    this.#stage = 'proving'
    this.#limitTime()
    const key = this.#parts.secrets.keyFor(this.#local, this.#remote, stream.id)
    stream.send(request('result', this.#local, this.#remote, key))
  }

  /** Solicited results only: one that comes at any other time is a lie or a mistake. */
  #judged({ to, type }: DialbackElement): void {
    if (this.#stage !== 'proving' || to !== this.#local || type === undefined) throw new StreamError('policy-violation')
    if (type !== 'valid') return this.#failed(NOT_REACHED)
    this.#deadline?.cancel()
    this.#stage = 'proved'
    this.#backoff.succeeded()
    for (const { text } of this.#queue.take()) this.#write(text)
  }

  #write(text: string): void {
    this.#usedAt = this.#now
    this.#stream?.sendText(text)
  }

  /** RFC 6120 §4.9: the peer's error ends the stream. That there is no such domain will not change soon. */
  #refused(error: Element): void {
    const isGone = error.child('host-unknown', NS_STREAM_ERRORS) ?? error.child('host-gone', NS_STREAM_ERRORS)
    if (isGone !== undefined) this.#refusal = NOT_FOUND
    this.#stream?.end()
  }

  #limitTime(): void {
    this.#deadline?.cancel()
    this.#deadline = this.#parts.stream.clock.after(this.#parts.limits.time_to_connect, () => this.#failed(NOT_REACHED))
  }

  /** The other server was not reached, or did not take us for who we are: it is left alone for a while. */
  #failed(error: StanzaError): void {
    const wait = this.#backoff.failed(this.#now)
    this.#parts.stream.clock.after(2 * wait, () => {
      if (this.#stage === 'idle' && !this.#backoff.holds(this.#now)) this.#forget()
    })
    this.#drop(error)
  }

  /** Back to the beginning. All that waits is taken first: what is told of it may come back here. */
  #drop(error: StanzaError): void {
    const { router } = this.#parts
    const stream = this.#stream
    this.#stage = 'idle'
    this.#stream = undefined
    this.#deadline?.cancel()
    this.#call?.abort()
    const waiting = this.#queue.take()
    this.#verifications.fail(error)
    stream?.end()
    for (const { envelope: { element, from, to } } of waiting) {
      if (mayBeAnswered(element)) router.forward(new Envelope(errorReply(element, error, to, from), to, from, true, 'server', undefined))
    }
  }

  get #now(): number {
    return this.#parts.stream.clock.now()
  }
}
