import type { Database, Migration, Value } from '../store/database.ts'
import { Jid } from '../xmpp/jid.ts'
import type { RosterItem } from './roster-item.ts'
import { SUBSCRIPTION_STATES, type SubscriptionState } from './subscription.ts'

export const ROSTER_MIGRATIONS: readonly Migration[] = [{
  step: 1,
  sql: `
    CREATE TABLE roster_item (
      account    TEXT NOT NULL,
      contact    TEXT NOT NULL,
      name       TEXT NOT NULL,
      groups     TEXT NOT NULL, -- a JSON array
      state      TEXT NOT NULL, -- as in im/subscription.ts
      approved   INTEGER NOT NULL,
      listed     INTEGER NOT NULL,
      request_id TEXT,
      PRIMARY KEY (account, contact)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE roster_version (
      account TEXT PRIMARY KEY,
      version INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;`,
}]

export interface StoredRoster {
  readonly items: readonly RosterItem[]
  /** 0 where the roster never changed. */
  readonly version: number
}

type ItemRow = {
  readonly contact: string
  readonly name: string
  readonly groups: string
  readonly state: string
  readonly approved: number
  readonly listed: number
  readonly request_id: string | null
}

/** The only code that touches the tables of rosters. Its methods change them at once: call them inside `write`. */
export class RosterTable {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  load(account: Jid): StoredRoster {
    const key = account.toString()
    const rows = this.#database.statement<ItemRow>(
      'SELECT contact, name, groups, state, approved, listed, request_id FROM roster_item WHERE account = ?').all(key)
    const version = this.#database.statement<{ version: number }>(
      'SELECT version FROM roster_version WHERE account = ?').get(key)?.version ?? 0
    return { items: rows.map(itemOf).filter((item) => item !== undefined), version }
  }

  save(account: Jid, item: RosterItem, version: number): void {
    this.#database.statement(
      'INSERT OR REPLACE INTO roster_item (account, contact, name, groups, state, approved, listed, request_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
      .run(account.toString(), item.jid.toString(), item.name, JSON.stringify(item.groups), item.state,
        Number(item.approved), Number(item.listed), item.requestId ?? null)
    this.#saveVersion(account, version)
  }

  remove(account: Jid, contact: Jid, version: number): void {
    this.#database.statement('DELETE FROM roster_item WHERE account = ? AND contact = ?').run(account.toString(), contact.toString())
    this.#saveVersion(account, version)
  }

  /** All that is on disk of an account, as it lies there. */
  stored(account: Jid): Readonly<Record<string, readonly Record<string, Value>[]>> {
    const key = account.toString()
    return {
      roster_item: this.#database.statement('SELECT * FROM roster_item WHERE account = ? ORDER BY contact').all(key),
      roster_version: this.#database.statement('SELECT * FROM roster_version WHERE account = ?').all(key),
    }
  }

  /** Everything of an account that is deleted. */
  clear(account: Jid): void {
    this.#database.statement('DELETE FROM roster_item WHERE account = ?').run(account.toString())
    this.#database.statement('DELETE FROM roster_version WHERE account = ?').run(account.toString())
  }

  #saveVersion(account: Jid, version: number): void {
    this.#database.statement('INSERT OR REPLACE INTO roster_version (account, version) VALUES (?, ?)').run(account.toString(), version)
  }
}

/** Undefined where the row is not of our making: a JID or state that cannot be read. */
function itemOf(row: ItemRow): RosterItem | undefined {
  const jid = Jid.parse(row.contact)
  const state = SUBSCRIPTION_STATES.find((known): known is SubscriptionState => known === row.state)
  if (jid === undefined || state === undefined) return undefined
  return {
    jid, state,
    name: row.name,
    groups: JSON.parse(row.groups) as string[], // written by `save` alone
    approved: row.approved === 1,
    listed: row.listed === 1,
    requestId: row.request_id ?? undefined,
  }
}
