import type { Jid } from '../xmpp/jid.ts'
import type { Attempts } from './attempts.ts'
import type { Credentials } from './credentials.ts'
import { prepared } from './password.ts'
import type { Claims } from './verifiers.ts'
import { QueueFull } from './work-queue.ts'

/** Who it is; or 'wrong', whatever was; or the right password of an account that is locked; or nobody has time to look. */
export type PasswordVerdict = { readonly account: Jid } | 'wrong' | 'locked' | 'later'

/** Is this the password that goes with this name? Asked by PLAIN and by pages, and counted alike. */
export class PasswordCheck {
  readonly #claims: Claims
  readonly #credentials: Credentials
  readonly #attempts: Attempts

  constructor(claims: Claims, credentials: Credentials, attempts: Attempts) {
    this.#claims = claims
    this.#credentials = credentials
    this.#attempts = attempts
  }

  /** `peer` as in SaslContext. */
  async check(username: string, password: string, domain: string, peer: string | undefined): Promise<PasswordVerdict> {
    const claim = this.#claims.claim(username, domain)
    if (!this.#attempts.admit(claim.name, peer)) return 'later'
    const text = prepared(password)
    if (text === undefined) return 'wrong' // no account can have it
    const matches = await this.#matches(claim.verifiers.argon2, text)
    if (matches === undefined) {
      this.#attempts.forgive(claim.name, peer)
      return 'later'
    }
    // Asked anew: it may have been removed, locked, or given another password, while this one was hashed.
    const now = this.#claims.claim(username, domain)
    const same = now.exists && now.verifiers.argon2 === claim.verifiers.argon2
    if (!matches || !same || now.address === undefined) return 'wrong'
    this.#attempts.forgive(claim.name, peer)
    if (now.locked) return 'locked'
    this.#claims.renew(now, text)
    return { account: now.address }
  }

  /** Undefined where nobody had time to look. */
  async #matches(phc: string, password: string): Promise<boolean | undefined> {
    try {
      return await this.#credentials.matches(phc, password)
    } catch (error) {
      if (error instanceof QueueFull) return undefined
      throw error
    }
  }
}
