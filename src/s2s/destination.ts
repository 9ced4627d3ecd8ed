import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import type { Endpoint, FederationPolicy } from '../config/federation.ts'
import type { ServiceRecord } from '../net/resolver.ts'
import { isOnionAddress } from '../tor/onion-address.ts'
import { isUnderOnion } from '../xmpp/domainpart.ts'
import { orderByWeight } from './srv-order.ts'

/**
 * Where the server of a remote domain is called: the one place that decides it.
 *
 * | remote domain | policy of ours | where |
 * | --- | --- | --- |
 * | `.onion` | any | that onion, through Tor; being reached there proves it |
 * | in the onion map | any | the mapped onion, through Tor; the domain's own certificate required |
 * | other | `direct` | SRV, else port 5269, from this machine; certificate required |
 * | other | `tor` | the same, asked and called through Tor |
 * | other | `refuse` | nowhere |
 *
 * Pure: where DNS must be asked first, the decision is to ask it, and whoever asked decides again with the findings.
 * Nothing ever falls back from Tor to a direct connection.
 */
export function decide(question: DestinationQuestion): Decision {
  const { remote, settings } = question
  const name = domainToASCII(remote)
  if (isUnderOnion(name)) {
    // Names below an address are the same service (rend-spec-v3), and its key answers for them.
    const address = name.split('.').slice(-2).join('.')
    if (!isOnionAddress(address)) return refused('no-such-name')
    return throughTor(question, { host: address, port: S2S_PORT, proof: 'onion' })
  }
  if (!isPublicName(name)) return refused('no-such-name')
  const mapped = Object.hasOwn(settings.onionMap, remote) ? settings.onionMap[remote] : undefined
  if (mapped !== undefined) return throughTor(question, { ...mapped, proof: 'certificate' })
  return clearnet(question, name)
}

export interface DestinationQuestion {
  /** The served domain on whose behalf is called, as in JIDs. */
  readonly local: string
  readonly policy: FederationPolicy
  /** The remote domain, as in JIDs. */
  readonly remote: string
  readonly settings: DestinationSettings
  /** What DNS said; undefined before it was asked. */
  readonly found: Findings | undefined
  /** 0 <= n < 1; for the order among servers of the same priority. */
  readonly random: () => number
}

export interface DestinationSettings {
  /** Whether a tor runs, or is to. */
  readonly tor: boolean
  /** Whether there are resolvers to ask through Tor. */
  readonly resolvers: boolean
  /** Of remote domains, by their names as in JIDs. */
  readonly onionMap: Readonly<Record<string, Endpoint>>
}

/** The SRV records of both services; 'failed' where no resolver gave an answer. */
export interface Findings {
  /** `_xmpp-server._tcp`. */
  readonly starttls: readonly ServiceRecord[] | 'failed'
  /** `_xmpps-server._tcp` (XEP-0368). */
  readonly directTls: readonly ServiceRecord[] | 'failed'
}

export type Decision =
  | { readonly state: 'routes', readonly routes: readonly Route[] }
  /** Ask DNS for the services of `name` (A-labels), that way, and decide again. */
  | { readonly state: 'ask', readonly via: Way, readonly name: string, readonly isolation: string }
  | { readonly state: 'refused', readonly reason: RefusalReason, readonly temporary: boolean }

export type Way = 'direct' | 'tor'

/** One place to call; they are tried in order. */
export interface Route {
  readonly via: Way
  /** A name in A-labels or an onion address. Through Tor it is handed over as it is; only a direct one is looked up. */
  readonly host: string
  readonly port: number
  /** Whether TLS begins with the first byte (XEP-0368) or by STARTTLS: required, or where offered if `proof` is 'onion'. */
  readonly tls: 'direct' | 'starttls'
  /**
   * What proves who answers: a certificate of the remote domain; or that it answers at this onion address, which is
   * its name, so that TLS adds nothing and no certificate is asked for.
   */
  readonly proof: 'certificate' | 'onion'
  /** For the circuit: each pair of domains has its own. */
  readonly isolation: string
}

export type RefusalReason =
  /** The policy is `refuse`. */
  | 'policy'
  /** It would have to go through Tor, and no tor is used here. */
  | 'no-tor'
  /** DNS would have to be asked through Tor, and nobody is named who could be. */
  | 'no-resolvers'
  /** No onion address, no public DNS name: an address, a name for this machine or network alone. */
  | 'no-such-name'
  /** Its SRV records say that there is no server, or name none that could be called. */
  | 'no-service'
  /** No resolver gave an answer; the only reason that may pass by itself. */
  | 'no-answer'

const S2S_PORT = 5269
/** However many servers DNS names, so many are tried; the s2s deadline ends it earlier. */
const MOST_ROUTES = 32

function clearnet(question: DestinationQuestion, name: string): Decision {
  const { local, policy, settings, found } = question
  if (policy === 'refuse') return refused('policy')
  // The configuration does not let an onion domain be direct. It is decided here once more, as here it would happen.
  const via = isUnderOnion(local) ? 'tor' : policy
  if (via === 'tor' && !settings.tor) return refused('no-tor')
  if (via === 'tor' && !settings.resolvers) return refused('no-resolvers')
  const isolation = isolationOf(question)
  if (found === undefined) return { state: 'ask', via, name, isolation }
  const { starttls, directTls } = found
  const unknown = starttls === 'failed' || directTls === 'failed'
  const records = [...offered(starttls, 'starttls'), ...offered(directTls, 'direct')]
  if (records.length === 0) {
    // DEVIATION: RFC 6120 §3.2.1 falls back to the domain itself where no answer came at all. Here "no records" must
    // have been answered: else whoever silences a resolver chooses which server is called.
    if (unknown) return refused('no-answer')
    return { state: 'routes', routes: [{ via, host: name, port: S2S_PORT, tls: 'starttls', proof: 'certificate', isolation }] }
  }
  const routes = orderByWeight(records, question.random).flatMap(({ target, port, tls }): Route[] => {
    // RFC 7686 §2: an onion is never looked up. One that DNS names is only a way there: the certificate is the proof.
    const way = isUnderOnion(target) ? 'tor' : via
    const callable = isUnderOnion(target) ? isOnionAddress(target) && settings.tor : isPublicName(target)
    return callable && port > 0 ? [{ via: way, host: target, port, tls, proof: 'certificate', isolation }] : []
  })
  // No fallback here: RFC 6120 §3.2.1 and XEP-0368 §5 where the target is ".", and §3.2.1 where records lead nowhere.
  const different = routes.filter((route, index) => routes.findIndex((other) => same(route, other)) === index)
  if (different.length > 0) return { state: 'routes', routes: different.slice(0, MOST_ROUTES) }
  return refused(unknown ? 'no-answer' : 'no-service')
}

/** XEP-0368 §3: the records of both services "are mixed", by priority and weight; what differs is how TLS begins. */
function offered(records: Findings[keyof Findings], tls: Route['tls']): (ServiceRecord & Pick<Route, 'tls'>)[] {
  return records === 'failed' ? [] : records.map((record) => ({ ...record, tls }))
}

function throughTor(question: DestinationQuestion, to: Endpoint & Pick<Route, 'proof'>): Decision {
  if (!question.settings.tor) return refused('no-tor')
  return { state: 'routes', routes: [{ ...to, via: 'tor', tls: 'starttls', isolation: isolationOf(question) }] }
}

function refused(reason: RefusalReason): Decision {
  return { state: 'refused', reason, temporary: reason === 'no-answer' }
}

/** Names hold no spaces, so no two pairs have the same text. */
function isolationOf({ local, remote }: DestinationQuestion): string {
  return `${local} ${remote}`
}

/**
 * Names for this machine and this network alone (RFC 6761 §6, RFC 6762 §3, RFC 8375) could only lead a stranger's
 * stanza to what is not for strangers, and so could addresses. Labels as in RFC 1123 §2.1.
 */
function isPublicName(name: string): boolean {
  return name.length <= 253 && isIP(name) === 0
    && /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/.test(name)
    && !/(?:^|\.)(?:localhost|local|invalid|internal|home\.arpa)$/.test(name)
}

function same(one: Route, other: Route): boolean {
  return one.host === other.host && one.port === other.port && one.tls === other.tls
}
