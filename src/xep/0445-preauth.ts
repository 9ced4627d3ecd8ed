import { RegistrationRefused, type RegistrationOffice } from '../registration/application.ts'
import { refusal } from '../registration/refusal.ts'
import type { Visits } from '../registration/visits.ts'
import { EMPTY, type Extension } from '../routing/extension.ts'
import type { StreamFeature } from '../stream/feature.ts'
import type { Stream } from '../stream/stream.ts'
import { element } from '../xml/element.ts'

const NS_IBR_TOKEN = 'urn:xmpp:ibr-token:0'
const NS_PREAUTH = 'urn:xmpp:pars:0'

const DECLARED = {
  name: 'preauthenticated-registration',
  implements: [{ xep: 445, title: 'Pre-Authenticated In-Band Registration', version: '0.2.0', since: '0.1.0', status: 'complete' }],
  clauses: [
    { clause: 'XEP-0445 §4', text: 'a token is used up by the registration alone' },
    { clause: 'XEP-0445 §4', text: 'its expiration is checked where it is shown, and not again' },
    { clause: 'XEP-0445 §5', text: 'a name that was invited is reserved' },
  ],
} as const satisfies Omit<Extension, 'install'>

/** XEP-0445: Pre-Authenticated In-Band Registration. Section numbers are those of version 0.2.0. */
export function preauthenticatedRegistration(office: RegistrationOffice, visits: Visits): Extension {
  return { ...DECLARED, streamFeatures: { client: [tokens(office, visits)] }, install: () => ({}) }
}

/** §4 has no condition of its own for it, but this one in its example. */
const INVALID_TOKEN = refusal('item-not-found', { text: new RegistrationRefused('invitation-void').message })

/** §3, §4: a token that was shown and is good is remembered with the stream; registration uses it up, and nothing before. */
function tokens(office: RegistrationOffice, visits: Visits): StreamFeature<Stream> {
  return {
    namespace: NS_PREAUTH,
    needs: { secured: true, authenticated: false },
    unoffered: true,
    offer: (stream) => office.mode(visits.domainOf(stream)) === 'closed' ? [] : [element(NS_IBR_TOKEN, 'register')],
    negotiate: (stream, received) => visits.hear(stream, received, ({ type, payload, visit }) => {
      if (office.mode(visit.domain) === 'closed') return refusal('service-unavailable')
      const { token } = payload.attrs
      if (type !== 'set' || payload.name !== 'preauth' || token === undefined) return refusal('bad-request')
      if (visit.registered) return refusal('not-acceptable')
      const invitation = office.invitation(visit.domain, token)
      if (invitation === undefined) return INVALID_TOKEN
      // What comes after "MUST NOT be rejected due to token expiry".
      visit.invited = { right: { token, invitedAt: stream.settings.clock.now() }, name: invitation.name }
      visits.wait(stream)
      return EMPTY
    }),
  }
}
