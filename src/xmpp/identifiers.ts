import { randomBytes } from 'node:crypto'

/** An unguessable identifier of `bytes` random bytes, URL-safe: stream ids, stanza ids, resources (RFC 6120 §4.7.3). */
export function randomIdentifier(bytes = 16): string {
  return randomBytes(bytes).toString('base64url')
}
