import type { Command } from 'commander'
import { z } from 'zod'
import { REGISTRATION_MODES } from '../config/schema.ts'
import type { RegistrationMode } from '../registration/application.ts'
import type { Registration } from '../registration/registration.ts'
import { CommandError } from '../routing/command-error.ts'
import type { ServedDomain } from '../routing/domains.ts'
import type { Extension } from '../routing/extension.ts'
import { domainOf } from './account.ts'
import type { Operator } from './control-client.ts'

export interface RegistrationOutput {
  readonly domains: readonly {
    /** As the configuration calls it. */
    readonly domain: string
    readonly mode: RegistrationMode
    readonly wanted: RegistrationMode
    readonly source: 'configured' | 'switched'
    /** Milliseconds since the epoch. */
    readonly narrowedUntil?: number
  }[]
}

const switched = z.strictObject({ mode: z.enum(REGISTRATION_MODES), domain: z.string().max(1023).optional() })
const shown = z.strictObject({ domain: z.string().max(1023).optional() })

/** The commands by which the operator says who may make an account. */
export function registrationCommands(registration: Registration): Extension {
  const told = (domains: readonly ServedDomain[]): RegistrationOutput => ({ domains: domains.map((domain) => {
    const { mode, wanted, source, narrowedUntil } = registration.modeState(domain)
    return { domain: domain.label, mode, wanted, source, ...narrowedUntil === undefined ? {} : { narrowedUntil } }
  }) })
  return {
    name: 'registration-commands',
    implements: [],
    install: (host) => {
      const meant = (domain: string | undefined) => domain === undefined ? host.domains.all() : [domainOf(domain, host.domains)]
      return {
        commands: [
          {
            name: 'registration set',
            async run(input) {
              const judged = switched.safeParse(input)
              if (!judged.success) throw new CommandError('bad-input', `say one of ${REGISTRATION_MODES.join(', ')}, and of which domain`)
              const domains = meant(judged.data.domain)
              for (const domain of domains) await registration.setMode(domain, judged.data.mode)
              return told(domains)
            },
          },
          {
            name: 'registration show',
            run(input) {
              const judged = shown.safeParse(input)
              if (!judged.success) throw new CommandError('bad-input', 'name a domain, or none')
              return told(meant(judged.data.domain))
            },
          },
        ],
      }
    },
  }
}

/** `sotto registration ...` */
export function registrationCommandLine(registration: Command, { operate, print }: {
  operate(work: (operator: Operator) => Promise<void>): Promise<void>
  print(line: string): void
}): void {
  const say = ({ domains }: RegistrationOutput): void => {
    for (const { domain, mode, source, wanted, narrowedUntil } of domains) {
      const until = narrowedUntil === undefined ? '' : `, ${wanted} again from ${new Date(narrowedUntil).toISOString().slice(0, 16).replace('T', ' ')} UTC on`
      print(`${domain}: ${mode} (${source}${until})`)
    }
  }
  for (const [mode, description] of Object.entries(MODES)) {
    registration.command(`${mode} [domain]`).description(`${description}; of one domain, or of all`)
      .action((domain: string | undefined) => operate(async (operator) => {
        say(await operator.run('registration set', { mode, ...domain === undefined ? {} : { domain } }) as RegistrationOutput)
      }))
  }
  registration.command('show')
    .description('who may make an account at which domain, and who says so')
    .action(() => operate(async (operator) => say(await operator.run('registration show', {}) as RegistrationOutput)))
}

const MODES: Readonly<Record<RegistrationMode, string>> = {
  open: 'whoever answers a challenge makes an account',
  invite: 'an account needs an invitation',
  closed: 'nobody makes an account but you, invitations or not',
}
