import type { StorageKey } from '../auth/sealing.ts'
import type { Database, Migration } from '../store/database.ts'
import type { Jid } from '../xmpp/jid.ts'
import { ACCESS_MODELS } from './node-kinds.ts'
import type { NodeSettings } from './node-settings.ts'

export const PEP_MIGRATIONS: readonly Migration[] = [{
  step: 1,
  sql: `
    CREATE TABLE pep_node (
      account    TEXT NOT NULL,
      node       TEXT NOT NULL,
      access     TEXT NOT NULL,
      max_items  INTEGER NOT NULL,
      sends_last INTEGER NOT NULL,
      PRIMARY KEY (account, node)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE pep_item (
      account  TEXT NOT NULL,
      node     TEXT NOT NULL,
      position INTEGER NOT NULL, -- the greatest is the last published
      bytes    INTEGER NOT NULL,
      id       BLOB NOT NULL,    -- sealed
      payload  BLOB NOT NULL,    -- XML, sealed
      PRIMARY KEY (account, node, position)
    ) STRICT;`,
}]

export interface StoredNode {
  readonly node: string
  readonly settings: NodeSettings
}

export interface StoredItem {
  readonly node: string
  readonly position: number
  readonly id: string
  readonly bytes: number
}

type NodeRow = { readonly node: string, readonly access: string, readonly max_items: number, readonly sends_last: number }
type ItemRow = { readonly account: string, readonly node: string, readonly position: number, readonly bytes: number, readonly id: Buffer, readonly payload: Buffer }

const ID = 'pep_item.id'
const PAYLOAD = 'pep_item.payload'

/**
 * The only code that touches the tables of what people publish and keep. Ids and payloads are sealed under the storage
 * key, private ones and public ones alike: the first may be addresses, the second faces. What changes them does so at
 * once: it is to be called inside `write`.
 */
export class ItemTable {
  readonly #database: Database
  readonly #key: Pick<StorageKey, 'seal' | 'open'>

  constructor(database: Database, key: Pick<StorageKey, 'seal' | 'open'>) {
    this.#database = database
    this.#key = key
  }

  nodes(account: Jid): StoredNode[] {
    return this.#database.statement<NodeRow>('SELECT node, access, max_items, sends_last FROM pep_node WHERE account = ?')
      .all(account.toString()).map(({ node, access, max_items: maxItems, sends_last: sendsLast }) => ({
        // A model that is not known is nobody's but the owner's.
        node, settings: { access: ACCESS_MODELS.find((model) => model === access) ?? 'whitelist', maxItems, sendsLast: sendsLast === 1 },
      }))
  }

  /** In the order in which they were published. */
  items(account: Jid): StoredItem[] {
    const rows = this.#database.statement<Omit<ItemRow, 'payload'>>(
      'SELECT account, node, position, bytes, id FROM pep_item WHERE account = ? ORDER BY node, position').all(account.toString())
    return rows.map((row) => ({ node: row.node, position: row.position, bytes: row.bytes, id: this.#key.open(ID, ownerOf(row), row.id).toString() }))
  }

  /** @throws SealBroken */
  payload(account: Jid, node: string, position: number): string | undefined {
    const row = this.#database.statement<Pick<ItemRow, 'payload'>>(
      'SELECT payload FROM pep_item WHERE account = ? AND node = ? AND position = ?').get(account.toString(), node, position)
    return row === undefined ? undefined : this.#key.open(PAYLOAD, ownerOf({ account: account.toString(), node, position }), row.payload).toString()
  }

  saveNode(account: Jid, node: string, { access, maxItems, sendsLast }: NodeSettings): void {
    this.#database.statement('INSERT OR REPLACE INTO pep_node (account, node, access, max_items, sends_last) VALUES (?, ?, ?, ?, ?)')
      .run(account.toString(), node, access, maxItems, Number(sendsLast))
  }

  saveItem(account: Jid, { node, position, id, bytes }: StoredItem, xml: string): void {
    const owner = ownerOf({ account: account.toString(), node, position })
    this.#database.statement('INSERT OR REPLACE INTO pep_item (account, node, position, bytes, id, payload) VALUES (?, ?, ?, ?, ?, ?)')
      .run(account.toString(), node, position, bytes, this.#key.seal(ID, owner, Buffer.from(id)), this.#key.seal(PAYLOAD, owner, Buffer.from(xml)))
  }

  removeItem(account: Jid, node: string, position: number): void {
    this.#database.statement('DELETE FROM pep_item WHERE account = ? AND node = ? AND position = ?').run(account.toString(), node, position)
  }

  removeNode(account: Jid, node: string): void {
    this.#database.statement('DELETE FROM pep_item WHERE account = ? AND node = ?').run(account.toString(), node)
    this.#database.statement('DELETE FROM pep_node WHERE account = ? AND node = ?').run(account.toString(), node)
  }

  clear(account: Jid): void {
    this.#database.statement('DELETE FROM pep_item WHERE account = ?').run(account.toString())
    this.#database.statement('DELETE FROM pep_node WHERE account = ?').run(account.toString())
  }

  /** All rows of the account, by table, with what is sealed in the clear: for whose account it is. @throws SealBroken */
  stored(account: Jid): Readonly<Record<string, readonly unknown[]>> {
    const items = this.#database.statement<ItemRow>(
      'SELECT account, node, position, bytes, id, payload FROM pep_item WHERE account = ? ORDER BY node, position').all(account.toString())
    return {
      pep_node: this.#database.statement('SELECT * FROM pep_node WHERE account = ? ORDER BY node').all(account.toString()),
      pep_item: items.map((row) => ({
        ...row, id: this.#key.open(ID, ownerOf(row), row.id).toString(), payload: this.#key.open(PAYLOAD, ownerOf(row), row.payload).toString(),
      })),
    }
  }

  /** What was sealed for the one is sealed for the other. @throws SealBroken */
  rename(account: Jid, renamed: Jid): void {
    const [before, after] = [account.toString(), renamed.toString()]
    this.#database.statement('UPDATE pep_node SET account = ? WHERE account = ?').run(after, before)
    const rows = this.#database.statement<ItemRow>('SELECT account, node, position, bytes, id, payload FROM pep_item WHERE account = ?').all(before)
    const update = this.#database.statement('UPDATE pep_item SET account = ?, id = ?, payload = ? WHERE account = ? AND node = ? AND position = ?')
    for (const row of rows) {
      const [from, to] = [ownerOf(row), ownerOf({ ...row, account: after })]
      update.run(after, this.#key.seal(ID, to, this.#key.open(ID, from, row.id)), this.#key.seal(PAYLOAD, to, this.#key.open(PAYLOAD, from, row.payload)),
        row.account, row.node, row.position)
    }
  }

  /** Account by account: all of it at once could be more than fits in memory. @throws SealBroken */
  reseal(old: StorageKey, next: StorageKey): void {
    const accounts = this.#database.statement<{ account: string }>('SELECT DISTINCT account FROM pep_item').all()
    const update = this.#database.statement('UPDATE pep_item SET id = ?, payload = ? WHERE account = ? AND node = ? AND position = ?')
    for (const { account } of accounts) {
      const rows = this.#database.statement<ItemRow>('SELECT account, node, position, bytes, id, payload FROM pep_item WHERE account = ?').all(account)
      for (const row of rows) {
        const owner = ownerOf(row)
        update.run(next.seal(ID, owner, old.open(ID, owner, row.id)), next.seal(PAYLOAD, owner, old.open(PAYLOAD, owner, row.payload)),
          row.account, row.node, row.position)
      }
    }
  }
}

/** Where a sealed value belongs: moved elsewhere, it does not open. */
function ownerOf({ account, node, position }: Pick<ItemRow, 'account' | 'node' | 'position'>): string {
  return JSON.stringify([account, node, position])
}
