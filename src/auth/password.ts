import { saslprep } from '@mongodb-js/saslprep'

export const LEAST_PASSWORD_CHARACTERS = 8
export const MOST_PASSWORD_BYTES = 1024

/**
 * A user name or password in the form that is compared: SASLprep (RFC 4013) as a query, in which code points that
 * Unicode 3.2 did not know yet pass (emoji); NFC where it holds what SASLprep prohibits, so that such a password
 * still is the same from every client that sends it. Undefined where it is empty, too long or no Unicode text.
 */
export function prepared(text: string): string | undefined {
  if (/\p{Surrogate}/u.test(text) || Buffer.byteLength(text) > MOST_PASSWORD_BYTES) return undefined
  const normal = saslprepOrNfc(text)
  return normal === '' || Buffer.byteLength(normal) > MOST_PASSWORD_BYTES ? undefined : normal
}

function saslprepOrNfc(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text // printable ASCII is as it was
  try {
    return saslprep(text, { allowUnassigned: true })
  } catch {
    return text.normalize('NFC')
  }
}
