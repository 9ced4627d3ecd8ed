import { Envelope } from '../routing/envelope.ts'
import type { StanzaRouter } from '../routing/extension.ts'
import type { Element } from '../xml/element.ts'
import { Jid } from '../xmpp/jid.ts'
import { NS_SERVER } from '../xmpp/namespaces.ts'
import { errorReply, mayBeAnswered, StanzaError } from '../xmpp/stanza-error.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import { inClientNamespace } from '../xmpp/content-namespace.ts'

/** Of a stream of servers, what decides which stanzas may come by it. */
export interface Entrance {
  /** The one domain of ours that it is for. */
  readonly local: string
  /** Did the other side prove on it to be that domain? */
  speaksFor(domain: string): boolean
}

export function isStanza({ namespace, name }: Element): boolean {
  return namespace === NS_SERVER && (name === 'message' || name === 'presence' || name === 'iq')
}

/**
 * Lets a stanza from another server in. RFC 6120 §8.1.2.2: every one names its sender and addressee; the sender is of a
 * domain that was proved on this stream, and the addressee of the one domain of ours that it was opened for.
 *
 * @throws StreamError
 */
export function admit(received: Element, { local, speaksFor }: Entrance, router: StanzaRouter): void {
  const { from, to } = received.attrs
  if (from === undefined || to === undefined) throw new StreamError('improper-addressing')
  const sender = Jid.parse(from)
  if (sender === undefined || !speaksFor(sender.domain)) throw new StreamError('invalid-from')
  const stanza = inClientNamespace(received)
  const target = Jid.parse(to)
  if (target === undefined) return refuseAddress(stanza, sender, local, router)
  if (target.domain !== local) throw new StreamError('host-unknown')
  router.submit(new Envelope(stanza, sender, target, true, 'remote', undefined))
}

/** RFC 6120 §8.3.3.8. The sender's server may pass on what its users write: no reason to end the stream for all. */
function refuseAddress(stanza: Element, sender: Jid, local: string, router: StanzaRouter): void {
  const us = Jid.of('', local)
  if (us === undefined || !mayBeAnswered(stanza)) return
  const reply = errorReply(stanza, new StanzaError('jid-malformed'), us, sender)
  router.forward(new Envelope(reply, us, sender, true, 'server', undefined))
}
