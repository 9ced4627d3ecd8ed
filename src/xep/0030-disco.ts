import type { Extension, Iq, IqAnswer } from '../routing/extension.ts'
import { element, type Element } from '../xml/element.ts'
import { NS_DISCO_INFO, NS_DISCO_ITEMS } from '../xmpp/namespaces.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'

const ITEM_NOT_FOUND = new StanzaError('item-not-found')
const SERVICE_UNAVAILABLE = new StanzaError('service-unavailable')

/** A category and a type of the registry (§10.1). No name: it would tell the software. */
interface Identity {
  readonly category: string
  readonly type: string
}

/** XEP-0030: Service Discovery, of the served domains and of accounts. Section numbers are those of version 2.5. */
export const disco: Extension = {
  name: 'disco',
  implements: [{ xep: 30, title: 'Service Discovery', version: '2.5.0', since: '0.1.0', status: 'complete' }],
  features: { server: [NS_DISCO_INFO, NS_DISCO_ITEMS], account: [NS_DISCO_INFO, NS_DISCO_ITEMS] },

  install({ features, audience, domains, forms }) {
    const mayAsk = ({ from, to }: Iq): boolean => audience.sees(from, to)
    const formsOf = ({ to }: Iq): readonly Element[] => {
      const domain = domains.get(to.domain)
      return domain === undefined ? [] : forms(domain)
    }
    const info = { type: 'get', name: 'query', namespace: NS_DISCO_INFO } as const
    const items = { type: 'get', name: 'query', namespace: NS_DISCO_ITEMS } as const
    return {
      iq: [
        { ...info, at: 'server', handle: (iq) => describe(iq, { category: 'server', type: 'im' }, features.server, formsOf(iq)) },
        { ...items, at: 'server', handle: listNothing },
        // §8: a stranger must not learn that the account exists, so it hears what it would hear of none.
        { ...info, at: 'account', handle: (iq) => mayAsk(iq) ? describe(iq, { category: 'account', type: 'registered' }, features.account) : SERVICE_UNAVAILABLE },
        { ...items, at: 'account', handle: (iq) => mayAsk(iq) ? listNothing(iq) : SERVICE_UNAVAILABLE },
      ],
    }
  },
}

/** §3.1, with the forms of XEP-0128. There are no nodes here: asking for one is answered with item-not-found (§7). */
function describe(
  { payload }: Iq, { category, type }: Identity, features: readonly string[], forms: readonly Element[] = [],
): IqAnswer {
  if (payload.attrs['node'] !== undefined) return ITEM_NOT_FOUND
  return element(NS_DISCO_INFO, 'query', {},
    element(NS_DISCO_INFO, 'identity', { category, type }),
    ...[...new Set(features)].map((feature) => element(NS_DISCO_INFO, 'feature', { var: feature })),
    ...forms)
}

/** §4.1: a domain hosts no other services, and who is connected with what is for presence to tell. */
function listNothing({ payload }: Iq): IqAnswer {
  const { node } = payload.attrs
  return node === undefined ? element(NS_DISCO_ITEMS, 'query') : ITEM_NOT_FOUND
}
