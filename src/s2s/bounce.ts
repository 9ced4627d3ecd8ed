import { Envelope } from '../routing/envelope.ts'
import type { StanzaRouter } from '../routing/extension.ts'
import { errorReply, mayBeAnswered, type StanzaError } from '../xmpp/stanza-error.ts'

/** Tells the senders of stanzas that these did not arrive (RFC 6120 §8.3); errors and results are answered by nothing. */
export function bounce(envelopes: readonly Envelope[], error: StanzaError, router: StanzaRouter): void {
  for (const { element, from, to } of envelopes) {
    if (mayBeAnswered(element)) router.forward(new Envelope(errorReply(element, error, to, from), to, from, true, 'server', undefined))
  }
}
