import { CommanderError } from 'commander'
import { PassphraseError } from '../auth/passphrase.ts'
import { BackupError } from '../backup/backup-error.ts'
import { ConfigError } from '../config/config-error.ts'
import type { Config } from '../config/schema.ts'
import { ListenError } from '../net/listener.ts'
import { CertificateError } from '../net/tls.ts'
import { CommandError, type CommandErrorCode } from '../routing/command-error.ts'
import { StoreError } from '../store/store-error.ts'
import { TorError } from '../tor/tor-error.ts'
import type { Exit } from './exit-code.ts'

/** The end of a program that could not do what it was asked to, in the operator's words. */
export interface Failure {
  readonly exit: Exit
  /** For stderr; undefined where everything is said already. */
  readonly message: string | undefined
}

/** What an error means to the operator. Only what we know gets a message: anything else is a bug, told by its type. */
export function failureOf(error: unknown, config?: Config): Failure {
  if (error instanceof ConfigError || error instanceof PassphraseError) return { exit: 'config', message: error.message }
  if (error instanceof CommandError) return { exit: EXIT_OF[error.code], message: error.message }
  if (error instanceof ListenError) return { exit: 'failed', message: listenRemedy(error, config) }
  if (error instanceof StoreError || error instanceof BackupError || error instanceof TorError || error instanceof CertificateError) {
    return { exit: 'failed', message: error.message }
  }
  if (error instanceof CommanderError) return { exit: error.exitCode === 0 ? 'done' : 'usage', message: undefined }
  return { exit: 'software', message: undefined }
}

const EXIT_OF: Readonly<Record<CommandErrorCode, Exit>> = {
  'bad-input': 'usage',
  refused: 'data',
  unavailable: 'unavailable',
  unwell: 'unwell',
  internal: 'software',
}

/** One line: the address, the key that says so, and the remedy. */
export function listenRemedy(error: ListenError, config: Config | undefined): string {
  const index = config?.listeners.findIndex(({ address, port }) => `${address}:${port}` === error.where) ?? -1
  if (index < 0) {
    return `${error.message} (files.runtime). Stop the other server, or name a folder that this user may write to.`
  }
  const key = `listeners[${index}].port`
  return `${error.message} (${key}). ${REMEDIES[error.code] ?? `Write another value for ${key}`}.`
}

const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Stop that program (ss -ltnp shows it), or write another port',
  EACCES: 'Write a port above 1023, or let this user bind the port',
  EADDRNOTAVAIL: 'Write an address that this machine has',
}
