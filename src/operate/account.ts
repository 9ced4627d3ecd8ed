import { z } from 'zod'
import { AccountError } from '../auth/account-error.ts'
import type { Accounts } from '../auth/accounts.ts'
import { QueueFull } from '../auth/work-queue.ts'
import type { AccountLife } from '../registration/account-life.ts'
import type { NameObjection } from '../registration/known-names.ts'
import type { Registration } from '../registration/registration.ts'
import { CommandError } from '../routing/command-error.ts'
import type { ServedDomain, ServedDomains } from '../routing/domains.ts'
import type { CommandRoute, Extension, Host } from '../routing/extension.ts'
import { Jid } from '../xmpp/jid.ts'

export interface AccountOutput {
  /** The bare JID. */
  readonly account: string
  /** What the operator may want to know of it, though it was done. */
  readonly notices?: readonly string[]
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
const added = namedWithPassword.extend({ reuse: z.boolean().optional() })
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
export function accountCommands(accounts: Accounts, life: AccountLife, registration: Registration): Extension {
  return {
    name: 'account-commands',
    implements: [],
    install: (host) => ({ commands: commands(accounts, life, registration, host) }),
  }
}

function commands(accounts: Accounts, life: AccountLife, registration: Registration, host: Host): CommandRoute[] {
  const existing = (text: string): Jid => {
    const account = accountOf(text, host.domains)
    if (!host.accounts.exists(account)) throw new CommandError('refused', `there is no account ${account.toString()}`)
    return account
  }
  return [
    {
      name: 'account add',
      async run(input): Promise<AccountOutput> {
        const { account: text, password, reuse } = read(added, input)
        const account = accountOf(text, host.domains)
        const domain = domainOf(account.domain, host.domains)
        const exists = host.accounts.exists(account)
        if (exists) throw new CommandError('refused', `the account ${account.toString()} exists already`)
        const notices = [
          ...nameNotices(registration.names.objections(domain, account.local), reuse === true),
          ...passwordNotices(registration, password, account, domain),
        ]
        await accepted(accounts.create(account, password, () => registration.names.unearth(domain, account.local)))
        return { account: account.toString(), ...notices.length > 0 ? { notices } : {} }
      },
    },
    {
      name: 'account password',
      async run(input): Promise<AccountOutput> {
        const { account: text, password } = read(namedWithPassword, input)
        const account = existing(text)
        const notices = passwordNotices(registration, password, account, domainOf(account.domain, host.domains))
        // Whoever knew the old one must not stay for having come before.
        await accepted(life.changePassword(account, password, { ending: true }))
        return { account: account.toString(), ...notices.length > 0 ? { notices } : {} }
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
      async run(input): Promise<AccountSessionsOutput> {
        const { account: text, end } = read(namedToEnd, input)
        const account = existing(text)
        const way = (onion: boolean) => onion ? 'onion' : 'clearnet'
        const sessions = [
          ...life.sessions(account).map(({ since, onion }) => ({ since, way: way(onion), on: 'client' } as const)),
          ...life.signIns.of(account).map(({ since, onion }) => ({ since, way: way(onion), on: 'page' } as const)),
        ]
        if (end) await life.endSessions(account)
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

/** By its name, or as the configuration calls it. @throws CommandError */
export function domainOf(text: string, domains: ServedDomains): ServedDomain {
  const domain = domains.all().find(({ name, label }) => text === label || Jid.of('', text)?.domain === name)
  if (domain !== undefined) return domain
  const known = domains.all().map(({ label }) => label).join(', ')
  throw new CommandError('bad-input', `this server does not serve "${text}"; its domains are ${known}`)
}

/**
 * What the operator should hear of a name that is given nevertheless. @throws CommandError for that of a deleted account,
 * unless it was said that it is meant: whoever writes to it may mean who had it before
 */
export function nameNotices(objections: readonly NameObjection[], reuse: boolean): string[] {
  if (objections.includes('deleted') && !reuse) {
    throw new CommandError('refused', 'an account was deleted whose name was that or looked like it; messages meant for its owner would go to the '
      + 'new one. If that is meant, add --reuse')
  }
  return [
    ...objections.includes('promised') ? ['an invitation promises this name, or one that looks like it; it gives none any more'] : [],
    ...objections.includes('look-alike') ? ['there is an account whose name looks like this one'] : [],
    ...objections.includes('reserved') ? ['the name is one by which others take an account for the server\'s own'] : [],
  ]
}

/** The operator chooses, and is told. */
function passwordNotices(registration: Registration, password: string, { local: name }: Jid, domain: ServedDomain): string[] {
  return registration.objection(password, { name, domain }) === undefined ? [] : ['the password is easy to guess']
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
