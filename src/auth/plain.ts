import { isUtf8 } from 'node:buffer'
import type { Attempts } from './attempts.ts'
import type { Credentials } from './credentials.ts'
import { failure, type Mechanism, type SaslContext, type SaslExchange, type SaslStep } from './mechanism.ts'
import { PasswordCheck } from './password-check.ts'
import { isOwn, type Claims } from './verifiers.ts'

/** PLAIN (RFC 4616): the password itself, so only on a secured stream, and after all others. */
export class Plain implements Mechanism {
  readonly name = 'PLAIN'
  readonly needsChannelBinding = false
  readonly needsSecurity = true
  readonly #claims: Claims
  readonly #check: PasswordCheck

  constructor(claims: Claims, credentials: Credentials, attempts: Attempts) {
    this.#claims = claims
    this.#check = new PasswordCheck(claims, credentials, attempts)
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
    const { username, password, authzid } = message
    if (authzid !== '' && !isOwn(authzid, this.#claims.claim(username, context.domain))) return failure('invalid-authzid')
    const verdict = await this.#check.check(username, password, context.domain, context.peer)
    switch (verdict) {
      case 'wrong': return failure('not-authorized')
      case 'locked': return failure('account-disabled') // RFC 6120 §6.5.1; nobody learns it but who could log in
      case 'later': return failure('temporary-auth-failure')
      default: return { state: 'success', data: undefined, account: verdict.account }
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
