import type { Element } from '../xml/element.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { Session } from './sessions.ts'

export type StanzaKind = 'message' | 'presence' | 'iq'

/** Where a stanza entered this server. */
export type Origin = 'client' | 'remote' | 'component' | 'server'

/**
 * A stanza with its addresses parsed, once, where it came in (c2s, s2s).
 *
 * `from` and `to` are always the addresses that count; the element's own `from` is already the stamped one
 * (RFC 6120 §8.1.2.1) and its content namespace is always 'jabber:client', whatever stream it came by.
 */
export class Envelope {
  readonly kind: StanzaKind
  readonly element: Element
  readonly from: Jid
  /** The sender's own bare JID where the stanza has no `to` (RFC 6120 §10.3). */
  readonly to: Jid
  /** The stanza's `type`; 'normal' for a message without one, '' for a presence without one. */
  readonly type: string
  /** False where the stanza had no `to`: then a presence is a broadcast and an IQ is for the account itself. */
  readonly directed: boolean
  readonly origin: Origin
  /** The sending session, where a client of ours sent it. */
  readonly session: Session | undefined

  constructor(element: Element, from: Jid, to: Jid, directed: boolean, origin: Origin, session: Session | undefined) {
    this.kind = element.name as StanzaKind // c2s and s2s let no other element name reach a constructor
    this.element = element
    this.from = from
    this.to = to
    this.type = element.attrs['type'] ?? (element.name === 'message' ? 'normal' : '')
    this.directed = directed
    this.origin = origin
    this.session = session
  }

  /** The same journey with another element: what policy rebuilt. The addresses stay. */
  carrying(element: Element): Envelope {
    return new Envelope(element, this.from, this.to, this.directed, this.origin, this.session)
  }
}
