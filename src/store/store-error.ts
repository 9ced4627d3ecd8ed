/** The store cannot be used. Told to the operator: which file, and what to do about it. Nothing is served then. */
export class StoreError extends Error {
  readonly file: string
  /** A sentence: what the operator can do. */
  readonly remedy: string
  /** What SQLite or the system calls it, e.g. 'SQLITE_FULL'; '' where neither was asked. */
  readonly code: string

  constructor(file: string, problem: string, remedy: string, cause?: unknown) {
    super(`${file}: ${problem}. ${remedy}`, cause === undefined ? undefined : { cause })
    this.code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    this.name = 'StoreError'
    this.file = file
    this.remedy = remedy
  }
}

/** What SQLite's result codes mean to an operator; a code stands for its extended codes, too. */
const MEANINGS: ReadonlyArray<readonly [code: string, problem: string, remedy: string]> = [
  ['SQLITE_NOTADB', 'is not a database', 'Move it away, and restore a backup if it was one.'],
  ['SQLITE_CORRUPT', 'is damaged', 'Move it away together with its -wal and -shm files, and restore a backup.'],
  ['SQLITE_BUSY', 'is in use by another process', 'Stop the program that has it open.'],
  ['SQLITE_FULL', 'cannot grow', 'Free some space on its disk.'],
  ['SQLITE_IOERR', 'cannot be read or written', 'Look into the system\'s log: its disk may be failing.'],
  ['SQLITE_READONLY', 'cannot be written', 'Give the server\'s user the right to write it and its directory.'],
  ['SQLITE_CANTOPEN', 'cannot be opened', 'Give the server\'s user the right to read and write it and its directory.'],
  ['ENOENT', 'cannot be made: its directory does not exist', 'Make the directory, or set files.data to another one.'],
  ['EACCES', 'cannot be opened', 'Give the server\'s user the right to read and write it and its directory.'],
  ['EPERM', 'cannot be opened', 'Give the server\'s user the right to read and write it and its directory.'],
  ['EISDIR', 'is a directory', 'Move it away.'],
  ['EROFS', 'cannot be written: its file system is read-only', 'Set files.data to a directory that can be written.'],
  ['ENOSPC', 'cannot grow', 'Free some space on its disk.'],
  ['EDQUOT', 'cannot grow', 'Free some space, or raise the quota of the server\'s user.'],
  ['EFBIG', 'cannot grow', 'Raise the limit of the size of files (ulimit -f).'],
  ['EIO', 'cannot be read or written', 'Look into the system\'s log: its disk may be failing.'],
]

/** The same failure in the operator's words; whatever is no failure of the file itself is returned as it is. */
export function explained(file: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error
  const { code } = error
  const meaning = MEANINGS.find(([prefix]) => code === prefix || code.startsWith(`${prefix}_`))
  return meaning === undefined ? error : new StoreError(file, meaning[1], meaning[2], error)
}
