import { prepared, LEAST_PASSWORD_CHARACTERS } from '../auth/password.ts'

/** Why a password is not taken; undefined where it is. */
export function objectionTo(password: string, _known: readonly string[], _score: number): 'password-weak' | 'password-invalid' | undefined {
  const text = prepared(password)
  if (text === undefined) return password === '' ? 'password-weak' : 'password-invalid'
  return [...text].length < LEAST_PASSWORD_CHARACTERS ? 'password-weak' : undefined
}
