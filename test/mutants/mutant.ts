/** The server with one check switched off. */
export interface Mutant {
  /** The check in words. */
  readonly check: string
  /** The source file, and the text in it that makes the check; it stands there exactly once. */
  readonly file: string
  readonly find: string
  /** What stands there instead. It must run, but its types need not be right. */
  readonly replace: string
  /** Test files of which at least one must fail, those that are most likely to first. */
  readonly tests: readonly string[]
}

/** Mutants of one file, as [check, find, replace]. */
export function mutantsOf(
  file: string, tests: readonly string[], ...changes: readonly (readonly [check: string, find: string, replace: string])[]
): Mutant[] {
  return changes.map(([check, find, replace]) => ({ check, file, find, replace, tests }))
}
