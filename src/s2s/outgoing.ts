import type { ServedDomains } from '../routing/domains.ts'
import type { Envelope } from '../routing/envelope.ts'
import type { Remote } from '../routing/extension.ts'
import { isUnderOnion } from '../xmpp/domainpart.ts'
import type { StanzaError } from '../xmpp/stanza-error.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import type { Carrier } from './carrier.ts'
import type { Judgement } from './dialback.ts'
import { DomainPair, type PairParts } from './domain-pair.ts'
import { NO_ROOM, NOT_ALLOWED, NOT_FOUND, NOT_REACHED } from './refusals.ts'

export interface OutgoingParts extends PairParts {
  /** The operator's word on a remote domain. */
  mayConnect(domain: string): boolean
}

/**
 * All ways to other domains. There is one for each pair of domains, never one for two: nobody on the way or at the
 * end sees two domains of ours in one stream.
 */
export class Outgoing implements Remote {
  readonly #domains: ServedDomains
  readonly #parts: OutgoingParts
  /** By the two names, which hold no space. */
  readonly #pairs = new Map<string, DomainPair>()
  #stopped = false

  constructor(domains: ServedDomains, parts: OutgoingParts) {
    this.#domains = domains
    this.#parts = parts
  }

  /** How many ways there are, or were so lately that they are remembered. */
  get size(): number {
    return this.#pairs.size
  }

  send(envelope: Envelope): StanzaError | undefined {
    const { from: { domain: local }, to: { domain: remote } } = envelope
    const known = this.#pairs.get(`${local} ${remote}`)
    // What came from another server is for us: nobody's stanzas are passed on. A pair that is known was looked at before.
    if (known === undefined && !(this.#domains.serves(local) && this.#parts.dial.reaches(local, remote))) return NOT_FOUND
    if (!this.#parts.mayConnect(remote)) return NOT_ALLOWED
    if (this.#stopped) return NOT_REACHED
    const pair = known ?? this.#pair(local, remote, this.#parts.limits.streams)
    return pair === undefined ? NO_ROOM : pair.send(envelope)
  }

  /** Asks the remote domain, where it is and not where the stream came from, whether that stream is its own. */
  async verify(local: string, remote: string, streamId: string, key: string): Promise<Judgement> {
    if (!this.#parts.dial.reaches(local, remote)) return NOT_FOUND
    if (this.#stopped) return NOT_REACHED
    // Strangers' claims may not take all the room: it is our users' own.
    return await (this.#pair(local, remote, Math.ceil(this.#parts.limits.streams / 2))?.verify(streamId, key) ?? NO_ROOM)
  }

  /** The remote domain has proved itself on a stream that it opened; `carrier`, where that stream may carry back. */
  heard(local: string, remote: string, carrier: Carrier | undefined): void {
    if (this.#stopped) return
    const known = this.#pairs.get(`${local} ${remote}`)
    if (known === undefined) this.#parts.servers.found(local, remote)
    else known.heard()
    if (carrier !== undefined) (known ?? this.#pair(local, remote, this.#parts.limits.streams))?.adopt(carrier)
  }

  /** A stream on which the remote domain had proved itself is over. */
  release(local: string, remote: string, carrier: Carrier, cleanly: boolean): void {
    const known = this.#pairs.get(`${local} ${remote}`)
    if (known !== undefined) known.release(carrier, cleanly)
    else if (!cleanly && !this.#stopped) this.#parts.servers.lost(local, remote)
  }

  /** The operator's rulings changed: streams to domains that are not allowed any more end. */
  recheck(): void {
    for (const pair of [...this.#pairs.values()]) {
      if (!this.#parts.mayConnect(pair.remote)) pair.end(NOT_ALLOWED, new StreamError('policy-violation'))
    }
  }

  /** Bounces all that waits, ends all streams, and dials no more. */
  stop(): void {
    this.#stopped = true
    for (const pair of [...this.#pairs.values()]) pair.end(NOT_REACHED)
    this.#pairs.clear()
  }

  #pair(local: string, remote: string, most: number): DomainPair | undefined {
    const name = `${local} ${remote}`
    const known = this.#pairs.get(name)
    if (known !== undefined || this.#pairsBeside(local) >= most) return known
    const pair: DomainPair = new DomainPair({ local, remote }, this.#parts, () => {
      if (this.#pairs.get(name) === pair) this.#pairs.delete(name)
    })
    this.#pairs.set(name, pair)
    return pair
  }

  /** An onion and the domains with DNS names do not take each other's room: that would show that they are one server. */
  #pairsBeside(local: string): number {
    let count = 0
    for (const pair of this.#pairs.values()) if (isUnderOnion(pair.local) === isUnderOnion(local)) count++
    return count
  }
}
