import type { Config } from '../../config/schema.ts'

/** good: as it should be. notice: worth knowing. bad: to be mended. grave: today. */
export type Verdict = 'good' | 'notice' | 'bad' | 'grave'

/** One thing that was looked at. */
export interface Finding {
  readonly verdict: Verdict
  readonly says: string
  /** What to do; where nothing is wrong there is none. */
  readonly remedy?: string
}

/** What is looked at. */
export interface Patient {
  readonly config: Config
  /** Milliseconds since the epoch. */
  readonly now: number
  /** What the running server says of itself; undefined where none runs. */
  readonly status: ServerStatus | undefined
}

/** What is needed of `sotto status`. */
export interface ServerStatus {
  readonly tor: { readonly state: string }
  readonly onions: readonly { readonly label: string, readonly address: string, readonly published: boolean }[]
}

/** Looks at one thing. It changes nothing, and says what went wrong instead of throwing. */
export interface Check {
  readonly name: string
  examine(patient: Patient): Promise<readonly Finding[]> | readonly Finding[]
}

export const good = (says: string): Finding => ({ verdict: 'good', says })
export const notice = (says: string, remedy: string): Finding => ({ verdict: 'notice', says, remedy })
export const bad = (says: string, remedy: string): Finding => ({ verdict: 'bad', says, remedy })
export const grave = (says: string, remedy: string): Finding => ({ verdict: 'grave', says, remedy })
