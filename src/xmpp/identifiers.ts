import { randomBytes, timingSafeEqual } from 'node:crypto'

/** An unguessable identifier of `bytes` random bytes, URL-safe: stream ids, stanza ids, resources (RFC 6120 §4.7.3). */
export function randomIdentifier(bytes = 16): string {
  return randomBytes(bytes).toString('base64url')
}

/** Is it this one? Takes the same time whatever the two have in common. */
export function isIdentifier(own: string, given: string): boolean {
  const [one, other] = [Buffer.from(own), Buffer.from(given)]
  return one.length === other.length && timingSafeEqual(one, other)
}
