import { MESSAGE_END } from '../net/websocket.ts'
import { element, type Element } from '../xml/element.ts'
import type { XmlLimits } from '../xml/limits.ts'
import { readMessage } from '../xml/message.ts'
import { NamespaceScope } from '../xml/namespaces.ts'
import { StreamHeader, type ParserOwner } from '../xml/parser.ts'
import { serialize } from '../xml/serialize.ts'
import { NS_CLIENT, NS_SERVER, NS_STREAM } from '../xmpp/namespaces.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import type { Framing, StreamReader } from './framing.ts'

const NS_FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing'

/** A document for each element (RFC 7395 §3.3), for streams of clients. */
export const MESSAGES: Framing = {
  reader: (owner, limits) => new MessageReader(owner, limits),
  header: ({ from, to, id }) => (
    `${serialize(element(NS_FRAMING, 'open', { from, to, id, version: '1.0', 'xml:lang': 'en' }), '')}${MESSAGE_END}`),
  element: (content) => `${alone(content)}${MESSAGE_END}`,
  end: `${serialize(element(NS_FRAMING, 'close'), '')}${MESSAGE_END}`,
}

/**
 * RFC 7395 §3.3.3: what is sent "MUST be parsable as standalone XML documents, complete with all relevant namespace and
 * language declarations". A stanza from a server's stream is one of a client's stream here, as everywhere.
 */
function alone(content: Element): string {
  if (content.namespace !== NS_CLIENT && content.namespace !== NS_SERVER) return serialize(content, '')
  const tag = `<${content.name}`
  return `${tag} xmlns='${NS_CLIENT}'${serialize(content, NS_CLIENT).slice(tag.length)}`
}

/** Reads messages, each of which is one element, from an <open/> until the stream is closed or started anew. */
class MessageReader implements StreamReader {
  readonly #owner: ParserOwner
  #limits: XmlLimits
  #state: 'new' | 'open' | 'stopped' = 'new'
  #unread = 0

  constructor(owner: ParserOwner, limits: XmlLimits) {
    this.#owner = owner
    this.#limits = limits
  }

  write(message: Uint8Array): void {
    if (this.#state === 'stopped') {
      this.#unread += message.length
      return
    }
    try {
      this.#read(readMessage(message, this.#limits))
    } catch (error) {
      this.#state = 'stopped'
      throw error
    }
  }

  setLimits(limits: XmlLimits): void {
    this.#limits = limits
  }

  stop(): number {
    this.#state = 'stopped'
    return this.#unread
  }

  #read(received: Element): void {
    const { name, namespace } = received
    const isFramed = namespace === NS_FRAMING
    // RFC 7395 §3.3.2: a header in another namespace "MUST" end the stream so; §3.4: and the first message is a header.
    if (!isFramed && (this.#state === 'new' || name === 'open' || name === 'close')) throw new StreamError('invalid-namespace')
    if (isFramed && received.children.length > 0) throw new StreamError('bad-format')
    if (isFramed && name === 'close') {
      this.#state = 'stopped'
      this.#owner.streamClosed()
    } else if (this.#state === 'open') {
      this.#owner.received(received)
    } else {
      if (name !== 'open') throw new StreamError('bad-format')
      this.#state = 'open'
      // §3.3.1: its attributes are those of <stream/>, "with the same semantics and restrictions".
      this.#owner.streamOpened(new StreamHeader(NS_STREAM, 'stream', { ...received.attrs }, new NamespaceScope(undefined, NS_CLIENT, undefined)))
    }
  }
}
