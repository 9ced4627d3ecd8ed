import type { Extension } from '../routing/extension.ts'
import type { StreamFeature } from '../stream/feature.ts'
import { parserLimits } from '../stream/parser-limits.ts'
import type { Stream } from '../stream/stream.ts'
import { element } from '../xml/element.ts'
import { StreamError } from '../xmpp/stream-error.ts'

const NS_LIMITS = 'urn:xmpp:stream-limits:0'

/** XEP-0478: Stream Limits Advertisement. What is told is what is done, and with the login there is more room (§4). */
export const streamLimits: Extension = {
  name: 'stream-limits',
  implements: [{
    xep: 478, title: 'Stream Limits Advertisement', version: '0.2.0', since: '0.1.0', status: 'partial',
    note: 'our limits are told to clients and servers; those that other servers tell are not looked at',
  }],
  clauses: [
    { clause: 'XEP-0478 §3.1', text: 'the limits stand in the stream features' },
    { clause: 'XEP-0478 §4', text: 'they are those that hold' },
  ],
  streamFeatures: {
    client: [told(false, false), told(true, true)],
    // Dialback starts no stream anew: what holds once a server is believed is told from the start.
    server: [told(false, true), told(true, true)],
  },
  install: () => ({}),
}

/** It only tells; nothing is negotiated. `known`: the limits for a peer of whom one knows who it is. */
function told(authenticated: boolean, known: boolean): StreamFeature<Stream> {
  return {
    namespace: NS_LIMITS,
    needs: { secured: true, authenticated },
    offer: ({ settings: { limits } }) => [element(NS_LIMITS, 'limits', {},
      element(NS_LIMITS, 'max-bytes', {}, String(parserLimits(limits, known).stanza)),
      // Until then it has no time to be idle.
      known ? element(NS_LIMITS, 'idle-seconds', {}, String(Math.floor(limits.idle_before_ping / 1000))) : undefined)],
    negotiate: () => { throw new StreamError('unsupported-stanza-type') },
  }
}
