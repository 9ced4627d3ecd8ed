import type { Database } from '../store/database.ts'

/**
 * A domain that is called by its onion address gets another name with another key. The tables of accounts know its label,
 * but those of extensions know JIDs: this is the name in them. A key changes in its place first; what is stored follows
 * when the database is opened next, in one transaction, so that a kill between the two loses nothing.
 */
export function nameInTables(database: Database, label: string): string | undefined {
  return database.statement<{ name: string }>('SELECT name FROM onion_name WHERE domain = ?').get(label)?.name
}

/** To be called in the transaction in which the tables come to know it. */
export function recordName(database: Database, label: string, name: string): void {
  database.statement('INSERT INTO onion_name (domain, name) VALUES (?, ?) ON CONFLICT (domain) DO UPDATE SET name = excluded.name').run(label, name)
}
