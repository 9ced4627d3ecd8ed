import type { RegistrationOffice } from '../registration/application.ts'
import { OwnAccounts, type OwnAccountParts } from '../registration/own-accounts.ts'
import { refusal, refusalOf } from '../registration/refusal.ts'
import { challengeQuery, pictureOf, plainQuery, readFilled } from '../registration/registration-form.ts'
import type { EarlyIq, Visit, Visits } from '../registration/visits.ts'
import { EMPTY, type Extension, type Iq, type IqAnswer } from '../routing/extension.ts'
import type { StreamFeature } from '../stream/feature.ts'
import type { Stream } from '../stream/stream.ts'
import { element, type Element } from '../xml/element.ts'
import { NS_REGISTER } from '../xmpp/namespaces.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'

const NS_REGISTER_FEATURE = 'http://jabber.org/features/iq-register'

export interface RegistrationParts extends OwnAccountParts {
  readonly office: RegistrationOffice
  readonly visits: Visits
}

const DECLARED = {
  name: 'in-band-registration',
  implements: [
    {
      xep: 77, title: 'In-Band Registration', version: '2.4', since: '0.1.0', status: 'complete',
      note: 'accounts of this server alone; on streams that are secured',
    },
    { xep: 158, title: 'CAPTCHA Forms', version: '1.0.1', since: '0.1.0', status: 'partial', note: 'where an account is asked for (§4): `ocr` and `qa`' },
    { xep: 221, title: 'Data Forms Media Element', version: '1.0', since: '0.1.0', status: 'complete', note: 'for the picture of that form' },
  ],
  clauses: [
    { clause: 'XEP-0077 §3.1', text: 'who asks is told which fields are required' },
    { clause: 'XEP-0077 §3.1', text: 'service-unavailable where no account is to be had' },
    { clause: 'XEP-0077 §3.1', text: 'who is registered is told so' },
    { clause: 'XEP-0077 §3.1', text: 'not-acceptable where something is left out' },
    { clause: 'XEP-0077 §3.2', text: 'who cancels is whose stream it is' },
    { clause: 'XEP-0077 §3.3', text: 'an empty password changes nothing' },
    { clause: 'XEP-0077 §4', text: 'the namespace gets no new fields' },
    { clause: 'XEP-0077 §9', text: 'errors have their numbers of old, too' },
    { clause: 'XEP-0158 §4', text: 'the form is inside the query' },
    { clause: 'XEP-0158 §6.1', text: 'there is a choice of challenges' },
    { clause: 'XEP-0158 §6.3', text: 'the field of the picture has a media element' },
    { clause: 'XEP-0221 §2', text: 'the media element is in a field, and its URI has a type' },
  ],
  features: { server: [NS_REGISTER] },
} as const satisfies Omit<Extension, 'install'>

/** XEP-0077: In-Band Registration. Section numbers are those of version 2.4. */
export function inBandRegistration(parts: RegistrationParts): Extension {
  const own = new OwnAccounts(parts)
  const query = { name: 'query', namespace: NS_REGISTER } as const
  const get = (iq: Iq): IqAnswer => isOwn(iq) ? own.describe(iq.from.bare) : SERVICE_UNAVAILABLE
  const set = (iq: Iq): IqAnswer | Promise<IqAnswer> => isOwn(iq) ? change(own, iq) : SERVICE_UNAVAILABLE
  return {
    ...DECLARED,
    streamFeatures: { client: [new RegistrationFeature(parts)] },
    install: () => ({
      iq: [
        { ...query, type: 'get', at: 'server', handle: get },
        { ...query, type: 'set', at: 'server', handle: set },
        { ...query, type: 'get', at: 'account', handle: get },
        { ...query, type: 'set', at: 'account', handle: set },
      ],
    }),
  }
}

const SERVICE_UNAVAILABLE = new StanzaError('service-unavailable')

/** §8: who is not logged in asks on the stream itself. Nothing is offered, and nothing is had, on one that is not secured (§11). */
class RegistrationFeature implements StreamFeature<Stream> {
  readonly namespace = NS_REGISTER
  readonly needs = { secured: true, authenticated: false }
  readonly unoffered = true
  readonly #parts: RegistrationParts

  constructor(parts: RegistrationParts) {
    this.#parts = parts
  }

  offer(stream: Stream): readonly Element[] {
    const { office, visits } = this.#parts
    return office.mode(visits.domainOf(stream)) === 'closed' ? [] : [element(NS_REGISTER_FEATURE, 'register')]
  }

  negotiate(stream: Stream, iq: Element): 'pending' | Promise<'pending'> {
    return this.#parts.visits.hear(stream, iq, (early) => this.#handle(stream, early))
  }

  #handle(stream: Stream, { type, id, payload, visit }: EarlyIq): IqAnswer | Promise<IqAnswer> {
    if (payload.name !== 'query') return refusal('bad-request')
    // §3.1: a host that does not support registration "MUST" say service-unavailable.
    if (this.#parts.office.mode(visit.domain) === 'closed') return refusal('service-unavailable')
    // §3.1.1: one identity on a stream.
    if (visit.registered) return refusal('not-acceptable', { text: 'Log in to the account that you have.' })
    return type === 'get' ? this.#form(stream, id, visit) : this.#register(stream, payload, visit)
  }

  /** §3.1: the host "MUST inform the entity of the required registration fields". */
  #form(stream: Stream, id: string, visit: Visit): IqAnswer {
    const { office, visits } = this.#parts
    if (visit.invited !== undefined) {
      visits.wait(stream)
      return plainQuery(visit.invited.name)
    }
    try {
      const challenge = office.challenge(visit)
      visit.picture = pictureOf(challenge.picture)
      visits.wait(stream)
      return challengeQuery(id, challenge, visit.picture)
    } catch (error) {
      return refusalOf(error)
    }
  }

  async #register(stream: Stream, payload: Element, visit: Visit): Promise<IqAnswer> {
    const { office, visits } = this.#parts
    // §3.2: who is not registered has nothing to cancel.
    if (payload.child('remove', NS_REGISTER) !== undefined) return refusal('unexpected-request')
    const filled = readFilled(payload)
    if (filled instanceof StanzaError) return filled
    const { domain, peer, invited } = visit
    visit.picture = undefined // whatever comes of it, the challenge is used up
    try {
      await office.register({ domain, peer, ...invited?.right, ...filled })
    } catch (error) {
      return refusalOf(error)
    }
    visits.registered(stream)
    return EMPTY
  }
}

/**
 * A client of ours that asks its own account, or its own domain. For everybody else there is nothing here: whoever wants
 * an account opens a stream of its own.
 */
function isOwn({ from, to, session }: Iq): boolean {
  return session !== undefined && (to.local === '' ? to.domain === from.domain : to.equals(from.bare))
}

function change(own: OwnAccounts, { from, payload, session, envelope }: Iq): IqAnswer | Promise<IqAnswer> {
  if (payload.child('remove', NS_REGISTER) === undefined) return own.changePassword(from.bare, payload)
  // §3.2: bad-request where "the <remove/> element was not the only child element".
  if (session === undefined || payload.elements().length !== 1) return refusal('bad-request')
  return own.remove(session, envelope.element.attrs['id'] ?? '')
}
