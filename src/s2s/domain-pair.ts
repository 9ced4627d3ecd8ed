import type { Timer } from '../clock.ts'
import type { Envelope } from '../routing/envelope.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import type { StreamError } from '../xmpp/stream-error.ts'
import { Backoff } from './backoff.ts'
import { call, type CallParts } from './call.ts'
import type { Carrier } from './carrier.ts'
import type { Judgement } from './dialback.ts'
import type { OutgoingStream, Pair, StreamEnd, StreamWatcher } from './outgoing-stream.ts'
import { queued, StanzaQueue, type Queued } from './queue.ts'
import { NO_ROOM, NOT_REACHED } from './refusals.ts'
import { Verifications } from './verifications.ts'

/** What all pairs share. */
export interface PairParts extends CallParts {
  /** Told that the way to a remote domain broke, and that there is one. */
  readonly servers: { lost(local: string, remote: string): void, found(local: string, remote: string): void }
}

/**
 * The way from a domain of ours to one of others (XEP-0220's domain pair): what waits for it, the one stream that we
 * opened for it, and the streams of the other side that carry back (XEP-0288). A stanza that was taken is written to a
 * stream on which we proved who we are, or bounced, once; where the stream's other side acknowledges, what it has not is
 * bounced, too.
 */
export class DomainPair implements StreamWatcher {
  readonly #pair: Pair
  readonly #parts: PairParts
  readonly #forget: () => void
  readonly #queue: StanzaQueue
  readonly #verifications: Verifications
  readonly #backoff = new Backoff()
  /** Under way, or undefined. */
  #call: AbortController | undefined
  /** Ours, once it is ready; used for stanzas only once it is proved. */
  #stream: OutgoingStream | undefined
  #deadline: Timer | undefined
  /** By which stanzas go: our own stream, once we are proved on it, or one of those that were adopted. */
  #carrier: Carrier | undefined
  #own: Carrier | undefined
  /** Streams that the other side opened, by which stanzas may go. */
  readonly #adopted = new Set<Carrier>()
  #stopped = false

  /** `forget` is called whenever nothing is left that must be remembered of the pair. */
  constructor(pair: Pair, parts: PairParts, forget: () => void) {
    this.#pair = pair
    this.#parts = parts
    this.#forget = forget
    this.#queue = new StanzaQueue(parts.limits)
    this.#verifications = new Verifications(parts.stream.clock, parts.limits.time_to_connect)
  }

  get local(): string {
    return this.#pair.local
  }

  get remote(): string {
    return this.#pair.remote
  }

  /** Takes the stanza, or says at once why it cannot. */
  send(envelope: Envelope): StanzaError | undefined {
    const stanza = queued(envelope)
    if (this.#carrier !== undefined && this.#queue.empty) {
      const outcome = this.#carrier.send(stanza)
      if (outcome !== 'full') return outcome === 'taken' ? undefined : NOT_REACHED
    }
    const isAtRest = this.#carrier === undefined && this.#call === undefined && this.#stream === undefined
    if (isAtRest && this.#backoff.holds(this.#now)) return NOT_REACHED
    if (!this.#queue.add(stanza)) return NO_ROOM
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

  /** The other side has proved itself on a stream of its own: it is there. */
  heard(): void {
    this.#backoff.succeeded()
    this.#parts.servers.found(this.#pair.local, this.#pair.remote)
  }

  /** A stream of the other side may carry what we say (XEP-0288). */
  adopt(carrier: Carrier): void {
    this.#adopted.add(carrier)
    if (this.#carrier !== undefined) return
    this.#carry(carrier)
    if (!this.#verifications.empty) return
    if (this.#stream === undefined) this.#stopCalling()
    else if (this.#stream.idleReady) this.#stream.end() // one stream is enough
  }

  /** That stream of the other side is over, whether it carried back or not. */
  release(carrier: Carrier, cleanly: boolean): void {
    if (this.#adopted.delete(carrier) && this.#carrier === carrier) return this.#lostCarrier(cleanly)
    if (!cleanly && this.#carrier === undefined) this.#parts.servers.lost(this.#pair.local, this.#pair.remote)
  }

  /** Bounces what waits and ends the stream: the server stops, or, for a `reason`, the operator has ruled the domain out. */
  end(error: StanzaError, reason?: StreamError): void {
    this.#stopped = reason === undefined
    this.#stopCalling()
    const waiting = this.#queue.take()
    this.#verifications.fail(error)
    const stream = this.#stream
    if (reason === undefined) stream?.end()
    else stream?.fail(reason)
    this.#bounce(waiting, error)
    this.#rest()
  }

  // From the stream

  ready(): void {
    this.#deadline?.cancel()
    this.#proceed()
  }

  proved(carrier: Carrier): void {
    this.#deadline?.cancel()
    this.#backoff.succeeded()
    this.#parts.servers.found(this.#pair.local, this.#pair.remote)
    this.#own = carrier
    // Where both sides called at once, each has a stream of its own: neither ends it, or both might, with what is on it.
    if (this.#carrier === undefined) this.#carry(carrier)
  }

  answered(id: string, type: string): void {
    this.#verifications.settle(id, type)
  }

  over({ error, cleanly }: StreamEnd): void {
    const [wasCarrying, wasProved] = [this.#own !== undefined && this.#carrier === this.#own, this.#own !== undefined]
    this.#stream = this.#own = undefined
    this.#deadline?.cancel()
    if (wasProved) this.#verifications.fail(NOT_REACHED)
    if (wasCarrying) return this.#lostCarrier(cleanly)
    const hadWork = !this.#verifications.empty || (this.#carrier === undefined && !this.#queue.empty)
    if (hadWork) return this.#failed(error)
    this.#rest()
  }

  /** Does the next step that can be done. */
  #proceed(): void {
    this.#drain()
    const stanzasWait = this.#carrier === undefined && !this.#queue.empty
    if (!stanzasWait && this.#verifications.empty) return
    const stream = this.#stream
    if (stream === undefined) {
      if (this.#call === undefined) this.#dial()
      return
    }
    for (const { id, key } of this.#verifications.unasked()) stream.verify(id, key)
    if (!stanzasWait || !stream.idleReady) return
    this.#limitTime()
    stream.prove()
  }

  #dial(): void {
    const abort = this.#call = new AbortController()
    this.#limitTime()
    call(this.#pair, this.#parts, abort.signal).then((outcome) => {
      if (this.#call !== abort) {
        if (!(outcome instanceof StanzaError)) outcome.end()
        return
      }
      this.#call = undefined
      if (outcome instanceof StanzaError) return this.#failed(outcome)
      outcome.watcher = this
      if (!outcome.ready) return this.#failed(NOT_REACHED) // over before anybody watched
      this.#stream = outcome
      this.ready()
    }).catch((error: unknown) => this.#parts.stream.log.error('s2s.call-failed', { part: 's2s' }, error))
  }

  #carry(carrier: Carrier): void {
    this.#carrier = carrier
    carrier.onRoom = () => this.#drain()
    this.#drain()
  }

  #drain(): void {
    if (this.#carrier === undefined || this.#queue.empty) return
    const lost: Queued[] = []
    this.#queue.drain((stanza) => {
      const outcome = this.#carrier?.send(stanza) ?? 'full' // one that breaks meanwhile leaves the rest for the next
      if (outcome === 'lost') lost.push(stanza)
      return outcome !== 'full'
    })
    this.#bounce(lost, NOT_REACHED)
  }

  /** The stream by which stanzas went is over; another that is there takes its place, or what waits makes a new one. */
  #lostCarrier(cleanly: boolean): void {
    this.#carrier = undefined
    const other = this.#own ?? this.#adopted.values().next().value
    if (other !== undefined) return this.#carry(other)
    if (!cleanly && !this.#stopped) this.#parts.servers.lost(this.#pair.local, this.#pair.remote)
    this.#proceed()
    this.#rest()
  }

  #limitTime(): void {
    this.#deadline?.cancel()
    this.#deadline = this.#parts.stream.clock.after(this.#parts.limits.time_to_connect, () => this.#failed(NOT_REACHED))
  }

  /** The other server was not reached, or did not take us for who we are: it is left alone for a while. */
  #failed(error: StanzaError): void {
    const wait = this.#backoff.failed(this.#now)
    this.#parts.stream.clock.after(2 * wait, () => this.#rest())
    this.#stopCalling()
    const stream = this.#stream
    this.#stream = undefined
    // All that waits is taken first: what is told of it may come back here.
    const waiting = this.#carrier === undefined ? this.#queue.take() : []
    this.#verifications.fail(error)
    stream?.end()
    if (this.#carrier === undefined && !this.#stopped) this.#parts.servers.lost(this.#pair.local, this.#pair.remote)
    this.#bounce(waiting, error)
  }

  #stopCalling(): void {
    this.#deadline?.cancel()
    this.#call?.abort()
    this.#call = undefined
  }

  #bounce(stanzas: readonly Queued[], error: StanzaError): void {
    for (const { envelope } of stanzas) this.#parts.router.bounce(envelope, error)
  }

  /** Forgets the pair where nothing of it is left. */
  #rest(): void {
    const isUsed = this.#carrier !== undefined || this.#stream !== undefined || this.#call !== undefined || this.#adopted.size > 0
    if (!isUsed && this.#queue.empty && this.#verifications.empty && !this.#backoff.holds(this.#now)) this.#forget()
  }

  get #now(): number {
    return this.#parts.stream.clock.elapsed()
  }
}
