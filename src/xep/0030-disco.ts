import { isHidden, kindOf } from '../pep/node-kinds.ts'
import { PersonalItems, type Node } from '../pep/personal-items.ts'
import { CAPS_NODE, domainInfo, DomainVersions } from '../routing/domain-info.ts'
import type { Extension, Host, Iq, IqAnswer } from '../routing/extension.ts'
import { element } from '../xml/element.ts'
import { discoInfo } from '../xmpp/disco-info.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS_DISCO_INFO, NS_DISCO_ITEMS } from '../xmpp/namespaces.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'

const ITEM_NOT_FOUND = new StanzaError('item-not-found')
const SERVICE_UNAVAILABLE = new StanzaError('service-unavailable')

/** XEP-0030: Service Discovery, of the served domains and of accounts. Section numbers are those of version 2.5. */
export const disco: Extension = {
  name: 'disco',
  implements: [{ xep: 30, title: 'Service Discovery', version: '2.5.0', since: '0.1.0', status: 'complete' }],
  clauses: [
    { clause: 'XEP-0030 §3.1', text: 'a server tells its identity and features' },
    { clause: 'XEP-0030 §3.1', text: 'and answers for an account' },
    { clause: 'XEP-0030 §4.1', text: 'no items are an empty list' },
    { clause: 'XEP-0030 §8', text: 'a stranger gets service-unavailable, or nothing, whether there is such an account or not' },
  ],
  features: { server: [NS_DISCO_INFO, NS_DISCO_ITEMS], account: [NS_DISCO_INFO, NS_DISCO_ITEMS] },

  install(host) {
    const nodes = new AccountNodes(host)
    const mayAsk = ({ from, to }: Iq): boolean => host.audience.sees(from, to)
    const info = { type: 'get', name: 'query', namespace: NS_DISCO_INFO } as const
    const items = { type: 'get', name: 'query', namespace: NS_DISCO_ITEMS } as const
    return {
      iq: [
        { ...info, at: 'server', handle: (iq) => describeDomain(host, iq) },
        { ...items, at: 'server', handle: (iq) => listDomain(host, iq) },
        // §8: a stranger must not learn that the account exists, so it hears what it would hear of none.
        { ...info, at: 'account', handle: (iq) => mayAsk(iq) ? describeAccount(host, nodes, iq) : SERVICE_UNAVAILABLE },
        { ...items, at: 'account', handle: (iq) => mayAsk(iq) ? nodes.list(iq) : SERVICE_UNAVAILABLE },
      ],
    }
  },
}

/** §3.1, with the forms of XEP-0128. A node is that of XEP-0115 §6.3 or of an extension; another is answered with item-not-found (§7). */
function describeDomain(host: Host, iq: Iq): IqAnswer {
  const { node } = iq.payload.attrs
  const domain = host.domains.get(iq.to.domain)
  if (node !== undefined && node !== `${CAPS_NODE}#${host.shared(DomainVersions).of(domain)}`) return host.discoNodes.info(iq, node) ?? ITEM_NOT_FOUND
  return domainInfo(host, domain, node)
}

function describeAccount({ identities, features }: Host, nodes: AccountNodes, { payload, from, to }: Iq): IqAnswer {
  const { node } = payload.attrs
  if (node === undefined) return discoInfo([{ category: 'account', type: 'registered' }, ...identities.account], features.account)
  // XEP-0060 §5.3.
  if (!nodes.visible(from, to).some(({ name }) => name === node)) return ITEM_NOT_FOUND
  return discoInfo([{ category: 'pubsub', type: 'leaf' }], features.account.filter((feature) => /\/pubsub(#|$)/.test(feature)), [], node)
}

/** §4.1: a domain hosts no other services, and who is connected with what is for presence to tell. */
function listDomain(host: Host, iq: Iq): IqAnswer {
  const { node } = iq.payload.attrs
  return node === undefined ? element(NS_DISCO_ITEMS, 'query') : host.discoNodes.items(iq, node) ?? ITEM_NOT_FOUND
}

/** The nodes of an account that somebody may read (XEP-0163 §6.2): its owner all, contacts those that are for them. */
class AccountNodes {
  readonly #items: PersonalItems

  constructor(host: Host) {
    this.#items = host.shared(PersonalItems)
  }

  visible(viewer: Jid, account: Jid): Node[] {
    const isOwner = viewer.bare.equals(account)
    return [...this.#items.nodes(account)].filter(({ name, settings }) =>
      !isHidden(name) && (isOwner || (settings.access !== 'whitelist' && kindOf(name)?.models.includes(settings.access) === true)))
  }

  list({ payload, from, to }: Iq): IqAnswer {
    if (payload.attrs['node'] !== undefined) return ITEM_NOT_FOUND
    return element(NS_DISCO_ITEMS, 'query', {},
      ...this.visible(from, to).map(({ name: node }) => element(NS_DISCO_ITEMS, 'item', { jid: to.toString(), node })))
  }
}
