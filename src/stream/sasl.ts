import type { Credential, Mechanisms, SaslCondition, SaslContext, SaslExchange, SaslStep } from '../auth/mechanism.ts'
import { element, type Element } from '../xml/element.ts'
import { NS_SASL, NS_SASL_CHANNEL_BINDING } from '../xmpp/namespaces.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import type { Negotiated, StreamFeature } from './feature.ts'
import type { Stream } from './stream.ts'

/** More than any client of ours has to say in one step; the mechanisms' own limits are narrower. */
const MAXIMUM_RESPONSE = 8192

/** SASL negotiation (RFC 6120 §6): the mechanisms are auth's, this is their way over the stream. */
export class SaslNegotiation implements StreamFeature<Stream> {
  readonly namespace = NS_SASL
  readonly needs = { secured: true, authenticated: false }
  readonly #authenticator: Mechanisms
  readonly #attemptsPerStream: number
  readonly #credentialOf: ((stream: Stream) => Credential | undefined) | undefined
  /** What was offered, the exchange under way and the failures so far; gone with the stream. */
  readonly #streams = new WeakMap<Stream, { readonly context: SaslContext; exchange: SaslExchange | undefined; failures: number }>()

  /** `credentialOf`: on streams of servers, what is known of who calls. Asked once for each offer. */
  constructor(authenticator: Mechanisms, attemptsPerStream: number, credentialOf?: (stream: Stream) => Credential | undefined) {
    this.#authenticator = authenticator
    this.#credentialOf = credentialOf
    this.#attemptsPerStream = attemptsPerStream
  }

  /** The mechanisms, and by XEP-0440 the channel bindings which the -PLUS ones may use. */
  offer(stream: Stream): readonly Element[] {
    const context = this.#context(stream)
    const { channelBindings, offered } = context
    this.#streams.set(stream, { context, exchange: undefined, failures: this.#streams.get(stream)?.failures ?? 0 })
    if (offered.length === 0) return []
    const mechanisms = element(NS_SASL, 'mechanisms', {}, ...offered.map((name) => element(NS_SASL, 'mechanism', {}, name)))
    if (channelBindings.size === 0) return [mechanisms]
    return [mechanisms, element(NS_SASL_CHANNEL_BINDING, 'sasl-channel-binding', {},
      ...[...channelBindings.keys()].map((type) => element(NS_SASL_CHANNEL_BINDING, 'channel-binding', { type })))]
  }

  negotiate(stream: Stream, received: Element): Negotiated | Promise<Negotiated> {
    const state = this.#streams.get(stream)
    if (state === undefined) throw new StreamError('not-authorized') // it was not offered
    switch (received.name) {
      case 'auth': {
        // RFC 6120 §6.4.2: a new <auth/> during an exchange ends that one.
        const { context } = state
        const mechanism = received.attrs['mechanism']
        state.exchange = mechanism === undefined || !context.offered.includes(mechanism) ? undefined
          : this.#authenticator.start(mechanism, context)
        return state.exchange === undefined ? this.#fail(stream, 'invalid-mechanism') : this.#step(stream, state.exchange, received)
      }
      case 'response':
        return state.exchange === undefined ? this.#fail(stream, 'malformed-request') : this.#step(stream, state.exchange, received)
      case 'abort':
        state.exchange = undefined
        return this.#fail(stream, 'aborted')
      default:
        throw new StreamError('unsupported-stanza-type')
    }
  }

  #step(stream: Stream, exchange: SaslExchange, received: Element): Negotiated | Promise<Negotiated> {
    const response = decode(received.content())
    if (response === undefined) return this.#fail(stream, 'incorrect-encoding')
    const step = exchange.step(response)
    return step instanceof Promise ? step.then((settled) => this.#answer(stream, settled)) : this.#answer(stream, step)
  }

  #answer(stream: Stream, step: SaslStep): Negotiated {
    if (!stream.open) return 'pending' // the peer left while its password was hashed
    switch (step.state) {
      case 'challenge':
        stream.send(element(NS_SASL, 'challenge', {}, step.data.toString('base64')))
        return 'pending'
      case 'success':
        this.#streams.delete(stream)
        stream.account = step.account
        stream.send(element(NS_SASL, 'success', {}, step.data === undefined ? undefined : step.data.toString('base64')))
        return 'restart'
      case 'failure':
        return this.#fail(stream, step.condition)
    }
  }

  /** RFC 6120 §6.4.5: the peer may try again a few times; then the stream ends. */
  #fail(stream: Stream, condition: SaslCondition): 'pending' {
    const state = this.#streams.get(stream)
    if (state !== undefined) {
      state.exchange = undefined
      state.failures++
    }
    stream.send(element(NS_SASL, 'failure', {}, element(NS_SASL, condition)))
    if (state === undefined || state.failures >= this.#attemptsPerStream) {
      throw new StreamError('policy-violation', 'Too many failed attempts to log in.')
    }
    return 'pending'
  }

  #context(stream: Stream): SaslContext {
    const { connection, domain, secured } = stream
    const bindings = { channelBindings: connection.channelBindings(), unlistedBindings: connection.unlistedBindings() }
    const context = { domain, peer: connection.peer, secured, ...bindings, credential: this.#credentialOf?.(stream) }
    return { ...context, offered: this.#authenticator.mechanisms(context) }
  }
}

/** RFC 6120 §6.4.2: '=' stands for an empty response, '' for none; both are no bytes here. Undefined where it is no base64. */
function decode(text: string): Buffer | undefined {
  const base64 = text.trim()
  if (base64 === '' || base64 === '=') return Buffer.alloc(0)
  if (base64.length > MAXIMUM_RESPONSE || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) return undefined
  return Buffer.from(base64, 'base64')
}
