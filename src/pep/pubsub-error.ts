import { element } from '../xml/element.ts'
import { StanzaError, type StanzaCondition } from '../xmpp/stanza-error.ts'

const NS_PUBSUB_ERRORS = 'http://jabber.org/protocol/pubsub#errors'

/** An error of RFC 6120 with the condition that XEP-0060 has for its reason. */
export function pubsubError(condition: StanzaCondition, reason: string, feature?: string): StanzaError {
  return new StanzaError(condition, { application: element(NS_PUBSUB_ERRORS, reason, { feature }) })
}
