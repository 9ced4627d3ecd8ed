import { refusal } from '../registration/refusal.ts'
import { bitOfBinary, NS_BITS_OF_BINARY } from '../registration/registration-form.ts'
import type { Visits } from '../registration/visits.ts'
import type { Extension } from '../routing/extension.ts'
import type { StreamFeature } from '../stream/feature.ts'
import type { Stream } from '../stream/stream.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'

const DECLARED = {
  name: 'bits-of-binary',
  implements: [{
    xep: 231, title: 'Bits of Binary', version: '1.1', since: '0.1.0', status: 'partial',
    note: 'the picture of the form by which an account is asked for',
  }],
  clauses: [
    { clause: 'XEP-0231 §2.1', text: 'it is small; beside other content it is inside of that' },
    { clause: 'XEP-0231 §2.4', text: 'max-age is 0 where it is not to be kept' },
    { clause: 'XEP-0231 §2.5', text: 'base64 without whitespace' },
    { clause: 'XEP-0231 §3', text: 'support is advertised' },
  ],
  // §3: an entity that supports it "MUST advertise that fact".
  features: { server: [NS_BITS_OF_BINARY] },
} as const satisfies Omit<Extension, 'install'>

/** XEP-0231: Bits of Binary, of which this server has one: the picture of a form that it gave to who asks for it on the same stream. */
export function bitsOfBinary(visits: Visits): Extension {
  return {
    ...DECLARED,
    streamFeatures: { client: [bitsBeforeLogin(visits)] },
    install: () => ({
      // §2.3: "item-not-found if it does not have data matching the Content-ID".
      iq: [{ type: 'get', name: 'data', namespace: NS_BITS_OF_BINARY, at: 'server', handle: () => ITEM_NOT_FOUND }],
    }),
  }
}

const ITEM_NOT_FOUND = new StanzaError('item-not-found')

function bitsBeforeLogin(visits: Visits): StreamFeature<Stream> {
  return {
    namespace: NS_BITS_OF_BINARY,
    needs: { secured: true, authenticated: false },
    unoffered: true,
    offer: () => [],
    negotiate: (stream, received) => visits.hear(stream, received, ({ type, payload, visit: { picture } }) => {
      if (type !== 'get' || payload.name !== 'data') return refusal('bad-request')
      return picture !== undefined && payload.attrs['cid'] === picture.cid ? bitOfBinary(picture) : refusal('item-not-found')
    }),
  }
}
