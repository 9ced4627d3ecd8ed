import type { TlsIdentity } from '../net/tls.ts'
import { Envelope } from '../routing/envelope.ts'
import type { StanzaRouter } from '../routing/extension.ts'
import type { HandlerTables } from '../routing/handler-tables.ts'
import type { StreamFeature } from '../stream/feature.ts'
import type { OpenedDomain, Stream, StreamOwner } from '../stream/stream.ts'
import { element, type Element } from '../xml/element.ts'
import type { StreamHeader } from '../xml/parser.ts'
import { Jid } from '../xmpp/jid.ts'
import { NS_DIALBACK, NS_SERVER, NS_STREAM } from '../xmpp/namespaces.ts'
import { errorReply, mayBeAnswered, StanzaError } from '../xmpp/stanza-error.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import { inClientNamespace } from './content-namespace.ts'
import { answer, authoritativeAnswer, domainOf, NS_DIALBACK_FEATURE, readDialback, type DialbackElement, type DialbackSecrets, type Judgement } from './dialback.ts'

export interface IncomingParts {
  readonly router: StanzaRouter
  readonly tables: HandlerTables
  readonly secrets: DialbackSecrets
  /** The operator's word on a remote domain. */
  mayConnect(domain: string): boolean
  /** Asks the remote domain itself; see Outgoing. */
  verify(local: string, remote: string, streamId: string, key: string): Promise<Judgement>
}

/** Domains that one stream may speak for at a time (XEP-0220 §2.5.1), and claims that are under way on it. */
const MOST_DOMAINS = 16
const MOST_CLAIMS = 4

const NOT_ALLOWED = new StanzaError('not-allowed')
const NO_ROOM = new StanzaError('resource-constraint')
const ITEM_NOT_FOUND = new StanzaError('item-not-found')
const FORBIDDEN = new StanzaError('forbidden')

/** XEP-0220 §2.2, §2.4.2: offered as soon as the stream is secured; its elements may come at any time from then on. */
export const dialbackFeature: StreamFeature<Stream> = {
  namespace: NS_DIALBACK,
  needs: { secured: true },
  offer: () => [element(NS_DIALBACK_FEATURE, 'dialback', {}, element(NS_DIALBACK_FEATURE, 'errors'))],

  negotiate(stream, received) {
    if (!(stream.owner instanceof IncomingStream)) throw new StreamError('unsupported-stanza-type')
    stream.owner.received(received)
    return 'pending'
  },
}

/**
 * A stream that another server opened. What it may say is decided here and nowhere else: stanzas from the domains that
 * were proved on it, to the one domain of ours that it was opened for. The name that it gave itself proves nothing.
 */
export class IncomingStream implements StreamOwner {
  readonly #domains: ReadonlyMap<string, TlsIdentity>
  readonly #parts: IncomingParts
  readonly #proved = new Set<string>()
  readonly #claimed = new Set<string>()
  #stream: Stream | undefined
  /** What the first header said; '' where it named nobody. */
  #from: string | undefined

  constructor(domains: ReadonlyMap<string, TlsIdentity>, parts: IncomingParts) {
    this.#domains = domains
    this.#parts = parts
  }

  opened(stream: Stream, { attrs: { from, to } }: StreamHeader): OpenedDomain {
    const domain = domainOf(to ?? '')
    const identity = domain === undefined ? undefined : this.#domains.get(domain)
    if (domain === undefined || identity === undefined) throw new StreamError('host-unknown')
    const claimed = from === undefined ? '' : domainOf(from)
    // A restart is by the same server: what was agreed would be carried to another.
    if (claimed === undefined || (this.#from !== undefined && claimed !== this.#from)) throw new StreamError('invalid-from')
    if (claimed !== '') this.#checkRuling(claimed)
    this.#from = claimed
    this.#stream = stream
    return { domain, identity }
  }

  received(received: Element): void {
    const stream = this.#stream
    const { namespace, name } = received
    if (stream === undefined) return
    if (namespace === NS_DIALBACK) return this.#dialback(stream, readDialback(received))
    if (namespace === NS_SERVER && (name === 'message' || name === 'presence' || name === 'iq')) return this.#stanza(stream, received)
    if (received.is('error', NS_STREAM)) return stream.end()
    const route = this.#parts.tables.nonza('server', namespace, name)
    if (route === undefined) throw new StreamError('unsupported-stanza-type')
    route.handle(stream, received, undefined)
  }

  /** The other server ends what it does not use; one that does not, and is silent for longer than it should, is gone. */
  idle(): void {
    this.#stream?.end()
  }

  closed(): void {
    this.#proved.clear()
  }

  #dialback(stream: Stream, dialback: DialbackElement): void {
    // An answer on this stream answers nothing: we ask on streams that we opened.
    if (dialback.type !== undefined) throw new StreamError('policy-violation')
    if (dialback.name === 'verify') stream.send(authoritativeAnswer(this.#parts.secrets, stream.domain, dialback))
    else this.#claim(stream, dialback)
  }

  /** XEP-0220 §2.1.2: the claim to be `from` is put to that domain itself, over Tor where it is an onion. */
  #claim(stream: Stream, { from, to, key }: DialbackElement): void {
    this.#checkRuling(from)
    const { id, domain } = stream
    const refusal = to !== domain ? ITEM_NOT_FOUND
      : from === domain ? NOT_ALLOWED
        : this.#claimed.size >= MOST_CLAIMS || this.#proved.size >= MOST_DOMAINS ? NO_ROOM : undefined
    if (refusal !== undefined) return stream.send(answer('result', to, from, refusal))
    if (this.#claimed.has(from)) throw new StreamError('policy-violation', 'Wait for the answer before you go on.')
    this.#claimed.add(from)
    this.#parts.verify(domain, from, id, key).then((judgement) => {
      this.#claimed.delete(from)
      // A restart gave the stream another id, and the key was for this one.
      if (stream.open && stream.id === id) this.#judged(stream, from, judgement)
    }).catch((error: unknown) => stream.fail(error))
  }

  /** Before anybody is called because of it. RFC 6120 §4.9.3.14: a local service policy is broken. */
  #checkRuling(domain: string): void {
    if (!this.#parts.mayConnect(domain)) throw new StreamError('policy-violation')
  }

  #judged(stream: Stream, from: string, judgement: Judgement): void {
    if (judgement === 'valid') {
      this.#proved.add(from)
      if (stream.negotiating) stream.established(this)
    } else if (judgement === 'invalid') {
      this.#proved.delete(from)
      stream.settings.log.warn('s2s.spoofed', { part: 's2s', id: stream.id })
    }
    // §2.1.2: an invalid key ends the stream, unless it has been proved for others.
    const mayGoOn = judgement !== 'invalid' || this.#proved.size > 0
    stream.send(answer('result', stream.domain, from, judgement === 'invalid' && mayGoOn ? FORBIDDEN : judgement))
    if (!mayGoOn) stream.end()
  }

  /** RFC 6120 §8.1.2.2: every stanza names its sender and addressee; the sender is of a domain that was proved. */
  #stanza(stream: Stream, received: Element): void {
    if (stream.negotiating) throw new StreamError('not-authorized')
    const { from, to } = received.attrs
    if (from === undefined || to === undefined) throw new StreamError('improper-addressing')
    const sender = Jid.parse(from)
    if (sender === undefined || !this.#proved.has(sender.domain)) throw new StreamError('invalid-from')
    const stanza = inClientNamespace(received)
    const target = Jid.parse(to)
    if (target === undefined) return this.#refuseAddress(stream, stanza, sender)
    if (target.domain !== stream.domain) throw new StreamError('host-unknown')
    this.#parts.router.submit(new Envelope(stanza, sender, target, true, 'remote', undefined))
  }

  /** RFC 6120 §8.3.3.8. The sender's server may pass on what its users write: no reason to end the stream for all. */
  #refuseAddress(stream: Stream, stanza: Element, sender: Jid): void {
    const us = Jid.of('', stream.domain)
    if (us === undefined || !mayBeAnswered(stanza)) return
    const reply = errorReply(stanza, new StanzaError('jid-malformed'), us, sender)
    this.#parts.router.forward(new Envelope(reply, us, sender, true, 'server', undefined))
  }
}
