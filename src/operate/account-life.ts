import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { CommandError } from '../routing/command-error.ts'
import type { AccountExportOutput, AccountOutput, AccountSessionsOutput } from './account.ts'
import type { Operator } from './control-client.ts'

/** `sotto account lock`, `unlock`, `sessions` and `export`. */
export function accountLifeCommandLine(account: Command, { operate, cwd, print }: {
  operate(work: (operator: Operator) => Promise<void>): Promise<void>
  readonly cwd: string
  print(line: string): void
}): void {
  account.command('lock <name>')
    .description('let nobody log in by it, and end its sessions; nothing of it is removed')
    .option('--reason <text>', 'kept with the account; whoever may read its export may read it')
    .action((name: string, { reason }: { reason?: string }) => operate(async (operator) => {
      const locked = await operator.run('account lock', { account: name, ...reason === undefined ? {} : { reason } }) as AccountOutput
      print(`Locked ${locked.account}`)
    }))
  account.command('unlock <name>')
    .description('let its owner log in again')
    .action((name: string) => operate(async (operator) => {
      const unlocked = await operator.run('account unlock', { account: name }) as AccountOutput
      print(`Unlocked ${unlocked.account}`)
    }))
  account.command('sessions <name>')
    .description('its clients and sign-ins on pages that are there now: since which day, and by which way')
    .option('--end', 'end them all')
    .action((name: string, { end = false }: { end?: boolean }) => operate(async (operator) => {
      const { sessions, ended } = await operator.run('account sessions', { account: name, end }) as AccountSessionsOutput
      for (const { on, since, way } of sessions) print(`${on} since ${since}, ${WAYS[way]}`)
      print(sessions.length === 0 ? 'Nobody is there.' : ended ? `Ended ${sessions.length}` : `${sessions.length} in all`)
    }))
  account.command('export <name> [file]')
    .description('all that is held of an account, as an XML document (XEP-0227), in a new file or on stdout')
    .action((name: string, file: string | undefined) => operate(async (operator) => {
      const { account: exported, document } = await operator.run('account export', { account: name }) as AccountExportOutput
      if (file === undefined) return print(document.trimEnd())
      writeNew(resolve(cwd, file), document)
      print(`Wrote what is held of ${exported} into ${file}, which only you can read`)
    }))
}

const WAYS: Readonly<Record<AccountSessionsOutput['sessions'][number]['way'], string>> = { onion: 'by the onion', clearnet: 'by clearnet' }

/** XEP-0227 §6: "not accessible to unauthorized persons". */
function writeNew(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException // as node:fs throws
    throw new CommandError('refused', code === 'EEXIST' ? `${file} is there already` : `cannot write ${file} (${code ?? 'unknown error'})`)
  }
}
