import { DEFAULT_SETTINGS, malformed, type OtrSettings, type Query, type Unacceptable } from './classified.ts'
import type { Version } from './header.ts'

const VERSION_CHARACTER = /^[0-9A-Za-z]$/
const MOST_VERSIONS = 16

/**
 * Reads `?OTR` ["?"] ["v" versions "?"] and whatever text follows (OTR version 3, "OTR Query Messages").
 *
 * The text differs from client to client, is shown to nobody who has OTR, and is not encrypted: the canonical form
 * leaves it out. Versions come in rising order there, so that their order says nothing either.
 */
export function readQuery(body: string, settings: OtrSettings = DEFAULT_SETTINGS): Query | Unacceptable {
  const listed = listedVersions(body, body[4] === '?' ? 5 : 4)
  if (listed === undefined) return malformed(body[4] === '?' ? 'version 1 only' : 'no form of ?OTR')
  if (new Set(listed).size < listed.length) return malformed('version listed twice')
  const versions = settings.versions.filter((version) => listed.includes(String(version)))
  if (versions.length === 0) return malformed('no acceptable version')
  return { kind: 'query', canonical: canonicalQuery(versions), versions }
}

export function canonicalQuery(versions: readonly Version[]): string {
  return `?OTRv${versions.join('')}?`
}

/** The characters between "v" at `start` and the next "?"; undefined where there is no such list. */
function listedVersions(body: string, start: number): string | undefined {
  if (body[start] !== 'v') return undefined
  for (let at = start + 1; at <= start + 1 + MOST_VERSIONS; at++) {
    const character = body[at]
    if (character === '?') return body.slice(start + 1, at)
    if (character === undefined || !VERSION_CHARACTER.test(character)) return undefined
  }
  return undefined
}
