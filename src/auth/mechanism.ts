import type { Jid } from '../xmpp/jid.ts'

/** Conditions of RFC 6120 §6.5 that a mechanism may fail with; the stream itself knows the others. */
export type SaslCondition =
  | 'aborted' | 'account-disabled' | 'credentials-expired' | 'encryption-required' | 'incorrect-encoding'
  | 'invalid-authzid' | 'invalid-mechanism' | 'malformed-request' | 'mechanism-too-weak' | 'not-authorized'
  | 'temporary-auth-failure'

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

export function failure(condition: SaslCondition): SaslStep {
  return { state: 'failure', condition }
}
