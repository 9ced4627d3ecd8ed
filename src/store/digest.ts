import { createHash, type Hash } from 'node:crypto'
import Sqlite from 'better-sqlite3'
import { explained, StoreError } from './store-error.ts'

/** What a database holds, in short: two files with the same digest hold the same, however their pages lie. */
export interface DatabaseDigest {
  /** SHA-256 of all tables, indexes and triggers as they were defined; hexadecimal, as the others. */
  readonly schema: string
  /** By the table's name. */
  readonly tables: Readonly<Record<string, { readonly rows: number; readonly digest: string }>>
}

/** Reads the whole file, which nobody may be writing. @throws StoreError where it is damaged */
export function digestOf(file: string): DatabaseDigest {
  try {
    const connection = new Sqlite(file, { readonly: true, fileMustExist: true })
    try {
      connection.pragma('trusted_schema = OFF') // a file that was tampered with runs no functions
      if (connection.pragma('integrity_check(1)', { simple: true }) !== 'ok') {
        throw new StoreError(file, 'is damaged', 'Take another backup.')
      }
      return { schema: schemaDigest(connection), tables: tableDigests(connection) }
    } finally {
      connection.close()
    }
  } catch (error) {
    throw explained(file, error)
  }
}

/** Are both the same, table by table? */
export function sameDigest(one: DatabaseDigest, other: DatabaseDigest): boolean {
  const names = Object.keys(one.tables)
  return one.schema === other.schema && names.length === Object.keys(other.tables).length
    && names.every((name) => one.tables[name]?.digest === other.tables[name]?.digest && one.tables[name]?.rows === other.tables[name]?.rows)
}

function schemaDigest(connection: Sqlite.Database): string {
  const hash = createHash('sha256')
  const objects = connection.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name').raw().iterate()
  for (const object of objects) absorb(hash, object as unknown[])
  return hash.digest('hex')
}

function tableDigests(connection: Sqlite.Database): DatabaseDigest['tables'] {
  const names = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name")
    .pluck().all() as string[]
  return Object.fromEntries(names.map((name) => {
    const table = `"${name.replaceAll('"', '""')}"`
    const columns = connection.prepare(`SELECT count(*) FROM pragma_table_info(?)`).pluck().get(name) as number
    const order = Array.from({ length: columns }, (_, index) => index + 1).join(', ')
    const hash = createHash('sha256')
    let rows = 0
    for (const row of connection.prepare(`SELECT * FROM ${table} ORDER BY ${order}`).raw().safeIntegers().iterate()) {
      absorb(hash, row as unknown[])
      rows++
    }
    return [name, { rows, digest: hash.digest('hex') }]
  }))
}

/** Type, length and bytes of each value, so that no two rows are told alike. */
function absorb(hash: Hash, values: readonly unknown[]): void {
  hash.update(`${values.length}(`)
  for (const value of values) {
    const bytes = value instanceof Uint8Array ? value : Buffer.from(String(value))
    hash.update(`${value === null ? 'null' : value instanceof Uint8Array ? 'blob' : typeof value} ${bytes.length} `).update(bytes)
  }
  hash.update(')')
}
