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
  /** By account, then by contact, then by full JID. */
  readonly #watchers = new Map<string, Map<string, Map<string, Watcher>>>()
  /** By domain of ours. */
  readonly #counts = new Map<string, number>()

  /** Undefined where there is no room for one more. */
  available(account: Jid, resource: Jid, presence: Element): Watcher | undefined {
    const [key, contact, full] = [account.toString(), resource.bare.toString(), resource.toString()]
    const contacts = this.#watchers.get(key) ?? new Map<string, Map<string, Watcher>>()
    const resources = contacts.get(contact) ?? new Map<string, Watcher>()
    const known = resources.get(full)
    if (known !== undefined) {
      known.presence = presence
      return known
    }
    const count = this.#counts.get(account.domain) ?? 0
    if (resources.size >= MOST_RESOURCES || count >= MOST_WATCHERS) return undefined
    const watcher: Watcher = { resource, presence, isGreeted: false }
    resources.set(full, watcher)
    contacts.set(contact, resources)
    this.#watchers.set(key, contacts)
    this.#counts.set(account.domain, count + 1)
    return watcher
  }

  *of(account: Jid): Iterable<Watcher> {
    for (const resources of this.#watchers.get(account.toString())?.values() ?? []) yield* resources.values()
  }

  /** A bare JID is all its resources. */
  unavailable(account: Jid, gone: Jid): void {
    const resources = this.#watchers.get(account.toString())?.get(gone.bare.toString())
    for (const { resource } of [...resources?.values() ?? []]) {
      if (gone.isBare || resource.equals(gone)) this.#remove(account.toString(), account.domain, resource)
    }
  }

  /** The way between those domains is broken: whoever is there comes back with a presence. */
  lost(local: string, remote: string): void {
    for (const [key, contacts] of [...this.#watchers]) {
      if (!key.endsWith(`@${local}`)) continue
      for (const resources of [...contacts.values()]) {
        for (const { resource } of [...resources.values()]) if (resource.domain === remote) this.#remove(key, local, resource)
      }
    }
  }

  /** The account is gone. */
  forget(account: Jid): void {
    for (const { resource } of [...this.of(account)]) this.#remove(account.toString(), account.domain, resource)
  }

  #remove(key: string, domain: string, resource: Jid): void {
    const contacts = this.#watchers.get(key)
    const contact = resource.bare.toString()
    const resources = contacts?.get(contact)
    if (contacts === undefined || resources?.delete(resource.toString()) !== true) return
    this.#counts.set(domain, (this.#counts.get(domain) ?? 0) - 1)
    if (resources.size === 0) contacts.delete(contact)
    if (contacts.size === 0) this.#watchers.delete(key)
  }
}
