import { messageType, type Addressing, type MessageType, type Version } from './header.ts'

/** What delivery needs to know of an OTR body in order to choose among several resources. */
export type Peeked =
  | { readonly kind: 'query', readonly versions: readonly Version[] }
  | { readonly kind: 'error' }
  | { readonly kind: 'encoded', readonly type: MessageType } & Addressing
  | { readonly kind: 'fragment' } & Addressing

/** Base64 characters that hold a header of version 3: 11 bytes in four groups. */
const HEADER_CHARACTERS = 16

const ENCODED = '?OTR:'

const VERSIONS = [2, 3, 4] as const satisfies readonly Version[]

/**
 * Reads how a body is addressed without validating it: for bodies that `classify` has passed and policy rebuilt.
 *
 * Costs the same for every length of body. Undefined where the body is no OTR message; a body that was not validated
 * gets an arbitrary answer, but never an exception.
 */
export function peek(body: string): Peeked | undefined {
  if (!body.startsWith('?OTR')) return undefined
  switch (body[4]) {
    case ':': return peekEncoded(body)
    case ',': return { kind: 'fragment', version: 2, senderTag: undefined, receiverTag: undefined }
    case '|': return peekFragment(body)
    case ' ': return { kind: 'error' }
    case 'v': return peekQuery(body)
    default: return undefined
  }
}

function peekEncoded(body: string): Peeked | undefined {
  const header = Buffer.from(body.slice(ENCODED.length, ENCODED.length + HEADER_CHARACTERS), 'base64')
  if (header.length < 3) return undefined
  const version = VERSIONS[header.readUInt16BE(0) - 2]
  const type = version === undefined ? undefined : messageType(version, header.readUInt8(2))
  if (version === undefined || type === undefined) return undefined
  if (version === 2) return { kind: 'encoded', type, version, senderTag: undefined, receiverTag: undefined }
  if (header.length < 11) return undefined
  return { kind: 'encoded', type, version, senderTag: header.readUInt32BE(3), receiverTag: header.readUInt32BE(7) }
}

function peekFragment(body: string): Peeked | undefined {
  const [header] = body.slice(0, 64).split(',', 1)
  // Version 4 has an identifier before the two tags.
  const [, first, second, third] = header?.split('|', 4) ?? []
  const [sender, receiver] = third === undefined ? [first, second] : [second, third]
  if (sender === undefined || receiver === undefined) return undefined
  const [senderTag, receiverTag] = [parseInt(sender, 16) >>> 0, parseInt(receiver, 16) >>> 0]
  return { kind: 'fragment', version: third === undefined ? 3 : 4, senderTag, receiverTag }
}

/** Policy leaves nothing but the canonical form, `?OTRv23?` and the like. */
function peekQuery(body: string): Peeked {
  const listed = body.slice(5, 5 + VERSIONS.length)
  return { kind: 'query', versions: VERSIONS.filter((version) => listed.includes(String(version))) }
}
