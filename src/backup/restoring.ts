import { closeSync, copyFileSync, existsSync, fsyncSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { ConfigError } from '../config/config-error.ts'
import { loadConfig, outlineOf } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { DataLock } from '../store/lock.ts'
import { BackupError, systemFailure } from './backup-error.ts'
import { namedFiles } from './content.ts'
import { CONFIGURATION, DATABASE, type Manifest } from './manifest.ts'
import type { OnProgress } from './progress.ts'
import { unpack } from './unpacking.ts'

export interface Restoring {
  /** The encrypted file. */
  readonly file: string
  /** AGE-SECRET-KEY-1... */
  readonly identities: readonly string[]
  /** Where the configuration file is to be; one that is there already is kept, and counts. */
  readonly configFile: string
  readonly cwd: string
  readonly onProgress?: OnProgress | undefined
}

export interface Restored {
  readonly made: number
  readonly data: string
  /** Undefined where there was none: the defaults hold. */
  readonly configFile: string | undefined
  /** Files outside of the data directory that were put back, and those that stood there already and were left alone. */
  readonly outside: { readonly restored: readonly string[], readonly kept: readonly string[] }
  readonly rows: number
  /** What backup.identity names, where it is not here: no backup holds it. */
  readonly missingIdentity: string | undefined
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
export async function restore(restoring: Restoring): Promise<Restored> {
  try {
    return await putBack(restoring)
  } catch (error) {
    throw systemFailure(restoring.cwd, error) ?? error
  }
}

async function putBack({ file, identities, configFile, cwd, onProgress }: Restoring): Promise<Restored> {
  const workspace = mkdtempSync(join(cwd, '.sotto-restore-'))
  try {
    const manifest = await unpack({ file, identities, onProgress }, workspace)
    const [old, wanted] = [textOf(join(workspace, CONFIGURATION)), textOf(configFile) ?? textOf(join(workspace, CONFIGURATION))]
    const outline = outlineOf(wanted ?? '', wanted === undefined ? cwd : dirname(resolve(cwd, configFile)))
    if (outline !== undefined) refuse(outline, configFile)
    const outside = putOutside(manifest, workspace, movedBy(old === undefined || manifest.home === undefined ? undefined : outlineOf(old, manifest.home), outline))
    if (old !== undefined && !existsSync(configFile)) placeFile(join(workspace, CONFIGURATION), configFile)
    const config = loadConfig(existsSync(configFile) ? configFile : undefined, { cwd })
    putData(config.files.data, workspace)
    const rows = Object.values(manifest.database.tables).reduce((sum, table) => sum + table.rows, 0)
    const { identity } = config.backup
    return {
      made: manifest.made, data: config.files.data, configFile: existsSync(configFile) ? resolve(cwd, configFile) : undefined, outside, rows,
      missingIdentity: identity === '' || existsSync(identity) ? undefined : identity,
    }
  } finally {
    rmSync(workspace, { recursive: true, force: true })
  }
}

/** What would be found out in the middle is said before anything is changed. @throws BackupError, ConfigError */
function refuse({ files: { data }, keys }: Config, configFile: string): void {
  refuseInhabited(data)
  if (keys.passphrase_file === '' || existsSync(keys.passphrase_file)) return
  throw new ConfigError([{
    file: configFile, line: undefined, key: 'keys.passphrase_file', problem: `${keys.passphrase_file} is not there, and no backup holds it`,
    remedy: 'Write the passphrase into that file first (mode 0600) and give the same command again; nothing was changed',
  }])
}

/** @throws BackupError */
function refuseInhabited(data: string): void {
  const inhabited = PARTS.filter((part) => existsSync(join(data, part)))
  if (inhabited.length === 0 || existsSync(join(data, RESTORE_MARK))) return
  throw new BackupError(data, `holds a server already (${inhabited.join(', ')}); move it away first, nothing was changed`)
}

/** Where files outside of the data directory are to be now: a relative path was meant against the configuration's folder. */
function movedBy(old: Config | undefined, now: Config | undefined): (outside: string) => readonly string[] {
  if (old === undefined || now === undefined) return (outside) => [outside]
  const places = namedFiles(now)
  return (outside) => {
    const moved = [...namedFiles(old)].flatMap(([key, file]) => file === outside ? [places.get(key) ?? outside] : [])
    return moved.length === 0 ? [outside] : [...new Set(moved)]
  }
}

function putOutside({ files }: Manifest, workspace: string, moved: (outside: string) => readonly string[]): Restored['outside'] {
  const [restored, kept]: [string[], string[]] = [[], []]
  for (const { path, outside } of files) {
    for (const target of outside === undefined ? [] : moved(outside)) {
      if (existsSync(target)) {
        kept.push(target)
        continue
      }
      try {
        placeFile(join(workspace, path), target)
      } catch (cause) {
        throw new BackupError(target, 'cannot be put back where it was; make its folder writable for this user, or write another path into the configuration', { cause })
      }
      restored.push(target)
    }
  }
  return { restored, kept }
}

function putData(data: string, workspace: string): void {
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const lock = new DataLock(data)
  try {
    const mark = join(data, RESTORE_MARK)
    refuseInhabited(data)
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

/** Puts a copy of a file there, as a whole or not at all: one that is there is taken for right, the next time. */
function placeFile(source: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 })
  const draft = `${target}.restoring`
  try {
    rmSync(draft, { force: true })
    copyFileSync(source, draft)
    synced(openSync(draft, 'r'))
    renameSync(draft, target)
    synced(openSync(dirname(target), 'r'))
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
}

function textOf(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
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
