import { delimiter, dirname } from 'node:path'
import { aptInstall, mayInstall } from './apt.mjs'
import { find, run } from './command.mjs'
import { Failure } from './failure.mjs'

/** The first version with the proof of work that defends onion services. */
const LEAST = [0, 4, 8]

/**
 * Sees to it that a recent `tor` can be run by that name.
 *
 * @throws Failure when there is none and none can be installed
 */
export async function installTor() {
  if (await lacksTor()) await aptInstall(['tor'])
  const found = await version()
  if (!recent(found)) {
    throw new Failure(`tor ${found ?? 'of unknown version'} is too old: ${LEAST.join('.')} or newer is needed.`,
      'The Tor Project has newer packages: https://support.torproject.org/apt/')
  }
  const folder = dirname(find('tor'))
  const folders = (process.env.PATH ?? '').split(delimiter)
  if (!folders.includes(folder)) process.env.PATH = [...folders, folder].join(delimiter)
}

/** Whether apt has to be asked for a tor. One that is too old may be the newest it has, so only where asking costs nothing. */
export async function lacksTor() {
  const found = await version()
  return found === undefined || (!recent(found) && mayInstall())
}

async function version() {
  const tor = find('tor')
  if (tor === undefined) return undefined
  const text = await run(tor, ['--version']).catch(() => '')
  return /Tor version (\d+\.\d+\.\d+)/.exec(text)?.[1]
}

/** @param version "0.4.9"; undefined is not recent */
export function recent(version) {
  if (version === undefined) return false
  const parts = version.split('.').map(Number)
  for (const [index, least] of LEAST.entries()) if (parts[index] !== least) return parts[index] > least
  return true
}
