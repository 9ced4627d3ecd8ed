import { z } from 'zod'
import { AccountError } from '../auth/account-error.ts'
import type { Accounts } from '../auth/accounts.ts'
import { QueueFull } from '../auth/work-queue.ts'
import type { AccountLife } from '../registration/account-life.ts'
import { CommandError } from '../routing/command-error.ts'
import type { ServedDomain, ServedDomains } from '../routing/domains.ts'
import type { CommandRoute, Extension, Host } from '../routing/extension.ts'
import { Jid } from '../xmpp/jid.ts'

export interface AccountOutput {
  /** The bare JID. */
  readonly account: string
}
export interface AccountListOutput {
  readonly accounts: readonly string[]
}

/** Neither line breaks nor control characters. */
const PLAIN_LINE = /^\P{Cc}*$/u

const named = z.strictObject({ account: z.string().max(3071) })
const namedWithPassword = z.strictObject({ account: z.string().max(3071), password: z.string().min(1).max(1024) })
const namedToLock = z.strictObject({ account: z.string().max(3071), reason: z.string().max(500).regex(PLAIN_LINE).optional() })
const namedToEnd = z.strictObject({ account: z.string().max(3071), end: z.boolean() })
const listed = z.strictObject({ domain: z.string().max(1023).optional(), locked: z.literal(true).optional() })

export interface AccountSessionsOutput extends AccountOutput {
  readonly sessions: readonly {
    readonly since: string
    readonly way: 'onion' | 'clearnet'
    readonly on: 'client' | 'page'
  }[]
  readonly ended: boolean
}
export interface AccountExportOutput extends AccountOutput {
  readonly document: string
}

/** The commands by which the operator makes, mends and removes accounts. */
export function accountCommands(accounts: Accounts, life: AccountLife): Extension {
  return {
    name: 'account-commands',
    implements: [],
    install: (host) => ({ commands: commands(accounts, life, host) }),
  }
}

function commands(accounts: Accounts, life: AccountLife, host: Host): CommandRoute[] {
  const existing = (text: string): Jid => {
    const account = accountOf(text, host.domains)
    if (!host.accounts.exists(account)) throw new CommandError('refused', `there is no account ${account.toString()}`)
    return account
  }
  return [
    {
      name: 'account add',
      async run(input): Promise<AccountOutput> {
        const { account: text, password } = read(namedWithPassword, input)
        const account = accountOf(text, host.domains)
        const exists = host.accounts.exists(account)
        if (exists) throw new CommandError('refused', `the account ${account.toString()} exists already`)
        await accepted(accounts.create(account, password))
        return { account: account.toString() }
      },
    },
    {
      name: 'account password',
      async run(input): Promise<AccountOutput> {
        const { account: text, password } = read(namedWithPassword, input)
        const account = existing(text)
        // Whoever knew the old one must not stay for having come before.
        await accepted(life.changePassword(account, password, { ending: true }))
        return { account: account.toString() }
      },
    },
    {
      name: 'account delete',
      async run(input): Promise<AccountOutput> {
        const account = existing(read(named, input).account)
        life.remove(account)
        return { account: account.toString() }
      },
    },
    {
      name: 'account lock',
      async run(input): Promise<AccountOutput> {
        const { account: text, reason = '' } = read(namedToLock, input)
        const account = existing(text)
        await life.lock(account, reason)
        return { account: account.toString() }
      },
    },
    {
      name: 'account unlock',
      async run(input): Promise<AccountOutput> {
        const account = existing(read(named, input).account)
        await life.unlock(account)
        return { account: account.toString() }
      },
    },
    {
      name: 'account sessions',
      ofRunningServer: true,
      run(input): AccountSessionsOutput {
        const { account: text, end } = read(namedToEnd, input)
        const account = existing(text)
        const way = (onion: boolean) => onion ? 'onion' : 'clearnet'
        const sessions = [
          ...life.sessions(account).map(({ since, onion }) => ({ since, way: way(onion), on: 'client' } as const)),
          ...life.signIns.of(account).map(({ since, onion }) => ({ since, way: way(onion), on: 'page' } as const)),
        ]
        if (end) life.endSessions(account)
        return { account: account.toString(), sessions, ended: end }
      },
    },
    {
      name: 'account export',
      run(input): AccountExportOutput {
        const account = existing(read(named, input).account)
        return { account: account.toString(), document: life.document(account) }
      },
    },
    {
      name: 'account list',
      run(input): AccountListOutput {
        const { domain, locked = false } = read(listed, input)
        const domains = domain === undefined ? host.domains.all() : [domainOf(domain, host.domains)]
        const all = domains.flatMap(({ name }) => accounts.list(name))
        return { accounts: all.filter((account) => !locked || accounts.isLocked(account)).map(String) }
      },
    },
  ]
}

/**
 * The account that an operator means by 'juliet', 'juliet@capulet.lit', or 'juliet@onion' for the onion domain, whose
 * real name nobody wants to type.
 *
 * @throws CommandError
 */
export function accountOf(text: string, domains: ServedDomains): Jid {
  const at = text.indexOf('@')
  const [only, ...others] = domains.all()
  if (at < 0 && (only === undefined || others.length > 0)) {
    const choice = domains.all().map(({ label }) => `${text}@${label}`).join(', ')
    throw new CommandError('bad-input', `this server has several domains; write one of ${choice}`)
  }
  const domain = at < 0 || only === undefined ? only : domainOf(text.slice(at + 1), domains)
  const account = Jid.of(at < 0 ? text : text.slice(0, at), domain?.name ?? '')
  if (account !== undefined && account.local !== '') return account
  throw new CommandError('bad-input', `"${text}" is no name for an account`)
}

function domainOf(text: string, domains: ServedDomains): ServedDomain {
  const domain = domains.all().find(({ name, label }) => text === label || Jid.of('', text)?.domain === name)
  if (domain !== undefined) return domain
  const known = domains.all().map(({ label }) => label).join(', ')
  throw new CommandError('bad-input', `this server does not serve "${text}"; its domains are ${known}`)
}

function read<T>(shape: z.ZodType<T>, input: unknown): T {
  const judged = shape.safeParse(input)
  if (judged.success) return judged.data
  // Only which field it is: its value may be a password.
  const field = judged.error.issues[0]?.path.join('.') ?? ''
  throw new CommandError('bad-input', `the command's "${field}" is missing, empty or too long`)
}

/** What is wrong with a name or password is for the operator to know; anything else is a bug. */
async function accepted(work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (error instanceof AccountError) throw new CommandError('refused', error.message)
    if (error instanceof QueueFull) throw new CommandError('unavailable', 'the server is busy with logins; try again')
    throw error
  }
}
