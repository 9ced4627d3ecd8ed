import type { ErrorText } from './classified.ts'

export const ERROR_PREFIX = '?OTR Error:'

const UNREADABLE = 'You transmitted an unreadable encrypted message.'
const MALFORMED = 'You transmitted a malformed data message.'
const UNEXPECTED = "You sent encrypted data which wasn't expected."
const ENCRYPTING = 'Error occurred encrypting message.'

/** A code of version 4, which says in a machine's words what the text says in a person's. */
const CODE = /^ ?(ERROR_[123])(?![0-9A-Za-z_])/

/**
 * Reads a body that begins with ERROR_PREFIX. Its text is free and not encrypted, so one of four fixed texts takes
 * its place, chosen by what the known clients say.
 */
export function readError(body: string): ErrorText {
  const text = body.slice(ERROR_PREFIX.length)
  const code = CODE.exec(text)?.[1]
  const prefix = code === undefined ? ERROR_PREFIX : `${ERROR_PREFIX} ${code}:`
  return { kind: 'error', canonical: `${prefix} ${sentence(text.toLowerCase())}` }
}

function sentence(text: string): string {
  if (/wasn['’]t expect|not in|not currently/.test(text)) return UNEXPECTED
  if (text.includes('malformed')) return MALFORMED
  if (text.includes('encrypting message')) return ENCRYPTING
  return UNREADABLE
}
