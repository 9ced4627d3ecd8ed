import type { Command } from 'commander'
import { join, resolve } from 'node:path'
import type { BackupListOutput } from '../backup/commands.ts'
import type { CopyState } from '../backup/copy-place.ts'
import type { Step } from '../backup/progress.ts'
import type { Receipt } from '../backup/receipt.ts'
import type { Config } from '../config/schema.ts'
import { CommandError } from '../routing/command-error.ts'
import type { CommandProgress } from '../routing/command-progress.ts'
import type { Operator } from './control-client.ts'

export interface BackupProgram {
  operate(work: (operator: Operator) => Promise<void>): Promise<void>
  config(): Config
  /** The configuration file, where there is one. */
  file(): string | undefined
  readonly cwd: string
  print(line: string): void
  /** Where a bar is shown, if it is a terminal: stderr, so that stdout stays clean. */
  readonly terminal: NodeJS.WritableStream
}

/** `sotto backup ...`. To read a backup needs no server, no configuration and, but for the age key, nothing of the old machine. */
export function backupCommandLine(backup: Command, { operate, config, file, cwd, print, terminal }: BackupProgram): void {
  /** With a bar, as long as it takes. Loaded where somebody sees it. */
  const watched = async <T>(work: (onProgress: ((progress: CommandProgress) => void) | undefined) => Promise<T>): Promise<T> => {
    if (!('isTTY' in terminal) || terminal.isTTY !== true) return await work(undefined)
    const { ProgressBar } = await import('./progress-bar.ts')
    const bar = new ProgressBar(terminal, (step) => STEPS[step as Step] ?? step)
    try {
      return await work(bar.show)
    } finally {
      bar.end()
    }
  }
  backup.command('now')
    .description('make a backup, prove it, and tell where it is')
    .action(() => operate(async (operator) => {
      const receipt = await watched((onProgress) => operator.run('backup now', {}, onProgress)) as Receipt
      print(`Made ${receipt.name}: ${size(receipt.bytes)}, ${PROOFS[receipt.proof]}`)
    }))
  backup.command('list')
    .description('the backups on this machine, the oldest first, and what is proven of their copies')
    .action(() => operate(async (operator) => {
      const { folder, backups, copies } = await operator.run('backup list', {}) as BackupListOutput
      print(`${folder}:`)
      for (const { name, bytes, proof } of backups) print(`${name}  ${size(bytes)}  ${proof === undefined ? 'no valid receipt' : PROOFS[proof]}`)
      if (backups.length === 0) print('none yet')
      for (const copy of copies) for (const line of copyLines(copy)) print(line)
    }))
  backup.command('verify <file>')
    .description('prove a backup once more: by its receipt and, with an identity, by decrypting it')
    .option('-i, --identity <file>', 'secret key of age (else backup.identity of the configuration)')
    .action(async (name: string, { identity }: { identity?: string }) => {
      const [{ verify }, identities] = [await import('../backup/verifying.ts'), await readIdentities(identity ?? configured(config), cwd)]
      const { receipt, restored } = await watched((onProgress) => verify(resolve(cwd, name), identities, onProgress))
      if (receipt !== undefined) print(`It is the file of its receipt, made ${time(receipt.made)}.`)
      print(restored === undefined ? 'It was not decrypted: no identity was named.'
        : `It can be decrypted, and all of it is as it was ${time(restored.made)}: ${restored.rows} rows.`)
    })
  backup.command('restore <file>')
    .description('put a server back from a backup, into an empty place: configuration, keys, certificates, accounts')
    .requiredOption('-i, --identity <file>', 'secret key of age')
    .action(async (name: string, { identity }: { identity: string }) => {
      const { restore } = await import('../backup/restoring.ts')
      const identities = await readIdentities(identity, cwd)
      const restored = await watched((onProgress) => restore({
        file: resolve(cwd, name), identities, configFile: file() ?? join(cwd, 'sotto.toml'), cwd, onProgress,
      }))
      print(`Restored what was backed up ${time(restored.made)} into ${restored.data}: ${restored.rows} rows.`)
      if (restored.configFile !== undefined) print(`The configuration is ${restored.configFile}.`)
      for (const one of restored.outside.restored) print(`Restored ${one}, too.`)
      for (const one of restored.outside.kept) print(`Left alone ${one}, which was there already.`)
      if (restored.missingIdentity !== undefined) print(`No backup holds ${restored.missingIdentity} (backup.identity): put it there, or no backup is made from now on.`)
      print('Now start the server: sotto start')
    })
  backup.command('identity <file>')
    .description('make a key pair for backups: the secret key goes into FILE, which belongs to another place than the server')
    .action(async (name: string) => {
      const { makeIdentity } = await import('../backup/identity.ts')
      const recipient = await makeIdentity(resolve(cwd, name))
      print(`Made ${name}. Keep it where this machine cannot lose it. In the configuration write`)
      print(`[backup]\nrecipients = ["${recipient}"]`)
    })
}

const STEPS: Readonly<Record<Step, string>> = {
  snapshot: 'Copying the database',
  encrypt: 'Encrypting',
  read: 'Reading it again',
  restore: 'Decrypting and comparing',
}

const PROOFS: Readonly<Record<Receipt['proof'], string>> = {
  restored: 'proven by restoring it',
  written: 'proven to lie there as it was written (backup.identity would have it restored)',
}

function configured(config: () => Config): string {
  try {
    return config().backup.identity
  } catch (error) {
    throw new CommandError('bad-input', `name an identity by --identity, as the configuration cannot be read: ${error instanceof Error ? error.message : ''}`)
  }
}

async function readIdentities(file: string, cwd: string): Promise<readonly string[]> {
  if (file === '') return []
  const { identitiesIn } = await import('../backup/identity.ts')
  return identitiesIn(resolve(cwd, file))
}

function copyLines({ place, newest, count, failure, isOverdue }: CopyState): string[] {
  return [
    `${place}:`,
    newest === undefined ? 'no proven copy' : `${newest.name}  the newest of ${count} proven copies, read back ${time(newest.proven)}`,
    ...isOverdue ? ['OVERDUE: it is older than backup.alarm_after'] : [],
    ...failure === undefined ? [] : [`failed ${time(failure.at)}: ${failure.condition}`],
  ]
}

function size(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} kB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 16).replace('T', ' ') + ' UTC'
}
