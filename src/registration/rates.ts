import type { Clock } from '../clock.ts'
import type { Config } from '../config/schema.ts'

export type RateSettings = Pick<Config['registration'],
  'window' | 'accounts_per_peer' | 'accounts_per_domain' | 'accounts' | 'challenges_per_peer' | 'challenges' | 'failures_per_peer'>

/** One of the accounts that may be made within the window. */
export interface Share {
  /** No account came of it. */
  giveBack(): void
}

/**
 * How much may be asked for on one side: of the onion, or of the domains with DNS names, which have as much of their own.
 *
 * A peer that is over its own limit takes nothing of what there is for others. As a new circuit costs nothing, the
 * totals are what bounds a flood, and they count what costs its maker something: accounts that were made, each by an
 * answered challenge. A peer without a name counts in the totals alone.
 */
export class Rates {
  readonly #settings: RateSettings
  readonly #accounts: Counts
  readonly #challenges: Counts
  readonly #drawn: Counts
  readonly #failures: Counts

  constructor(settings: RateSettings, clock: Clock) {
    this.#settings = settings
    this.#accounts = new Counts(settings.window, clock)
    this.#challenges = new Counts(settings.window, clock)
    this.#drawn = new Counts(1000, clock)
    this.#failures = new Counts(settings.window, clock)
  }

  /** Undefined where the peer, the domain or all made as many as they may. */
  account(domain: string, peer: string | undefined): Share | undefined {
    const { accounts_per_peer } = this.#settings
    if (peer !== undefined && this.#accounts.get(ofPeer(peer)) >= accounts_per_peer) return undefined
    if (this.isFull(domain)) return undefined
    const taken = [...peer === undefined ? [] : [ofPeer(peer)], ofDomain(domain), ALL].map((name) => this.#accounts.take(name))
    return { giveBack: () => { for (const giveBack of taken.splice(0)) giveBack() } }
  }

  /** Were as many accounts made at that domain, or at all, as may be? */
  isFull(domain: string): boolean {
    const { accounts_per_domain, accounts } = this.#settings
    return this.#accounts.get(ofDomain(domain)) >= accounts_per_domain || this.#accounts.get(ALL) >= accounts
  }

  /** Counts a challenge that is asked for; why it may not be had, otherwise. */
  challenge(peer: string | undefined): 'too-many' | 'busy' | undefined {
    const { challenges_per_peer, challenges } = this.#settings
    const flooded = this.#challenges.get(ALL) >= challenges
    if (peer === undefined && flooded) return 'too-many'
    const most = Math.ceil(challenges_per_peer * (flooded ? FLOODED_SHARE : 1))
    if (peer !== undefined && this.#challenges.get(ofPeer(peer)) >= most) return 'too-many'
    if (this.#drawn.get(ALL) >= DRAWN_A_SECOND) return 'busy'
    if (peer !== undefined) this.#challenges.take(ofPeer(peer))
    this.#challenges.take(ALL)
    this.#drawn.take(ALL)
    return undefined
  }

  /** Has the peer tried as many void invitations as it may? */
  hasFailed(peer: string | undefined): boolean {
    return peer !== undefined && this.#failures.get(ofPeer(peer)) >= this.#settings.failures_per_peer
  }

  failed(peer: string | undefined): void {
    if (peer !== undefined) this.#failures.take(ofPeer(peer))
  }

  /** The operator knows better: what was made at the domain, and at all, counts no longer. */
  forgive(domain: string): void {
    this.#accounts.forget(ofDomain(domain))
    this.#accounts.forget(ALL)
  }
}

/** What a peer is left of its own challenges while all together ask for too many: nobody is locked out by others. */
const FLOODED_SHARE = 0.1
/** A picture takes some 5 ms of the one thread that everybody shares. */
const DRAWN_A_SECOND = 20
const ALL = ''
/** Names that are remembered; beyond, the one that began first is forgotten. */
const MOST_NAMES = 20_000

const ofPeer = (peer: string): string => `peer ${peer}`
const ofDomain = (domain: string): string => `domain ${domain}`

/** Numbers by name, each of which starts anew when its window has passed. */
class Counts {
  readonly #window: number
  readonly #clock: Clock
  /** In the order in which windows began, so the first is the oldest. */
  readonly #counts = new Map<string, { count: number; readonly since: number }>()

  constructor(window: number, clock: Clock) {
    this.#window = window
    this.#clock = clock
  }

  get(name: string): number {
    this.#forgetOld()
    return this.#counts.get(name)?.count ?? 0
  }

  /** Counts one more, and returns what takes it back. */
  take(name: string): () => void {
    this.#forgetOld()
    let entry = this.#counts.get(name)
    if (entry === undefined) this.#counts.set(name, entry = { count: 0, since: this.#clock.now() })
    const counted = entry
    counted.count++
    return () => { counted.count-- }
  }

  forget(name: string): void {
    this.#counts.delete(name)
  }

  #forgetOld(): void {
    const now = this.#clock.now()
    for (const [name, { since }] of this.#counts) {
      const running = since > now - this.#window && since <= now // or the clock was set back
      if (running && this.#counts.size <= MOST_NAMES) return
      this.#counts.delete(name)
    }
  }
}
