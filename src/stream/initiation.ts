import { domainToASCII } from 'node:url'
import type { Connection } from '../net/connection.ts'
import type { TlsIdentity } from '../net/tls.ts'
import { element, type Element } from '../xml/element.ts'
import { NS_STREAM, NS_TLS } from '../xmpp/namespaces.ts'
import { StreamError } from '../xmpp/stream-error.ts'

/** Between whom a stream that we initiate is: a domain of ours, and the one that is called. */
export interface Call {
  readonly from: string
  readonly to: string
  /** Shown in TLS to whoever asks; undefined where we show none. */
  readonly identity?: TlsIdentity | undefined
}

/** The stream, as the initiating side of its negotiation sees it. */
export interface Initiated {
  readonly connection: Connection
  readonly secured: boolean
  readonly owner: { received(element: Element): void }
  send(element: Element): void
  stopParsing(): number
  restart(): void
  end(): void
  fail(error: unknown): void
}

/**
 * The initiating entity's side of negotiation: it takes STARTTLS wherever that is offered (RFC 6120 §5.4.2), and goes
 * no further on a stream that neither TLS nor an onion circuit protects, whatever the peer leaves out of its list.
 */
export class Initiation {
  readonly #stream: Initiated
  readonly #call: Call
  readonly #done: (features: Element) => void
  #asked = false

  /** `done` is called once nothing is left to negotiate, with what the peer offers then. */
  constructor(stream: Initiated, call: Call, done: (features: Element) => void) {
    this.#stream = stream
    this.#call = call
    this.#done = done
  }

  /** It is the peer that offers. */
  offer(): void {}

  /** @throws StreamError */
  receive(received: Element): void {
    if (received.is('error', NS_STREAM)) this.#stream.owner.received(received)
    else if (this.#asked && received.namespace === NS_TLS) this.#answered(received)
    else if (!this.#asked && received.is('features', NS_STREAM)) this.#choose(received)
    else throw new StreamError('unsupported-stanza-type')
  }

  #choose(features: Element): void {
    const stream = this.#stream
    if (stream.connection.protection !== 'tls' && features.child('starttls', NS_TLS) !== undefined) {
      this.#asked = true
      stream.send(element(NS_TLS, 'starttls'))
      return
    }
    if (!stream.secured) throw new StreamError('policy-violation', 'Nothing is said without TLS.')
    this.#done(features)
  }

  #answered(answer: Element): void {
    const stream = this.#stream
    if (answer.name !== 'proceed') return stream.end() // RFC 6120 §5.4.2.2: the peer ends the stream
    // What came behind <proceed/> came before TLS: injected, or from a peer that does not wait.
    if (stream.stopParsing() > 0) throw new StreamError('policy-violation', 'Bytes came before TLS was started.')
    this.#asked = false
    stream.connection.callTls(domainToASCII(this.#call.to), this.#call.identity).then((secured) => {
      if (secured) stream.restart()
    }).catch((error: unknown) => stream.fail(error))
  }
}
