import { createHash } from 'node:crypto'

const VERSION = 3
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
const SUFFIX = '.onion'

/**
 * The address of the onion service that holds this ed25519 key: 56 characters and ".onion"
 * (rend-spec-v3, "Encoding onion addresses"). `publicKey` has 32 bytes.
 */
export function onionAddress(publicKey: Uint8Array): string {
  if (publicKey.length !== 32) throw new RangeError('an ed25519 public key has 32 bytes')
  const label = base32(Buffer.concat([publicKey, checksum(publicKey), Buffer.of(VERSION)]))
  return label + SUFFIX
}

/**
 * The public key an onion address stands for, or undefined where the text is no address of version 3: wrong length,
 * wrong alphabet, wrong checksum, another version. Upper case is accepted; names below an address are not.
 */
export function parseOnionAddress(text: string): Buffer | undefined {
  // Before lower case is made of it: the Kelvin sign would become a k.
  if (!/^[a-z2-7]{56}\.onion$/i.test(text)) return undefined
  const bytes = fromBase32(text.slice(0, -SUFFIX.length).toLowerCase())
  if (bytes[34] !== VERSION) return undefined
  const publicKey = bytes.subarray(0, 32)
  return checksum(publicKey).equals(bytes.subarray(32, 34)) ? publicKey : undefined
}

export function isOnionAddress(text: string): boolean {
  return parseOnionAddress(text) !== undefined
}

function checksum(publicKey: Uint8Array): Buffer {
  const hash = createHash('sha3-256').update('.onion checksum').update(publicKey).update(Buffer.of(VERSION))
  return hash.digest().subarray(0, 2)
}

/** RFC 4648 §6 without padding, in lower case; 35 bytes are 56 characters exactly. */
function base32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET.charAt((held >> (bits - 5)) & 31)
    held &= (1 << bits) - 1
  }
  return text
}

function fromBase32(text: string): Buffer {
  const bytes: number[] = []
  let bits = 0
  let held = 0
  for (const character of text) {
    held = (held << 5) | ALPHABET.indexOf(character)
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push(held >> bits)
    held &= (1 << bits) - 1
  }
  return Buffer.from(bytes)
}
