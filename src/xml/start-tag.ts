import { isSpace } from './characters.ts'
import { tooMuch, type XmlLimits } from './limits.ts'
import { isQualifiedName } from './names.ts'
import { attributeValue } from './references.ts'
import { malformed } from './xml-error.ts'

const QUOTE = 0x22, APOSTROPHE = 0x27, SLASH = 0x2f, COLON = 0x3a, LESS = 0x3c, EQUALS = 0x3d, GREATER = 0x3e

/** By ASCII code: 1 may begin a name, 2 may stand in one, 3 is the colon, 0 ends it. */
const NAME_CLASS = Uint8Array.from({ length: 128 }, (_, code) => {
  const letter = String.fromCharCode(code)
  return /[A-Z_a-z]/.test(letter) ? 1 : /[-.0-9]/.test(letter) ? 2 : code === COLON ? 3 : 0
})

/** Reads start tags (XML 1.0 §3.1), one after the other: the fields are those of the tag read last. */
export class StartTag {
  name = ''
  /** Names and values by turns; values are normalized. */
  readonly attributes: string[] = []
  /** Some name has a colon. */
  prefixed = false
  /** `<name/>` */
  empty = false

  /**
   * Reads the tag whose `<` is at `start`. Returns where the text goes on behind it; -1 where the tag is unfinished.
   * `plain` says that no value can need normalizing.
   *
   * @throws XmlError
   */
  read(text: string, start: number, plain: boolean, limits: XmlLimits): number {
    this.attributes.length = 0
    this.prefixed = false
    let at = nameEnd(text, start + 1, limits.name)
    if (at === text.length) return -1
    this.name = this.#qualifiedName(text, start + 1, at)
    for (;;) {
      const gap = at
      at = skipSpace(text, at)
      if (at === text.length) return -1
      const unit = text.charCodeAt(at)
      if (unit === GREATER || unit === SLASH) break
      if (at === gap) throw malformed('no space before an attribute')
      if (this.attributes.length >= 2 * limits.attributes) throw tooMuch('too many attributes')
      at = this.#attribute(text, at, plain, limits)
      if (at < 0) return -1
    }
    this.empty = text.charCodeAt(at) === SLASH
    if (this.empty && ++at === text.length) return -1
    if (text.charCodeAt(at) !== GREATER) throw malformed('/ in a start tag')
    if (this.attributes.length > 0) {
      const less = text.indexOf('<', start + 1)
      if (less >= 0 && less < at) throw malformed('< in an attribute')
    }
    return at + 1
  }

  #attribute(text: string, start: number, plain: boolean, limits: XmlLimits): number {
    const end = nameEnd(text, start, limits.name)
    let at = skipSpace(text, end)
    if (at === text.length) return -1
    const name = this.#qualifiedName(text, start, end)
    if (text.charCodeAt(at) !== EQUALS) throw malformed('an attribute without a value')
    at = skipSpace(text, at + 1)
    if (at === text.length) return -1
    const quote = text.charCodeAt(at)
    if (quote !== QUOTE && quote !== APOSTROPHE) throw malformed('an attribute without quotes')
    const close = text.indexOf(quote === QUOTE ? '"' : '\'', at + 1)
    if (close < 0) return -1
    const raw = text.slice(at + 1, close)
    this.attributes.push(name, plain ? raw : attributeValue(raw))
    return close + 1
  }

  #qualifiedName(text: string, start: number, end: number): string {
    const name = text.slice(start, end)
    let simple = NAME_CLASS[text.charCodeAt(start)] === 1
    for (let at = start + 1; simple && at < end; at++) {
      const kind = NAME_CLASS[text.charCodeAt(at)]
      simple = kind === 1 || kind === 2
    }
    if (simple) return name
    if (!isQualifiedName(name)) throw malformed('not a name')
    this.prefixed ||= name.includes(':')
    return name
  }
}

/** Looks for the `>` that ends a start tag, piece by piece. */
export class StartTagEnd {
  #quote = 0
  /** The last code unit that was no white space. */
  #before = 0

  /** Does the tag end in this piece? The first piece begins behind the `<`. @throws XmlError where it never can */
  isIn(piece: string): boolean {
    for (let at = 0; at < piece.length; at++) {
      const unit = piece.charCodeAt(at)
      if (unit === LESS) throw malformed('< in a tag')
      if (this.#quote !== 0) {
        if (unit === this.#quote) this.#quote = 0
      } else if (unit === QUOTE || unit === APOSTROPHE) {
        // Otherwise a stray quote would swallow what follows, until the limit.
        if (this.#before !== EQUALS) throw malformed('a quote where no value is')
        this.#quote = unit
      } else if (unit === GREATER) return true
      if (!isSpace(unit)) this.#before = unit
    }
    return false
  }
}

/** Where what may be a name ends: every code unit beyond ASCII counts for now. */
function nameEnd(text: string, start: number, limit: number): number {
  let at = start
  while (at < text.length) {
    const unit = text.charCodeAt(at)
    if (unit < 128 && NAME_CLASS[unit] === 0) break
    at++
  }
  if (at - start > limit) throw tooMuch('a name is too long')
  return at
}

function skipSpace(text: string, start: number): number {
  let at = start
  while (at < text.length && isSpace(text.charCodeAt(at))) at++
  return at
}
