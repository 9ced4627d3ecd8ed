import type { Command } from 'commander'
import { z } from 'zod'
import type { Config } from '../config/schema.ts'
import { invitationLinks, type InvitationLinks } from '../registration/links.ts'
import { accountName } from '../registration/names.ts'
import { pagesAddresses } from '../registration/pages-address.ts'
import type { Registration } from '../registration/registration.ts'
import { CommandError } from '../routing/command-error.ts'
import type { ServedDomain, ServedDomains } from '../routing/domains.ts'
import type { Extension } from '../routing/extension.ts'
import { domainOf, nameNotices } from './account.ts'
import type { Operator } from './control-client.ts'
import { qrCode } from './qr-code.ts'

export interface InviteOutput extends InvitationLinks {
  readonly id: string
  readonly expires: number
  readonly uses: number
  readonly notices: readonly string[]
}
export interface InviteListOutput {
  readonly invitations: readonly {
    readonly id: string
    readonly domain: string
    readonly name?: string
    readonly inviter?: string
    readonly uses: number
    readonly expires: number
    readonly created: string
  }[]
}

const DAY = 86_400_000
const LONGEST = 366 * DAY
const MOST_USES = 1000

const created = z.strictObject({
  domain: z.string().max(1023).optional(),
  name: z.string().max(1023).optional(),
  milliseconds: z.int().min(60_000).max(LONGEST),
  uses: z.int().min(1).max(MOST_USES).optional(),
  reuse: z.boolean().optional(),
})
const listed = z.strictObject({ domain: z.string().max(1023).optional() })
const revoked = z.strictObject({ id: z.string().regex(/^[0-9a-f]{10}$/) })

/** The commands by which the operator invites. */
export function inviteCommands(registration: Registration): Extension {
  return {
    name: 'invite-commands',
    implements: [],
    install: ({ domains, config }) => ({
      commands: [
        { name: 'invite create', run: (input) => create(registration, domains, config, input) },
        {
          name: 'invite list',
          run(input): InviteListOutput {
            const judged = listed.safeParse(input)
            if (!judged.success) throw new CommandError('bad-input', 'name a domain, or none')
            const meant = judged.data.domain === undefined ? domains.all() : [domainOf(judged.data.domain, domains)]
            return { invitations: meant.flatMap((domain) => registration.invitations.list(domain).map((one) => ({
              id: one.id, domain: domain.label, uses: one.uses, expires: one.expires, created: one.created,
              ...one.name === undefined ? {} : { name: one.name }, ...one.inviter === undefined ? {} : { inviter: one.inviter.toString() },
            }))) }
          },
        },
        {
          name: 'invite revoke',
          async run(input) {
            const judged = revoked.safeParse(input)
            if (!judged.success) throw new CommandError('bad-input', 'name an invitation as sotto invite list does: ten signs of 0-9 and a-f')
            if (await registration.invitations.revoke(judged.data.id)) return {}
            throw new CommandError('refused', 'there is no such invitation (any more)')
          },
        },
      ],
    }),
  }
}

async function create(registration: Registration, domains: ServedDomains, config: Config, input: unknown): Promise<InviteOutput> {
  const judged = created.safeParse(input)
  if (!judged.success) throw new CommandError('bad-input', `an invitation is good for a minute to 366 days, and for 1 to ${MOST_USES} accounts`)
  const { name: text, milliseconds, uses = 1, reuse = false } = judged.data
  const domain = onlyDomain(judged.data.domain, domains)
  const name = text === undefined ? undefined : accountName(text)
  if (text !== undefined && name === undefined) throw new CommandError('bad-input', `"${text}" is no name for an account`)
  if (name !== undefined && uses > 1) throw new CommandError('bad-input', 'a name is given once: leave out the name, or the uses')
  const objections = name === undefined ? [] : registration.names.objections(domain, name)
  if (objections.includes('exists')) throw new CommandError('refused', 'there is such an account already')
  if (objections.includes('promised')) throw new CommandError('refused', 'another invitation promises this name, or one that looks like it')
  const notices = [
    ...nameNotices(objections, reuse),
    ...registration.mode(domain) === 'closed' ? [`nobody can use it while registration at ${domain.label} is closed`] : [],
  ]
  const made = await registration.invite({ domain, milliseconds, uses, ...name === undefined ? {} : { name } })
  if (made === undefined) throw new CommandError('refused', 'too many invitations are out; revoke some, or wait until they expire')
  return { id: made.id, expires: made.expires, uses, notices, ...invitationLinks(domain, made.token, { name }, pagesAddresses(domain, config)) }
}

function onlyDomain(text: string | undefined, domains: ServedDomains): ServedDomain {
  if (text !== undefined) return domainOf(text, domains)
  const [only, ...others] = domains.all()
  if (only !== undefined && others.length === 0) return only
  throw new CommandError('bad-input', `this server has several domains; add --domain and one of ${domains.all().map(({ label }) => label).join(', ')}`)
}

/** `sotto invite ...` */
export function inviteCommandLine(invite: Command, { operate, print, colors }: {
  operate(work: (operator: Operator) => Promise<void>): Promise<void>
  print(line: string): void
  readonly colors: boolean
}): void {
  invite.command('create')
    .description('let somebody make an account: a link for a client, one for a browser, and that one as a QR code')
    .option('-d, --domain <domain>', 'where, if there are several')
    .option('-n, --name <name>', 'the only name that it gives; it is kept until then')
    .option('--for <time>', 'how long it is good, at most 366d: 30m, 12h, 7d', '7d')
    .option('--uses <number>', 'for how many accounts')
    .option('--reuse', 'the name may be that of a deleted account')
    .action((options: { domain?: string, name?: string, for: string, uses?: string, reuse?: boolean }) => operate(async (operator) => {
      const { for: time, uses, ...others } = options
      const made = await operator.run('invite create', {
        ...others, milliseconds: milliseconds(time), ...uses === undefined ? {} : { uses: Number(uses) },
      }) as InviteOutput
      for (const notice of made.notices) print(`Mind: ${notice}.`)
      print(`Good until ${day(made.expires)} for ${made.uses === 1 ? 'one account' : `${made.uses} accounts`}; sotto invite revoke ${made.id} takes it back.`)
      print(made.xmpp)
      for (const page of made.web) print(page)
      print((await qrCode(made.web[0] ?? made.xmpp, { colors })).replace(/\n+$/, ''))
    }))
  invite.command('list')
    .description('the invitations that are good, one a line')
    .option('-d, --domain <domain>', 'to this domain only')
    .action(({ domain }: { domain?: string }) => operate(async (operator) => {
      const { invitations } = await operator.run('invite list', domain === undefined ? {} : { domain }) as InviteListOutput
      for (const one of invitations) {
        const who = `${one.name ?? '(any name)'}@${one.domain}`
        print(`${one.id}  until ${day(one.expires)}  ${who}  ${one.uses === 1 ? 'once' : `${one.uses} times`}${one.inviter === undefined ? '' : `  by ${one.inviter}`}`)
      }
    }))
  invite.command('revoke <id...>')
    .description('take invitations back')
    .action((ids: readonly string[]) => operate(async (operator) => {
      for (const id of ids) {
        await operator.run('invite revoke', { id })
        print(`Took back ${id}`)
      }
    }))
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: DAY }

function milliseconds(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? []
  const value = Number(number) * (UNITS[unit] ?? Number.NaN)
  if (Number.isNaN(value)) throw new CommandError('bad-input', `"${text}" is no time: write 30m, 12h or 7d`)
  return value
}

function day(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
