import type { Timer } from '../clock.ts'
import type { Envelope } from '../routing/envelope.ts'
import type { Host, ServerHooks } from '../routing/extension.ts'
import { element } from '../xml/element.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS_CLIENT } from '../xmpp/namespaces.ts'
import type { Presence } from './presence.ts'
import type { Rosters } from './roster.ts'

/** Of one contact, so many resources are remembered; who shows more is not believed to have them. */
const MOST_RESOURCES = 16
/** In all (some 40 MB); what finds no room is not said to be gone when its server is. */
const MOST_REMEMBERED = 200_000
/** A server that is not there is asked again after 30 to 60 s, then after twice that, at the most after 15 minutes. */
const FIRST_MILLISECONDS = 30_000
const LAST_MILLISECONDS = 7.5 * 60_000
/** However often a server comes and goes, so often are all who have contacts there looked for. */
const RECOVERY_MILLISECONDS = 30_000

/** One remote domain, as one of ours sees it. */
interface Neighbor {
  readonly local: string
  readonly remote: string
  /** Who of its users is available, to which of our accounts: by account, then by full JID. */
  readonly seen: Map<string, { readonly account: Jid, readonly resources: Map<string, Jid> }>
  /** Set while the way to it is broken. */
  loss: { wait: number, timer: Timer | undefined } | undefined
  recoveredAt: number
  /** Runs while a recovery waits for its turn. */
  recovery: Timer | undefined
}

/**
 * What our users see of contacts on other servers, so that they are told when such a server is gone: RFC 6121 has only
 * the contact's server say that a contact is unavailable, which one that is gone cannot. Once the way is there again, the
 * contacts are probed (§4.3), and told anew who of ours is available, as their server has forgotten it, too.
 */
export class RemotePresence implements Required<ServerHooks> {
  readonly #host: Host
  readonly #rosters: Rosters
  readonly #presence: Presence
  readonly #random: () => number
  /** By both names, which hold no space. */
  readonly #neighbors = new Map<string, Neighbor>()
  #remembered = 0

  /** `random` in [0, 1). */
  constructor(host: Host, rosters: Rosters, presence: Presence, random: () => number = Math.random) {
    this.#host = host
    this.#rosters = rosters
    this.#presence = presence
    this.#random = random
  }

  /** Presence of a contact that one of our accounts follows. */
  observe({ from, to, type }: Envelope): void {
    if (this.#host.domains.links(to.domain, from.domain)) return
    if (type === 'unavailable') this.#unavailable(from, to.bare)
    else if (type === '' && this.#presence.follows(to, from)) this.#available(from, to.bare)
  }

  /** None of the account's resources is available: what it saw is of no interest any more. */
  left(account: Jid): void {
    for (const neighbor of this.#neighbors.values()) {
      if (neighbor.local === account.domain) this.#forget(neighbor, account.toString())
    }
  }

  lost(local: string, remote: string): void {
    const neighbor = this.#neighbor(local, remote)
    const seen = [...neighbor.seen.values()]
    for (const { account } of seen) this.#forget(neighbor, account.toString(), true)
    const wait = neighbor.loss === undefined ? FIRST_MILLISECONDS : Math.min(2 * neighbor.loss.wait, LAST_MILLISECONDS)
    if (neighbor.loss?.timer === undefined) neighbor.loss = { wait, timer: this.#planToKnock(neighbor, wait) }
    for (const { account, resources } of seen) {
      for (const resource of resources.values()) this.#tell(account, resource)
    }
  }

  found(local: string, remote: string): void {
    const neighbor = this.#neighbors.get(`${local} ${remote}`)
    if (neighbor?.loss === undefined) return
    neighbor.loss.timer?.cancel()
    neighbor.loss = undefined
    if (neighbor.recovery !== undefined) return
    const { clock } = this.#host
    const early = neighbor.recoveredAt + RECOVERY_MILLISECONDS - clock.now()
    if (early <= 0) return this.#recover(neighbor)
    neighbor.recovery = clock.after(early, () => {
      neighbor.recovery = undefined
      if (neighbor.loss === undefined) this.#recover(neighbor)
    })
  }

  #available(resource: Jid, account: Jid): void {
    const neighbor = this.#neighbor(account.domain, resource.domain)
    const key = account.toString()
    let entry = neighbor.seen.get(key)
    if (entry === undefined) neighbor.seen.set(key, entry = { account, resources: new Map() })
    const { resources } = entry
    const full = resource.toString()
    if (resources.has(full)) return
    let ofContact = 0
    for (const other of resources.values()) if (other.bare.equals(resource.bare)) ofContact++
    if (ofContact >= MOST_RESOURCES || this.#remembered >= MOST_REMEMBERED) return
    resources.set(full, resource)
    this.#remembered++
  }

  /** From a bare JID it is of all resources (§4.3.2). */
  #unavailable(from: Jid, account: Jid): void {
    const resources = this.#neighbors.get(`${account.domain} ${from.domain}`)?.seen.get(account.toString())?.resources
    if (resources === undefined) return
    const gone = from.isBare ? [...resources.values()].filter((one) => one.bare.equals(from)).map(String) : [from.toString()]
    for (const full of gone) if (resources.delete(full)) this.#remembered--
  }

  #tell(account: Jid, resource: Jid): void {
    const presence = element(NS_CLIENT, 'presence', { type: 'unavailable', from: resource.toString(), to: account.toString() })
    for (const session of this.#host.sessions.of(account).values()) if (session.presence !== undefined) session.send(presence)
  }

  /** Whoever signs in meanwhile probes anyway; so as long as nobody has contacts there, nobody is called. */
  #planToKnock(neighbor: Neighbor, wait: number): Timer {
    return this.#host.clock.after(wait * (1 + this.#random()), () => {
      if (neighbor.loss === undefined) return
      neighbor.loss.timer = undefined
      for (const account of this.#availableAccounts(neighbor)) {
        const contact = this.#rosters.of(account).contacts.find(({ jid }) => jid.domain === neighbor.remote)
        if (contact !== undefined) return this.#presence.probe(account, contact.jid) // found or lost is what comes of it
      }
      this.#neighbors.delete(`${neighbor.local} ${neighbor.remote}`)
    })
  }

  #recover(neighbor: Neighbor): void {
    neighbor.recoveredAt = this.#host.clock.now()
    for (const account of this.#availableAccounts(neighbor)) {
      const roster = this.#rosters.of(account)
      for (const { jid } of roster.contacts) if (jid.domain === neighbor.remote) this.#presence.probe(account, jid)
      for (const jid of roster.subscribers) if (jid.domain === neighbor.remote) this.#presence.sendCurrent(account, jid)
    }
  }

  #availableAccounts({ local }: Neighbor): readonly Jid[] {
    const accounts = new Map<string, Jid>()
    for (const { account, presence } of this.#host.sessions.all()) {
      if (presence !== undefined && account.domain === local) accounts.set(account.toString(), account)
    }
    return [...accounts.values()]
  }

  #neighbor(local: string, remote: string): Neighbor {
    const key = `${local} ${remote}`
    let neighbor = this.#neighbors.get(key)
    if (neighbor === undefined) {
      neighbor = { local, remote, seen: new Map(), loss: undefined, recoveredAt: Number.NEGATIVE_INFINITY, recovery: undefined }
      this.#neighbors.set(key, neighbor)
    }
    return neighbor
  }

  #forget(neighbor: Neighbor, account: string, keepNeighbor = false): void {
    this.#remembered -= neighbor.seen.get(account)?.resources.size ?? 0
    neighbor.seen.delete(account)
    if (!keepNeighbor && neighbor.seen.size === 0 && neighbor.loss === undefined) this.#neighbors.delete(`${neighbor.local} ${neighbor.remote}`)
  }
}
