/** What is wrong with one key. */
export interface Complaint {
  /** The dotted path, e.g. 'listeners[0].port'; '' where the file as a whole is meant. */
  readonly key: string
  readonly problem: string
  /** What the operator can do about it. */
  readonly remedy: string
}

/** A complaint and where its key stands. */
export interface Problem extends Complaint {
  /** The configuration file, or that it is the defaults; undefined for what was found out later, while the server was starting. */
  readonly file: string | undefined
  /** Of the file, counted from 1, where it is known. */
  readonly line: number | undefined
}

/** The configuration cannot be used. Holds all its problems at once, so that they are mended in one go. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(sentence).join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

function sentence({ file, line, key, problem, remedy }: Problem): string {
  const place = `${file ?? 'configuration'}${line === undefined ? '' : `:${line}`}`
  return `${place}: ${key === '' ? '' : `${key}: `}${problem}. ${remedy}.`
}
