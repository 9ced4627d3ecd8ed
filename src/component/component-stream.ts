import { Envelope } from '../routing/envelope.ts'
import type { StanzaRouter } from '../routing/extension.ts'
import type { Negotiating } from '../stream/feature.ts'
import type { OpenedDomain, Stream, StreamOwner } from '../stream/stream.ts'
import { element, type Element } from '../xml/element.ts'
import type { StreamHeader } from '../xml/parser.ts'
import { inClientNamespace } from '../xmpp/content-namespace.ts'
import { domainpart } from '../xmpp/domainpart.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'
import { Jid } from '../xmpp/jid.ts'
import { NS_CLIENT, NS_COMPONENT } from '../xmpp/namespaces.ts'
import { errorReply, mayBeAnswered, StanzaError } from '../xmpp/stanza-error.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import { Handshake } from './handshake.ts'

const NS_PING = 'urn:xmpp:ping'
const JID_MALFORMED = new StanzaError('jid-malformed')
const NOT_FOUND = new StanzaError('remote-server-not-found')

/** What a component's stream needs of what it belongs to. */
export interface ComponentParts {
  /** The component's domain, with its real name. */
  readonly name: string
  readonly secret: string
  /** The domains here that it may write to, and whose accounts may write to it, with their real names. */
  readonly domains: ReadonlySet<string>
  readonly router: StanzaRouter
  /** Whether another stream is the component's now. */
  isTaken(): boolean
  connected(stream: ComponentStream): void
  gone(stream: ComponentStream): void
}

/** A stream that an external component opened (XEP-0114): it speaks for its own domain, to those domains here that it is for. */
export class ComponentStream implements StreamOwner {
  readonly #parts: ComponentParts
  #stream: Stream | undefined

  constructor(parts: ComponentParts) {
    this.#parts = parts
  }

  negotiation(stream: Stream): Negotiating {
    return new Handshake(stream, this.#parts.secret, () => {
      // Two that came at once had both been told that there is none.
      if (this.#parts.isTaken()) throw new StreamError('conflict')
      this.#parts.connected(this)
    })
  }

  /** §3: `to` is the component's own name; whom the server will not service it tells by a stream error ("MUST"). */
  opened(stream: Stream, { attrs: { to } }: StreamHeader): OpenedDomain {
    const { name, isTaken } = this.#parts
    if (domainpart(to ?? '') !== name) throw new StreamError('host-unknown')
    if (isTaken()) throw new StreamError('conflict')
    this.#stream = stream
    return { domain: name, identity: undefined }
  }

  /** §3: "All stanzas sent to the server MUST possess a 'from' attribute and a 'to' attribute", and `from` is of its own domain. */
  received(received: Element): void {
    const { namespace, name, attrs: { from, to } } = received
    if (namespace !== NS_COMPONENT || (name !== 'message' && name !== 'presence' && name !== 'iq')) throw new StreamError('unsupported-stanza-type')
    if (from === undefined || to === undefined) throw new StreamError('improper-addressing')
    const sender = Jid.parse(from)
    if (sender?.domain !== this.#parts.name) throw new StreamError('invalid-from')
    const stanza = inClientNamespace(received)
    const target = Jid.parse(to)
    // Nobody else, here or elsewhere, is told that there is such a component: to it all of them are not to be found.
    if (target === undefined || !this.#parts.domains.has(target.domain)) return this.#refuse(stanza, sender, target)
    this.#parts.router.submit(new Envelope(stanza, sender, target, true, 'component', undefined))
  }

  /** A stanza for the component. */
  send({ element: stanza, from, to }: Envelope): void {
    this.#stream?.send(stanza.with({ from: from.toString(), to: to.toString() }))
  }

  /** Any answer is a sign of life. */
  idle(): void {
    const [us = this.#parts.name] = this.#parts.domains
    this.#stream?.send(element(NS_CLIENT, 'iq', { type: 'get', id: randomIdentifier(9), from: us, to: this.#parts.name }, element(NS_PING, 'ping')))
  }

  closed(): void {
    this.#parts.gone(this)
  }

  #refuse(stanza: Element, sender: Jid, target: Jid | undefined): void {
    const us = target ?? Jid.of('', [...this.#parts.domains][0] ?? '')
    if (us !== undefined && mayBeAnswered(stanza)) this.#stream?.send(errorReply(stanza, target === undefined ? JID_MALFORMED : NOT_FOUND, us, sender))
  }
}
