const MESSAGES = {
  'name-invalid': 'a name is 1 to 64 of a-z, 0-9, dot, hyphen and underscore, and opens with a letter or digit',
  'domain-unknown': 'the domain is not served here',
  exists: 'there is such an account already',
  'not-found': 'there is no such account',
  'password-short': 'a password has 8 characters or more',
  'password-invalid': 'a password is text of at most 1024 bytes',
} as const

export type AccountErrorCode = keyof typeof MESSAGES

/** An account cannot be made or changed as it was asked; the message is a constant, fit for whoever asked. */
export class AccountError extends Error {
  readonly code: AccountErrorCode

  constructor(code: AccountErrorCode) {
    super(MESSAGES[code])
    this.name = 'AccountError'
    this.code = code
  }
}
