import type { Attempts } from './attempts.ts'
import type { Credentials } from './credentials.ts'
import type { Mechanism, Mechanisms, SaslContext, SaslExchange } from './mechanism.ts'
import { Plain } from './plain.ts'
import { Scram } from './scram.ts'
import type { Sides } from './sides.ts'
import { SCRAM_HASHES, type Claims } from './verifiers.ts'

export interface AuthenticatorParts {
  /** The accounts. */
  readonly claims: Claims
  readonly credentials: Credentials
  readonly attempts: Attempts
  /** Is PLAIN offered at all? */
  readonly plain: boolean
  /** Does SCRAM say what was offered (XEP-0474)? True where it is left out. */
  readonly downgradeProtection?: boolean
}

/** The mechanisms that clients log in by. */
export class Authenticator implements Mechanisms {
  /** In order of preference: bound to the channel first, then by strength; PLAIN last. */
  readonly #mechanisms: readonly Mechanism[]

  constructor({ claims, credentials, attempts, plain, downgradeProtection = true }: AuthenticatorParts) {
    this.#mechanisms = [
      ...[true, false].flatMap((plus) => SCRAM_HASHES.map((hash) => new Scram({ hash, plus, claims, attempts, downgradeProtection }))),
      ...(plain ? [new Plain(claims, credentials, attempts)] : []),
    ]
  }

  mechanisms(context: Omit<SaslContext, 'offered'>): string[] {
    return this.#mechanisms.filter((mechanism) => isFit(mechanism, context)).map(({ name }) => name)
  }

  start(name: string, context: SaslContext): SaslExchange | undefined {
    if (!context.offered.includes(name)) return undefined
    const mechanism = this.#mechanisms.find((one) => one.name === name)
    return mechanism !== undefined && isFit(mechanism, context) ? mechanism.start(context) : undefined
  }
}

/** Whoever tries passwords at an onion, until the server takes fewer, must not see it at a domain with a name. */
export function bySide(sides: Sides<Mechanisms>): Mechanisms {
  return {
    mechanisms: (context) => sides.of(context.domain).mechanisms(context),
    start: (name, context) => sides.of(context.domain).start(name, context),
  }
}

function isFit({ needsChannelBinding, needsSecurity }: Mechanism, context: Omit<SaslContext, 'offered'>): boolean {
  return (!needsChannelBinding || context.channelBindings.size > 0) && (!needsSecurity || context.secured)
}
