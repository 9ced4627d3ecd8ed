import { madeAt, RECEIPT, UNFINISHED } from './vault.ts'

/** A place for copies of backups; one is opened for each round of copying. */
export interface CopyTarget {
  /** For people: what it is and where. */
  readonly place: string
  /** How long nothing may move before it counts as dead. */
  readonly patienceMilliseconds: number
  /** @throws CopyError, or as what it uses does */
  open(watch: Watch): Promise<CopySession>
}

/** What of the world a session is given. */
export interface Watch {
  /** Ends whatever is going on. */
  readonly signal: AbortSignal
  /** To be called whenever bytes went on or came. */
  readonly moved: () => void
}

/** One round with a place. Every method may throw CopyError, or as what it uses does; after that the session is only closed. */
export interface CopySession {
  /** What is called like a backup, a receipt or an unfinished one of ours; more may be there, and is left out. */
  list(): Promise<readonly CopyFile[]>
  /** Puts it there under that name, in place of what is there; as a whole or not at all, wherever the place can do that. */
  put(source: CopySource, name: string): Promise<void>
  get(name: string): AsyncIterable<Buffer>
  /** Whoever is gone already is removed. */
  remove(name: string): Promise<void>
  close(): void
}

export interface CopyFile {
  readonly name: string
  /** Undefined where the place does not tell. */
  readonly bytes: number | undefined
}

/** A file of this machine, and what it is known to hold. */
export interface CopySource {
  readonly file: string
  readonly bytes: number
  /** Hexadecimal. */
  readonly sha256: string
}

/** More files than that are no folder of backups. */
const MOST_FILES = 100_000

/** A copy was not made, or not proven. */
export class CopyError extends Error {
  /** A constant, for the log and the operator. */
  readonly condition: string

  constructor(condition: string, options?: ErrorOptions) {
    super(`not copied: ${condition}`, options)
    this.name = 'CopyError'
    this.condition = condition
  }
}

/** Which of the files are ours, whatever else lies there. @throws CopyError where there are too many to be true */
export function oursAmong(files: readonly CopyFile[]): readonly CopyFile[] {
  if (files.length > MOST_FILES) throw new CopyError('too-many-files')
  return files.filter(({ name }) => archiveOf(name) !== undefined)
}

/** The name of the backup that a file belongs to; undefined for what is none of ours. */
export function archiveOf(name: string): string | undefined {
  const archive = without(without(name, UNFINISHED), RECEIPT)
  return madeAt(archive) === undefined ? undefined : archive
}

function without(name: string, ending: string): string {
  return name.endsWith(ending) ? name.slice(0, -ending.length) : name
}
