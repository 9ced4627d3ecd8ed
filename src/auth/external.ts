import { isUtf8 } from 'node:buffer'
import { isUnderOnion } from '../xmpp/domainpart.ts'
import { Jid } from '../xmpp/jid.ts'
import { failure, type Credential, type Mechanism, type Mechanisms, type SaslContext, type SaslExchange, type SaslStep } from './mechanism.ts'

/**
 * EXTERNAL (RFC 4422 appendix A) between servers, by the certificate of the TLS handshake (XEP-0178 §3): the peer may
 * be the domain that its stream header names, if its certificate names that one, too.
 *
 * Never for a name under .onion: such a domain is proved by reaching it, whatever an authority says of it.
 */
export class External implements Mechanism {
  readonly name = 'EXTERNAL'
  readonly needsChannelBinding = false
  readonly needsSecurity = true
  readonly #credential: Credential | undefined

  constructor(credential: Credential | undefined) {
    this.#credential = credential
  }

  /** The domain that the peer may speak for; undefined where it proved none. */
  get domain(): Jid | undefined {
    const { from, judged } = this.#credential ?? {}
    if (from === undefined || from.local !== '' || from.resource !== '' || isUnderOnion(from.domain)) return undefined
    return judged?.trusted === true && judged.names.covers(from.domain, 'xmpp-server') ? from : undefined
  }

  start(): SaslExchange {
    return { step: (response) => this.#step(response) }
  }

  /**
   * An authorization identity need not come; where it does it is the same domain (RFC 6120 §6.3.8, XEP-0178 §3).
   * Whoever sends no initial response has nothing more to say either, so it is not asked for one.
   */
  #step(response: Buffer): SaslStep {
    const { domain } = this
    if (domain === undefined) return failure('not-authorized')
    if (!isUtf8(response)) return failure('malformed-request')
    if (response.length > 0 && Jid.parse(response.toString('utf8'))?.equals(domain) !== true) return failure('invalid-authzid')
    return { state: 'success', data: undefined, account: domain }
  }
}

/** What servers are offered: EXTERNAL, where it would succeed; nothing else (XEP-0178 §3: then dialback may follow). */
export class ServerMechanisms implements Mechanisms {
  mechanisms({ credential, secured }: Omit<SaslContext, 'offered'>): string[] {
    const external = new External(credential)
    return secured && external.domain !== undefined ? [external.name] : []
  }

  start(name: string, { offered, credential }: SaslContext): SaslExchange | undefined {
    const external = new External(credential)
    return name === external.name && offered.includes(name) ? external.start() : undefined
  }
}
