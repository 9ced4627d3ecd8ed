import type { SaslCondition, SaslStep } from '../auth/mechanism.ts'
import { element, type Element } from '../xml/element.ts'
import { NS_SASL, NS_SASL_CHANNEL_BINDING } from '../xmpp/namespaces.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import type { Negotiated, StreamFeature } from './feature.ts'
import type { SaslExchanges } from './sasl-exchanges.ts'
import type { Stream } from './stream.ts'

/** SASL negotiation (RFC 6120 §6): the mechanisms are auth's, this is their way over the stream. */
export class SaslNegotiation implements StreamFeature<Stream> {
  readonly namespace = NS_SASL
  readonly needs = { secured: true, authenticated: false }
  readonly #exchanges: SaslExchanges

  constructor(exchanges: SaslExchanges) {
    this.#exchanges = exchanges
  }

  /** The mechanisms, and by XEP-0440 the channel bindings which the -PLUS ones may use. */
  offer(stream: Stream): readonly Element[] {
    const { channelBindings, offered } = this.#exchanges.offer(stream)
    if (offered.length === 0) return []
    const mechanisms = element(NS_SASL, 'mechanisms', {}, ...offered.map((name) => element(NS_SASL, 'mechanism', {}, name)))
    if (channelBindings.size === 0) return [mechanisms]
    return [mechanisms, element(NS_SASL_CHANNEL_BINDING, 'sasl-channel-binding', {},
      ...[...channelBindings.keys()].map((type) => element(NS_SASL_CHANNEL_BINDING, 'channel-binding', { type })))]
  }

  negotiate(stream: Stream, received: Element): Negotiated | Promise<Negotiated> {
    switch (received.name) {
      case 'auth':
        return this.#await(stream, this.#exchanges.begin(stream, received.attrs['mechanism'] ?? '', received.content()))
      case 'response':
        return this.#await(stream, this.#exchanges.respond(stream, received.content()))
      case 'abort':
        return this.#fail(stream, 'aborted')
      default:
        throw new StreamError('unsupported-stanza-type')
    }
  }

  #await(stream: Stream, step: SaslStep | Promise<SaslStep>): Negotiated | Promise<Negotiated> {
    return step instanceof Promise ? step.then((settled) => this.#answer(stream, settled)) : this.#answer(stream, step)
  }

  #answer(stream: Stream, step: SaslStep): Negotiated {
    if (!stream.open) return 'pending' // the peer left while its password was hashed
    switch (step.state) {
      case 'challenge':
        stream.send(element(NS_SASL, 'challenge', {}, step.data.toString('base64')))
        return 'pending'
      case 'success':
        this.#exchanges.succeeded(stream)
        stream.account = step.account
        stream.send(element(NS_SASL, 'success', {}, step.data === undefined ? undefined : step.data.toString('base64')))
        return 'restart'
      case 'failure':
        return this.#fail(stream, step.condition)
    }
  }

  #fail(stream: Stream, condition: SaslCondition): 'pending' {
    stream.send(element(NS_SASL, 'failure', {}, element(NS_SASL, condition)))
    this.#exchanges.failed(stream)
    return 'pending'
  }
}
