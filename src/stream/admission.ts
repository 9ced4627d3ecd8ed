import type { Limits } from '../config/schema.ts'
import { isUnderOnion } from '../xmpp/domainpart.ts'

/** A place that was given to a stream; it must be given back once. */
export interface Place {
  /** The peer has proved who it is: the places of those who have not are scarcer. */
  loggedIn(): void
  leave(): void
}

/**
 * The places of one kind of stream: as many for an onion that no DNS name leads to as for all other domains. What is full
 * at one is not at the other, so that nobody can fill the one and see by the other that they are one server.
 */
export class Admissions {
  readonly #named: Admission
  readonly #keyed: Admission

  constructor(limits: Limits) {
    this.#named = new Admission(limits)
    this.#keyed = new Admission(limits)
  }

  /** Of a listener for those domains. */
  of(domains: ReadonlyMap<string, unknown>): Admission {
    return [...domains.keys()].every(isUnderOnion) ? this.#keyed : this.#named
  }

  /** How often there was no place. */
  get refused(): number {
    return this.#named.refused + this.#keyed.refused
  }
}

/**
 * How many streams there may be: for each peer, before login, and in all. A peer without a name (loopback, or behind
 * a proxy that names nobody) counts in the totals alone. A new Tor circuit costs an attacker nothing, so it is the
 * totals that protect the server; the limit for each peer keeps the careless from using them up.
 */
export class Admission {
  readonly #limits: Limits
  readonly #peers = new Map<string, number>()
  #total = 0
  #beforeLogin = 0
  #refused = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** How often there was no place. */
  get refused(): number {
    return this.#refused
  }

  /** A place for one more stream of that peer, or undefined where there is none. */
  enter(peer: string | undefined): Place | undefined {
    const ofPeer = peer === undefined ? 0 : this.#peers.get(peer) ?? 0
    if (this.#total >= this.#limits.streams || this.#beforeLogin >= this.#limits.streams_before_login
      || ofPeer >= this.#limits.streams_per_peer) {
      this.#refused++
      return undefined
    }
    this.#total++
    this.#beforeLogin++
    if (peer !== undefined) this.#peers.set(peer, ofPeer + 1)
    let state: 'new' | 'in' | 'gone' = 'new'
    return {
      loggedIn: () => {
        if (state !== 'new') return
        state = 'in'
        this.#beforeLogin--
      },
      leave: () => {
        if (state === 'gone') return
        if (state === 'new') this.#beforeLogin--
        state = 'gone'
        this.#total--
        if (peer !== undefined) this.#leavePeer(peer)
      },
    }
  }

  #leavePeer(peer: string): void {
    const rest = (this.#peers.get(peer) ?? 1) - 1
    if (rest > 0) this.#peers.set(peer, rest)
    else this.#peers.delete(peer)
  }
}
