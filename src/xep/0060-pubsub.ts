import { fieldsOf, NS_NODE_CONFIG, NS_PUBLISH_OPTIONS, settingsForm, standardSettings, type Fields } from '../pep/node-settings.ts'
import { NS_PUBSUB } from '../pep/avatar.ts'
import { isHidden, kindOf, NOT_PUBLISHED } from '../pep/node-kinds.ts'
import { PersonalItems, type Item, type Node } from '../pep/personal-items.ts'
import { Publisher } from '../pep/publisher.ts'
import { pubsubError } from '../pep/pubsub-error.ts'
import { EMPTY, type Extension, type Host, type Iq, type IqAnswer } from '../routing/extension.ts'
import { element, type Element } from '../xml/element.ts'
import { NS_DATA_FORMS } from '../xmpp/data-form.ts'
import type { Jid } from '../xmpp/jid.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'

const NS_PUBSUB_OWNER = 'http://jabber.org/protocol/pubsub#owner'

const BAD_REQUEST = new StanzaError('bad-request')
const FORBIDDEN = new StanzaError('forbidden')
const ITEM_NOT_FOUND = new StanzaError('item-not-found')
const SERVICE_UNAVAILABLE = new StanzaError('service-unavailable')
const NODEID_REQUIRED = pubsubError('bad-request', 'nodeid-required')
const ITEM_REQUIRED = pubsubError('bad-request', 'item-required')
const INVALID_PAYLOAD = pubsubError('bad-request', 'invalid-payload')

/** What of XEP-0060 is done here, by the names of §10. */
const FEATURES = [
  'access-open', 'access-presence', 'access-whitelist', 'auto-create', 'auto-subscribe', 'config-node', 'config-node-max',
  'create-and-configure', 'create-nodes', 'delete-items', 'delete-nodes', 'filtered-notifications', 'item-ids', 'last-published',
  'multi-items', 'persistent-items', 'presence-notifications', 'publish', 'publish-options', 'purge-nodes',
  'retract-items', 'retrieve-affiliations', 'retrieve-default', 'retrieve-items', 'retrieve-subscriptions',
].map((name) => `${NS_PUBSUB}#${name}`)

/** XEP-0060: Publish-Subscribe, as far as XEP-0163 needs it. Section numbers in this file are those of version 1.30.0. */
export const pubsub: Extension = {
  name: 'pubsub',
  implements: [{
    xep: 60, title: 'Publish-Subscribe', version: '1.30.0', since: '0.1.0', status: 'partial',
    note: 'for the accounts here (XEP-0163); whoever may hear of a node does, and nobody subscribes',
  }],
  features: { server: [`${NS_PUBSUB}#publish-options`], account: FEATURES },
  clauses: [
    { clause: 'XEP-0060 §6.5.9', text: 'what is not there, or not for who asks, has its error' },
    { clause: 'XEP-0060 §7.1.2', text: 'an item with the id of another takes its place' },
    { clause: 'XEP-0060 §7.1.3', text: 'what cannot be published has its error' },
    { clause: 'XEP-0060 §7.1.5', text: 'a precondition that is not met is a conflict' },
    { clause: 'XEP-0060 §7.2', text: 'an item is retracted, and what is not there is not found' },
    { clause: 'XEP-0060 §8.1', text: 'a node is made once' },
    { clause: 'XEP-0060 §8.2', text: 'the configuration is shown as it is, and changed' },
    { clause: 'XEP-0060 §8.4', text: 'a node is deleted with all that is in it' },
  ],

  install(host) {
    const service = new PubsubService(host)
    const plain = { name: 'pubsub', namespace: NS_PUBSUB, at: 'account' } as const
    const owner = { name: 'pubsub', namespace: NS_PUBSUB_OWNER, at: 'account' } as const
    return {
      iq: [
        { ...plain, type: 'get', handle: (iq) => service.get(iq) },
        { ...plain, type: 'set', handle: (iq) => isOwner(iq) ? service.set(iq) : FORBIDDEN },
        { ...owner, type: 'get', handle: (iq) => isOwner(iq) ? service.show(iq) : FORBIDDEN },
        { ...owner, type: 'set', handle: (iq) => isOwner(iq) ? service.own(iq) : FORBIDDEN },
      ],
    }
  },
}

class PubsubService {
  readonly #host: Host
  readonly #items: PersonalItems
  readonly #publisher: Publisher

  constructor(host: Host) {
    this.#host = host
    this.#items = host.shared(PersonalItems)
    this.#publisher = host.shared(Publisher)
  }

  get(iq: Iq): IqAnswer {
    const items = iq.payload.child('items', NS_PUBSUB)
    if (items !== undefined) return this.#retrieve(iq, items)
    if (!isOwner(iq)) return SERVICE_UNAVAILABLE
    const account = iq.to
    if (iq.payload.child('subscriptions', NS_PUBSUB) !== undefined) return element(NS_PUBSUB, 'pubsub', {}, element(NS_PUBSUB, 'subscriptions'))
    if (iq.payload.child('affiliations', NS_PUBSUB) !== undefined) {
      const nodes = [...this.#items.nodes(account)].filter(({ name }) => !isHidden(name))
      return element(NS_PUBSUB, 'pubsub', {}, element(NS_PUBSUB, 'affiliations', {},
        ...nodes.map(({ name: node }) => element(NS_PUBSUB, 'affiliation', { node, affiliation: 'owner' }))))
    }
    return unsupported(iq.payload)
  }

  /** §7.1, §7.2, §8.1. */
  set({ payload, to: account }: Iq): IqAnswer | Promise<IqAnswer> {
    const [request] = payload.elements()
    if (request === undefined || request.namespace !== NS_PUBSUB) return BAD_REQUEST
    const { node } = request.attrs
    switch (request.name) {
      case 'publish': return node === undefined ? NODEID_REQUIRED : this.#publish(account, node, request, payload)
      case 'retract': {
        if (node === undefined) return NODEID_REQUIRED
        const [item, ...more] = request.elements()
        const id = item?.attrs['id']
        if (item?.is('item', NS_PUBSUB) !== true || id === undefined || more.length > 0) return ITEM_REQUIRED
        return done(this.#publisher.retract(account, node, id))
      }
      case 'create': {
        const form = payload.child('configure', NS_PUBSUB)?.child('x', NS_DATA_FORMS)
        const fields = form === undefined ? undefined : fieldsOf(form, NS_NODE_CONFIG)
        // §8.1.2: "instant nodes", whose names the service makes, are not there.
        if (node === undefined) return pubsubError('not-acceptable', 'nodeid-required')
        return fields instanceof StanzaError ? fields : done(this.#publisher.create(account, node, fields))
      }
      default: return unsupported(payload)
    }
  }

  /** §8.2.1, §8.3: what is configured, and what would be. */
  show({ payload, to: account }: Iq): IqAnswer {
    const standard = payload.child('default', NS_PUBSUB_OWNER)
    if (standard !== undefined) {
      const kind = kindOf(standard.attrs['node'] ?? '')
      const settings = kind === undefined ? undefined : standardSettings(kind, this.#host.config.pep)
      return owned(element(NS_PUBSUB_OWNER, 'default', {}, settingsForm(settings ?? { access: 'whitelist', maxItems: this.#host.config.pep.items, sendsLast: true }, kind?.models ?? ['whitelist'])))
    }
    const configure = payload.child('configure', NS_PUBSUB_OWNER)
    if (configure === undefined) return unsupported(payload)
    const { node } = configure.attrs
    if (node === undefined) return NODEID_REQUIRED
    const [kind, settings] = [kindOf(node), this.#items.node(account, node)?.settings]
    if (kind === undefined || settings === undefined) return ITEM_NOT_FOUND
    return owned(element(NS_PUBSUB_OWNER, 'configure', { node }, settingsForm(settings, kind.models)))
  }

  /** §8.2, §8.4, §8.5. */
  own({ payload, to: account }: Iq): IqAnswer | Promise<IqAnswer> {
    const [request] = payload.elements()
    if (request === undefined || request.namespace !== NS_PUBSUB_OWNER) return BAD_REQUEST
    const { node } = request.attrs
    if (node === undefined) return NODEID_REQUIRED
    switch (request.name) {
      case 'delete':
      case 'purge': return done(this.#publisher.empty(account, node, request.name))
      case 'configure': {
        const form = request.child('x', NS_DATA_FORMS)
        if (form?.attrs['type'] === 'cancel') return EMPTY
        const fields = fieldsOf(form, NS_NODE_CONFIG)
        return fields instanceof StanzaError ? fields : done(this.#publisher.configure(account, node, fields))
      }
      default: return unsupported(payload)
    }
  }

  #publish(account: Jid, node: string, request: Element, payload: Element): IqAnswer | Promise<IqAnswer> {
    if (kindOf(node) === undefined) return NOT_PUBLISHED
    const [item, ...more] = request.elements()
    if (item === undefined) return ITEM_REQUIRED
    if (!item.is('item', NS_PUBSUB) || more.length > 0) return INVALID_PAYLOAD
    const options = payload.child('publish-options', NS_PUBSUB)
    const fields: Fields | StanzaError | undefined = options === undefined ? undefined : fieldsOf(options.child('x', NS_DATA_FORMS), NS_PUBLISH_OPTIONS)
    if (fields instanceof StanzaError) return fields
    const published = this.#publisher.publish(account, node, item, fields)
    if (published instanceof StanzaError) return published
    const answer = element(NS_PUBSUB, 'pubsub', {}, element(NS_PUBSUB, 'publish', { node }, element(NS_PUBSUB, 'item', { id: published.id })))
    return published.written.then(() => answer)
  }

  /**
   * §6.5. DEVIATION: XEP-0060 §6.5.9 tells who may not see a node that he would have to subscribe; that would tell that
   * there is such an account. Whoever may not see it hears what he would hear of none.
   */
  #retrieve(iq: Iq, request: Element): IqAnswer {
    const account = iq.to
    const name = request.attrs['node']
    const node = name === undefined || isHidden(name) ? undefined : this.#items.node(account, name)
    const refusal = isOwner(iq) ? undefined : this.#refusal(iq, node)
    if (refusal !== undefined) return refusal
    if (name === undefined) return NODEID_REQUIRED
    if (node === undefined) return ITEM_NOT_FOUND
    const ids = request.elements().filter((child) => child.is('item', NS_PUBSUB)).map(({ attrs }) => attrs['id'] ?? '')
    const found = ids.length > 0 ? ids.map((id) => node.items.get(id)) : latest(node, request.attrs['max_items'])
    if (found === undefined) return BAD_REQUEST
    const items = found.filter((item) => item !== undefined)
    if (ids.length > 0 && items.length === 0) return ITEM_NOT_FOUND
    return element(NS_PUBSUB, 'pubsub', {}, element(NS_PUBSUB, 'items', { node: name },
      ...items.map((item) => element(NS_PUBSUB, 'item', { id: item.id }, this.#items.payload(account, item)))))
  }

  /** Why somebody else may not read a node. What is for nobody else is not there; and to a stranger there is no account. */
  #refusal({ from, to: account }: Iq, node: Node | undefined): StanzaError | undefined {
    const isShared = node !== undefined && kindOf(node.name)?.models.includes(node.settings.access) === true
    if (isShared && node.settings.access === 'open') return undefined
    if (!this.#host.audience.sees(from, account)) return SERVICE_UNAVAILABLE
    return isShared && node.settings.access === 'presence' ? undefined : ITEM_NOT_FOUND
  }
}

/** §6.5.7: the last ones, in the order in which they were published; all where nobody says how many. */
function latest({ items }: Node, most: string | undefined): Item[] | undefined {
  if (most === undefined) return [...items.values()]
  return /^[1-9][0-9]{0,8}$/.test(most) ? [...items.values()].slice(-Number(most)) : undefined
}

/** §10: what is known and not done is told by its feature. */
function unsupported(payload: Element): StanzaError {
  const [request] = payload.elements()
  const feature: Readonly<Record<string, string>> = {
    subscribe: 'subscribe', unsubscribe: 'subscribe', options: 'subscription-options', subscriptions: 'manage-subscriptions', affiliations: 'modify-affiliations',
  }
  const name = request !== undefined && Object.hasOwn(feature, request.name) ? feature[request.name] : undefined
  return name === undefined ? BAD_REQUEST : pubsubError('feature-not-implemented', 'unsupported', name)
}

function owned(content: Element): Element {
  return element(NS_PUBSUB_OWNER, 'pubsub', {}, content)
}

function done(outcome: Promise<void> | StanzaError): IqAnswer | Promise<IqAnswer> {
  return outcome instanceof StanzaError ? outcome : outcome.then((): IqAnswer => EMPTY)
}

function isOwner({ from, to }: Iq): boolean {
  return from.bare.equals(to)
}
