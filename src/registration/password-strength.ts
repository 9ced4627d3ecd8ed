import type { ZxcvbnFactory } from '@zxcvbn-ts/core'
import { LEAST_PASSWORD_CHARACTERS, prepared } from '../auth/password.ts'

/**
 * Only so much of a password is looked at: what is hard to guess up to here stays so, and the time that a look takes
 * grows with the square of the length and worse.
 */
const MOST_CHARACTERS = 32

/** Makes what judges passwords. The lists are read here and not before: a command that needs no house should not wait for them. */
export async function passwordStrength(leastScore: number): Promise<PasswordStrength> {
  const [{ ZxcvbnFactory }, common, english] = await Promise.all([
    import('@zxcvbn-ts/core'), import('@zxcvbn-ts/language-common'), import('@zxcvbn-ts/language-en'),
  ])
  return new PasswordStrength(leastScore, () => new ZxcvbnFactory({
    dictionary: { ...common.dictionary, ...english.dictionary }, graphs: common.adjacencyGraphs,
    maxLength: MOST_CHARACTERS, l33tMaxSubstitutions: 2,
  }))
}

/** How hard passwords are to guess, by lists of words and of passwords that were found elsewhere. */
export class PasswordStrength {
  readonly #leastScore: number
  readonly #make: () => ZxcvbnFactory
  /** Made when it is first needed: it takes 25 MB and a fifth of a second. */
  #estimator: ZxcvbnFactory | undefined

  /** From 0, anything of eight characters, to 4; each step is two to three powers of ten of guesses. */
  constructor(leastScore: number, make: () => ZxcvbnFactory) {
    this.#leastScore = leastScore
    this.#make = make
  }

  /** Why a password is not taken; undefined where it is. `known`: what everybody knows of whom it is for. */
  objection(password: string, known: readonly string[]): 'password-weak' | 'password-invalid' | undefined {
    const text = prepared(password)
    if (text === undefined) return password === '' ? 'password-weak' : 'password-invalid'
    if ([...text].length < LEAST_PASSWORD_CHARACTERS) return 'password-weak'
    return this.#leastScore > 0 && this.#score(text, known) < this.#leastScore ? 'password-weak' : undefined
  }

  /** Makes it now, so that nobody waits for it later. */
  warm(): void {
    this.#estimator ??= this.#make()
  }

  #score(text: string, known: readonly string[]): number {
    this.#estimator ??= this.#make()
    return this.#estimator.check(text, known.flatMap((name) => [name, ...name.split(/[^a-z0-9]+/)]).filter((name) => name !== '')).score
  }
}
