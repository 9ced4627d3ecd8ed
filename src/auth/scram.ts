import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Attempts } from './attempts.ts'
import { digestName } from './credentials.ts'
import { downgradeHash } from './downgrade.ts'
import { failure, type Mechanism, type SaslContext, type SaslExchange, type SaslStep } from './mechanism.ts'
import { parseClientFinal, parseClientFirst, type ClientFirst } from './scram-message.ts'
import { isOwn, type Claim, type Claims, type ScramHash, type ScramVerifier } from './verifiers.ts'

export interface ScramParts {
  readonly hash: ScramHash
  /** With channel binding. */
  readonly plus: boolean
  readonly claims: Claims
  readonly attempts: Attempts
  /** Is XEP-0474's hash sent? True where it is left out. */
  readonly downgradeProtection?: boolean
}

/** SCRAM (RFC 5802, RFC 7677) with one hash function, with or without channel binding. */
export class Scram implements Mechanism {
  readonly name: string
  readonly needsChannelBinding: boolean
  readonly needsSecurity = false
  readonly #parts: ScramParts
  readonly #makeNonce: () => string

  /** @param makeNonce printable, no comma, unguessable; given by tests alone */
  constructor(parts: ScramParts, makeNonce = randomNonce) {
    this.name = `SCRAM-${parts.hash}${parts.plus ? '-PLUS' : ''}`
    this.needsChannelBinding = parts.plus
    this.#parts = parts
    this.#makeNonce = makeNonce
  }

  start(context: SaslContext): SaslExchange {
    return new ScramExchange(this.#parts, context, this.#makeNonce())
  }
}

type State =
  | { readonly waitsFor: 'first' }
  | { readonly waitsFor: 'final'; readonly first: ClientFirst; readonly nonce: string; readonly serverFirst: string
    readonly claim: Claim; readonly revision: number }
  | { readonly waitsFor: 'nothing' }

const OVER: State = { waitsFor: 'nothing' }

class ScramExchange implements SaslExchange {
  readonly #parts: ScramParts
  readonly #context: SaslContext
  readonly #serverNonce: string
  #state: State = { waitsFor: 'first' }
  #wasEmpty = false

  constructor(parts: ScramParts, context: SaslContext, serverNonce: string) {
    this.#parts = parts
    this.#context = context
    this.#serverNonce = serverNonce
  }

  step(response: Buffer): SaslStep {
    const state = this.#state
    this.#state = OVER
    if (state.waitsFor === 'nothing') return failure('malformed-request')
    if (state.waitsFor === 'final') return this.#final(response, state)
    if (response.length === 0 && !this.#wasEmpty) {
      this.#wasEmpty = true // <auth/> without initial response: RFC 6120 §6.4.2, the client speaks first
      this.#state = state
      return { state: 'challenge', data: Buffer.alloc(0) }
    }
    return this.#first(response)
  }

  #first(response: Buffer): SaslStep {
    const first = parseClientFirst(response)
    const { offered, domain } = this.#context
    // RFC 5802 §6: "p" exactly with -PLUS, and a type that this stream has.
    if (first === undefined || (first.flag === 'p') !== this.#parts.plus) return failure('malformed-request')
    if (first.binding !== undefined && this.#bindingData(first.binding) === undefined) return failure('malformed-request')
    // RFC 5802 §6: "y" to a server that offered -PLUS means that somebody took it from the list: it "MUST fail".
    if (first.flag === 'y' && offered.some((name) => name.endsWith('-PLUS'))) return failure('not-authorized')

    const claim = this.#parts.claims.claim(first.username, domain)
    if (first.authzid !== undefined && !isOwn(first.authzid, claim)) return failure('invalid-authzid')
    const { salt, iterations } = claim.verifiers.scram[this.#parts.hash]
    const nonce = first.nonce + this.#serverNonce
    const serverFirst = `r=${nonce},s=${salt.toString('base64')},i=${iterations}${this.#downgradeProtection()}`
    const { revision } = this.#parts.claims
    this.#state = { waitsFor: 'final', first, nonce, serverFirst, claim, revision }
    return { state: 'challenge', data: Buffer.from(serverFirst) }
  }

  #final(response: Buffer, { first, nonce, serverFirst, claim: claimed, revision }: State & { readonly waitsFor: 'final' }): SaslStep {
    const { hash, claims, attempts } = this.#parts
    const { domain, peer } = this.#context
    const final = parseClientFinal(response)
    if (final === undefined) return failure('malformed-request')
    // Asked anew where anything changed: a password changed since, or an account removed, does not open any more.
    const claim = claims.revision === revision ? claimed : claims.claim(first.username, domain)
    if (!attempts.admit(claim.name, peer)) return failure('temporary-auth-failure')

    const verifier = claim.verifiers.scram[hash]
    const text = Buffer.from(`${first.bare},${serverFirst},${final.withoutProof}`)
    const proven = isProven(hash, verifier, text, final.proof)
    const bound = final.nonce === nonce && final.channelBinding === this.#expectedBinding(first)
    if (!proven || !bound || !claim.exists || claim.address === undefined) return failure('not-authorized')
    attempts.forgive(claim.name, peer)
    // RFC 6120 §6.5.1; nobody learns it but who could log in.
    if (claim.locked) return failure('account-disabled')
    const signature = createHmac(digestName(hash), verifier.serverKey).update(text).digest('base64')
    return { state: 'success', data: Buffer.from(`v=${signature}`), account: claim.address }
  }

  /** RFC 5802 §7: cbind-input in base64, the client's own header and, with "p", the channel binding's data. */
  #expectedBinding({ header, binding }: ClientFirst): string {
    const data = binding === undefined ? undefined : this.#bindingData(binding)
    return Buffer.concat([Buffer.from(header), data ?? Buffer.alloc(0)]).toString('base64')
  }

  #bindingData(type: string): Buffer | undefined {
    const { channelBindings, unlistedBindings } = this.#context
    return channelBindings.get(type) ?? unlistedBindings.get(type)
  }

  #downgradeProtection(): string {
    const { offered, channelBindings } = this.#context
    if (offered.length === 0 || this.#parts.downgradeProtection === false) return ''
    return `,h=${downgradeHash(this.#parts.hash, offered, [...channelBindings.keys()])}`
  }
}

/** RFC 5802 §3: is this the proof of whoever knows the client key? */
function isProven(hash: ScramHash, { storedKey }: ScramVerifier, text: Buffer, proof: Buffer): boolean {
  const digest = digestName(hash)
  const signature = createHmac(digest, storedKey).update(text).digest()
  if (proof.length !== signature.length) return false
  const clientKey = signature.map((byte, index) => byte ^ (proof[index] ?? 0))
  return timingSafeEqual(createHash(digest).update(clientKey).digest(), storedKey)
}

/** 144 bits; base64 of 18 bytes has no padding. */
function randomNonce(): string {
  return randomBytes(18).toString('base64')
}
