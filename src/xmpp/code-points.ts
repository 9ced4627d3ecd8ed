import tables from 'tr46/lib/regexes.js'

/** The string classes of PRECIS (RFC 8264 §4). */
export type StringClass = 'identifier' | 'freeform'

/** Code points whose class is fixed, whatever their properties (RFC 8264 §9.6). */
const ALWAYS_VALID = /^[\u00df\u03c2\u06fd\u06fe\u0f0b\u3007]$/u
const CONTEXT_RULED = /^[\u00b7\u0375\u05f3\u05f4\u30fb\u0660-\u0669\u06f0-\u06f9\u200c\u200d]$/u
const NEVER_VALID = /^[\u0640\u07fa\u302e\u302f\u3031-\u3035\u303b]$/u

const ASCII = /^[\x21-\x7e]$/
const OLD_HANGUL_JAMO = /^[\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7c6\ud7cb-\ud7fb]$/u
const IGNORABLE = /^[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\p{Cc}\p{Cn}]$/u
const LETTERS_AND_DIGITS = /^[\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}]$/u
const FREEFORM = /^[\p{Lt}\p{Nl}\p{No}\p{Me}\p{Zs}\p{S}\p{P}]$/u
const ARABIC_DIGITS = /[\u0660-\u0669]/
const EXTENDED_ARABIC_DIGITS = /[\u06f0-\u06f9]/

/**
 * Does every code point belong to that class, where it stands (RFC 8264 §8; the order of the questions is that of the
 * specification's algorithm)? Code points that this Unicode does not know belong to none.
 */
export function belongsTo(text: string, stringClass: StringClass): boolean {
  if (ARABIC_DIGITS.test(text) && EXTENDED_ARABIC_DIGITS.test(text)) return false
  const points = Array.from(text)
  return points.every((point, at) => {
    if (ASCII.test(point) || ALWAYS_VALID.test(point)) return true
    if (CONTEXT_RULED.test(point)) return mayStand(text, points, at)
    if (NEVER_VALID.test(point) || OLD_HANGUL_JAMO.test(point) || IGNORABLE.test(point)) return false
    if (hasCompatibilityEquivalent(point)) return stringClass === 'freeform'
    if (LETTERS_AND_DIGITS.test(point)) return true
    return stringClass === 'freeform' && FREEFORM.test(point)
  })
}

/** The Bidi Rule (RFC 5893 §2), which a text without code points from right to left always obeys. */
export function obeysBidiRule(text: string): boolean {
  if (!tables.bidiDomain.test(text)) return true
  const first = String.fromCodePoint(text.codePointAt(0) ?? 0)
  if (tables.bidiS1LTR.test(first)) return tables.bidiS5.test(text) && tables.bidiS6.test(text)
  return tables.bidiS1RTL.test(first) && tables.bidiS2.test(text) && tables.bidiS3.test(text) &&
    !(tables.bidiS4EN.test(text) && tables.bidiS4AN.test(text))
}

/** Folds fullwidth and halfwidth code points into their usual form (RFC 8265 §3.3.1). */
export function mapWidth(text: string): string {
  return text.replace(/[\u3000\uff01-\uffee]/g, (point) => point.normalize('NFKC'))
}

function hasCompatibilityEquivalent(point: string): boolean {
  return point.normalize('NFKC') !== point
}

/** The contextual rules (RFC 5892 appendix A, by reference of RFC 8264 §9.6 and §9.8). */
function mayStand(text: string, points: readonly string[], at: number): boolean {
  const point = points[at] ?? ''
  const before = points[at - 1] ?? ''
  const after = points[at + 1] ?? ''
  switch (point) {
    case '\u200c': return tables.combiningClassVirama.test(before) || joins(points, at)
    case '\u200d': return tables.combiningClassVirama.test(before)
    case '\u00b7': return before === 'l' && after === 'l'
    case '\u0375': return /\p{Script=Greek}/u.test(after)
    case '\u05f3': case '\u05f4': return /\p{Script=Hebrew}/u.test(before)
    case '\u30fb': return /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u.test(text)
    // Arabic digits, of which `belongsTo` has seen one kind only.
    default: return true
  }
}

/** Stands the zero width non-joiner between letters that would join without it? Looks no further than the next one. */
function joins(points: readonly string[], at: number): boolean {
  const from = points.lastIndexOf('\u200c', at - 1)
  const to = points.indexOf('\u200c', at + 1)
  const start = at === 0 || from < 0 ? 0 : from + 1
  return tables.validZWNJ.test(points.slice(start, to < 0 ? points.length : to).join(''))
}
