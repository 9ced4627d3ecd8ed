const SHA1_HEX = /^[0-9A-Fa-f]{40}$/
const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u

export function sha1(value: string | undefined): string | undefined {
  return matching(SHA1_HEX, value)
}

/** The value where the pattern matches all of it; patterns must be anchored and linear. */
export function matching(pattern: RegExp, value: string | undefined): string | undefined {
  return value !== undefined && pattern.test(value) ? value : undefined
}

/** A name for people on one line, of at most so many characters, without characters that cannot be seen. */
export function line(value: string | undefined, maximum: number): string | undefined {
  return value !== undefined && value !== '' && value.length <= maximum && !CONTROL.test(value) ? value : undefined
}
