import { element, type Element } from '../xml/element.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS_STREAM } from '../xmpp/namespaces.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import type { Negotiated, StreamFeature } from './feature.ts'

/** The stream, as its negotiation sees it. */
export interface Negotiable {
  readonly secured: boolean
  readonly account: Jid | undefined
  readonly settings: { readonly contentNamespace: string }
  send(element: Element): void
  restart(): void
  fail(error: unknown): void
}

/**
 * Offers stream features and lets the peer take them, one at a time (RFC 6120 §4.3), until somebody declares the
 * stream established. The state is the stream's own (secured, account); here is only whether a step is under way.
 */
export class Negotiation<Stream extends Negotiable> {
  readonly #stream: Stream
  readonly #features: readonly StreamFeature<Stream>[]
  #offered: readonly StreamFeature<Stream>[] = []
  #busy = false
  /** The only feature that may be negotiated now. */
  #only: StreamFeature<Stream> | undefined

  constructor(stream: Stream, features: readonly StreamFeature<Stream>[]) {
    this.#stream = stream
    this.#features = features
  }

  /** Sends what the peer may take now. */
  offer(): void {
    const content: Element[] = []
    this.#offered = this.#features.filter((feature) => {
      const elements = this.#mayBeTaken(feature) ? feature.offer(this.#stream) : []
      content.push(...elements)
      return elements.length > 0
    })
    this.#stream.send(element(NS_STREAM, 'features', {}, ...content))
  }

  /** @throws StreamError */
  receive(received: Element): void {
    // RFC 6120 §4.3.5: one negotiation at a time; what comes during a step is from a peer that does not wait for it.
    if (this.#busy) throw new StreamError('policy-violation', 'Wait for the answer before you go on.')
    const { contentNamespace } = this.#stream.settings
    const namespace = received.is('iq', contentNamespace) ? received.elements()[0]?.namespace : received.namespace
    const feature = this.#features.find((each) => each.namespace === namespace && this.#mayBeTaken(each)
      && (each.unoffered === true || this.#offered.includes(each)))
    if (feature === undefined) throw this.#refusal(received)
    if (this.#only !== undefined && this.#only !== feature) throw new StreamError('policy-violation', 'Finish what you began.')
    const outcome = feature.negotiate(this.#stream, received)
    if (outcome instanceof Promise) this.#await(feature, outcome)
    else this.#proceed(feature, outcome)
  }

  #await(feature: StreamFeature<Stream>, step: Promise<Negotiated>): void {
    this.#busy = true
    step.then((outcome) => {
      this.#busy = false
      this.#proceed(feature, outcome)
    }).catch((error: unknown) => this.#stream.fail(error))
  }

  #proceed(feature: StreamFeature<Stream>, outcome: Negotiated): void {
    this.#only = outcome === 'exclusive' ? feature : undefined
    if (outcome === 'restart') this.#stream.restart()
  }

  #mayBeTaken({ needs }: StreamFeature<Stream>): boolean {
    const { secured, account } = this.#stream
    return (needs.secured !== true || secured) && (needs.authenticated ?? false) === (account !== undefined)
  }

  /** RFC 6120 §4.9.3.12: before it is authenticated the peer "MUST NOT" send stanzas; other elements are unknown. */
  #refusal(received: Element): StreamError {
    const stanza = received.namespace === this.#stream.settings.contentNamespace
      && (received.name === 'message' || received.name === 'presence' || received.name === 'iq')
    return new StreamError(stanza ? 'not-authorized' : 'unsupported-stanza-type')
  }
}
