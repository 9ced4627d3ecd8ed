import { Option, type Command } from 'commander'
import { CommandError } from '../routing/command-error.ts'
import type { Operator } from './control-client.ts'
import type { LogOutput } from './log-raise.ts'

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }

/** `sotto log ...` */
export function logCommandLine(log: Command, { operate, print }: {
  operate(work: (operator: Operator) => Promise<void>): Promise<void>
  print(line: string): void
}): void {
  const say = ({ level, raised }: LogOutput): void => {
    print(raised === undefined ? `The log is at "${level}", as configured.`
      : `The log is at "${level}" until ${new Date(raised.until).toISOString().slice(0, 19).replace('T', ' ')} UTC: ${raised.reason}`)
  }
  log.command('raise')
    .description('let it log more for a while, and tell everybody who is signed in why')
    .requiredOption('--for <time>', 'how long, at most 24h: 30s, 30m, 2h')
    .requiredOption('--reason <text>', 'what your users read')
    .addOption(new Option('--level <level>', 'what is logged').choices(['warn', 'info', 'debug']).default('debug'))
    .action((options: { for: string, reason: string, level: string }) => operate(async (operator) => {
      const { reason, level } = options
      say(await operator.run('log raise', { milliseconds: milliseconds(options.for), reason, level }) as LogOutput)
    }))
  log.command('lower')
    .description('end it before its time')
    .action(() => operate(async (operator) => say(await operator.run('log lower', {}) as LogOutput)))
  log.command('show')
    .description('what level holds, and why')
    .action(() => operate(async (operator) => say(await operator.run('log show', {}) as LogOutput)))
}

function milliseconds(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,6})([smh])$/.exec(text) ?? []
  const value = Number(number) * (UNITS[unit] ?? Number.NaN)
  if (Number.isNaN(value)) throw new CommandError('bad-input', `"${text}" is no time: write 30s, 30m or 2h`)
  return value
}
