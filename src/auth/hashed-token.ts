import { isUtf8 } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { failure, type SaslContext, type SaslExchange, type SaslStep } from './mechanism.ts'
import type { Redeemed, Tokens } from './tokens.ts'
import type { Claims } from './verifiers.ts'

/** The mechanisms by which a token is shown, the bound ones first: name -> type of channel binding. */
export const TOKEN_MECHANISMS: ReadonlyMap<string, string | undefined> = new Map([
  ['HT-SHA-256-EXPR', 'tls-exporter'], ['HT-SHA-256-ENDP', 'tls-server-end-point'], ['HT-SHA-256-NONE', undefined],
])

/** More than any name. */
const LONGEST_MESSAGE = 2048

export interface HashedTokenParts {
  readonly claims: Claims
  readonly tokens: Tokens
  /** The installation that the client says it is. */
  readonly agent: string
  /** Told which token it was, before the client is told that it is in. */
  readonly redeemed: (redeemed: Redeemed) => void
}

/** The names of those that this stream can have. */
export function tokenMechanisms({ channelBindings }: Pick<SaslContext, 'channelBindings'>): string[] {
  return [...TOKEN_MECHANISMS].filter(([, binding]) => binding === undefined || channelBindings.has(binding)).map(([name]) => name)
}

/**
 * The Hashed Token mechanism (draft-schmaus-kitten-sasl-ht-09): one message, one answer, both sides prove that they know the
 * token. A token has 256 bits, so that tries need not be counted: whoever guesses in vain locks nobody out.
 */
export function hashedToken(name: string, context: SaslContext, { claims, tokens, agent, redeemed }: HashedTokenParts): SaslExchange {
  const type = TOKEN_MECHANISMS.get(name)
  const binding = type === undefined ? Buffer.alloc(0) : context.channelBindings.get(type)
  return {
    step: (response): SaslStep | Promise<SaslStep> => {
      const message = parse(response)
      if (message === undefined || binding === undefined) return failure('malformed-request')
      const { address, exists, locked } = claims.claim(message.username, context.domain)
      if (address === undefined) return failure('not-authorized')
      let answer: Buffer | undefined
      const holder = { account: address, agent, mechanism: name }
      const found = tokens.find(holder, (token) => {
        const proof = prove(token, 'Initiator', binding)
        if (proof.length !== message.proof.length || !timingSafeEqual(proof, message.proof)) return false
        answer = prove(token, 'Responder', binding)
        return true
      })
      // XEP-0484 §4.2: the client then falls back to its password.
      if (found === undefined || !exists) return failure('credentials-expired')
      if (locked) return failure('account-disabled') // RFC 6120 §6.5.1; nobody learns it but who could log in
      redeemed(found)
      return tokens.used(holder, found).then(() => {
        // Asked anew: it may have been removed or locked meanwhile, or have another password, with which tokens go.
        const now = claims.claim(message.username, context.domain)
        return now.exists && !now.locked && tokens.find(holder, () => true) !== undefined ? { state: 'success', data: answer, account: address } : failure('not-authorized')
      })
    },
  }
}

/** §3.1: authcid NUL proof. */
function parse(response: Buffer): { readonly username: string, readonly proof: Buffer } | undefined {
  const end = response.indexOf(0)
  if (end < 1 || response.length > LONGEST_MESSAGE || !isUtf8(response.subarray(0, end))) return undefined
  return { username: response.toString('utf8', 0, end), proof: response.subarray(end + 1) }
}

/** The key is the token's text, as the client was given it. */
function prove(token: Buffer, side: 'Initiator' | 'Responder', binding: Buffer): Buffer {
  return createHmac('sha256', token).update(side).update(binding).digest()
}
