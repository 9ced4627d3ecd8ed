import { ServerMechanisms } from '../auth/external.ts'
import { NS_ACKNOWLEDGEMENT } from '../stream/acknowledgement.ts'
import type { StreamFeature } from '../stream/feature.ts'
import { SaslExchanges } from '../stream/sasl-exchanges.ts'
import { SaslNegotiation } from '../stream/sasl.ts'
import { starttls } from '../stream/starttls.ts'
import type { Stream } from '../stream/stream.ts'
import { element, type Element } from '../xml/element.ts'
import { NS_DIALBACK } from '../xmpp/namespaces.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import { NS_DIALBACK_FEATURE } from './dialback.ts'
import { IncomingStream } from './incoming.ts'
import { NS_BIDI, NS_BIDI_FEATURE } from './outgoing-stream.ts'

/** One wrong certificate does not become right by showing it again. */
const ATTEMPTS = 1

/** What another server may negotiate that called us, in the order in which it is offered. */
export function serverFeatures(): readonly StreamFeature<Stream>[] {
  return [
    starttls,
    new SaslNegotiation(new SaslExchanges(
      new ServerMechanisms(), ATTEMPTS, ({ owner }) => owner instanceof IncomingStream ? owner.credential : undefined)),
    whenever(NS_DIALBACK, () => element(NS_DIALBACK_FEATURE, 'dialback', {}, element(NS_DIALBACK_FEATURE, 'errors'))),
    bidi,
    // Dialback restarts no stream, so what may come after it must be said before (XEP-0198 §3).
    whenever(NS_ACKNOWLEDGEMENT, () => element(NS_ACKNOWLEDGEMENT, 'sm')),
    whenever(NS_ACKNOWLEDGEMENT, () => element(NS_ACKNOWLEDGEMENT, 'sm'), true),
  ]
}

/** XEP-0288 §2.2: before the other side has proved who it is. */
const bidi: StreamFeature<Stream> = {
  namespace: NS_BIDI,
  needs: { secured: true },
  offer: () => [element(NS_BIDI_FEATURE, 'bidi')],

  negotiate({ owner }, received) {
    if (received.name !== 'bidi' || !(owner instanceof IncomingStream)) throw new StreamError('unsupported-stanza-type')
    owner.carryBack()
    return 'pending'
  },
}

/** Offered as soon as the stream is secured; its elements may come at any time from then on, and are the stream's own. */
function whenever(namespace: string, offer: () => Element, authenticated = false): StreamFeature<Stream> {
  return {
    namespace,
    needs: { secured: true, authenticated },
    offer: () => [offer()],
    negotiate({ owner }, received) {
      owner.received(received)
      return 'pending'
    },
  }
}
