import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Looked for in the working directory, in this order. */
const USUAL_PLACES = ['sotto.toml', join('config', 'sotto.toml')]

/**
 * Which configuration file counts: the one of the command line, else that of SOTTO_CONFIG, else ./sotto.toml or
 * ./config/sotto.toml where one is there. Undefined: there is none, and the defaults hold.
 */
export function configLocation(
  option: string | undefined, environment: Readonly<Record<string, string | undefined>>, cwd: string,
): string | undefined {
  const named = option ?? environment['SOTTO_CONFIG']
  // A file that somebody named and that is not there is an error, told by loadConfig; '' is as if it were not set.
  if (named !== undefined && named !== '') return named
  return USUAL_PLACES.find((place) => existsSync(join(cwd, place)))
}
