import type { Judged } from '../net/certificate-judge.ts'
import type { Jid } from '../xmpp/jid.ts'

/** Conditions of RFC 6120 §6.5 that a mechanism may fail with; the stream itself knows the others. */
export type SaslCondition =
  | 'aborted' | 'account-disabled' | 'credentials-expired' | 'encryption-required' | 'incorrect-encoding'
  | 'invalid-authzid' | 'invalid-mechanism' | 'malformed-request' | 'mechanism-too-weak' | 'not-authorized'
  | 'temporary-auth-failure'

/** Who a server that calls says that it is, and what its certificate says of that. */
export interface Credential {
  /** The domain of the stream header's `from`; undefined where it named none. */
  readonly from: Jid | undefined
  readonly judged: Judged
}

/** What a mechanism may know of the stream that it runs on. */
export interface SaslContext {
  /** The served domain that the stream was opened to. */
  readonly domain: string
  /**
   * Who the peer is, for limits: a circuit id or an address, never a loopback address; undefined where nothing
   * names it but the connection itself.
   */
  readonly peer: string | undefined
  /** TLS, or an onion circuit. */
  readonly secured: boolean
  /**
   * Channel bindings by type ('tls-exporter', 'tls-server-end-point') with their data; empty: no -PLUS mechanism.
   * Exactly these types are advertised to the peer (XEP-0440), and none where there are none: XEP-0474 hashes them.
   */
  readonly channelBindings: ReadonlyMap<string, Buffer>
  /** Types that are taken from a client that comes with them, and told to nobody. */
  readonly unlistedBindings: ReadonlyMap<string, Buffer>
  /** The names of the mechanisms as they were offered on this stream, whole: XEP-0474 hashes them. */
  readonly offered: readonly string[]
  /** On streams of servers alone, where TLS is spoken. */
  readonly credential?: Credential | undefined
}

/** What the receiving entity answers to one response; data are the bytes before base64. */
export type SaslStep =
  | { readonly state: 'challenge'; readonly data: Buffer }
  | { readonly state: 'success'; readonly data: Buffer | undefined; readonly account: Jid }
  | { readonly state: 'failure'; readonly condition: SaslCondition }

/** One authentication, from <auth/> to <success/> or <failure/>. */
export interface SaslExchange {
  /**
   * Takes the initial response, then each response in turn; an empty buffer where <auth/> brought none. A promise is
   * never rejected because of what the peer sent. After success or failure the exchange is over.
   */
  step(response: Buffer): SaslStep | Promise<SaslStep>
}

/** A SASL mechanism, on the server's side. */
export interface Mechanism {
  /** As registered, e.g. 'SCRAM-SHA-256-PLUS'. */
  readonly name: string
  /** Offered only where the stream has channel bindings. */
  readonly needsChannelBinding: boolean
  /** Offered only on a secured stream: it shows the password to whoever can read it. */
  readonly needsSecurity: boolean
  start(context: SaslContext): SaslExchange
}

/** Which mechanisms a stream is offered, and the start of one. */
export interface Mechanisms {
  /** The names to offer, in order of preference (RFC 6120 §6.3.3). */
  mechanisms(context: Omit<SaslContext, 'offered'>): string[]
  /** Undefined where this mechanism was not offered on this stream: invalid-mechanism (RFC 6120 §6.5.7). */
  start(name: string, context: SaslContext): SaslExchange | undefined
}

export function failure(condition: SaslCondition): SaslStep {
  return { state: 'failure', condition }
}
