import {
  DEFAULT_SETTINGS, malformed, type Classified, type KeyMemory, type OtrSettings, type Unacceptable,
} from './classified.ts'
import { readEncoded } from './encoded.ts'
import { ERROR_PREFIX, readError } from './error-text.ts'
import { readFragment } from './fragment.ts'
import { readQuery } from './query.ts'

/** The base of a whitespace tag, by which plain text offers OTR (OTR version 3, "Tagged plaintext messages"). */
const WHITESPACE_TAG = ' \t  \t\t\t\t \t \t \t  '

/**
 * Says what a message's body is, judging all of it: nothing may stand before or after.
 *
 * Pure but for `keys`, which spares the one costly check for public keys that it knows. Takes time linear in the
 * body's length and never throws, whatever the body.
 */
export function classify(body: string, settings: OtrSettings = DEFAULT_SETTINGS, keys?: KeyMemory): Classified {
  if (!body.startsWith('?OTR')) return withoutPrefix(body)
  if (body.length > settings.maximumBody) return malformed('too long')
  switch (body[4]) {
    case ':': return readEncoded(body, settings, keys)
    case ',':
    case '|': return readFragment(body, settings, keys)
    case '?':
    case 'v': return readQuery(body, settings)
    case ' ': return body.startsWith(ERROR_PREFIX) ? readError(body) : malformed('no form of ?OTR')
    default: return malformed('no form of ?OTR')
  }
}

function withoutPrefix(body: string): Unacceptable {
  return body.includes(WHITESPACE_TAG)
    ? { kind: 'tagged', reason: 'whitespace tag' }
    : { kind: 'plaintext', reason: 'no ?OTR at its start' }
}
