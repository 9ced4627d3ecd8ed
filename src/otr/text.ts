import { isUtf8 } from 'node:buffer'

/**
 * Below this the test would err: 40 random bytes are well-formed UTF-8 once in 10^10, 32 bytes already once in 10^8.
 * Shorter ciphertext cannot be told from text.
 */
const DECIDABLE_BYTES = 40

/** Are these bytes, which ought to look random, written text? */
export function isText(bytes: Uint8Array): boolean {
  return bytes.length >= DECIDABLE_BYTES && isUtf8(bytes)
}
