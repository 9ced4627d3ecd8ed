import { failure, type Credential, type Mechanisms, type SaslContext, type SaslExchange, type SaslStep } from '../auth/mechanism.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import type { Stream } from './stream.ts'

/** More than any client of ours has to say in one step; the mechanisms' own limits are narrower. */
const MAXIMUM_RESPONSE = 8192

interface State {
  readonly context: SaslContext
  exchange: SaslExchange | undefined
  failures: number
}

/**
 * The SASL exchanges of streams, one at a time on each, in whatever elements they are written (RFC 6120 §6, XEP-0388):
 * who may try, how often, and what was offered. The mechanisms are auth's.
 */
export class SaslExchanges {
  readonly #authenticator: Mechanisms
  readonly #attemptsPerStream: number
  readonly #credentialOf: ((stream: Stream) => Credential | undefined) | undefined
  /** What was offered, the exchange under way and the failures so far; gone with the stream. */
  readonly #streams = new WeakMap<Stream, State>()

  /** `credentialOf`: on streams of servers, what is known of who calls. Asked once for each offer. */
  constructor(authenticator: Mechanisms, attemptsPerStream: number, credentialOf?: (stream: Stream) => Credential | undefined) {
    this.#authenticator = authenticator
    this.#attemptsPerStream = attemptsPerStream
    this.#credentialOf = credentialOf
  }

  /** What the stream may be offered now; exchanges that follow are judged by it. */
  offer(stream: Stream): SaslContext {
    const { connection, domain, secured } = stream
    const bindings = { channelBindings: connection.channelBindings(), unlistedBindings: connection.unlistedBindings() }
    const unoffered = { domain, peer: connection.peer, secured, ...bindings, credential: this.#credentialOf?.(stream) }
    const context = { ...unoffered, offered: this.#authenticator.mechanisms(unoffered) }
    this.#streams.set(stream, { context, exchange: undefined, failures: this.#streams.get(stream)?.failures ?? 0 })
    return context
  }

  /**
   * Begins an exchange; one that was under way is over (RFC 6120 §6.4.2). `response` is the initial one in base64, '' where
   * there is none. `other` makes the exchange of a mechanism that was offered elsewhere than in the list of names.
   */
  begin(
    stream: Stream, mechanism: string, response: string, other?: (name: string, context: SaslContext) => SaslExchange | undefined,
  ): SaslStep | Promise<SaslStep> {
    const state = this.#state(stream)
    const { context } = state
    state.exchange = other?.(mechanism, context)
      ?? (context.offered.includes(mechanism) ? this.#authenticator.start(mechanism, context) : undefined)
    return state.exchange === undefined ? failure('invalid-mechanism') : this.respond(stream, response)
  }

  /** The next response, in base64. */
  respond(stream: Stream, response: string): SaslStep | Promise<SaslStep> {
    const { exchange } = this.#state(stream)
    if (exchange === undefined) return failure('malformed-request')
    const bytes = decode(response)
    return bytes === undefined ? failure('incorrect-encoding') : exchange.step(bytes)
  }

  /** The peer is who it says, and nothing is left to exchange. */
  succeeded(stream: Stream): void {
    this.#streams.delete(stream)
  }

  /** RFC 6120 §6.4.5: the peer may try again a few times; then the stream ends. @throws StreamError */
  failed(stream: Stream): void {
    const state = this.#state(stream)
    state.exchange = undefined
    if (++state.failures >= this.#attemptsPerStream) throw new StreamError('policy-violation', 'Too many failed attempts to log in.')
  }

  #state(stream: Stream): State {
    const state = this.#streams.get(stream)
    if (state === undefined) throw new StreamError('not-authorized') // it was not offered
    return state
  }
}

/** RFC 6120 §6.4.2: '=' stands for an empty response, '' for none; both are no bytes here. Undefined where it is no base64. */
function decode(text: string): Buffer | undefined {
  const base64 = text.trim()
  if (base64 === '' || base64 === '=') return Buffer.alloc(0)
  if (base64.length > MAXIMUM_RESPONSE || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) return undefined
  return Buffer.from(base64, 'base64')
}
