import type { Jid } from '../xmpp/jid.ts'
import type { Element } from '../xml/element.ts'

/** A resource on another server that shows its presence to an account of ours. */
export interface Watcher {
  readonly resource: Jid
  /** Its last presence. */
  presence: Element
  /** It had its last items, and gets none again before it was unavailable. */
  isGreeted: boolean
}

/** Of one contact. */
const MOST_RESOURCES = 16
/** Of each domain of ours (some 30 MB); who finds no room hears of nothing new. */
const MOST_WATCHERS = 50_000

/** Which resources on other servers show their presence to our accounts, to notify them (XEP-0163 §4.3.2). */
export class RemoteWatchers {
  /** By account, then by full JID. */
  readonly #watchers = new Map<string, Map<string, Watcher>>()
  /** By domain of ours. */
  readonly #counts = new Map<string, number>()

  of(account: Jid): Iterable<Watcher> {
    return this.#watchers.get(account.toString())?.values() ?? []
  }

  /** Undefined where there is no room for one more. */
  available(account: Jid, resource: Jid, presence: Element): Watcher | undefined {
    const key = account.toString()
    const watchers = this.#watchers.get(key) ?? new Map<string, Watcher>()
    const known = watchers.get(resource.toString())
    if (known !== undefined) {
      known.presence = presence
      return known
    }
    let ofContact = 0
    for (const other of watchers.values()) if (other.resource.bare.equals(resource.bare)) ofContact++
    const count = this.#counts.get(account.domain) ?? 0
    if (ofContact >= MOST_RESOURCES || count >= MOST_WATCHERS) return undefined
    const watcher: Watcher = { resource, presence, isGreeted: false }
    watchers.set(resource.toString(), watcher)
    this.#watchers.set(key, watchers)
    this.#counts.set(account.domain, count + 1)
    return watcher
  }

  /** A bare JID is all its resources. */
  unavailable(account: Jid, gone: Jid): void {
    this.#remove(account.toString(), account.domain, ({ resource }) => gone.isBare ? resource.bare.equals(gone) : resource.equals(gone))
  }

  /** The way between those domains is broken: whoever is there comes back with a presence. */
  lost(local: string, remote: string): void {
    for (const key of [...this.#watchers.keys()]) {
      if (key.endsWith(`@${local}`)) this.#remove(key, local, ({ resource }) => resource.domain === remote)
    }
  }

  /** The account is gone. */
  forget(account: Jid): void {
    this.#remove(account.toString(), account.domain, () => true)
  }

  #remove(key: string, domain: string, isGone: (watcher: Watcher) => boolean): void {
    const watchers = this.#watchers.get(key)
    if (watchers === undefined) return
    for (const [full, watcher] of watchers) {
      if (!isGone(watcher)) continue
      watchers.delete(full)
      this.#counts.set(domain, (this.#counts.get(domain) ?? 0) - 1)
    }
    if (watchers.size === 0) this.#watchers.delete(key)
  }
}
