/** What the queue needs of its database. */
export interface WriteTarget {
  execute(sql: string): void
  isOpen(): boolean
  inTransaction(): boolean
  /** The failure in the operator's words. */
  explained(error: unknown): unknown
}

interface Waiting {
  /** Runs the caller's work and returns what settles its promise once the transaction is on disk. */
  run(): () => void
  refuse(error: unknown): void
}

/**
 * Gathers the writes of one tick into one transaction, so that they share one fsync: with synchronous = FULL that is
 * what a write costs. It is bounded by what one tick can bring, as nothing is kept beyond its end.
 */
export class WriteQueue {
  readonly #target: WriteTarget
  #waiting: Waiting[] = []
  #scheduled: NodeJS.Immediate | undefined

  constructor(target: WriteTarget) {
    this.#target = target
  }

  add<T>(work: () => T): Promise<T> {
    if (!this.#target.isOpen()) return Promise.reject(new Error('the database is closed'))
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({
        run: () => {
          const result = synchronous(work())
          return () => resolve(result)
        },
        refuse: reject,
      })
      this.#scheduled ??= setImmediate(() => this.flush())
    })
  }

  /** Commits it at once, after all that waits. @throws as `add` rejects */
  addNow<T>(work: () => T): T {
    if (!this.#target.isOpen()) throw new Error('the database is closed')
    let outcome: { readonly result: T } | { readonly error: unknown } | undefined
    this.#waiting.push({
      run: () => {
        const result = synchronous(work())
        return () => { outcome = { result } }
      },
      refuse: (error) => { outcome = { error } },
    })
    this.flush()
    return settled(outcome)
  }

  /** Commits at once. Every failure goes to the promise of the work it belongs to. */
  flush(): void {
    if (this.#waiting.length === 0) return
    if (this.#target.inTransaction()) throw new Error('flush inside a transaction')
    clearImmediate(this.#scheduled)
    this.#scheduled = undefined
    const works = this.#waiting
    this.#waiting = []
    try {
      this.#commit(works)
    } catch (error) {
      const reason = this.#target.explained(error)
      if (this.#target.inTransaction()) this.#target.execute('ROLLBACK')
      for (const work of works) work.refuse(reason) // those that were refused already stay so
    }
  }

  #commit(works: readonly Waiting[]): void {
    const settle: Array<() => void> = []
    this.#target.execute('BEGIN IMMEDIATE')
    for (const work of works) {
      this.#target.execute('SAVEPOINT work')
      try {
        settle.push(work.run())
      } catch (error) {
        // After some failures (disk full, I/O) SQLite has undone the whole transaction by itself: all are refused.
        if (!this.#target.inTransaction()) throw error
        this.#target.execute('ROLLBACK TO work')
        work.refuse(this.#target.explained(error))
      }
      this.#target.execute('RELEASE work')
    }
    this.#target.execute('COMMIT')
    for (const resolve of settle) resolve()
  }
}

function settled<T>(outcome: { readonly result: T } | { readonly error: unknown } | undefined): T {
  if (outcome === undefined) throw new Error('a work was neither written nor refused')
  if ('error' in outcome) throw outcome.error
  return outcome.result
}

/** An asynchronous work would go on after its transaction ended. */
function synchronous<T>(result: T): T {
  if (result instanceof Promise) {
    result.catch(() => undefined)
    throw new TypeError('a work that is written must be synchronous')
  }
  return result
}
