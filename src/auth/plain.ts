import { isUtf8 } from 'node:buffer'
import type { Attempts } from './attempts.ts'
import type { Credentials } from './credentials.ts'
import { failure, type Mechanism, type SaslContext, type SaslExchange, type SaslStep } from './mechanism.ts'
import { prepared } from './password.ts'
import { isOwn, type Claims } from './verifiers.ts'
import { QueueFull } from './work-queue.ts'

/** PLAIN (RFC 4616): the password itself, so only on a secured stream, and after all others. */
export class Plain implements Mechanism {
  readonly name = 'PLAIN'
  readonly needsChannelBinding = false
  readonly needsSecurity = true
  readonly #claims: Claims
  readonly #credentials: Credentials
  readonly #attempts: Attempts

  constructor(claims: Claims, credentials: Credentials, attempts: Attempts) {
    this.#claims = claims
    this.#credentials = credentials
    this.#attempts = attempts
  }

  start(context: SaslContext): SaslExchange {
    let steps = 0
    return {
      step: (response) => {
        steps++
        // <auth/> without initial response: RFC 6120 §6.4.2, the client speaks first.
        if (steps === 1 && response.length === 0) return { state: 'challenge', data: Buffer.alloc(0) }
        return steps > 2 ? failure('malformed-request') : this.#verify(response, context)
      },
    }
  }

  async #verify(response: Buffer, context: SaslContext): Promise<SaslStep> {
    const message = parsePlain(response)
    if (message === undefined) return failure('malformed-request')
    const claim = this.#claims.claim(message.username, context.domain)
    if (message.authzid !== '' && !isOwn(message.authzid, claim)) return failure('invalid-authzid')
    if (!this.#attempts.admit(claim.name, context.peer)) return failure('temporary-auth-failure')
    const password = prepared(message.password)
    if (password === undefined) return failure('not-authorized') // no account can have it
    const matches = await this.#matches(claim.verifiers.argon2, password)
    if (matches === undefined) {
      this.#attempts.forgive(claim.name, context.peer)
      return failure('temporary-auth-failure')
    }
    // Asked anew: it may have been removed, or given another password, while this one was hashed.
    const now = this.#claims.claim(message.username, context.domain)
    const same = now.exists && now.verifiers.argon2 === claim.verifiers.argon2
    if (!matches || !same || now.address === undefined) return failure('not-authorized')
    this.#attempts.forgive(claim.name, context.peer)
    this.#claims.renew(now, password)
    return { state: 'success', data: undefined, account: now.address }
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

interface PlainMessage {
  readonly authzid: string
  readonly username: string
  readonly password: string
}

/** RFC 4616 §2: [authzid] NUL authcid NUL passwd. */
function parsePlain(bytes: Buffer): PlainMessage | undefined {
  if (!isUtf8(bytes)) return undefined
  const [authzid = '', username = '', password = '', ...more] = bytes.toString('utf8').split('\0', 4)
  return username === '' || password === '' || more.length > 0 ? undefined : { authzid, username, password }
}
