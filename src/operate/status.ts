import type { Command } from 'commander'
import { setTimeout as delay } from 'node:timers/promises'
import { CommandError } from '../routing/command-error.ts'
import type { Terminal } from './console.ts'
import type { Operator } from './control-client.ts'
import type { StatusOutput } from './server-status.ts'

const REFRESH_MILLISECONDS = 2000

/** `sotto status`: how the running server is, for a person. */
export function statusCommandLine(root: Command, { operate, output }: {
  operate(work: (operator: Operator) => Promise<void>): Promise<void>
  readonly output: Terminal
}): void {
  root.command('status')
    .description('how the running server is: onions, sessions, other servers, backups, limits')
    .option('--json', 'for programs')
    .option('-w, --watch', 'again every 2 s, until Ctrl-C')
    .action(({ json, watch }: { json?: true, watch?: true }) => operate(async (operator) => {
      if (watch === true && output.isTTY !== true) throw new CommandError('bad-input', '--watch is for a terminal')
      for (;;) {
        const status = await operator.run('status', {}) as StatusOutput
        const text = json === true ? JSON.stringify(status) : statusLines(status, Date.now()).join('\n')
        output.write(`${watch === true ? '\x1b[H\x1b[2J' : ''}${text}\n`)
        if (watch !== true) return
        await delay(REFRESH_MILLISECONDS)
      }
    }))
}

export function statusLines({ uptime, memory, sessions, clients, servers, tor, onions, backup }: StatusOutput, now: number): readonly string[] {
  const refused = clients.refused + servers.refused
  return [
    `Running for ${span(uptime)}, with ${Math.round(memory / 1024 / 1024)} MB of memory`,
    `Tor: ${tor.state}${tor.version === undefined ? '' : `, version ${tor.version}`}${tor.percent === undefined ? '' : `, ${tor.percent} %`}`,
    ...onions.map(({ label, address, published }) => `  ${label}: ${address} (${published ? 'can be reached' : 'cannot be reached yet'})`),
    `Clients: ${sessions} sessions; streams by onion ${clients.onion}, by the clearnet ${clients.clearnet}`,
    `Other servers: ${servers.incoming} streams to us, ${servers.outgoing} domains that we have to do with`,
    backupLine(backup, now),
    refused === 0 ? 'Limits: none was hit' : `Limits: ${clients.refused} streams of clients and ${servers.refused} of servers found no place`,
  ]
}

function backupLine(backup: StatusOutput['backup'], now: number): string {
  if (backup === undefined) return 'Backups: none are made (backup.recipients)'
  const { last } = backup
  if (last === undefined) return 'Backups: none yet'
  return `Backups: the last ${span(now - last.made)} ago, ${last.proof === 'restored' ? 'proven by restoring it' : 'not restored to prove it'}`
}

function span(milliseconds: number): string {
  const minutes = Math.floor(milliseconds / 60_000)
  if (minutes < 1) return `${Math.max(0, Math.round(milliseconds / 1000))} s`
  if (minutes < 120) return `${minutes} min`
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} days`
}
