import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { holdWriteLock } from './database.ts'
import { explained, StoreError } from './store-error.ts'

/**
 * Holds the data directory for this process alone. The lock is the kernel's on `<directory>/lock`: it ends with the
 * process, even by SIGKILL, and no file is left to be cleaned up by hand. `<directory>/lock.pid` only tells people
 * who holds it. Neither belongs into a backup; see holdWriteLock for why `lock` must not even be read.
 *
 * The caller has made the directory, and keeps this object: the lock ends when it is collected, too. The directory
 * must lie on a file system with working locks: a local one.
 */
export class DataLock {
  readonly #held: { release(): void }
  readonly #holderFile: string

  /** @throws StoreError where another process holds it, naming that process */
  constructor(directory: string) {
    const file = join(directory, 'lock')
    this.#holderFile = join(directory, 'lock.pid')
    const held = holdWriteLock(file)
    if (held === undefined) throw inUse(directory, this.#holderFile)
    this.#held = held
    try {
      writeFileSync(this.#holderFile, `${process.pid}\n`, { mode: 0o600 })
    } catch (error) {
      held.release()
      throw explained(this.#holderFile, error)
    }
  }

  release(): void {
    rmSync(this.#holderFile, { force: true })
    this.#held.release()
  }
}

function inUse(directory: string, holderFile: string): StoreError {
  const holder = holderOf(holderFile)
  return new StoreError(directory,
    `is in use by ${holder === undefined ? 'another process' : `process ${holder}`}`,
    'Stop that server first, or set files.data to another directory.')
}

function holderOf(holderFile: string): string | undefined {
  try {
    return /^(\d{1,10})\n$/.exec(readFileSync(holderFile, 'latin1'))?.[1]
  } catch {
    return undefined // not written yet, or just removed
  }
}
