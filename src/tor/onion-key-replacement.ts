import { cpSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { syncFolder, writeOnionKey, type OnionKey } from './onion-key.ts'
import { TorError } from './tor-error.ts'

/** Where tor reads who may connect; there is nothing secret in it. */
export const AUTHORIZED_CLIENTS = 'authorized_clients'

/**
 * Puts a new key in the place of the one in `directory`, which is destroyed; who may connect stays the same. Killed at any
 * moment, `settleOnionKey` finds the old key or the new one. Tor must not run.
 *
 * @throws TorError
 */
export function replaceOnionKey(directory: string, key: OnionKey): void {
  settleOnionKey(directory)
  const { next, old } = besides(directory)
  // It takes the place once it is whole: without the list of those who may, everybody could connect.
  writeOnionKey(next, key)
  try {
    const authorized = join(directory, AUTHORIZED_CLIENTS)
    if (existsSync(authorized)) cpSync(authorized, join(next, AUTHORIZED_CLIENTS), { recursive: true })
    renameSync(directory, old)
    renameSync(next, directory)
    syncFolder(dirname(directory))
    rmSync(old, { recursive: true })
    syncFolder(dirname(directory))
  } catch (cause) {
    throw notReplaced(directory, cause)
  }
}

/** Ends or undoes what was interrupted, before the key is read: from the moment that the old key has left its place the new one holds. @throws TorError */
export function settleOnionKey(directory: string): void {
  const { next, old } = besides(directory)
  try {
    if (existsSync(next)) {
      if (existsSync(directory)) rmSync(next, { recursive: true })
      else renameSync(next, directory)
    }
    rmSync(old, { recursive: true, force: true })
    const parent = dirname(directory)
    const unfinished = existsSync(parent) ? readdirSync(parent).filter((name) => name.startsWith(`.${basename(next)}.`)) : []
    for (const name of unfinished) rmSync(join(parent, name), { recursive: true })
  } catch (cause) {
    throw notReplaced(directory, cause)
  }
}

/** No domain's folder has a name like these. */
function besides(directory: string): { readonly next: string, readonly old: string } {
  const [parent, name] = [dirname(directory), basename(directory)]
  return { next: join(parent, `.${name}.next`), old: join(parent, `.${name}.old`) }
}

function notReplaced(directory: string, cause: unknown): TorError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error'
  return new TorError('onion-key-not-replaced', `cannot put another onion key into ${directory}: ${code}; the next start goes on with it or the one before`,
    directory, { cause })
}
