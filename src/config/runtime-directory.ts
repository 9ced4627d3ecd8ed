import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { ConfigError } from './config-error.ts'
import type { Config } from './schema.ts'

/** In bytes. The name of a unix socket ends at 108 on Linux (unix(7)); the rest is for the names of the sockets. */
export const LONGEST_RUNTIME_DIRECTORY = 70

/** Where the sockets of the running server are: of the operator, of tor and of the onion listeners. */
export function runtimeDirectory(config: Config): string {
  return config.files.runtime
}

/** `run` in the data directory, or a folder of its own in the system's temporary one where that path is too long. */
export function standardRuntimeDirectory(data: string): string {
  const near = join(data, 'run')
  if (Buffer.byteLength(near) <= LONGEST_RUNTIME_DIRECTORY) return near
  return join(tmpdir(), ownName(data))
}

/** Of a folder among those of others. */
function ownName(data: string): string {
  const mark = createHash('sha256').update(data).digest('hex').slice(0, 8)
  return `sotto-${process.getuid?.() ?? 0}-${mark}`
}

/**
 * Makes the runtime directory, mode 0700, and returns its path. Its name in a shared folder can be foretold: one
 * that is somebody else's, open to others, or a symbolic link is refused and never repaired.
 *
 * @throws ConfigError
 */
export function makeRuntimeDirectory(config: Config): string {
  const path = runtimeDirectory(config)
  makePrivate(path, () => mkdirSync(config.files.data, { recursive: true, mode: 0o700 }))
  return path
}

/**
 * Makes an empty folder, mode 0700, for what must not reach a disk, and returns its path: in the runtime directory where
 * that lies in memory, else in what the system has of that. What an earlier server left in it is removed.
 *
 * @throws ConfigError, also where the system has none
 */
export function makeMemoryDirectory({ files }: Config, environment: Readonly<Record<string, string | undefined>>): string {
  const offered = [files.runtime, environment['RUNTIME_DIRECTORY']?.split(':', 1)[0], environment['XDG_RUNTIME_DIR'], '/dev/shm']
  // What is in the data directory is taken for it, whatever it lies on.
  const parent = offered.find((path) => path !== undefined && path !== '' && relative(files.data, path).startsWith('..') && isInMemory(path))
  if (parent === undefined) {
    throw refusal('no folder in memory (tmpfs) was found for the onion key', 'Name one, e.g. "/run/sotto"')
  }
  const path = join(parent, `${ownName(files.data)}-keys`)
  makePrivate(path)
  rmSync(path, { recursive: true })
  makePrivate(path)
  return path
}

/** statfs(2): tmpfs, ramfs. */
const MEMORY_FILE_SYSTEMS: readonly number[] = [0x01021994, 0x858458f6]

function isInMemory(path: string): boolean {
  try {
    return MEMORY_FILE_SYSTEMS.includes(statfsSync(path).type)
  } catch {
    return false
  }
}

function makePrivate(path: string, before?: () => void): void {
  const refuse = (problem: string, remedy: string): never => { throw refusal(`${path} ${problem}`, remedy) }
  try {
    before?.()
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    if (code !== 'EEXIST') refuse(`cannot be made (${code})`, 'Name a folder in one that this user may write to')
  }
  const status = lstatSync(path)
  if (status.isSymbolicLink() || !status.isDirectory()) refuse('is no folder', 'Remove it, or name another path')
  if (status.uid !== process.getuid?.()) refuse('belongs to another user', 'Name another path, and ask who made it')
  if ((status.mode & 0o077) !== 0) refuse('is open to other users', `Close it: chmod 700 ${path}`)
}

function refusal(problem: string, remedy: string): ConfigError {
  return new ConfigError([{ file: undefined, line: undefined, key: 'files.runtime', problem, remedy }])
}
