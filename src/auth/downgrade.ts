import { createHash } from 'node:crypto'
import { digestName } from './credentials.ts'
import type { ScramHash } from './verifiers.ts'

/**
 * XEP-0474 §6.1 (version 0.5): the hash of what the server offered, for the attribute `h` of SCRAM's first message.
 * The client's proof covers it, so whoever took mechanisms or channel bindings from the list on its way is found out.
 */
export function downgradeHash(
  hash: ScramHash, mechanisms: readonly string[], channelBindings: readonly string[],
): string {
  const lists = [mechanisms, ...(channelBindings.length > 0 ? [channelBindings] : [])]
  // Names are of ASCII, so the order of code units is that of i;octet.
  const text = lists.map((names) => [...names].sort().join('\x1e')).join('\x1f')
  return createHash(digestName(hash)).update(text).digest('base64')
}
