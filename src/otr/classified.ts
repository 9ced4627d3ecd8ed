import type { Addressing, MessageType, Version } from './header.ts'

/** What a whole body is. The first four may go on; a fragment not before the message it belongs to is whole. */
export type Classified = Query | ErrorText | Encoded | Fragment | Unacceptable

/** An offer to start OTR. Only `canonical` may be relayed: what a client writes after the versions is plain text. */
export interface Query {
  readonly kind: 'query'
  readonly canonical: string
  /** Those offered that pass here; never empty. */
  readonly versions: readonly Version[]
}

/** A client's complaint. Only `canonical` may be relayed: the rest of the body is plain text. */
export interface ErrorText {
  readonly kind: 'error'
  readonly canonical: string
}

/** A message of the key exchange, or encrypted data: every check that needs no key has passed. */
export interface Encoded extends Addressing {
  readonly kind: 'encoded'
  readonly type: MessageType
  /** The binary message: its memory lasts as long as this is held. */
  readonly bytes: Buffer
}

/** One piece of an encoded message. It says nothing yet of the message as a whole. */
export interface Fragment extends Addressing {
  readonly kind: 'fragment'
  /** In version 4, of the message that the piece is of. */
  readonly identifier: number | undefined
  /** 1..total */
  readonly index: number
  readonly total: number
  readonly piece: string
  /** The message, where the one piece is all of it; it has been checked then. */
  readonly whole: Encoded | undefined
}

export interface Unacceptable {
  /** `tagged`: plain text that offers OTR by whitespace. `malformed`: it begins like OTR and is not. */
  readonly kind: 'tagged' | 'plaintext' | 'malformed'
  /** For tests and debugging; a constant of ours. */
  readonly reason: string
}

export interface OtrSettings {
  /** Those that pass, in rising order. */
  readonly versions: readonly Version[]
  /** Characters of a body, and of a message put together from fragments. */
  readonly maximumBody: number
  /** Bytes of the encrypted signature: 466 with the DSA keys of 1024 bits that libotr makes. */
  readonly maximumSignature: number
}

export const DEFAULT_SETTINGS: OtrSettings = { versions: [2, 3], maximumBody: 262_144, maximumSignature: 466 }

/** Public keys that were found good in one direction of a conversation, so that each is checked once. */
export interface KeyMemory {
  knows(key: string): boolean
  /** `key` is the number's bytes, one character each. */
  remember(key: string): void
}

export function malformed(reason: string): Unacceptable {
  return { kind: 'malformed', reason }
}
