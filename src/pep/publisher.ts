import type { PepLimits } from '../config/schema.ts'
import type { Host } from '../routing/extension.ts'
import type { Element } from '../xml/element.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'
import type { Jid } from '../xmpp/jid.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import { NS_AVATAR_DATA, NS_AVATAR_METADATA } from './avatar.ts'
import { Face } from './face.ts'
import { kindOf, NOT_PUBLISHED, type NodeKind } from './node-kinds.ts'
import { changed, meets, standardSettings, type Fields, type NodeSettings } from './node-settings.ts'
import { Notifications } from './notifications.ts'
import { PersonalItems } from './personal-items.ts'
import { pubsubError } from './pubsub-error.ts'

const INVALID_PAYLOAD = pubsubError('bad-request', 'invalid-payload')
const PAYLOAD_REQUIRED = pubsubError('bad-request', 'payload-required')
const PRECONDITION_NOT_MET = pubsubError('conflict', 'precondition-not-met')
const ITEM_NOT_FOUND = new StanzaError('item-not-found')
const CONFLICT = new StanzaError('conflict')

export interface Published {
  readonly id: string
  readonly written: Promise<void>
}

/** What an account does with its nodes, whichever protocol it says it in; everybody who is to hear of it does. */
export class Publisher {
  readonly #items: PersonalItems
  readonly #notifications: Notifications
  readonly #face: Face
  readonly #limits: PepLimits

  constructor(host: Host) {
    this.#items = host.shared(PersonalItems)
    this.#notifications = host.shared(Notifications)
    this.#face = host.shared(Face)
    this.#limits = host.config.pep
  }

  /** XEP-0060 §7.1; `options` are preconditions (§7.1.5). A node that is not there is made (XEP-0163 §3). */
  publish(account: Jid, name: string, item: Element, options?: Fields): Published | StanzaError {
    const kind = kindOf(name)
    if (kind === undefined) return NOT_PUBLISHED
    const [payload, ...more] = item.elements()
    if (payload === undefined) return PAYLOAD_REQUIRED
    if (more.length > 0 || item.content().trim() !== '') return INVALID_PAYLOAD
    const content = kind.keep(item, payload)
    if (content instanceof StanzaError) return content
    const node = this.#items.node(account, name)
    if (node !== undefined && options !== undefined && !meets(node.settings, options, this.#limits)) return PRECONDITION_NOT_MET
    const made = node === undefined ? this.#make(account, name, kind, options) : Promise.resolve()
    if (made instanceof StanzaError) return made.condition === 'not-acceptable' ? PRECONDITION_NOT_MET : made
    const id = content.id ?? randomIdentifier()
    const put = this.#items.put(account, name, id, content.payload)
    if (put instanceof StanzaError) {
      made.catch(() => undefined)
      if (node === undefined) this.#items.removeNode(account, name).catch(() => undefined)
      return put
    }
    const published = this.#items.item(account, name, id)
    if (published !== undefined) this.#notifications.published(account, published)
    // New data are those of an avatar that is yet to be announced (XEP-0084 §3.2).
    if (name === NS_AVATAR_METADATA) this.#face.changed(account)
    return { id, written: Promise.all([made, put]).then(() => undefined) }
  }

  /** XEP-0060 §8.1: makes a node without an item. */
  create(account: Jid, name: string, fields: Fields | undefined): Promise<void> | StanzaError {
    const kind = kindOf(name)
    if (kind === undefined) return NOT_PUBLISHED
    if (this.#items.node(account, name) !== undefined) return CONFLICT
    return this.#make(account, name, kind, fields)
  }

  /** XEP-0060 §8.2. */
  configure(account: Jid, name: string, fields: Fields): Promise<void> | StanzaError {
    const [node, kind] = [this.#items.node(account, name), kindOf(name)]
    if (node === undefined || kind === undefined) return ITEM_NOT_FOUND
    const settings = changed(node.settings, fields, kind, this.#limits)
    if (settings instanceof StanzaError) return settings
    const written = this.#items.configure(account, name, settings)
    this.#look(account, name)
    return written
  }

  /** XEP-0060 §7.2. */
  retract(account: Jid, name: string, id: string): Promise<void> | StanzaError {
    if (kindOf(name) === undefined || this.#items.item(account, name, id) === undefined) return ITEM_NOT_FOUND
    const written = this.#items.remove(account, name, [id])
    this.#notifications.retracted(account, name, [id])
    this.#look(account, name)
    return written
  }

  /** XEP-0060 §8.4 and §8.5: the node goes, or all that is in it. */
  empty(account: Jid, name: string, how: 'delete' | 'purge'): Promise<void> | StanzaError {
    if (kindOf(name) === undefined || this.#items.node(account, name) === undefined) return ITEM_NOT_FOUND
    const written = how === 'delete' ? this.#items.removeNode(account, name) : this.#items.remove(account, name)
    this.#notifications.emptied(account, name, how)
    this.#look(account, name)
    return written
  }

  #make(account: Jid, name: string, kind: NodeKind, fields: Fields | undefined): Promise<void> | StanzaError {
    const settings = this.#settings(kind, fields)
    return settings instanceof StanzaError ? settings : this.#items.configure(account, name, settings)
  }

  #settings(kind: NodeKind, fields: Fields | undefined): NodeSettings | StanzaError {
    const standard = standardSettings(kind, this.#limits)
    const asked = fields?.get('pubsub#access_model') ?? kind.access
    // What others would see, and is not looked at, is not published.
    if (!kind.models.some((model) => model === asked) && kind.models.length === 1) return NOT_PUBLISHED
    if (fields === undefined) return standard ?? NOT_PUBLISHED
    return changed(standard, fields, kind, this.#limits)
  }

  #look(account: Jid, name: string): void {
    if (name === NS_AVATAR_METADATA || name === NS_AVATAR_DATA) this.#face.changed(account)
  }
}
