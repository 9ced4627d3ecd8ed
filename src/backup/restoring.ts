import { closeSync, copyFileSync, existsSync, fsyncSync, mkdirSync, mkdtempSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { DataLock } from '../store/lock.ts'
import { BackupError } from './backup-error.ts'
import { CONFIGURATION, DATABASE, type Manifest } from './manifest.ts'
import { unpack } from './unpacking.ts'

export interface Restoring {
  /** The encrypted file. */
  readonly file: string
  /** AGE-SECRET-KEY-1... */
  readonly identities: readonly string[]
  /** Where the configuration file is to be; one that is there already is kept, and counts. */
  readonly configFile: string
  readonly cwd: string
}

export interface Restored {
  readonly made: number
  readonly data: string
  /** Undefined where there was none: the defaults hold. */
  readonly configFile: string | undefined
  /** Files outside of the data directory that were put back, and those that stood there already and were left alone. */
  readonly outside: { readonly restored: readonly string[], readonly kept: readonly string[] }
  readonly rows: number
}

/** Says that a restore began and did not end; the server does not start beside it. */
export const RESTORE_MARK = 'restore.unfinished'

/** What a restore puts into the data directory; where any of it is, a server lives there. */
const PARTS = ['keys', 'onion', 'certificates', DATABASE] as const

/**
 * Puts a server back from a backup: configuration, keys, certificates and database, each compared with what was backed
 * up before any of it is put in place. Over a data directory that is in use, or holds a server, it is refused. Where it
 * is interrupted, the same command does it again from the beginning.
 *
 * @throws BackupError, StoreError where the data directory is in use, ConfigError where the configuration does not fit here
 */
export async function restore({ file, identities, configFile, cwd }: Restoring): Promise<Restored> {
  const workspace = mkdtempSync(join(cwd, '.sotto-restore-'))
  try {
    const manifest = await unpack(file, identities, workspace)
    const outside = putOutside(manifest, workspace)
    const configuration = join(workspace, CONFIGURATION)
    if (existsSync(configuration) && !existsSync(configFile)) place(configuration, configFile)
    const config = loadConfig(existsSync(configFile) ? configFile : undefined, { cwd })
    putData(config.files.data, workspace)
    const rows = Object.values(manifest.database.tables).reduce((sum, table) => sum + table.rows, 0)
    return { made: manifest.made, data: config.files.data, configFile: existsSync(configFile) ? resolve(cwd, configFile) : undefined, outside, rows }
  } finally {
    rmSync(workspace, { recursive: true, force: true })
  }
}

function putOutside({ files }: Manifest, workspace: string): Restored['outside'] {
  const [restored, kept]: [string[], string[]] = [[], []]
  for (const { path, outside } of files) {
    if (outside === undefined) continue
    if (existsSync(outside)) {
      kept.push(outside)
      continue
    }
    try {
      place(join(workspace, path), outside)
    } catch (cause) {
      throw new BackupError(outside, 'cannot be put back where it was; make its folder writable for this user, or write another path into the configuration', { cause })
    }
    restored.push(outside)
  }
  return { restored, kept }
}

function putData(data: string, workspace: string): void {
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const lock = new DataLock(data)
  try {
    const mark = join(data, RESTORE_MARK)
    const inhabited = PARTS.filter((part) => existsSync(join(data, part)))
    if (inhabited.length > 0 && !existsSync(mark)) {
      throw new BackupError(data, `holds a server already (${inhabited.join(', ')}); move it away first, nothing was changed`)
    }
    synced(openSync(mark, 'w', 0o600))
    for (const part of PARTS) {
      const target = join(data, part)
      for (const old of [target, `${target}-wal`, `${target}-shm`]) rmSync(old, { recursive: true, force: true })
      const source = part === DATABASE ? join(workspace, DATABASE) : join(workspace, 'data', part)
      if (existsSync(source)) place(source, target)
    }
    synced(openSync(data, 'r'))
    rmSync(mark)
  } finally {
    lock.release()
  }
}

/** Moves a file or folder, to another file system where it must. */
function place(source: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 })
  try {
    renameSync(source, target)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EXDEV')) throw error
    copy(source, target)
  }
}

function copy(source: string, target: string): void {
  const names = listed(source)
  if (names === undefined) {
    copyFileSync(source, target)
    return synced(openSync(target, 'r'))
  }
  mkdirSync(target, { mode: 0o700 })
  for (const name of names) copy(join(source, name), join(target, name))
}

/** Undefined where it is a file. */
function listed(path: string): string[] | undefined {
  try {
    return readdirSync(path)
  } catch {
    return undefined
  }
}

function synced(descriptor: number): void {
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
