import { closeSync, fsyncSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'
import { applyMigrations, MIGRATION_TABLE } from './migrations.ts'
import { explained, StoreError } from './store-error.ts'
import { WriteQueue } from './write-queue.ts'

/** A step of the tables that one owner has. */
export interface Migration {
  /** 1, 2, 3, ...: applied in this order, each once; never changed after a release. */
  readonly step: number
  readonly sql: string
}

/** A value that SQLite takes and gives. Integers beyond 2^53 are refused, not rounded. */
export type Value = string | number | bigint | Uint8Array | null

/** A prepared statement; values are bound in the order of its question marks. */
export interface Statement<Row> {
  get(...values: Value[]): Row | undefined
  all(...values: Value[]): Row[]
  /** The number of rows changed. */
  run(...values: Value[]): number
}

/** The one database of the server; synchronous but for what is promised to be on disk. */
export interface Database {
  /** Prepared once and kept; so `sql` is a constant, never built from data. */
  statement<Row = Record<string, Value>>(sql: string): Statement<Row>
  /** Applies what `owner` has not applied yet. @throws StoreError where the file is of a newer version. */
  migrate(owner: string, migrations: readonly Migration[]): void
  /**
   * Runs `work` inside this tick's one transaction; resolves with its result once that is committed and on disk
   * (synchronous = FULL), rejects where `work` threw (its own changes alone are undone) or the commit failed.
   * Works of one tick run in the order of the calls; they must be synchronous.
   */
  write<T>(work: () => T): Promise<T>
  /**
   * As `write`, but it is on disk when this returns, and throws what `write` rejects with: for what nothing may come
   * between. What others wrote before in this tick comes first.
   */
  writeNow<T>(work: () => T): T
  /** Commits at once what `write` still holds. */
  flush(): void
  /** Leaves nothing in the log of what was written over: for when that was a secret. */
  emptyLog(): void
  /** For who copies it (snapshot.ts); nobody else opens it. */
  readonly file: string
  /** Its size in the file. */
  readonly bytes: number
  close(): void
}

/** Opens (and makes, mode 0600) the database; ':memory:' for tests. @throws StoreError */
export function openDatabase(file: string): Database {
  try {
    if (file !== ':memory:') makeFile(file)
    return new SqliteDatabase(file, new Sqlite(file, { timeout: BUSY_MILLISECONDS }))
  } catch (error) {
    throw explained(file, error)
  }
}

/**
 * Takes the write lock of a database file and keeps it until `release`, or until the process ends, however it ends:
 * the lock is the kernel's. Undefined where another process has it. Readers are not kept out.
 *
 * The kernel drops the lock also when this process opens and closes that file by other means (fcntl(2)): nothing may
 * copy or read it.
 */
export function holdWriteLock(file: string): { release(): void } | undefined {
  let connection: Sqlite.Database | undefined
  try {
    makeFile(file)
    connection = new Sqlite(file, { timeout: 0 })
    connection.exec('BEGIN IMMEDIATE')
    const held = connection
    return { release: () => held.close() }
  } catch (error) {
    connection?.close()
    if (error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')) return undefined
    throw explained(file, error)
  }
}

/** 'sott': tells our files from other programs' (https://www.sqlite.org/fileformat2.html#application_id). */
const APPLICATION_ID = 0x736f7474
const BUSY_MILLISECONDS = 5000
/** The write-ahead log shrinks to this many bytes after a checkpoint. */
const LOG_BYTES = 4 * 1024 * 1024

class SqliteDatabase implements Database {
  readonly file: string
  readonly #connection: Sqlite.Database
  readonly #statements = new Map<string, Statement<unknown>>()
  readonly #writes: WriteQueue

  constructor(file: string, connection: Sqlite.Database) {
    this.file = file
    this.#connection = connection
    try {
      this.#prepareFile()
    } catch (error) {
      connection.close()
      throw error
    }
    this.#writes = new WriteQueue({
      execute: (sql) => { this.#connection.exec(sql) },
      isOpen: () => this.#connection.open,
      inTransaction: () => this.#connection.inTransaction,
      explained: (error) => explained(this.file, error),
    })
  }

  statement<Row>(sql: string): Statement<Row> {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = checked(this.#connection.prepare(sql))
      this.#statements.set(sql, statement)
    }
    return statement as Statement<Row> // the row's shape is what the caller's SQL says
  }

  migrate(owner: string, migrations: readonly Migration[]): void {
    this.flush()
    const last = this.statement<{ step: number }>(
      'SELECT coalesce(max(step), 0) AS step FROM migration WHERE owner = ?')
    const record = this.statement('INSERT INTO migration (owner, step) VALUES (?, ?)')
    const target = {
      file: this.file,
      execute: (sql: string) => { this.#connection.exec(sql) },
      lastStep: (name: string) => last.get(name)?.step ?? 0,
      recordStep: (name: string, step: number) => { record.run(name, step) },
    }
    try {
      this.#connection.transaction(() => applyMigrations(target, owner, migrations)).immediate()
    } catch (error) {
      throw explained(this.file, error)
    }
  }

  write<T>(work: () => T): Promise<T> {
    return this.#writes.add(work)
  }

  writeNow<T>(work: () => T): T {
    return this.#writes.addNow(work)
  }

  flush(): void {
    this.#writes.flush()
  }

  emptyLog(): void {
    this.flush()
    this.#connection.pragma('wal_checkpoint(TRUNCATE)')
  }

  get bytes(): number {
    const pages = this.#connection.pragma('page_count', { simple: true }) as number
    return pages * (this.#connection.pragma('page_size', { simple: true }) as number)
  }

  close(): void {
    if (!this.#connection.open) return
    try {
      this.emptyLog() // nothing that was deleted stays behind
    } finally {
      this.#connection.close() // on a full disk the log stays, and the next start reads it
    }
  }

  /** Refuses what is not ours or damaged, before anything is written to it. */
  #prepareFile(): void {
    const connection = this.#connection
    const tables = connection.prepare('SELECT count(*) FROM sqlite_schema').pluck().get()
    const application = connection.pragma('application_id', { simple: true })
    if (tables !== 0 && application !== APPLICATION_ID) {
      throw new StoreError(this.file, 'is a database of another program', 'Move it away, or set files.data elsewhere.')
    }
    if (connection.pragma('quick_check(1)', { simple: true }) !== 'ok') {
      throw new StoreError(this.file, 'is damaged',
        'Move it away together with its -wal and -shm files, and restore a backup.')
    }
    connection.pragma(`application_id = ${APPLICATION_ID}`)
    connection.pragma('journal_mode = WAL')
    connection.pragma('synchronous = FULL')
    connection.pragma(`journal_size_limit = ${LOG_BYTES}`)
    connection.pragma('foreign_keys = ON')
    connection.pragma('trusted_schema = OFF') // a file that was tampered with runs no functions
    connection.pragma('cell_size_check = ON')
    connection.pragma('secure_delete = ON') // what is deleted is overwritten
    connection.pragma('temp_store = MEMORY') // no copies in /tmp
    connection.exec(MIGRATION_TABLE)
  }
}

/** SQLite gives its log and index files the mode of the database. */
export function makeFile(file: string): void {
  closeSync(openSync(file, 'a', 0o600))
  const directory = openSync(dirname(file), 'r')
  try {
    fsyncSync(directory) // the name survives a power cut, as the rows are promised to
  } finally {
    closeSync(directory)
  }
}

/** Around each statement: what SQLite would silently change on its way in is refused. */
function checked(statement: Sqlite.Statement<unknown[]>): Statement<unknown> {
  return {
    get: (...values) => statement.get(...storable(values)),
    all: (...values) => statement.all(...storable(values)),
    run: (...values) => statement.run(...storable(values)).changes,
  }
}

const LONE_SURROGATE = /\p{Surrogate}/u

function storable(values: readonly Value[]): readonly Value[] {
  for (const value of values) {
    if (typeof value === 'string') {
      // It would be stored as U+FFFD, and two names become one.
      if (LONE_SURROGATE.test(value)) throw new TypeError('text with half a character cannot be stored')
    } else if (typeof value === 'number') {
      if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
        throw new RangeError('a number that SQLite cannot hold exactly')
      }
    } else if (typeof value === 'bigint') {
      if (!Number.isSafeInteger(Number(value))) throw new RangeError('an integer beyond 2^53 could not be read back')
    } else if (value !== null && !(value instanceof Uint8Array)) {
      throw new TypeError(`a value of type ${typeof value} cannot be stored`)
    }
  }
  return values
}
