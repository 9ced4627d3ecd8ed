/** A backup cannot be made, read or put in place: says which file, and what is wrong with it. */
export class BackupError extends Error {
  readonly file: string
  /** What the system calls it, e.g. 'ENOSPC', where it was the system. */
  readonly code: string | undefined

  constructor(file: string, problem: string, options?: ErrorOptions & { readonly code?: string }) {
    super(`${file}: ${problem}`, options)
    this.name = 'BackupError'
    this.file = file
    this.code = options?.code
  }
}

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOSPC: 'there is no room left on its disk; free some, and do it again',
  EDQUOT: 'there is no room left for this user; free some, and do it again',
  EFBIG: 'it is larger than this user\'s files may be (ulimit -f)',
  EROFS: 'its disk is read-only',
  EACCES: 'this user may not read or write it',
  EPERM: 'this user may not read or write it',
  ENOENT: 'is not there',
  EIO: 'its disk is failing; the system\'s log says more',
}

/** A failure of the system, not of the backup, in the operator's words; undefined where the system has not failed. */
export function systemFailure(file: string, error: unknown): BackupError | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined
  const code = String(error.code)
  const where = 'path' in error && typeof error.path === 'string' ? error.path : file
  return new BackupError(where, PROBLEMS[code] ?? `cannot be read or written (${code})`, { cause: error, code })
}

/** A constant for the log: what the system or SQLite calls it, else the kind of error. */
export function conditionOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return 'code' in error && typeof error.code === 'string' && error.code !== '' ? error.code : error.name
}
