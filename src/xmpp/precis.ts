import { belongsTo, mapWidth, obeysBidiRule } from './code-points.ts'

/** Bytes of a part of a JID (RFC 7622 §3.1). */
export const LONGEST_PART = 1023

/** Code units that are looked at: of what is longer, no mapping makes 1023 bytes. It bounds the work, nothing else. */
const LONGEST_INPUT = 2 * LONGEST_PART

/** ASCII without controls, space, and what RFC 7622 §3.3.1 excludes: `"`, `&`, `'`, `/`, `:`, `<`, `>`, `@`. */
const ASCII_LOCALPART = /^[!#-%(-.0-9;=?A-~]+$/
const EXCLUDED = /["&'/:<>@]/

/** ASCII without controls, and no leading space (RFC 7622 §3.5, example 18). */
const ASCII_RESOURCEPART = /^[!-~][ -~]*$/

/**
 * Normalizes a localpart: PRECIS profile UsernameCaseMapped (RFC 8265 §3.3) with the exclusions of RFC 7622 §3.3.1.
 * Undefined where it is none.
 *
 * Mapping comes first and the classes are asked afterwards (RFC 8264 §7), as RFC 7622 §4 wants it: "Where possible,
 * map characters ... and accept the mapped string". Case is mapped code point by code point: the whole word's
 * `toLowerCase` would end in a final sigma and tell σας from ΣΑΣ.
 */
export function localpart(text: string): string | undefined {
  if (ASCII_LOCALPART.test(text)) return text.length > LONGEST_PART ? undefined : text.toLowerCase()
  if (text === '' || text.length > LONGEST_INPUT) return undefined
  const lower = Array.from(mapWidth(text), (point) => point.toLowerCase()).join('')
  const name = lower.normalize('NFC')
  if (EXCLUDED.test(name) || !fits(name) || !belongsTo(name, 'identifier') || !obeysBidiRule(name)) return undefined
  return name
}

/**
 * Normalizes a resourcepart: PRECIS profile OpaqueString (RFC 8265 §4.2). Undefined where it is none. A leading space
 * is refused because RFC 7622 §3.5 lists it among the violations (example 18), though OpaqueString alone allows it.
 */
export function resourcepart(text: string): string | undefined {
  if (ASCII_RESOURCEPART.test(text)) return text.length > LONGEST_PART ? undefined : text
  if (text === '' || text.length > LONGEST_INPUT) return undefined
  const opaque = text.replace(/\p{Zs}/gu, ' ').normalize('NFC')
  if (opaque.startsWith(' ') || !fits(opaque) || !belongsTo(opaque, 'freeform')) return undefined
  return opaque
}

function fits(part: string): boolean {
  return Buffer.byteLength(part) <= LONGEST_PART
}
