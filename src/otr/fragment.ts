import { malformed, type Fragment, type KeyMemory, type OtrSettings, type Unacceptable } from './classified.ts'
import { ENCODED_PREFIX, readEncoded, tagFlaw } from './encoded.ts'
import type { Addressing, Version } from './header.ts'

/** libotr would take 65 535; nobody who can send 256 kB needs more. */
const MOST_FRAGMENTS = 2048

const VERSION_2 = /^\?OTR,([0-9]{1,5}),([0-9]{1,5}),([^,]+),$/
/**
 * Instance tags are printed with and without leading zeros; some more of them are taken, as libotr does. Version 4 has
 * an identifier of the message before them (OTR version 4, "Fragmentation").
 */
const WITH_TAGS =
  /^\?OTR(\|[0-9A-Fa-f]{1,8})?\|0{0,8}([0-9A-Fa-f]{1,8})\|0{0,8}([0-9A-Fa-f]{1,8}),([0-9]{1,5}),([0-9]{1,5}),([^,]+),$/

const BASE64_SLICE = /^[A-Za-z0-9+/]*(={0,2})(\.?)$/

/** How every message begins that may pass: the prefix, the version, and the type, whose bits fill a group of base64. */
const BEGINNING = ['?', 'O', 'T', 'R', ':', 'A', 'A', 'IM', 'CKRSD']
const BEGINNING_4 = ['?', 'O', 'T', 'R', ':', 'A', 'A', 'Q', '123DN']
export const BEGINNING_CHARACTERS = BEGINNING.length

/**
 * Reads one fragment (OTR version 3, "Fragmentation"): its header, and that its piece can be a slice of
 * `?OTR:` base64 `.` at its place. libotr puts any text together and shows what is no OTR message in the end, so
 * the first piece must already begin like one.
 */
export function readFragment(
  body: string, settings: OtrSettings, keys: KeyMemory | undefined,
): Fragment | Unacceptable {
  if (body.length > settings.maximumBody) return malformed('too long')
  const header = readHeader(body)
  if (header === undefined) return malformed('fragment syntax')
  const { addressing, identifier, index, total, piece } = header
  const { version } = addressing
  if (!settings.versions.includes(version)) return malformed('version')
  if (index < 1 || index > total || total > MOST_FRAGMENTS) return malformed('fragment number')
  const flaw = tagFlaw(addressing, true) ?? pieceFlaw(piece, index, total, version)
  if (flaw !== undefined) return malformed(flaw)
  if (total > 1) return { kind: 'fragment', ...addressing, identifier, index, total, piece, whole: undefined }
  const whole = readEncoded(piece, settings, keys)
  if (whole.kind !== 'encoded') return whole
  if (!areAddressedAlike(whole, addressing)) return malformed('fragment header differs')
  return { kind: 'fragment', ...addressing, identifier, index, total, piece, whole }
}

/** A fragment must name the version and instances of the message that it is a piece of. */
export function areAddressedAlike(one: Addressing, other: Addressing): boolean {
  return one.version === other.version && one.senderTag === other.senderTag && one.receiverTag === other.receiverTag
}

/** Can an acceptable message begin like this? Judges as many characters as are there. */
export function beginsLikeMessage(text: string, version: Version): boolean {
  const beginning = version === 4 ? BEGINNING_4 : BEGINNING
  for (let at = 0; at < text.length && at < beginning.length; at++) {
    if (beginning[at]?.includes(text.charAt(at)) !== true) return false
  }
  return true
}

interface Header {
  readonly addressing: Addressing
  readonly identifier: number | undefined
  readonly index: number
  readonly total: number
  readonly piece: string
}

function readHeader(body: string): Header | undefined {
  if (body[4] === ',') {
    const [, index, total, piece] = VERSION_2.exec(body) ?? []
    if (piece === undefined) return undefined
    const addressing = { version: 2, senderTag: undefined, receiverTag: undefined } as const
    return { addressing, identifier: undefined, index: Number(index), total: Number(total), piece }
  }
  const [, first, sender, receiver, index, total, piece] = WITH_TAGS.exec(body) ?? []
  if (sender === undefined || receiver === undefined || piece === undefined) return undefined
  const identifier = first === undefined ? undefined : parseInt(first.slice(1), 16)
  const version = identifier === undefined ? 3 : 4
  const addressing = { version, senderTag: parseInt(sender, 16), receiverTag: parseInt(receiver, 16) } as const
  return { addressing, identifier, index: Number(index), total: Number(total), piece }
}

function pieceFlaw(piece: string, index: number, total: number, version: Version): string | undefined {
  const base64 = index === 1 ? afterBeginning(piece, version) : afterPrefixTail(piece, index)
  if (base64 === undefined) return 'piece prefix'
  const [slice, padding, stop] = BASE64_SLICE.exec(base64) ?? []
  if (slice === undefined) return 'piece characters'
  if ((stop === '.') !== (index === total)) return 'full stop'
  // "==." is the longest end, of which each character may be a piece of its own.
  return padding !== '' && index < total - 2 ? 'padding inside' : undefined
}

function afterBeginning(piece: string, version: Version): string | undefined {
  return beginsLikeMessage(piece, version) ? piece.slice(ENCODED_PREFIX.length) : undefined
}

/** A later piece holds the end of the prefix where the earlier ones are very short: each has at least one character. */
function afterPrefixTail(piece: string, index: number): string | undefined {
  const colon = piece.indexOf(':')
  if (colon < 0) return piece
  const tail = piece.slice(0, colon + 1)
  const isPossible = tail.length <= ENCODED_PREFIX.length + 1 - index && ENCODED_PREFIX.endsWith(tail)
  return isPossible ? piece.slice(colon + 1) : undefined
}
