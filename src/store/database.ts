export interface Migration {
  /** 1, 2, 3, ...: applied in this order, each once; never changed after a release. */
  readonly step: number
  readonly sql: string
}

/** A value that SQLite takes and gives. Integers beyond 2^53 are refused, not rounded. */
export type Value = string | number | bigint | Uint8Array | null

export interface Statement<Row> {
  get(...values: Value[]): Row | undefined
  all(...values: Value[]): Row[]
  /** The number of rows changed. */
  run(...values: Value[]): number
}

export interface Database {
  /** Prepared once and kept. */
  statement<Row = Record<string, Value>>(sql: string): Statement<Row>
  /** Applies what `owner` has not applied yet. @throws StoreError where the file is of a newer version. */
  migrate(owner: string, migrations: readonly Migration[]): void
  /**
   * Runs `work` inside this tick's one transaction; resolves with its result once that is committed and on disk
   * (synchronous = FULL), rejects where `work` threw (its own changes alone are undone) or the commit failed.
   * Works of one tick run in the order of the calls; they must be synchronous.
   */
  write<T>(work: () => T): Promise<T>
  /** Commits at once what `write` still holds. */
  flush(): void
  close(): void
}

/** Opens (and makes, mode 0600) the database; ':memory:' for tests. */
export function openDatabase(_file: string): Database {
  throw new Error('not built yet')
}
