import type { Timer } from '../clock.ts'
import type { Envelope } from '../routing/envelope.ts'
import type { Host } from '../routing/extension.ts'
import type { ServerHooks } from '../routing/hooks.ts'
import type { Session } from '../routing/sessions.ts'
import { element } from '../xml/element.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS_CLIENT } from '../xmpp/namespaces.ts'
import type { Presence } from './presence.ts'
import type { Rosters } from './roster.ts'
import { awaitsContact, seesAccount, seesContact } from './subscription.ts'

/** Of one contact, so many resources are remembered; who shows more is not believed to have them. */
const MOST_RESOURCES = 16
/** In all (some 40 MB); what finds no room is not said to be gone when its server is. */
const MOST_REMEMBERED = 200_000
/** A server that is not there is asked again after 30 to 60 s, then after twice that, at the most after 15 minutes. */
const FIRST_MILLISECONDS = 30_000
const LAST_MILLISECONDS = 7.5 * 60_000
/** However often a server comes and goes, so often are all who have contacts there looked for. */
const REST_MILLISECONDS = 30_000

/** One remote domain, as one of ours sees it. */
interface Neighbor {
  readonly local: string
  readonly remote: string
  /** Who of its users is available, to which of our accounts: by account, then by full JID. */
  readonly seen: Map<string, { readonly account: Jid, readonly resources: Map<string, Jid> }>
  /** Set while the way to it is broken: runs until somebody knocks. */
  loss: Timer | undefined
  /** Runs for a while after a recovery; the next one waits for its end. */
  rest: Timer | undefined
  /** It was lost and found during that rest. */
  isDue: boolean
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
    else if (type === '' && this.#isThere(to) && this.#presence.follows(to, from)) this.#available(from, to.bare)
  }

  /** Where none of the account's resources is available any more, what it saw is of no interest. */
  ended({ account }: Session): void {
    if (this.#isThere(account)) return
    for (const neighbor of this.#neighbors.values()) {
      if (neighbor.local !== account.domain) continue
      this.#forget(neighbor, account.toString())
      this.#retire(neighbor)
    }
  }

  lost(local: string, remote: string): void {
    const neighbor = this.#neighbor(local, remote)
    neighbor.loss ??= this.#planToKnock(neighbor, FIRST_MILLISECONDS)
    const seen = [...neighbor.seen.values()]
    for (const { account } of seen) this.#forget(neighbor, account.toString())
    for (const { account, resources } of seen) {
      for (const resource of resources.values()) this.#tell(account, resource)
    }
  }

  found(local: string, remote: string): void {
    const neighbor = this.#neighbors.get(`${local} ${remote}`)
    if (neighbor?.loss === undefined) return
    neighbor.loss.cancel()
    neighbor.loss = undefined
    if (neighbor.rest === undefined) this.#recover(neighbor)
    else neighbor.isDue = true
  }

  #available(resource: Jid, account: Jid): void {
    const neighbor = this.#neighbor(account.domain, resource.domain)
    const key = account.toString()
    const { resources } = neighbor.seen.get(key) ?? { resources: new Map<string, Jid>() }
    const full = resource.toString()
    if (resources.has(full)) return
    let ofContact = 0
    for (const other of resources.values()) if (other.bare.equals(resource.bare)) ofContact++
    if (ofContact >= MOST_RESOURCES || this.#remembered >= MOST_REMEMBERED) return this.#retire(neighbor)
    resources.set(full, resource)
    neighbor.seen.set(key, { account, resources })
    this.#remembered++
  }

  /** From a bare JID it is of all resources (§4.3.2). */
  #unavailable(from: Jid, account: Jid): void {
    const neighbor = this.#neighbors.get(`${account.domain} ${from.domain}`)
    const resources = neighbor?.seen.get(account.toString())?.resources
    if (neighbor === undefined || resources === undefined) return
    const gone = from.isBare ? [...resources.values()].filter((one) => one.bare.equals(from)).map(String) : [from.toString()]
    for (const full of gone) if (resources.delete(full)) this.#remembered--
    if (resources.size > 0) return
    this.#forget(neighbor, account.toString())
    this.#retire(neighbor)
  }

  #tell(account: Jid, resource: Jid): void {
    const presence = element(NS_CLIENT, 'presence', { type: 'unavailable', from: resource.toString(), to: account.toString() })
    for (const session of this.#host.sessions.of(account).values()) if (session.presence !== undefined) session.send(presence)
  }

  #planToKnock(neighbor: Neighbor, wait: number): Timer {
    return this.#host.clock.after(wait * (1 + this.#random()), () => this.#knock(neighbor, wait))
  }

  /**
   * A probe for one contact there, whoever it is: what comes of it is `found` or `lost`, or nothing, where its account
   * blocks that contact or the server is left alone for a while. Whoever signs in probes anyway; so as long as nobody has
   * contacts there, nobody is called.
   */
  #knock(neighbor: Neighbor, wait: number): void {
    neighbor.loss = undefined
    const accounts = this.#availableAccounts(neighbor)
    const { remote } = neighbor
    const followed = accounts.flatMap((account) => this.#rosters.of(account).contacts
      .filter(({ jid }) => jid.domain === remote).map(({ jid }) => ({ account, contact: jid })))
    const isMissed = followed.length > 0
      || accounts.some((account) => this.#rosters.of(account).subscribers.some(({ domain }) => domain === remote))
    if (!isMissed) return this.#retire(neighbor)
    neighbor.loss = this.#planToKnock(neighbor, Math.min(2 * wait, LAST_MILLISECONDS))
    const one = followed[Math.floor(this.#random() * followed.length)]
    if (one !== undefined) this.#presence.probe(one.account, one.contact)
  }

  #recover(neighbor: Neighbor): void {
    neighbor.isDue = false
    neighbor.rest = this.#host.clock.after(REST_MILLISECONDS, () => {
      neighbor.rest = undefined
      if (neighbor.isDue && neighbor.loss === undefined) this.#recover(neighbor)
      else this.#retire(neighbor)
    })
    for (const account of this.#availableAccounts(neighbor)) {
      for (const { jid, state } of [...this.#rosters.of(account).all()]) {
        if (jid.domain !== neighbor.remote) continue
        if (seesContact(state)) this.#presence.probe(account, jid)
        if (seesAccount(state)) this.#presence.sendCurrent(account, jid)
        if (awaitsContact(state)) this.#presence.askAgain(account, jid)
      }
    }
  }

  #availableAccounts({ local }: Neighbor): readonly Jid[] {
    const accounts = new Map<string, Jid>()
    for (const { account, presence } of this.#host.sessions.all()) {
      if (presence !== undefined && account.domain === local) accounts.set(account.toString(), account)
    }
    return [...accounts.values()]
  }

  #isThere(account: Jid): boolean {
    for (const { presence } of this.#host.sessions.of(account).values()) if (presence !== undefined) return true
    return false
  }

  #neighbor(local: string, remote: string): Neighbor {
    const key = `${local} ${remote}`
    let neighbor = this.#neighbors.get(key)
    if (neighbor === undefined) {
      neighbor = { local, remote, seen: new Map(), loss: undefined, rest: undefined, isDue: false }
      this.#neighbors.set(key, neighbor)
    }
    return neighbor
  }

  #forget(neighbor: Neighbor, account: string): void {
    this.#remembered -= neighbor.seen.get(account)?.resources.size ?? 0
    neighbor.seen.delete(account)
  }

  /** Of whom nothing is seen and nothing is to come, nothing is kept. */
  #retire({ local, remote, seen, loss, rest }: Neighbor): void {
    if (seen.size === 0 && loss === undefined && rest === undefined) this.#neighbors.delete(`${local} ${remote}`)
  }
}
