import type { PepLimits } from '../config/schema.ts'
import type { Log } from '../log.ts'
import type { Host } from '../routing/extension.ts'
import type { AccountHooks, SealHooks } from '../routing/hooks.ts'
import type { Database } from '../store/database.ts'
import type { Element } from '../xml/element.ts'
import { parseElement } from '../xml/parse-element.ts'
import { serialize } from '../xml/serialize.ts'
import type { Jid } from '../xmpp/jid.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import { ItemTable, type StoredItem } from './item-table.ts'
import type { NodeSettings } from './node-settings.ts'
import { pubsubError } from './pubsub-error.ts'

/** What is kept in memory of all accounts together: so many nodes and items. */
const ENTRIES_IN_MEMORY = 20_000
/** Smaller payloads stay in memory, too: of these there are many, and each login reads them. */
const SMALL_BYTES = 2048

const FULL = new StanzaError('resource-constraint', { text: 'There is no room for more of this account.' })
const TOO_BIG = pubsubError('not-acceptable', 'payload-too-big')

export interface Item extends StoredItem {
  /** Undefined where only the database has it. */
  xml: string | undefined
}

/** A node of an account as it is now; what is not yet on disk included. */
export interface Node {
  readonly name: string
  settings: NodeSettings
  /** By id, in the order in which they were published. */
  readonly items: Map<string, Item>
}

interface Shelf {
  readonly nodes: Map<string, Node>
  bytes: number
  entries: number
  /** Changes that are not on disk yet. */
  unwritten: number
}

/**
 * What people publish and keep: the nodes of all accounts, the memory of those in use and the tables behind it. A change
 * is visible at once; its promise tells when it is on disk. Where it never gets there, the disk has the truth again.
 */
export class PersonalItems {
  readonly #database: Database
  readonly #table: ItemTable
  readonly #limits: PepLimits
  readonly #log: Log
  /** By account, in the order of their last use. */
  readonly #inUse = new Map<string, Shelf>()
  #entries = 0

  constructor({ database, key, config, log }: Host) {
    this.#database = database
    this.#table = new ItemTable(database, key)
    this.#limits = config.pep
    this.#log = log
  }

  node(account: Jid, name: string): Node | undefined {
    return this.#shelf(account).nodes.get(name)
  }

  nodes(account: Jid): Iterable<Node> {
    return this.#shelf(account).nodes.values()
  }

  /** The item that was published last, or the one of that id. */
  item(account: Jid, name: string, id?: string): Item | undefined {
    const items = this.node(account, name)?.items
    return id === undefined ? lastOf(items) : items?.get(id)
  }

  /** @throws SealBroken */
  payload(account: Jid, item: Item): Element {
    const xml = item.xml ?? this.#table.payload(account, item.node, item.position)
    if (xml === undefined) throw new Error('a payload is missing')
    if (item.xml === undefined && item.bytes <= SMALL_BYTES) item.xml = xml
    return parseElement(xml)
  }

  /** Makes a node, or gives one that there is other settings. */
  configure(account: Jid, name: string, settings: NodeSettings): Promise<void> | StanzaError {
    const shelf = this.#shelf(account)
    const node = shelf.nodes.get(name)
    if (node === undefined && shelf.nodes.size >= this.#limits.nodes) return FULL
    const leaving: Item[] = []
    if (node === undefined) {
      shelf.nodes.set(name, { name, settings, items: new Map() })
    } else {
      node.settings = settings
      this.#makeFit(shelf, node, leaving)
    }
    this.#weigh(shelf)
    return this.#write(account, shelf, () => {
      this.#table.saveNode(account, name, settings)
      for (const { position } of leaving) this.#table.removeItem(account, name, position)
    })
  }

  /**
   * Puts an item into a node that is there, in place of the one with the same id. Where the node is full the oldest
   * leaves (XEP-0060 §7.1.2), or the new one is refused.
   */
  put(account: Jid, name: string, id: string, payload: Element, whenFull: 'oldest leaves' | 'refuse' = 'oldest leaves'): Promise<void> | StanzaError {
    const shelf = this.#shelf(account)
    const node = shelf.nodes.get(name)
    if (node === undefined) return new StanzaError('item-not-found')
    const xml = serialize(payload, '')
    const bytes = Buffer.byteLength(xml)
    if (bytes > this.#limits.item) return TOO_BIG
    const former = node.items.get(id)
    const isFull = former === undefined && node.items.size >= node.settings.maxItems
    if (isFull && whenFull === 'refuse') return FULL
    const freed = former?.bytes ?? (isFull ? firstOf(node.items)?.bytes ?? 0 : 0)
    if (shelf.bytes + bytes - freed > this.#limits.account) return FULL
    const leaving: Item[] = former === undefined ? [] : [former]
    const item: Item = { node: name, id, bytes, xml, position: (lastOf(node.items)?.position ?? 0) + 1 }
    node.items.delete(id)
    node.items.set(id, item)
    shelf.bytes += bytes - (former?.bytes ?? 0)
    this.#makeFit(shelf, node, leaving)
    this.#weigh(shelf)
    const written = this.#write(account, shelf, () => {
      for (const { position } of leaving) this.#table.removeItem(account, name, position)
      this.#table.saveItem(account, item, xml)
    })
    return written.then(() => { if (bytes > SMALL_BYTES) item.xml = undefined })
  }

  /** Puts what other extensions keep here into a hidden node, which is made where it is not there. */
  keep(account: Jid, name: string, id: string, payload: Element): Promise<void> | StanzaError {
    const made = this.node(account, name) === undefined
      ? this.configure(account, name, { access: 'whitelist', maxItems: this.#limits.items, sendsLast: false })
      : Promise.resolve()
    if (made instanceof StanzaError) return made
    made.catch(() => undefined) // what is put then fails as well
    const put = this.put(account, name, id, payload, 'refuse')
    return put instanceof StanzaError ? put : Promise.all([made, put]).then(() => undefined)
  }

  /** Those items, or all of the node. */
  remove(account: Jid, name: string, ids?: readonly string[]): Promise<void> {
    const shelf = this.#shelf(account)
    const node = shelf.nodes.get(name)
    const leaving: Item[] = []
    for (const id of ids ?? [...node?.items.keys() ?? []]) {
      const item = node?.items.get(id)
      if (item === undefined) continue
      node?.items.delete(id)
      shelf.bytes -= item.bytes
      leaving.push(item)
    }
    this.#weigh(shelf)
    return this.#write(account, shelf, () => { for (const { position } of leaving) this.#table.removeItem(account, name, position) })
  }

  removeNode(account: Jid, name: string): Promise<void> {
    const shelf = this.#shelf(account)
    for (const { bytes } of shelf.nodes.get(name)?.items.values() ?? []) shelf.bytes -= bytes
    shelf.nodes.delete(name)
    this.#weigh(shelf)
    return this.#write(account, shelf, () => this.#table.removeNode(account, name))
  }

  readonly hooks: AccountHooks & SealHooks = {
    deleted: (account) => {
      this.#table.clear(account)
      this.#forget(account)
      return undefined
    },
    renamed: (account, renamed) => {
      this.#table.rename(account, renamed)
      this.#forget(account)
    },
    exported: (account) => {
      this.#database.flush()
      return this.#table.stored(account)
    },
    resealed: (old, next) => this.#table.reseal(old, next),
  }

  #shelf(account: Jid): Shelf {
    const key = account.toString()
    let shelf = this.#inUse.get(key)
    if (shelf === undefined) {
      shelf = this.#load(account)
      this.#entries += shelf.entries
    } else {
      this.#inUse.delete(key)
    }
    this.#inUse.set(key, shelf)
    if (this.#entries > ENTRIES_IN_MEMORY) this.#makeRoom(shelf)
    return shelf
  }

  #load(account: Jid): Shelf {
    const shelf: Shelf = { nodes: new Map(), bytes: 0, entries: 1, unwritten: 0 }
    for (const { node, settings } of this.#table.nodes(account)) shelf.nodes.set(node, { name: node, settings, items: new Map() })
    for (const item of shelf.nodes.size === 0 ? [] : this.#table.items(account)) {
      shelf.nodes.get(item.node)?.items.set(item.id, { ...item, xml: undefined })
      shelf.bytes += item.bytes
    }
    shelf.entries = entriesOf(shelf)
    return shelf
  }

  #makeFit(shelf: Shelf, node: Node, leaving: Item[]): void {
    while (node.items.size > node.settings.maxItems) {
      const oldest = firstOf(node.items)
      if (oldest === undefined) return
      node.items.delete(oldest.id)
      shelf.bytes -= oldest.bytes
      leaving.push(oldest)
    }
  }

  async #write(account: Jid, shelf: Shelf, work: () => void): Promise<void> {
    shelf.unwritten++
    try {
      await this.#database.write(work)
    } catch (cause) {
      this.#log.error('pep.write-failed', { part: 'pep' }, cause)
      if (this.#inUse.get(account.toString()) === shelf) this.#forget(account)
      throw cause
    } finally {
      shelf.unwritten--
    }
  }

  /** Counts anew what it takes in memory. */
  #weigh(shelf: Shelf): void {
    this.#entries -= shelf.entries
    shelf.entries = entriesOf(shelf)
    this.#entries += shelf.entries
  }

  /** Lets those go that were not used for the longest time. */
  #makeRoom(used: Shelf): void {
    for (const [key, shelf] of this.#inUse) {
      if (this.#entries <= ENTRIES_IN_MEMORY) return
      if (shelf === used || shelf.unwritten > 0) continue
      this.#inUse.delete(key)
      this.#entries -= shelf.entries
    }
  }

  #forget(account: Jid): void {
    const shelf = this.#inUse.get(account.toString())
    if (shelf === undefined) return
    this.#inUse.delete(account.toString())
    this.#entries -= shelf.entries
  }
}

/** Who has nothing takes memory, too. */
function entriesOf({ nodes }: Shelf): number {
  let entries = 1 + nodes.size
  for (const { items } of nodes.values()) entries += items.size
  return entries
}

function firstOf(items: Map<string, Item>): Item | undefined {
  for (const item of items.values()) return item
  return undefined
}

function lastOf(items: Map<string, Item> | undefined): Item | undefined {
  let last: Item | undefined
  for (const item of items?.values() ?? []) last = item
  return last
}
