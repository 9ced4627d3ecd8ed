import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Failure } from './failure.mjs'

const LEAST = [20, 18]

/** @throws Failure when this Node is older than package.json's `engines` asks for */
export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])) return
  throw new Failure(`Node ${LEAST.join('.')} or newer is needed; this is ${process.versions.node}.`,
    'Install a newer one, for example from https://nodejs.org, and run this again.')
}

/**
 * The folder of the running Node whose include/node holds the headers of exactly this version, undefined where there
 * is none. A compiled package must not see another version's headers.
 */
export function headersPrefix(prefix = dirname(dirname(process.execPath))) {
  const file = join(prefix, 'include', 'node', 'node_version.h')
  if (!existsSync(file)) return undefined
  const text = readFileSync(file, 'utf8')
  const version = ['MAJOR', 'MINOR', 'PATCH'].map((part) => new RegExp(`define NODE_${part}_VERSION (\\d+)`).exec(text)?.[1])
  return version.join('.') === process.versions.node ? prefix : undefined
}
