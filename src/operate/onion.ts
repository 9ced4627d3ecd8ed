import { resolve } from 'node:path'
import type { Command } from 'commander'
import { z } from 'zod'
import type { OnionKeys } from '../auth/onion-keys.ts'
import { CommandError } from '../routing/command-error.ts'
import type { ServedDomain } from '../routing/domains.ts'
import type { Extension, Host } from '../routing/extension.ts'
import type { TorStatus } from '../tor/tor.ts'
import type { Operator } from './control-client.ts'

export interface OnionOutput {
  readonly services: readonly OnionState[]
}

export interface OnionState {
  /** The domain as the configuration calls it. */
  readonly label: string
  /** 56 characters and '.onion'. */
  readonly address: string
  /** Whether others can reach it now; false, too, where no server runs. */
  readonly published: boolean
}

export interface RenewalOutput {
  readonly label: string
  readonly before: string
  /** Undefined where it was only asked what would be done. */
  readonly address?: string
  /** Whether the domain itself is called by its address. */
  readonly named: boolean
}

const renewal = z.strictObject({ domain: z.string().max(1023).optional(), keep: z.string().min(1).max(4096).optional(), confirmed: z.boolean() })

/**
 * The commands about onion services; `tor` is undefined where none runs, and `keys` where one may: the key that tor has
 * read is not changed.
 */
export function onionCommands(tor: () => TorStatus | undefined, keys: () => OnionKeys | undefined = () => undefined): Extension {
  return {
    name: 'onion-commands',
    implements: [],
    install: (host) => ({
      commands: [{
        name: 'onion show',
        run: (): OnionOutput => {
          const status = tor()
          const published = status?.state === 'ready' ? status.published : []
          return {
            services: host.domains.all().flatMap(({ label, onionAddress: address }) => (
              address === undefined ? [] : [{ label, address, published: published.includes(address) }])),
          }
        },
      }, {
        name: 'onion renew',
        run: async (input): Promise<RenewalOutput> => {
          const judged = renewal.safeParse(input)
          if (!judged.success) throw new CommandError('bad-input', 'name a domain, or none, and a folder, or none')
          const { domain, keep, confirmed } = judged.data
          const { label, name, onionAddress: before = '' } = onionDomain(host, domain)
          const held = keys()
          if (held === undefined) throw new CommandError('refused', 'the server runs, and its tor has the key: stop the server, and give this command again')
          const told = { label, before, named: name === before }
          return confirmed ? { ...told, address: await held.renew(label, keep) } : told
        },
      }],
    }),
  }
}

/** `sotto onion renew` */
export function onionCommandLine(onion: Command, { operate, cwd, print, confirm }: {
  operate(work: (operator: Operator) => Promise<void>): Promise<void>
  readonly cwd: string
  print(line: string): void
  /** @throws CommandError */
  confirm(question: string): Promise<void>
}): void {
  onion.command('renew [domain]')
    .description('give an onion service another key, and so another address; the server must not run')
    .option('--keep <folder>', 'write the key before into that folder, in the clear, as tor keeps it (else nobody has it any more)')
    .option('-y, --yes', 'do not ask')
    .action((domain: string | undefined, { keep, yes }: { keep?: string, yes?: boolean }) => operate(async (operator) => {
      const input = { ...domain === undefined ? {} : { domain }, ...keep === undefined ? {} : { keep: resolve(cwd, keep) } }
      const { label, before, named } = await operator.run('onion renew', { ...input, confirmed: false }) as RenewalOutput
      if (yes !== true) await confirm(`Nobody reaches ${label} by ${before} any more, and there is no way back. Write yes: `)
      const { address } = await operator.run('onion renew', { ...input, confirmed: true }) as RenewalOutput
      print(`${label}: ${address} is the address now; ${before} was.`)
      if (named) {
        print(`Accounts keep their passwords and rosters, and are called NAME@${address}. Contacts elsewhere must be asked anew.`)
        print(`Where somebody else may have the key before: sotto domain block ${before}`)
      }
      print('Backups that were made before hold that key, too; make a new one. Tell everybody by another way.')
    }))
}

function onionDomain({ domains }: Host, text: string | undefined): ServedDomain {
  const all = domains.all().filter(({ onionAddress }) => onionAddress !== undefined)
  const [only, ...others] = text === undefined ? all : all.filter(({ label, name }) => text === label || text === name)
  if (only !== undefined && others.length === 0) return only
  const labels = all.map(({ label }) => label).join(', ')
  throw new CommandError('bad-input', labels === '' ? 'no domain has an onion service' : `name the domain whose onion gets another key: ${labels}`)
}
