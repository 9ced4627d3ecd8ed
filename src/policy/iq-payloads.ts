import { NS_AVATAR_DATA, NS_AVATAR_METADATA, NS_PUBSUB, NS_VCARD, rebuildAvatarItems, rebuildVcard } from '../pep/avatar.ts'
import type { Envelope } from '../routing/envelope.ts'
import { element, type Element } from '../xml/element.ts'
import { hashesTo } from '../xmpp/disco-info.ts'
import { Jid } from '../xmpp/jid.ts'
import { NS_DISCO_INFO, NS_DISCO_ITEMS } from '../xmpp/namespaces.ts'
import { line, matching, sha1 } from '../xmpp/shapes.ts'
import { language } from './shapes.ts'
import { rebuildSoftwareInfo } from './software-info.ts'

/** A question that people's clients, and other servers, may ask each other. */
export interface Question {
  readonly name: string
  readonly namespace: string
  /** The payload of the request anew; undefined where it asks for more than is allowed. */
  request(payload: Element, envelope: Envelope): Element | undefined
  /** The payload of the result anew; `asked` is the rebuilt payload of the request. */
  result(payload: Element, asked: Element): Element
}

const FEATURE = /^[!-~]{1,200}$/
const IDENTITY = /^[A-Za-z0-9_-]{1,32}$/
/** A node of entity capabilities, `node#ver` (XEP-0115 §6.2); other nodes are names that people choose. */
const CAPS_NODE = /^[!-~]{1,200}#[A-Za-z0-9+/]{20,88}={0,2}$/
const SECONDS = /^[0-9]{1,10}$/
const OFFSET = /^(Z|[+-][0-9]{2}:[0-9]{2})$/
const UTC = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$/
const LONGEST_NAME = 64
const MOST_FEATURES = 256
const MOST_IDENTITIES = 8
const MOST_ITEMS = 100

/**
 * XEP-0030 §3. Extended forms (XEP-0128) are left out, as their fields are free text, but for one: what a client tells of
 * its software, and that where the node that was asked for (XEP-0115 §6.2) is the hash of all that passes. So the receiver
 * can verify it (§5.4), and no text passes to which the client had not bound itself in its presence.
 */
const discoInfo: Question = {
  name: 'query',
  namespace: NS_DISCO_INFO,
  request: (payload) => {
    const { node } = payload.attrs
    return node === undefined || CAPS_NODE.test(node) ? element(NS_DISCO_INFO, 'query', { node }) : undefined
  },
  result: (payload, asked) => {
    const children = payload.elements().filter(({ namespace }) => namespace === NS_DISCO_INFO)
    const plain = element(NS_DISCO_INFO, 'query', { node: asked.attrs['node'] },
      ...children.filter(({ name }) => name === 'identity').slice(0, MOST_IDENTITIES).map(identity),
      ...children.filter(({ name }) => name === 'feature').slice(0, MOST_FEATURES).map(feature))
    const form = rebuildSoftwareInfo(payload)
    if (form === undefined) return plain
    const extended = element(NS_DISCO_INFO, 'query', plain.attrs, ...plain.children, form)
    return hashesTo(extended, asked.attrs['node']?.split('#').at(-1)) ? extended : plain
  },
}

function identity({ attrs }: Element): Element | undefined {
  const category = matching(IDENTITY, attrs['category'])
  const type = matching(IDENTITY, attrs['type'])
  if (category === undefined || type === undefined) return undefined
  return element(NS_DISCO_INFO, 'identity',
    { category, type, name: line(attrs['name'], LONGEST_NAME), 'xml:lang': language(attrs['xml:lang']) })
}

function feature({ attrs }: Element): Element | undefined {
  const value = matching(FEATURE, attrs['var'])
  return value === undefined ? undefined : element(NS_DISCO_INFO, 'feature', { var: value })
}

/** XEP-0030 §4: only items that are domains, and only their addresses; people's clients have none. */
const discoItems: Question = {
  name: 'query',
  namespace: NS_DISCO_ITEMS,
  request: ({ attrs }) => attrs['node'] === undefined ? element(NS_DISCO_ITEMS, 'query') : undefined,
  result: (payload) => element(NS_DISCO_ITEMS, 'query', {},
    ...payload.elements().filter((child) => child.is('item', NS_DISCO_ITEMS)).slice(0, MOST_ITEMS).map(domainItem)),
}

function domainItem({ attrs }: Element): Element | undefined {
  const address = Jid.parse(attrs['jid'] ?? '')
  return address !== undefined && address.local === '' && address.isBare
    ? element(NS_DISCO_ITEMS, 'item', { jid: address.toString() })
    : undefined
}

/** XEP-0199. */
const ping: Question = plain('ping', 'urn:xmpp:ping', () => [])

/** XEP-0092, without the operating system: name and version on one line each, as software writes them. */
const version: Question = plain('query', 'jabber:iq:version', (payload) => ['name', 'version'].map((name) => {
  const value = line(payload.childContent(name, payload.namespace), LONGEST_NAME)
  return value === undefined ? undefined : element(payload.namespace, name, {}, value)
}))

/** XEP-0202. */
const time: Question = plain('time', 'urn:xmpp:time', (payload) => {
  const offset = matching(OFFSET, payload.childContent('tzo', payload.namespace))
  const utc = matching(UTC, payload.childContent('utc', payload.namespace))
  if (offset === undefined || utc === undefined) return []
  return [element(payload.namespace, 'tzo', {}, offset), element(payload.namespace, 'utc', {}, utc)]
})

/** XEP-0012, without the text of the last status. */
const lastActivity: Question = {
  name: 'query',
  namespace: 'jabber:iq:last',
  request: ({ name, namespace }) => element(namespace, name),
  result: ({ name, namespace, attrs }) => element(namespace, name, { seconds: matching(SECONDS, attrs['seconds']) }),
}

/** XEP-0054: of an account, not of a client. */
const vcard: Question = {
  name: 'vCard',
  namespace: NS_VCARD,
  request: (_, { to }) => isAccount(to) ? element(NS_VCARD, 'vCard') : undefined,
  result: (payload) => rebuildVcard(payload),
}

/** XEP-0084 §3.4: avatars of an account; no other node. */
const avatar: Question = {
  name: 'pubsub',
  namespace: NS_PUBSUB,
  request: (payload, { to }) => {
    const items = payload.child('items', NS_PUBSUB)
    const node = items?.attrs['node']
    if (!isAccount(to) || (node !== NS_AVATAR_DATA && node !== NS_AVATAR_METADATA)) return undefined
    const id = sha1(items?.child('item', NS_PUBSUB)?.attrs['id'])
    return element(NS_PUBSUB, 'pubsub', {},
      element(NS_PUBSUB, 'items', { node, max_items: id === undefined ? '1' : undefined },
        id === undefined ? undefined : element(NS_PUBSUB, 'item', { id })))
  },
  result: (payload) => {
    const items = payload.child('items', NS_PUBSUB)
    return element(NS_PUBSUB, 'pubsub', {}, items === undefined ? undefined : rebuildAvatarItems(items))
  },
}

const ALL = [discoInfo, discoItems, ping, version, time, lastActivity, vcard, avatar]
const QUESTIONS: ReadonlyMap<string, Question> = new Map(ALL.map((question) => [question.namespace, question]))

/** The question that this payload asks or answers, where it is an allowed one. */
export function questionOf(payload: Element): Question | undefined {
  const question = QUESTIONS.get(payload.namespace)
  return question?.name === payload.name ? question : undefined
}

/** A question without parameters. */
function plain(name: string, namespace: string, answer: (payload: Element) => (Element | undefined)[]): Question {
  return {
    name,
    namespace,
    request: () => element(namespace, name),
    result: (payload) => element(namespace, name, {}, ...answer(payload)),
  }
}

function isAccount(address: Jid): boolean {
  return address.isBare && address.local !== ''
}
