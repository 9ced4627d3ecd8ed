import { statSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from '../config/config-error.ts'
import type { Config } from '../config/schema.ts'
import { StoreError } from '../store/store-error.ts'
import { readText } from './key-file.ts'

/** In characters: whoever has a copy of the data directory can try passphrases at leisure. */
export const LEAST_PASSPHRASE = 12

/** What the process was started with, and by whom. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Asks the person at the terminal; twice for one that is new. @throws ConfigError where nobody can be asked */
  askPassphrase(isNew: boolean): Promise<string>
}

/** Gives the passphrase, whenever it is needed; `isNew` where none was used so far. */
export type PassphraseSource = (isNew: boolean) => Promise<string>

/** The passphrase, or that there is one, is not what the store needs. As with the configuration, another try mends nothing. */
export class PassphraseError extends StoreError {}

/** By one of the keys keys.passphrase_...; undefined where the storage key lies in a file. */
export function passphraseSource(keys: Config['keys'], { environment, askPassphrase }: Surroundings): PassphraseSource | undefined {
  if (keys.passphrase_file !== '') return async () => readPassphrase(keys.passphrase_file)
  if (keys.passphrase_credential !== '') return async () => readCredential(keys.passphrase_credential, environment)
  return keys.passphrase_prompt ? askPassphrase : undefined
}

/** The passphrase in a file: its first line. @throws StoreError, PassphraseError where it is too short */
export function readPassphrase(file: string): string {
  const [line = ''] = readText(file, 'Write the passphrase into it, or correct keys.passphrase_file.').split(/\r?\n/, 1)
  if ([...line].length < LEAST_PASSPHRASE) {
    throw new PassphraseError(file, `holds no passphrase of ${LEAST_PASSPHRASE} characters or more`,
      'Choose a longer one: whoever has a copy of the data directory can try passphrases at leisure.')
  }
  return line
}

/** The passphrase in a credential of systemd. @throws ConfigError where there is none, PassphraseError where it is too short */
function readCredential(name: string, environment: Surroundings['environment']): string {
  const directory = environment['CREDENTIALS_DIRECTORY']
  const refuse = (problem: string, remedy: string): never => {
    throw new ConfigError([{ file: undefined, line: undefined, key: 'keys.passphrase_credential', problem, remedy }])
  }
  if (directory === undefined || directory === '') {
    return refuse('no credentials were handed over ($CREDENTIALS_DIRECTORY is not set)',
      `Start it as a service with LoadCredential=${name}:FILE; where none runs, give commands by systemd-run --pty -p LoadCredential=${name}:FILE`)
  }
  const file = join(directory, name)
  const status = statusOf(file)
  if (status === undefined) return refuse(`${file} is not there`, `Name it in the unit: LoadCredential=${name}:FILE`)
  if (typeof status === 'string') return refuse(`${file} cannot be read (${status})`, 'Start it as the user to whom systemd handed it over')
  // systemd lets the service's user read by an access list, which shows up as the group's right to read.
  if ((status.mode & 0o037) !== 0) {
    return refuse(`${file} is open to other users (mode 0${(status.mode & 0o777).toString(8)})`, `Close it: chmod 400 ${file}`)
  }
  return readPassphrase(file)
}

/** The system's reason where it cannot be told; undefined where the file is not there. */
function statusOf(file: string): Stats | string | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false })
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown' // fs throws nothing else
  }
}
