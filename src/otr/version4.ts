import { createDiffieHellmanGroup } from 'node:crypto'
import type { KeyMemory } from './classified.ts'
import { isPoint, isScalar, POINT_BYTES, SCALAR_BYTES } from './ed448.ts'
import type { MessageType } from './header.ts'
import { jacobi } from './jacobi.ts'
import type { Reader } from './reader.ts'
import { isText } from './text.ts'

/** The 3072-bit group (RFC 3526 §4); its prime is a safe one and 7 modulo 8, so 2 and its powers are the squares. */
const PRIME = createDiffieHellmanGroup('modp15').getPrime()
/** As in the smaller group, a shorter key comes once in 2^128. */
const LEAST_KEY_BYTES = PRIME.length - 16

const RING_SIGNATURE_SCALARS = 6
const MAC_BYTES = 64
const MOST_REVEALED_MAC_KEYS = 64
const EDDSA_SIGNATURE_BYTES = 114
const DSA_SIGNATURE_BYTES = 40
const MOST_PROFILE_FIELDS = 7
/** Owner's tag, public key, forging key, versions and expiration; the other two belong to version 3's key. */
const REQUIRED_PROFILE_FIELDS = [1, 2, 3, 4, 5]
/** The type of a public key is said to be little-endian, and nothing else is; both ways are taken. */
const PUBLIC_KEY_TYPES = [0x0010, 0x1000]
const FORGING_KEY_TYPES = [0x0012, 0x1200]
const VERSIONS = /^(?=.*4)[0-9A-Za-z]{1,16}$/

/**
 * What is wrong with the fields after the header of a message of version 4 ("Encoded Messages" and each message's own
 * section); the caller sees whether all bytes were read, and not more.
 */
export function version4Flaw(
  type: MessageType, senderTag: number | undefined, reader: Reader, keys: KeyMemory | undefined,
): string | undefined {
  const pair = (): string | undefined => pointFlaw(reader) ?? keyFlaw(reader.field(), keys)
  const profile = (): string | undefined => profileFlaw(senderTag, reader)
  switch (type) {
    case 'identity': return profile() ?? pair() ?? pair()
    case 'auth-r': return profile() ?? pair() ?? ringSignatureFlaw(reader) ?? pair()
    case 'auth-i': return ringSignatureFlaw(reader)
    case 'non-interactive-auth': return profile() ?? pair() ?? ringSignatureFlaw(reader) ?? prekeyFlaw(reader) ?? pair()
    case 'data': return dataFlaw(reader, keys)
    default: return 'type'
  }
}

/** "Client Profile Data Type" and "Validating a Client Profile", but for signatures and dates. */
function profileFlaw(senderTag: number | undefined, reader: Reader): string | undefined {
  const count = reader.int()
  if (count > MOST_PROFILE_FIELDS) return 'too many profile fields'
  const seen = new Set<number>()
  for (let field = 0; field < count; field++) {
    const type = reader.short()
    if (seen.has(type)) return 'profile field twice'
    seen.add(type)
    const flaw = profileFieldFlaw(type, senderTag, reader)
    if (flaw !== undefined) return flaw
  }
  if (!REQUIRED_PROFILE_FIELDS.every((type) => seen.has(type))) return 'profile field missing'
  return isText(reader.bytes(EDDSA_SIGNATURE_BYTES)) ? 'profile signature is text' : undefined
}

function profileFieldFlaw(type: number, senderTag: number | undefined, reader: Reader): string | undefined {
  switch (type) {
    case 1: return reader.int() === senderTag ? undefined : 'profile of another instance'
    case 2: return PUBLIC_KEY_TYPES.includes(reader.short()) ? pointFlaw(reader) : 'public key type'
    case 3: return FORGING_KEY_TYPES.includes(reader.short()) ? pointFlaw(reader) : 'forging key type'
    case 4: return VERSIONS.test(reader.field().toString('latin1')) ? undefined : 'profile versions'
    case 5: return reader.bytes(8)[0] === 0 ? undefined : 'profile expiration'
    case 6: return dsaKeyFlaw(reader)
    case 7: return isText(reader.bytes(DSA_SIGNATURE_BYTES)) ? 'transitional signature is text' : undefined
    default: return 'profile field'
  }
}

/** A DSA key of 1024 bits, as libotr makes them. */
function dsaKeyFlaw(reader: Reader): string | undefined {
  if (reader.short() !== 0) return 'DSA key type'
  const [p, q, g, y] = [reader.field(), reader.field(), reader.field(), reader.field()]
  if (p.length !== 128 || q.length !== 20) return 'DSA key length'
  for (const number of [p, g, y]) {
    if (number.length < 112 || number.length > 128) return 'DSA key length'
    if (isText(number)) return 'DSA key is text'
  }
  return undefined
}

function ringSignatureFlaw(reader: Reader): string | undefined {
  for (let scalar = 0; scalar < RING_SIGNATURE_SCALARS; scalar++) {
    const bytes = reader.bytes(SCALAR_BYTES)
    if (!isScalar(bytes)) return 'scalar'
    if (isText(bytes)) return 'scalar is text'
  }
  return undefined
}

function prekeyFlaw(reader: Reader): string | undefined {
  reader.int() // which prekey was used
  return isText(reader.bytes(MAC_BYTES)) ? 'MAC is text' : undefined
}

function dataFlaw(reader: Reader, keys: KeyMemory | undefined): string | undefined {
  if (reader.byte() > 1) return 'flags'
  reader.bytes(12) // three message numbers, which may all be 0
  const point = reader.bytes(POINT_BYTES)
  const key = reader.field()
  const encrypted = reader.field()
  const mac = reader.bytes(MAC_BYTES)
  const revealed = reader.field()
  // The cheap checks come first.
  if (reader.overrun || reader.remaining > 0) return 'length'
  if (isText(encrypted)) return 'ciphertext is text'
  if (isText(mac)) return 'MAC is text'
  if (revealed.length % MAC_BYTES !== 0) return 'revealed MAC keys length'
  if (revealed.length > MOST_REVEALED_MAC_KEYS * MAC_BYTES) return 'too many revealed MAC keys'
  if (isText(revealed)) return 'revealed MAC keys are text'
  if (!isPoint(point)) return 'no point of the curve'
  // A new key comes with every third ratchet only.
  return key.length === 0 ? undefined : keyFlaw(key, keys)
}

function pointFlaw(reader: Reader): string | undefined {
  const point = reader.bytes(POINT_BYTES)
  return !reader.overrun && isPoint(point) ? undefined : 'no point of the curve'
}

function keyFlaw(key: Buffer, keys: KeyMemory | undefined): string | undefined {
  if (key.length < LEAST_KEY_BYTES || key.length > PRIME.length) return 'key length'
  const name = keys === undefined ? '' : key.toString('latin1')
  if (keys?.knows(name) === true) return undefined
  if (key[0] === 0) return 'key not minimal'
  if (isText(key)) return 'key is text'
  if (key.length === PRIME.length && key.compare(PRIME) >= 0) return 'key not in the group'
  // The symbol of p - 1, too, is -1: p is 3 modulo 4.
  if (jacobi(key, PRIME) !== 1) return 'key not in the group'
  keys?.remember(name)
  return undefined
}
