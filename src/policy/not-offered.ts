import type { IqRoute } from '../routing/extension.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'

const NS_CARBONS = 'urn:xmpp:carbons:2'
const FEATURE_NOT_IMPLEMENTED = new StanzaError('feature-not-implemented')

/**
 * What clients ask of their own account whether or not it is advertised, and what fights OTR: copies to other clients
 * (XEP-0280), which cannot read them and answer with a key exchange of their own. They hear that it is not done here,
 * as of a feature; what nobody asks for unasked (archives, uploads) is `service-unavailable`, as anything unknown is
 * (RFC 6120 §8.4). What must not be published hears the same: pep/node-kinds.ts.
 */
export const notOffered: readonly IqRoute[] = [
  refused('enable', NS_CARBONS), refused('disable', NS_CARBONS),
]

function refused(name: string, namespace: string): IqRoute {
  return { type: 'set', name, namespace, at: 'own', handle: () => FEATURE_NOT_IMPLEMENTED }
}
