import type { Clock } from '../clock.ts'
import type { Config } from '../config/schema.ts'

export type AttemptSettings = Pick<Config['auth'], 'attempts_per_account' | 'attempts_per_peer' | 'attempts_window'>

/**
 * Counts logins that failed, by account and by peer, each within a window of time, so that passwords cannot be tried
 * one after the other. A name counts alike whether it is an account or not.
 *
 * A new circuit costs an attacker nothing, so the count by peer has a twin for the whole server. Where that one is
 * full nobody is locked out by it, or anybody could lock out everybody; each account and peer is left a quarter of
 * its tries until it is quiet again.
 */
export class Attempts {
  readonly #accounts: Counters
  readonly #peers: Counters
  readonly #all: Counters
  readonly #perAccount: number
  readonly #perPeer: number

  constructor(settings: AttemptSettings, clock: Clock) {
    this.#perAccount = settings.attempts_per_account
    this.#perPeer = settings.attempts_per_peer
    this.#accounts = new Counters(settings.attempts_window, clock)
    this.#peers = new Counters(settings.attempts_window, clock)
    this.#all = new Counters(settings.attempts_window, clock)
  }

  /**
   * Counts a try before its password is looked at; false where it may not be made. Tries at once are so counted at
   * once. `peer` is undefined where only its connection names it: then nothing is counted but the whole.
   */
  admit(account: string, peer: string | undefined): boolean {
    const share = this.#all.get(ALL) < this.#perPeer * PEERS_TO_ALARM ? 1 : ALARMED_SHARE
    if (this.#accounts.get(account) >= Math.ceil(this.#perAccount * share)) return false
    if (peer !== undefined && this.#peers.get(peer) >= Math.ceil(this.#perPeer * share)) return false
    this.#change(account, peer, 1)
    return true
  }

  /** Takes back a try that was admitted: it succeeded, or nothing was looked at. */
  forgive(account: string, peer: string | undefined): void {
    this.#change(account, peer, -1)
  }

  #change(account: string, peer: string | undefined, change: 1 | -1): void {
    this.#accounts.change(account, change)
    if (peer !== undefined) this.#peers.change(peer, change)
    this.#all.change(ALL, change)
  }
}

/** So many peers at their limit make the whole server wary. */
const PEERS_TO_ALARM = 50
const ALARMED_SHARE = 0.25
const ALL = ''
/** Names that are remembered; beyond, the one that failed first is forgotten. */
const MOST_NAMES = 20_000

/** Numbers by name, each of which starts anew when its window has passed. */
class Counters {
  readonly #windowMilliseconds: number
  readonly #clock: Clock
  /** In the order in which windows began, so the first is the oldest. */
  readonly #counts = new Map<string, { count: number; readonly since: number }>()

  constructor(windowMilliseconds: number, clock: Clock) {
    this.#windowMilliseconds = windowMilliseconds
    this.#clock = clock
  }

  get(name: string): number {
    this.#forgetOld()
    return this.#counts.get(name)?.count ?? 0
  }

  change(name: string, change: 1 | -1): void {
    const entry = this.#counts.get(name)
    if (entry !== undefined) {
      entry.count += change
      if (entry.count <= 0) this.#counts.delete(name)
    } else if (change > 0) {
      this.#counts.set(name, { count: 1, since: this.#clock.elapsed() })
    }
  }

  #forgetOld(): void {
    const now = this.#clock.elapsed()
    for (const [name, { since }] of this.#counts) {
      const running = since > now - this.#windowMilliseconds
      if (running && this.#counts.size <= MOST_NAMES) return
      this.#counts.delete(name)
    }
  }
}
