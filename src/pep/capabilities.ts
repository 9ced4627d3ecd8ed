import type { Host } from '../routing/extension.ts'
import { Envelope } from '../routing/envelope.ts'
import type { Session } from '../routing/sessions.ts'
import { element, type Element } from '../xml/element.ts'
import { verificationString } from '../xmpp/disco-info.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS_CLIENT, NS_DISCO_INFO } from '../xmpp/namespaces.ts'

export const NS_CAPS = 'http://jabber.org/protocol/caps'

/** What a presence says of a client's capabilities (XEP-0115 §4). */
interface Claim {
  readonly hash: string
  readonly node: string
  readonly ver: string
}

/** The nodes of which a client wants to hear (XEP-0060 §9.2). */
export type Interest = ReadonlySet<string>

type Told = (interest: Interest) => void

interface Waiting {
  readonly account: Jid
  readonly resource: Jid
  readonly claim: Claim
  readonly told: Told
}

const ANSWER_MILLISECONDS = 60_000
/** Of each domain of ours. Clients have some hundred versions in use at a time. */
const MOST_REMEMBERED = 2000
/** Of each domain of ours: those whose claim does not prove itself are remembered one by one. */
const MOST_ALONE = 5000
/** Who waits for the answer of another with the same claim. */
const MOST_WAITING = 200
const MOST_INTERESTS = 64
const LONGEST_INTEREST = 256
const NOTIFY = '+notify'

/**
 * What clients can do, by their entity capabilities (XEP-0115): one of those who say the same is asked, and what it
 * answers is believed of all where it hashes to what they said (§5.4). Each domain of ours remembers by itself: whoever
 * tried a claim at one could else see by our silence that the other is of the same house.
 */
export class Capabilities {
  readonly #host: Host
  readonly #sides = new Map<string, Side>()

  constructor(host: Host) {
    this.#host = host
  }

  /** True where the presence says anything of what the client can do. */
  isClaimed(presence: Element): boolean {
    return claimOf(presence) !== undefined
  }

  /** Of what that resource wants to hear, as far as it is known already. */
  interestOf(domain: string, resource: Jid, presence: Element): Interest | undefined {
    const claim = claimOf(presence)
    return claim === undefined ? undefined : this.#side(domain).known(resource, claim)
  }

  /** Tells of what the resource wants to hear, now or once it has answered; never where that cannot be known. */
  learn(account: Jid, resource: Jid, presence: Element, told: Told): void {
    const claim = claimOf(presence)
    if (claim === undefined) return
    const side = this.#side(account.domain)
    const known = side.known(resource, claim)
    if (known !== undefined) return told(known)
    const key = keyOf(claim)
    const waiting = side.waiting.get(key)
    if (waiting === undefined) {
      side.waiting.set(key, [])
      this.#ask(side, { account, resource, claim, told })
    } else if (waiting.length < MOST_WAITING) {
      waiting.push({ account, resource, claim, told })
    }
  }

  /** A session is gone, and what was known of it alone. */
  forget({ jid }: Session): void {
    this.#side(jid.domain).alone.delete(jid.toString())
  }

  /** XEP-0115 §6.2: asks the very resource, in the name of the account that it shows its presence. */
  #ask(side: Side, asked: Waiting): void {
    const { account, resource, claim } = asked
    const id = this.#host.requests.expect(account, resource, ANSWER_MILLISECONDS, (answer) => this.#answered(side, asked, answer))
    const iq = element(NS_CLIENT, 'iq', { type: 'get', id, from: account.toString(), to: resource.toString() },
      element(NS_DISCO_INFO, 'query', { node: `${claim.node}#${claim.ver}` }))
    const session = this.#host.domains.serves(resource.domain) ? this.#host.sessions.get(resource) : undefined
    if (session !== undefined && this.#host.domains.links(account.domain, resource.domain)) session.send(iq)
    else this.#host.router.forward(new Envelope(iq, account, resource, true, 'server', undefined))
  }

  #answered(side: Side, asked: Waiting, answer: Element | undefined): void {
    const key = keyOf(asked.claim)
    const info = answer?.attrs['type'] === 'result' ? answer.child('query', NS_DISCO_INFO) : undefined
    const waiting = side.waiting.get(key) ?? []
    const interest = info === undefined ? undefined : interestIn(info)
    if (info !== undefined && interest !== undefined && provesItself(info, asked.claim)) {
      side.waiting.delete(key)
      remember(side.verified, key, interest, MOST_REMEMBERED)
      for (const each of [asked, ...waiting]) each.told(interest)
      return
    }
    // §5.4: an invalid answer is not remembered for others; the next one who says the same is asked.
    if (interest !== undefined) remember(side.alone, asked.resource.toString(), { ver: asked.claim.ver, interest }, MOST_ALONE)
    const next = waiting.shift()
    if (next === undefined) side.waiting.delete(key)
    else this.#ask(side, next)
    if (interest !== undefined) asked.told(interest)
  }

  #side(domain: string): Side {
    let side = this.#sides.get(domain)
    if (side === undefined) this.#sides.set(domain, side = new Side())
    return side
  }
}

/** What one of our domains knows; there are as many as domains. */
class Side {
  /** By the claim, whose hash is right. */
  readonly verified = new Map<string, Interest>()
  /** By full JID, what is true of that resource alone. */
  readonly alone = new Map<string, { readonly ver: string, readonly interest: Interest }>()
  /** By the claim that somebody is asked about. */
  readonly waiting = new Map<string, Waiting[]>()

  known(resource: Jid, claim: Claim): Interest | undefined {
    const alone = this.alone.get(resource.toString())
    return this.verified.get(keyOf(claim)) ?? (alone?.ver === claim.ver ? alone.interest : undefined)
  }
}

/** §4: hash and ver are required, as is node; the form before version 1.4, without a hash, is ignored (§5.4). */
function claimOf(presence: Element): Claim | undefined {
  const { hash = '', node = '', ver = '' } = presence.child('c', NS_CAPS)?.attrs ?? {}
  if (hash === '' || node === '' || ver === '' || hash.length > 32 || node.length > 256 || ver.length > 128) return undefined
  return { hash, node, ver }
}

function keyOf({ hash, ver }: Claim): string {
  return `${hash} ${ver}`
}

function interestIn(info: Element): Interest | undefined {
  const interest = new Set<string>()
  for (const child of info.elements()) {
    const feature = child.is('feature', NS_DISCO_INFO) ? child.attrs['var'] ?? '' : ''
    if (!feature.endsWith(NOTIFY) || feature.length > LONGEST_INTEREST) continue
    if (interest.size >= MOST_INTERESTS) return undefined
    interest.add(feature.slice(0, -NOTIFY.length))
  }
  return interest
}

/**
 * The hash alone does not tell features from what stands in identities and forms (§9.3): who hides there what others of
 * the same version want to hear would have it kept from them.
 */
function provesItself(info: Element, { hash, ver }: Claim): boolean {
  return verificationString(info, hash) === ver && info.elements().every((child) => child.is('feature', NS_DISCO_INFO) || !hidesInterest(child))
}

function hidesInterest(part: Element): boolean {
  return Object.values(part.attrs).some((value) => value.endsWith(NOTIFY)) || part.content().endsWith(NOTIFY) || part.elements().some(hidesInterest)
}

function remember<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.delete(key)
  for (const oldest of map.keys()) {
    if (map.size < most) break
    map.delete(oldest)
  }
  map.set(key, value)
}
