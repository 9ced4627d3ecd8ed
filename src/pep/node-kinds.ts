import { createHash } from 'node:crypto'
import { element, type Element } from '../xml/element.ts'
import { isContentNamespace } from '../xml/namespaces.ts'
import { line } from '../xmpp/shapes.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import { LONGEST_NICKNAME, NS_AVATAR_DATA, NS_AVATAR_METADATA, NS_VCARD, rebuildData, rebuildMetadata } from './avatar.ts'
import { pubsubError } from './pubsub-error.ts'

export const NS_NICK = 'http://jabber.org/protocol/nick'
export const NS_PRIVATE = 'jabber:iq:private'
export const NODE_BOOKMARKS = 'storage:bookmarks'

/** Who may read a node besides its owner: whoever sees the owner's presence, everybody, or nobody (XEP-0060 §4.5). */
export const ACCESS_MODELS = ['presence', 'open', 'whitelist'] as const
export type Access = typeof ACCESS_MODELS[number]

/** One payload for a node, as it is kept. */
export interface Content {
  readonly id: string | undefined
  readonly payload: Element
}

/** What may stand in a node of that name, and who may see it. */
export interface NodeKind {
  /** Where nobody asks for another; undefined where somebody must have asked for the only one. */
  readonly access: Access | undefined
  readonly models: readonly Access[]
  /** Contacts hear of new items. */
  readonly isTold: boolean
  /** One item at a time, where nobody asks for more. */
  readonly isSingle: boolean
  /** The item as it is kept: what may be read by others holds nothing that was not looked at. */
  keep(item: Element, payload: Element): Content | StanzaError
}

const LONGEST_NODE = 256
const LONGEST_ID = 512
const INVALID_PAYLOAD = pubsubError('bad-request', 'invalid-payload')

/** What is not published here at all: the same words as for whatever else fights OTR (docs/otr-required.md). */
export const NOT_PUBLISHED = new StanzaError('feature-not-implemented', {
  text: 'Avatars, nicknames, and what nobody else may read (access model whitelist) are all that is published here.',
})

const avatarData: NodeKind = {
  access: 'presence', models: ACCESS_MODELS, isTold: false, isSingle: true,
  keep(item) {
    const payload = rebuildData(item)
    // XEP-0398 §3.1: "Services SHOULD verify that the SHA-1 hash of the image matches the id."
    const id = payload === undefined ? undefined : createHash('sha1').update(Buffer.from(payload.content(), 'base64')).digest('hex')
    return payload === undefined || id !== item.attrs['id'] ? INVALID_PAYLOAD : { id, payload }
  },
}

const avatarMetadata: NodeKind = {
  access: 'presence', models: ACCESS_MODELS, isTold: true, isSingle: true,
  keep(item, given) {
    if (!given.is('metadata', NS_AVATAR_METADATA)) return INVALID_PAYLOAD
    const payload = rebuildMetadata(item)
    const described = payload.elements()[0]?.attrs['id']
    // Something that does not describe an image would pass for "no avatar" (XEP-0084 §3.5).
    if (described === undefined) return given.elements().length > 0 ? INVALID_PAYLOAD : { id: undefined, payload }
    return { id: described, payload }
  },
}

/**
 * XEP-0172 §4. DEVIATION: XEP-0163 §4.3.3 wants contacts to be told of it; a line of text that is sent as often as one
 * likes is a message. They find it in the vCard, and the account's own clients here.
 */
const nickname: NodeKind = {
  access: 'presence', models: ACCESS_MODELS, isTold: false, isSingle: true,
  keep(item) {
    const text = line(item.childContent('nick', NS_NICK), LONGEST_NICKNAME)
    return text === undefined ? INVALID_PAYLOAD : { id: 'current', payload: element(NS_NICK, 'nick', {}, text) }
  },
}

/** XEP-0223: for the account's own clients. Bookmarks are so whatever their client forgets to ask for (XEP-0402 §7). */
const privately: NodeKind = {
  access: undefined, models: ['whitelist'], isTold: false, isSingle: false,
  keep(item, payload) {
    const id = item.attrs['id']
    if (id !== undefined && (id === '' || id.length > LONGEST_ID)) return pubsubError('bad-request', 'invalid-payload')
    return payload.namespace === '' || isContentNamespace(payload.namespace) ? INVALID_PAYLOAD : { id, payload }
  },
}
const bookmarks: NodeKind = { ...privately, access: 'whitelist' }

const KNOWN: ReadonlyMap<string, NodeKind> = new Map([
  [NS_AVATAR_DATA, avatarData], [NS_AVATAR_METADATA, avatarMetadata], [NS_NICK, nickname],
  [NODE_BOOKMARKS, { ...bookmarks, isSingle: true }], ['urn:xmpp:bookmarks:1', bookmarks],
])

/** What other extensions keep beside the nodes, under the same roof: no node of that name can be had. */
const HIDDEN: ReadonlySet<string> = new Set([NS_VCARD, NS_PRIVATE])

/**
 * What no client keeps here even for itself, so that none takes it for working: keys of other encryptions, by which one
 * is found and written to, and what is meant to be told to all contacts.
 */
const NEVER = /^(eu\.siacs\.conversations\.axolotl|urn:xmpp:omemo:|urn:xmpp:openpgp:|urn:xmpp:microblog:|http:\/\/jabber\.org\/protocol\/(mood|tune|activity|geoloc)$)/

/** The kind of a node that may be there; undefined for all others. */
export function kindOf(node: string): NodeKind | undefined {
  const known = KNOWN.get(node)
  if (known !== undefined) return known
  return node === '' || node.length > LONGEST_NODE || HIDDEN.has(node) || NEVER.test(node) ? undefined : privately
}

export function isHidden(node: string): boolean {
  return HIDDEN.has(node)
}
