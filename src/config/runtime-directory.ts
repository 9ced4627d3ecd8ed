import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
  const mark = createHash('sha256').update(data).digest('hex').slice(0, 8)
  return join(tmpdir(), `sotto-${process.getuid?.() ?? 0}-${mark}`)
}

/**
 * Makes the runtime directory, mode 0700, and returns its path. Its name in a shared folder can be foretold: one
 * that is somebody else's, open to others, or a symbolic link is refused and never repaired.
 *
 * @throws ConfigError
 */
export function makeRuntimeDirectory(config: Config): string {
  const path = runtimeDirectory(config)
  const refuse = (problem: string, remedy: string): never => {
    const where = { file: undefined, line: undefined, key: 'files.runtime' }
    throw new ConfigError([{ ...where, problem: `${path} ${problem}`, remedy }])
  }
  try {
    mkdirSync(config.files.data, { recursive: true, mode: 0o700 })
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    if (code !== 'EEXIST') refuse(`cannot be made (${code})`, 'Name a folder in one that this user may write to')
  }
  const status = lstatSync(path)
  if (status.isSymbolicLink() || !status.isDirectory()) refuse('is no folder', 'Remove it, or name another path')
  if (status.uid !== process.getuid?.()) refuse('belongs to another user', 'Name another path, and ask who made it')
  if ((status.mode & 0o077) !== 0) refuse('is open to other users', `Close it: chmod 700 ${path}`)
  return path
}
