import { Jid } from '../xmpp/jid.ts'

/** The hash functions of SCRAM, strongest first (RFC 7677, RFC 5802; SHA-512 as in draft-melnikov-scram-sha-512). */
export const SCRAM_HASHES = ['SHA-512', 'SHA-256', 'SHA-1'] as const
export type ScramHash = (typeof SCRAM_HASHES)[number]

/** What the server keeps of a password for one hash function (RFC 5802 §3). */
export interface ScramVerifier {
  readonly salt: Buffer
  readonly iterations: number
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

/** All that the server keeps of a password. It is stored sealed, and opened for one step of one login at a time. */
export interface Verifiers {
  readonly scram: Readonly<Record<ScramHash, ScramVerifier>>
  /** argon2id, as a PHC string; for PLAIN. */
  readonly argon2: string
}

/** Who a peer says it is, and what that is checked against. */
export interface Claim {
  /** The name as throttles count it, whether it is an account, could be one or not. */
  readonly name: string
  /** The address that is claimed; undefined where the name is no localpart. */
  readonly address: Jid | undefined
  /** Where it is false, the verifiers are a decoy that nothing matches, and the peer must not learn of it. */
  readonly exists: boolean
  /** The operator locked the account; whoever proves to be its owner may know. */
  readonly locked: boolean
  readonly verifiers: Verifiers
}

/**
 * May this claim act under that authorization identity? In XMPP it is the claim's own bare JID, or is left out
 * (RFC 6120 §6.3.8).
 */
export function isOwn(authzid: string, { address }: Claim): boolean {
  const authorized = Jid.parse(authzid)
  return authorized !== undefined && address !== undefined && authorized.equals(address)
}

/** Where mechanisms look a name up; accounts.ts is the one. */
export interface Claims {
  /** Changes whenever a claim could be answered otherwise than before: while it is the same, so is a claim. */
  readonly revision: number
  claim(username: string, domain: string): Claim
  /** After a login by PLAIN, where the password was seen: brings verifiers of an old cost to the present one. */
  renew(claim: Claim, password: string): void
}

export function encodeVerifiers({ scram, argon2 }: Verifiers): Buffer {
  const hashes = SCRAM_HASHES.map((hash) => {
    const { salt, iterations, storedKey, serverKey } = scram[hash]
    return [salt.toString('base64'), iterations, storedKey.toString('base64'), serverKey.toString('base64')] as const
  })
  return Buffer.from(JSON.stringify({ hashes, argon2 }))
}

/** Only for bytes out of a seal that held: their shape is what encodeVerifiers made. */
export function decodeVerifiers(bytes: Buffer): Verifiers {
  const { hashes, argon2 } = JSON.parse(bytes.toString()) as
    { hashes: Array<[salt: string, iterations: number, storedKey: string, serverKey: string]>; argon2: string }
  const [sha512, sha256, sha1] = hashes.map(([salt, iterations, storedKey, serverKey]) => ({
    salt: Buffer.from(salt, 'base64'),
    iterations,
    storedKey: Buffer.from(storedKey, 'base64'),
    serverKey: Buffer.from(serverKey, 'base64'),
  }))
  if (sha512 === undefined || sha256 === undefined || sha1 === undefined) throw new Error('verifiers of another shape')
  return { scram: { 'SHA-512': sha512, 'SHA-256': sha256, 'SHA-1': sha1 }, argon2 }
}
