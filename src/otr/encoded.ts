import {
  DEFAULT_SETTINGS, malformed, type Encoded, type KeyMemory, type OtrSettings, type Unacceptable,
} from './classified.ts'
import { isGroupElement, LEAST_KEY_BYTES, MOST_KEY_BYTES } from './dh.ts'
import { LEAST_INSTANCE_TAG, messageType, type Addressing, type MessageType } from './header.ts'
import { Reader } from './reader.ts'
import { isText } from './text.ts'
import { version4Flaw } from './version4.ts'

export const ENCODED_PREFIX = '?OTR:'

/** AES in counter mode keeps the length of g^x with its four bytes of length; a shorter g^x comes once in 2^96. */
const LEAST_ENCRYPTED_KEY_BYTES = 180
const MOST_ENCRYPTED_KEY_BYTES = 196
const HASH_BYTES = 32
const REVEALED_KEY_BYTES = 16
const LEAST_SIGNATURE_BYTES = 450
const MAC_BYTES = 20
const COUNTER_BYTES = 8
/** libotr reveals one or two old MAC keys at a time. */
const MOST_REVEALED_MAC_KEYS = 64

/**
 * Reads `?OTR:` base64 `.` and makes every check that needs no key (OTR version 3, "The protocol"): canonical base64,
 * field by field to the exact end, ranges, membership of keys in the group, and that nothing which ought to be
 * ciphertext is text. Linear in the body's length.
 */
export function readEncoded(
  body: string, settings: OtrSettings = DEFAULT_SETTINGS, keys?: KeyMemory,
): Encoded | Unacceptable {
  if (!body.startsWith(ENCODED_PREFIX) || !body.endsWith('.')) return malformed('not ?OTR:….')
  if (body.length > settings.maximumBody) return malformed('too long')
  const base64 = body.slice(ENCODED_PREFIX.length, -1)
  const bytes = Buffer.from(base64, 'base64')
  // Node decodes leniently; what encodes to the same text again was canonical, down to the padding's bits.
  if (bytes.toString('base64') !== base64) return malformed('base64')

  const reader = new Reader(bytes)
  const number = reader.short()
  const version = settings.versions.find((one) => one === number)
  if (version === undefined) return malformed('version')
  const type = messageType(version, reader.byte())
  if (type === undefined) return malformed('type')
  const senderTag = version > 2 ? reader.int() : undefined
  const receiverTag = version > 2 ? reader.int() : undefined
  const addressing = { version, senderTag, receiverTag }
  const flaw = tagFlaw(addressing, type === 'dh-commit' || type === 'identity')
    ?? (version === 4 ? version4Flaw(type, senderTag, reader, keys) : fieldFlaw(type, reader, settings, keys))
  if (reader.overrun) return malformed('short')
  if (flaw !== undefined) return malformed(flaw)
  if (reader.remaining > 0) return malformed('trailing bytes')
  return { kind: 'encoded', type, version, senderTag, receiverTag, bytes }
}

/** Reads the fields of a message that passed, from the first one after its header. */
export function fieldsOf({ bytes, version }: Encoded): Reader {
  const reader = new Reader(bytes)
  reader.bytes(version === 2 ? 3 : 11)
  return reader
}

/** What is wrong with the instance tags; an unknown receiver is 0, and allowed only where `mayBeUnknown`. */
export function tagFlaw({ senderTag, receiverTag }: Addressing, mayBeUnknown: boolean): string | undefined {
  if (senderTag === undefined || receiverTag === undefined) return undefined
  if (senderTag < LEAST_INSTANCE_TAG) return 'sender tag'
  if (receiverTag < LEAST_INSTANCE_TAG && !(receiverTag === 0 && mayBeUnknown)) return 'receiver tag'
  return senderTag === receiverTag ? 'equal tags' : undefined
}

function fieldFlaw(
  type: MessageType, reader: Reader, settings: OtrSettings, keys: KeyMemory | undefined,
): string | undefined {
  switch (type) {
    case 'dh-commit': return commitFlaw(reader)
    case 'dh-key': return keyFlaw(reader.field(), keys)
    case 'reveal-signature':
      if (reader.field().length !== REVEALED_KEY_BYTES) return 'revealed key length'
      return signatureFlaw(reader, settings)
    case 'signature': return signatureFlaw(reader, settings)
    case 'data': return dataFlaw(reader, keys)
    default: return 'type' // of version 4
  }
}

function commitFlaw(reader: Reader): string | undefined {
  const encrypted = reader.field()
  const { length } = encrypted
  if (length < LEAST_ENCRYPTED_KEY_BYTES || length > MOST_ENCRYPTED_KEY_BYTES) return 'encrypted key length'
  if (isText(encrypted)) return 'encrypted key is text'
  return reader.field().length === HASH_BYTES ? undefined : 'hash length'
}

function signatureFlaw(reader: Reader, settings: OtrSettings): string | undefined {
  const encrypted = reader.field()
  const { length } = encrypted
  if (length < LEAST_SIGNATURE_BYTES || length > settings.maximumSignature) return 'signature length'
  if (isText(encrypted)) return 'signature is text'
  reader.bytes(MAC_BYTES)
  return undefined
}

function dataFlaw(reader: Reader, keys: KeyMemory | undefined): string | undefined {
  if (reader.byte() > 1) return 'flags' // IGNORE_UNREADABLE is the only one
  const senderKeyId = reader.int()
  const recipientKeyId = reader.int()
  if (senderKeyId === 0 || recipientKeyId === 0) return 'key id'
  const nextKey = reader.field()
  const counter = reader.bytes(COUNTER_BYTES)
  const encrypted = reader.field()
  reader.bytes(MAC_BYTES)
  const revealed = reader.field()
  // The cheap checks come first: a key costs more than all of them.
  if (reader.overrun || reader.remaining > 0) return 'length'
  if (counter.readUInt32BE(0) === 0 && counter.readUInt32BE(4) === 0) return 'counter'
  if (isText(encrypted)) return 'ciphertext is text'
  if (revealed.length % MAC_BYTES !== 0) return 'revealed MAC keys length'
  if (revealed.length > MOST_REVEALED_MAC_KEYS * MAC_BYTES) return 'too many revealed MAC keys'
  if (isText(revealed)) return 'revealed MAC keys are text'
  return keyFlaw(nextKey, keys)
}

function keyFlaw(key: Buffer, keys: KeyMemory | undefined): string | undefined {
  if (key.length < LEAST_KEY_BYTES || key.length > MOST_KEY_BYTES) return 'key length'
  const name = keys === undefined ? '' : key.toString('latin1')
  if (keys?.knows(name) === true) return undefined
  if (key[0] === 0) return 'key not minimal'
  if (isText(key)) return 'key is text'
  if (!isGroupElement(key)) return 'key not in the group'
  keys?.remember(name)
  return undefined
}
