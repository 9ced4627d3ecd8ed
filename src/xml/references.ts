import { isCharacterData } from './characters.ts'
import { isName } from './names.ts'
import { malformed, XmlError } from './xml-error.ts'

/** The five entities of XML 1.0 §4.6; RFC 6120 §11.1 prohibits all others. */
const ENTITIES: ReadonlyMap<string, string> =
  new Map([['lt', '<'], ['gt', '>'], ['amp', '&'], ['quot', '"'], ['apos', '\'']])

/**
 * The longest reference that is read, in code units between `&` and `;`. `#x10FFFF` needs eight.
 * DEVIATION: XML 1.0 §4.1 allows any number of leading zeros in a character reference; here they are few.
 */
const LONGEST_REFERENCE = 12

/** Text as it stood between tags, made what it means: references resolved, line ends normalized (XML 1.0 §2.11). */
export function characterData(raw: string): string {
  if (raw.includes(']]>')) throw malformed(']]> in text')
  return resolve(lineEnds(raw))
}

/** What stood between the quotes of an attribute, normalized as CDATA (XML 1.0 §3.3.3). */
export function attributeValue(raw: string): string {
  return resolve(raw.replace(/\r\n|[\t\n\r]/g, ' '))
}

/** Line ends as XML 1.0 §2.11 passes them on: all of them line feeds. */
export function lineEnds(raw: string): string {
  return raw.includes('\r') ? raw.replace(/\r\n?/g, '\n') : raw
}

function resolve(raw: string): string {
  let ampersand = raw.indexOf('&')
  if (ampersand < 0) return raw
  let text = ''
  let from = 0
  while (ampersand >= 0) {
    const name = raw.slice(ampersand + 1, ampersand + LONGEST_REFERENCE + 2)
    const length = name.indexOf(';')
    if (length < 0) throw malformed('& without a reference')
    text += raw.slice(from, ampersand) + referenced(name.slice(0, length))
    from = ampersand + length + 2
    ampersand = raw.indexOf('&', from)
  }
  return text + raw.slice(from)
}

function referenced(reference: string): string {
  const entity = ENTITIES.get(reference)
  if (entity !== undefined) return entity
  const [, hexadecimal, decimal] = /^#(?:x([0-9A-Fa-f]+)|([0-9]+))$/.exec(reference) ?? []
  if (hexadecimal !== undefined) return character(Number.parseInt(hexadecimal, 16))
  if (decimal !== undefined) return character(Number.parseInt(decimal, 10))
  if (isName(reference)) throw new XmlError('restricted-xml', 'an entity reference')
  throw malformed('& without a reference')
}

function character(codePoint: number): string {
  const text = codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : '\0'
  if (!isCharacterData(text)) throw malformed('a reference to no legal character')
  return text
}
