import { rmSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import { makeFile } from './database.ts'
import { explained } from './store-error.ts'

/** More than there are: all at one go, so that nobody's write in between makes it begin again. */
const ALL_PAGES = 0x7fff_ffff
const BUSY_MILLISECONDS = 5000

/**
 * Copies all that is committed into a new file (mode 0600), as it is at one moment, while others go on writing. It waits
 * for the disk, and a disk may be slow: for a thread of its own. @throws StoreError; nothing is left of the file then
 */
export async function copyDatabase(source: string, file: string): Promise<void> {
  try {
    makeFile(file)
    const connection = new Sqlite(source, { readonly: true, fileMustExist: true, timeout: BUSY_MILLISECONDS })
    try {
      await connection.backup(file, { progress: () => ALL_PAGES })
    } finally {
      connection.close()
    }
    withoutLog(file)
  } catch (error) {
    for (const rest of ['', '-journal', '-wal', '-shm']) rmSync(`${file}${rest}`, { force: true })
    throw explained(file, error)
  }
}

/** A copy of a database with a log would get one beside it as soon as somebody reads it. */
function withoutLog(file: string): void {
  const connection = new Sqlite(file)
  try {
    connection.pragma('journal_mode = DELETE')
  } finally {
    connection.close()
  }
}
