import type { SaslCondition, SaslStep } from '../auth/mechanism.ts'
import { element, type Element } from '../xml/element.ts'
import { Jid } from '../xmpp/jid.ts'
import { NS_SASL } from '../xmpp/namespaces.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import { anotherOffer, configVersion, reliesOnAnother } from './config-version.ts'
import type { Negotiated, StreamFeature } from './feature.ts'
import type { InlineFeature, Login, Performed } from './inline.ts'
import type { SaslExchanges } from './sasl-exchanges.ts'
import type { Stream } from './stream.ts'

const NS_SASL2 = 'urn:xmpp:sasl:2'

/** A UUID of version 4 (XEP-0388 §2.3). */
const AGENT = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/**
 * The extensible SASL profile (XEP-0388): a login and what a client otherwise asks for after it, without a round trip for
 * each; over Tor each costs about a second. There are no tasks (§2.6.3): whoever is authenticated has nothing left to do.
 */
export class Sasl2Negotiation implements StreamFeature<Stream> {
  readonly namespace = NS_SASL2
  readonly needs = { secured: true, authenticated: false }
  readonly #exchanges: SaslExchanges
  readonly #inline: readonly InlineFeature[]
  /** What came with the exchange that is under way. */
  readonly #logins = new WeakMap<Stream, Login>()
  /** The name of what each stream was offered (XEP-0509). */
  readonly #versions = new WeakMap<Stream, Element>()

  constructor(exchanges: SaslExchanges, inline: readonly InlineFeature[]) {
    this.#exchanges = exchanges
    this.#inline = inline
  }

  /** The channel bindings (XEP-0440) stand beside it: the other profile says them. */
  offer(stream: Stream): readonly Element[] {
    const { offered, channelBindings } = this.#exchanges.offer(stream)
    // §2.1: "MUST NOT be offered if not at least one mechanism can be provided".
    if (offered.length === 0) return []
    const inline = this.#inline.flatMap((feature) => feature.offer(stream) ?? [])
    const authentication = element(NS_SASL2, 'authentication', {},
      ...offered.map((name) => element(NS_SASL2, 'mechanism', {}, name)),
      inline.length === 0 ? undefined : element(NS_SASL2, 'inline', {}, ...inline))
    const version = configVersion(authentication, channelBindings.keys())
    this.#versions.set(stream, version)
    return [authentication, version]
  }

  negotiate(stream: Stream, received: Element): Negotiated | Promise<Negotiated> {
    switch (received.name) {
      case 'authenticate':
        return this.#begin(stream, received)
      case 'response':
        return this.#await(stream, this.#exchanges.respond(stream, received.content()))
      case 'abort':
        return this.#fail(stream, 'aborted')
      default:
        throw new StreamError('unsupported-stanza-type')
    }
  }

  #begin(stream: Stream, request: Element): Negotiated | Promise<Negotiated> {
    const mechanism = request.attrs['mechanism'] ?? ''
    const version = this.#versions.get(stream)
    if (version !== undefined && reliesOnAnother(request, version)) {
      stream.send(element(NS_SASL2, 'failure', {}, ...anotherOffer()))
      return 'pending'
    }
    const agent = request.child('user-agent', NS_SASL2)?.attrs['id']?.toLowerCase()
    const login = { request, mechanism, agent: agent !== undefined && AGENT.test(agent) ? agent : undefined }
    this.#logins.set(stream, login)
    const response = request.childContent('initial-response', NS_SASL2) ?? ''
    return this.#await(stream, this.#exchanges.begin(stream, mechanism, response, (name, context) => {
      for (const feature of this.#inline) {
        const exchange = feature.start?.(name, context, login)
        if (exchange !== undefined) return exchange
      }
      return undefined
    }))
  }

  #await(stream: Stream, step: SaslStep | Promise<SaslStep>): Negotiated | Promise<Negotiated> {
    return step instanceof Promise ? step.then((settled) => this.#answer(stream, settled)) : this.#answer(stream, step)
  }

  #answer(stream: Stream, step: SaslStep): Negotiated | Promise<Negotiated> {
    if (!stream.open) return 'pending' // the peer left while its password was hashed
    switch (step.state) {
      case 'challenge':
        stream.send(element(NS_SASL2, 'challenge', {}, step.data.toString('base64')))
        return 'exclusive'
      case 'success':
        return isClaimed(stream, step.account) ? this.#succeed(stream, step.account, step.data) : this.#fail(stream, 'invalid-authzid')
      case 'failure':
        return this.#fail(stream, step.condition)
    }
  }

  /** §2.6.1: what was asked for inline is done first; then the client is told of both at once, and of what it may negotiate now. */
  async #succeed(stream: Stream, account: Jid, data: Buffer | undefined): Promise<Negotiated> {
    const login = this.#logins.get(stream)
    if (login === undefined) throw new StreamError('not-authorized') // it was not begun here
    this.#logins.delete(stream)
    this.#exchanges.succeeded(stream)
    stream.authenticated(account)
    const performed: Performed[] = []
    for (const feature of this.#inline) {
      const pending = feature.perform(stream, login)
      // Waited for only where it must be: what binds a resource and what tells of it are one turn.
      const done = pending instanceof Promise ? await pending : pending
      if (!stream.open) return 'done'
      if (done !== undefined) performed.push(done)
      if (done?.settled === true) break
    }
    const identity = performed.findLast(({ jid }) => jid !== undefined)?.jid ?? account
    stream.send(element(NS_SASL2, 'success', {},
      data === undefined ? undefined : element(NS_SASL2, 'additional-data', {}, data.toString('base64')),
      element(NS_SASL2, 'authorization-identifier', {}, identity.toString()),
      ...performed.flatMap(({ elements = [] }) => elements)))
    // XEP-0198 §9.2: after a resumption "stream features MUST NOT be sent".
    if (!performed.some(({ settled }) => settled === true)) stream.offer()
    for (const done of performed) done.afterwards?.()
    return 'done'
  }

  #fail(stream: Stream, condition: SaslCondition): 'pending' {
    this.#logins.delete(stream)
    stream.send(element(NS_SASL2, 'failure', {}, element(NS_SASL, condition)))
    this.#exchanges.failed(stream)
    return 'pending'
  }
}

/** §2.3: whoever the stream's header names is who logs in, or nobody does. A header without `from` names nobody. */
function isClaimed({ claimed }: Stream, account: Jid): boolean {
  return claimed === undefined || Jid.parse(claimed)?.bare.equals(account) === true
}
