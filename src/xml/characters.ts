import { isAscii, isUtf8 } from 'node:buffer'
import { XmlError } from './xml-error.ts'

/** Code points which XML 1.0 §2.2 excludes. Lone surrogates count too: UTF-8 has none, our own strings may. */
const ILLEGAL = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\p{Surrogate}]/u

/** What needs a second look: illegal code points, line ends, tabs, references and the bracket of `]]>`. */
const SPECIAL = /[\x00-\x1f&\]\ufffe\uffff]/

const NOTHING = Buffer.alloc(0)

/** Is every code point of the text one that XML can carry (XML 1.0 §2.2)? */
export function isCharacterData(text: string): boolean {
  return !ILLEGAL.test(text)
}

/** XML's white space (XML 1.0 §2.3), by code unit. */
export function isSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a || unit === 0x09 || unit === 0x0d
}

/**
 * Bytes of UTF-8 in, text of XML's legal characters out, strictly and piece by piece.
 *
 * A fault does not throw at once: `decode` still returns what stood before it, so that it makes no difference to the
 * stanzas received where the peer's bytes were cut into chunks. The reader then asks for `fault`. U+FEFF is an
 * ordinary character wherever it stands (RFC 6120 §11.6).
 */
export class CharacterDecoder {
  #tail: Buffer = NOTHING
  #ascii = true
  #plain = true
  #fault: XmlError | undefined

  /** Takes a chunk; returns the text that is complete. The last one to three bytes may wait for their rest. */
  decode(chunk: Uint8Array): string {
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    if (this.#tail.length > 0) bytes = Buffer.concat([this.#tail, bytes])
    this.#ascii = isAscii(bytes)
    if (this.#ascii) {
      this.#tail = NOTHING
      return this.#legal(bytes.toString('latin1'), bytes)
    }
    let end = bytes.length - unfinished(bytes)
    if (!isUtf8(bytes.subarray(0, end))) {
      end = validPrefix(bytes, end)
      this.#fault = new XmlError('unsupported-encoding', 'the bytes are not UTF-8')
    }
    // A copy: three bytes must not keep a socket's whole buffer alive.
    this.#tail = end === bytes.length ? NOTHING : Buffer.from(bytes.subarray(end))
    return this.#legal(bytes.toString('utf8', 0, end), bytes)
  }

  /** The text returned last holds ASCII only: as many bytes as code units. */
  get ascii(): boolean {
    return this.#ascii
  }

  /** The text returned last holds no reference, no `]`, and no white space but spaces. */
  get plain(): boolean {
    return this.#plain
  }

  /** What is wrong with the bytes behind the text returned last. Nothing may be decoded after a fault. */
  get fault(): XmlError | undefined {
    return this.#fault
  }

  /** Bytes taken and not returned as text. */
  get held(): number {
    return this.#tail.length
  }

  #legal(text: string, bytes: Buffer): string {
    this.#plain = !SPECIAL.test(text)
    if (this.#plain) return text
    const at = text.search(ILLEGAL)
    if (at < 0) return text
    this.#fault = new XmlError('not-well-formed', 'a character that XML does not allow')
    const before = text.slice(0, at)
    this.#tail = Buffer.from(bytes.subarray(Buffer.byteLength(before)))
    return before
  }
}

/** How many bytes at the end begin a character and do not finish it: 0 to 3. */
function unfinished(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes.readUInt8(bytes.length - back)
    if (byte < 0x80) return 0
    if (byte < 0xc0) continue
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
    return byte >= 0xc2 && byte <= 0xf4 && back < length ? back : 0
  }
  return 0
}

/** Where the first fault is, given that there is one before `end`. By halves, so the cost is small: once per stream. */
function validPrefix(bytes: Buffer, end: number): number {
  let good = 0
  let bad = end
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    const head = bytes.subarray(0, middle)
    if (isUtf8(head.subarray(0, middle - unfinished(head)))) good = middle
    else bad = middle
  }
  const head = bytes.subarray(0, good)
  return good - unfinished(head)
}
