import { id_kp_clientAuth, id_kp_serverAuth } from '@peculiar/asn1-x509'
import type { Authorities } from './authorities.ts'
import type { CertificateNames } from './certificate-names.ts'
import { mayName } from './name-constraints.ts'
import { PeerCertificate } from './peer-certificate.ts'

/** Why a certificate is not believed. Constants, fit for a log: none of them names anybody. */
export type Distrust =
  /** The peer showed none. */
  | 'absent'
  | 'malformed'
  /** The peer's own, or every one that might vouch for it. */
  | 'expired' | 'not-yet-valid'
  /** By nobody but its owner, and the operator does not vouch for it. */
  | 'self-signed'
  /** No path to an authority that we believe. */
  | 'untrusted'
  /** Signed by one that may not sign certificates, or with more of them between than it allows. */
  | 'not-an-authority' | 'path-too-long'
  /** An authority signed a name beyond its name constraints. */
  | 'name-not-permitted'
  /** Not for TLS, neither as server nor as client. */
  | 'wrong-purpose'
  /** A critical extension that nobody here knows. */
  | 'unknown-extension'
  /** MD5, SHA-1, or a key that is too short or of an unusual kind. */
  | 'weak'
  /** Its subjectAltName names no domain. */
  | 'nameless'

export type Judged =
  | { readonly trusted: true; readonly names: CertificateNames }
  | { readonly trusted: false; readonly reason: Distrust }

export interface JudgeSettings {
  readonly authorities: Authorities
  /** Milliseconds since 1970. */
  readonly now: number
}

/** RFC 6120 §13.7.1.4: a certificate may be "explicitly" limited "to the XMPP network". */
const ID_ON_XMPP_ADDRESS = '1.3.6.1.5.5.7.8.5'
/**
 * Any of them will do: a server is client and server in turn, and public authorities sign for servers alone from 2026
 * on. OpenSSL, and so Node's `authorized`, refuses those when their owner calls.
 */
const PURPOSES: ReadonlySet<string> = new Set([id_kp_serverAuth, id_kp_clientAuth, ID_ON_XMPP_ADDRESS])
/** Certificates that a peer may show. */
const LONGEST_CHAIN = 10
/** Signatures that are looked at for one peer, whatever it shows. */
const MOST_SIGNATURES = 20

/**
 * Judges the certificates that a peer showed in DER, its own first, the others in any order: is there a path from its
 * own to an authority that we believe (RFC 5280 §6.1), and for which domains does it speak (RFC 6120 §13.7.2)?
 * It never throws, whatever the bytes are.
 *
 * A certificate that stands among the authorities itself is believed without a path: the operator vouches for it.
 *
 * DEVIATION: RFC 6120 §13.7.2 asks for CRLs or OCSP. To ask for them would tell each authority, in the clear, whom
 * this server talks to; so a revoked certificate is believed until it expires.
 *
 * DEVIATION: RFC 6120 §13.7.1.1 wants a subject; public authorities issue certificates without one, and nobody here
 * reads it.
 */
export function judge(peerChain: readonly Uint8Array[], { authorities, now }: JudgeSettings): Judged {
  const [first, ...others] = peerChain.slice(0, LONGEST_CHAIN)
  if (first === undefined) return distrust('absent')
  const own = PeerCertificate.parse(first)
  if (own === undefined) return distrust('malformed')
  const reason = outOfDate(own, now) ?? unfitEnd(own) ?? distrusted(own, others, authorities, now)
  return reason === undefined ? { trusted: true, names: own.names } : distrust(reason)
}

function distrust(reason: Distrust): Judged {
  return { trusted: false, reason }
}

function outOfDate({ notBefore, notAfter }: PeerCertificate, now: number): Distrust | undefined {
  return now > notAfter ? 'expired' : now < notBefore ? 'not-yet-valid' : undefined
}

function unfitEnd(own: PeerCertificate): Distrust | undefined {
  if (own.isBeyondUs) return 'unknown-extension'
  if (!own.hasStrongKey) return 'weak'
  if (!own.maySign || narrowed(PURPOSES, own).size === 0) return 'wrong-purpose'
  return own.names.isEmpty ? 'nameless' : undefined
}

function distrusted(own: PeerCertificate, others: readonly Uint8Array[], authorities: Authorities, now: number): Distrust | undefined {
  if (authorities.includes(own)) return undefined
  if (own.isSelfIssued && own.isSignedBy(own)) return 'self-signed'
  if (own.saysAuthority) return 'wrong-purpose' // RFC 6120 §13.7.1.1: who speaks XMPP is no authority
  const shown = others.flatMap((der) => PeerCertificate.parse(der) ?? [])
  return new PathSearch(shown, authorities, now).climb([own], narrowed(PURPOSES, own))
}

/** An authority for some purposes lends no others to what it signs. */
function narrowed(purposes: ReadonlySet<string>, { purposes: own }: PeerCertificate): ReadonlySet<string> {
  return own === undefined ? purposes : new Set([...purposes].filter((purpose) => own.has(purpose)))
}

/** Looks for a path from a peer's certificate upward, in all directions: cross-signed authorities have several. */
class PathSearch {
  readonly #shown: readonly PeerCertificate[]
  readonly #authorities: Authorities
  readonly #now: number
  #signatures = 0

  constructor(shown: readonly PeerCertificate[], authorities: Authorities, now: number) {
    this.#shown = shown
    this.#authorities = authorities
    this.#now = now
  }

  /**
   * Undefined if an authority that we believe stands above the last of `path`; else the reason that says most.
   * `path` opens with the peer's own certificate.
   */
  climb(path: readonly PeerCertificate[], purposes: ReadonlySet<string>): Distrust | undefined {
    const last = path.at(-1) as PeerCertificate // it has one at least
    let reason: Distrust = 'untrusted'
    const attempt = (issuer: PeerCertificate, believed: boolean): boolean => {
      const below = narrowed(purposes, issuer)
      const refusal = this.#refusal(path, issuer)
        ?? (below.size === 0 ? 'wrong-purpose' : believed ? undefined : this.climb([...path, issuer], below))
      if (refusal !== undefined && refusal !== 'untrusted') reason = refusal
      return refusal === undefined
    }
    for (const issuer of this.#authorities.issuersOf(last)) if (attempt(issuer, true)) return undefined
    for (const issuer of this.#shown) {
      if (path.some((one) => one.equals(issuer)) || !last.x509.checkIssued(issuer.x509)) continue
      if (attempt(issuer, false)) return undefined
    }
    return reason
  }

  /** Why that one may not stand above the path; undefined if it may. */
  #refusal(path: readonly PeerCertificate[], issuer: PeerCertificate): Distrust | undefined {
    const own = path[0] as PeerCertificate // it has one at least
    const between = path.slice(1)
    const last = between.at(-1) ?? own
    if (!issuer.hasStrongKey || !last.hasStrongSignature) return 'weak'
    if (++this.#signatures > MOST_SIGNATURES || !last.isSignedBy(issuer)) return 'untrusted'
    if (!issuer.isAuthority) return 'not-an-authority'
    if (between.filter((one) => !one.isSelfIssued).length > issuer.pathLength) return 'path-too-long'
    if (issuer.isBeyondUs) return 'unknown-extension'
    if (issuer.constraints !== undefined && !mayName(issuer.constraints, own.names)) return 'name-not-permitted'
    return outOfDate(issuer, this.#now)
  }
}
