import { AccountError } from '../auth/account-error.ts'
import type { Accounts } from '../auth/accounts.ts'
import { QueueFull } from '../auth/work-queue.ts'
import type { AccountLife } from '../registration/account-life.ts'
import { accountName } from '../registration/names.ts'
import type { Registration } from '../registration/registration.ts'
import { BAD_PAYLOAD, type AdHocAsker, type AdHocCommand, type AdHocEnd, type AdHocStage, type AdHocStep, type Filled } from '../routing/ad-hoc.ts'
import type { Extension, Host } from '../routing/extension.ts'
import { tell } from '../routing/headline.ts'
import type { Session } from '../routing/sessions.ts'
import { resultForm, type Blank } from '../xmpp/data-form.ts'
import { Jid } from '../xmpp/jid.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'

const NS_ADMIN = 'http://jabber.org/protocol/admin'

/** Accounts that one form may name, each on a line. */
const MOST_ACCOUNTS = 50
const MOST_CHARACTERS = 4000

const NO_ACCOUNT = new StanzaError('item-not-found', { text: 'One of these is no account here.' })
const OWN_ACCOUNT = new StanzaError('not-allowed', { text: 'That is your own account. Whoever has the machine can do it with the sotto program.' })
const DIFFERENT = new StanzaError('not-acceptable', { text: 'The two passwords are not the same.' })
const TOO_LONG = new StanzaError('not-acceptable', { text: `An announcement is at most ${MOST_CHARACTERS} characters long.` })

export interface AdministrationParts {
  readonly accounts: Pick<Accounts, 'create' | 'list'>
  readonly life: Pick<AccountLife, 'remove' | 'lock' | 'unlock' | 'changePassword' | 'endSession' | 'endSessions'>
  readonly office: Pick<Registration, 'names' | 'objection'>
}

const DECLARED = {
  name: 'administration',
  implements: [{
    xep: 133, title: 'Service Administration', version: '1.3.1', since: '0.1.0', status: 'partial',
    note: '§4.1 to §4.5, §4.7, §4.13, §4.15, §4.23; for operators; deletions and announcements are confirmed',
  }],
  clauses: [
    { clause: 'XEP-0133 §4.1', text: 'adding a user makes an account' },
    { clause: 'XEP-0133 §4.3', text: 'disabling ends sessions, prevents logins, and keeps the data' },
    { clause: 'XEP-0133 §4.4', text: 're-enabling gives access again' },
    { clause: 'XEP-0133 §4.5', text: 'all sessions of a bare JID, or the one of a full JID' },
    { clause: 'XEP-0133 §5', text: 'errors are error stanzas' },
    { clause: 'XEP-0133 §6', text: 'nobody without privileges' },
  ],
} as const satisfies Omit<Extension, 'install'>

/**
 * XEP-0133: Service Administration, for the accounts that the configuration calls operators, and of domains that are linked
 * to their own: of others they learn nothing. Section numbers are those of version 1.3.1.
 */
export function administration(parts: AdministrationParts): Extension {
  return { ...DECLARED, install: (host) => ({ adHoc: new Administration(host, parts).commands }) }
}

/** A name in a client's menu, and what happens. */
type Begin = (asker: AdHocAsker) => AdHocStep

class Administration {
  readonly #host: Host
  readonly #parts: AdministrationParts

  constructor(host: Host, parts: AdministrationParts) {
    this.#host = host
    this.#parts = parts
  }

  get commands(): readonly AdHocCommand[] {
    return [
      this.#command('add-user', 'Add User', (asker) => this.#addUser(asker)),
      this.#command('delete-user', 'Delete User', (asker) => this.#deleteUsers(asker)),
      this.#command('disable-user', 'Disable User', (asker) => this.#disableUsers(asker)),
      this.#command('reenable-user', 'Re-Enable User', (asker) => this.#enableUsers(asker)),
      this.#command('end-user-session', 'End User Session', (asker) => this.#endSessions(asker)),
      this.#command('change-user-password', 'Change User Password', (asker) => this.#changePassword(asker)),
      this.#command('get-registered-users-num', 'Get Number of Registered Users', ({ domain }) => (
        number('registeredusersnum', this.#parts.accounts.list(domain.name).length))),
      this.#command('get-online-users-num', 'Get Number of Online Users', ({ domain }) => (
        number('onlineusersnum', new Set(this.#connected(domain.name).map(({ account }) => account.toString())).size))),
      this.#command('announce', 'Send Announcement to Online Users', (asker) => this.#announce(asker)),
    ]
  }

  #command(name: string, title: string, begin: Begin): AdHocCommand {
    return { node: `${NS_ADMIN}#${name}`, name: title, mayUse: ({ account }) => this.#host.operators.includes(account), begin }
  }

  #addUser(asker: AdHocAsker): AdHocStage {
    const fields = [
      addressField('accountjid', 'The address of the new account'), passwordField('password', 'Its password'), passwordField('password-verify', 'The password again'),
    ]
    return stage('Add a user', 'The account can be used at once.', fields, async (filled) => {
      const address = Jid.parse(one(filled, 'accountjid'))
      const domain = this.#host.domains.get(address?.domain ?? '')
      // As it was written: a name with signs that only look like letters is none.
      const name = accountName(one(filled, 'accountjid').replace(/@.*$/s, ''))
      if (address === undefined || domain === undefined || !this.#governs(asker, address)) return NO_ACCOUNT
      if (name !== address.local || address.resource !== '') return refusalOf(new AccountError('name-invalid'))
      const password = one(filled, 'password')
      if (password !== one(filled, 'password-verify')) return DIFFERENT
      const objections = this.#parts.office.names.objections(domain, name)
      if (objections.includes('exists')) return refusalOf(new AccountError('exists'))
      const create = (): Promise<AdHocStep> => attempt(async () => {
        await this.#parts.accounts.create(address, password, () => this.#parts.office.names.unearth(domain, name))
        return ended('The account was made.', ...objections.flatMap((objection) => NOTICES[objection] ?? []), ...this.#passwordNotice(address, password))
      })
      if (!objections.includes('deleted')) return create()
      return confirmation('Give a name anew?',
        'An account was deleted whose name was this or looked like it. Messages meant for its owner will go to the new one.', create)
    }, false)
  }

  #deleteUsers(asker: AdHocAsker): AdHocStage {
    return stage('Delete users', 'All that is stored of the accounts goes, for good.', [JIDS], (filled) => {
      const accounts = this.#bare(asker, filled, { own: false })
      if (!Array.isArray(accounts)) return accounts
      return confirmation('Delete for good?', `These accounts are deleted: ${accounts.join(', ')}.`, () => attempt(async () => {
        for (const account of accounts) if (this.#host.accounts.exists(account)) this.#parts.life.remove(account)
        return ended(count(accounts.length, 'was deleted', 'were deleted'))
      }))
    }, false)
  }

  #disableUsers(asker: AdHocAsker): AdHocStage {
    return stage('Disable users', 'Nobody can log in by the accounts until they are enabled again; nothing of them is lost.', [JIDS], async (filled) => {
      const accounts = this.#bare(asker, filled, { own: false })
      if (!Array.isArray(accounts)) return accounts
      return attempt(async () => {
        for (const account of accounts) await this.#parts.life.lock(account, '')
        return ended(count(accounts.length, 'is disabled', 'are disabled'))
      })
    })
  }

  #enableUsers(asker: AdHocAsker): AdHocStage {
    return stage('Enable users', 'Their owners can log in again.', [JIDS], async (filled) => {
      const accounts = this.#bare(asker, filled, { own: true })
      if (!Array.isArray(accounts)) return accounts
      return attempt(async () => {
        for (const account of accounts) await this.#parts.life.unlock(account)
        return ended(count(accounts.length, 'is enabled', 'are enabled'))
      })
    })
  }

  /** §4.5: all sessions of a bare JID ("MUST"), but for the one that asks; the one of a full JID. */
  #endSessions(asker: AdHocAsker): AdHocStage {
    return stage('End sessions', 'NAME@DOMAIN for all sessions of an account, NAME@DOMAIN/RESOURCE for one.', [JIDS], async (filled) => {
      const addresses = this.#addresses(asker, filled)
      if (addresses === undefined) return NO_ACCOUNT
      return attempt(async () => {
        for (const address of addresses) {
          if (!address.isBare) this.#parts.life.endSession(address.bare, address.resource)
          else await this.#parts.life.endSessions(address, address.equals(asker.account) ? { session: asker.session } : {})
        }
        return ended('The sessions were ended.')
      })
    })
  }

  #changePassword(asker: AdHocAsker): AdHocStage {
    const fields = [addressField('accountjid', 'The address of the account'), passwordField('password', 'Its new password')]
    return stage('Change a password', 'Whoever came by the old one is logged out.', fields, async (filled) => {
      const [account] = this.#addresses(asker, (name) => name === JIDS.name ? filled('accountjid') : filled(name)) ?? []
      if (account === undefined || !account.isBare) return NO_ACCOUNT
      const password = one(filled, 'password')
      const spared = account.equals(asker.account) ? { session: asker.session } : {}
      return attempt(async () => {
        await this.#parts.life.changePassword(account, password, { ending: true, spared })
        return ended('The password was changed.', ...this.#passwordNotice(account, password))
      })
    })
  }

  #announce({ domain }: AdHocAsker): AdHocStage {
    const fields: Blank[] = [{ name: 'announcement', type: 'text-multi', label: 'What to say', required: true }]
    return stage('Announce', 'Everybody who is connected reads it, as a message of the server.', fields, (filled) => {
      const text = filled('announcement').join('\n').trim()
      if (text.length > MOST_CHARACTERS) return TOO_LONG
      return confirmation('Say it to all?', `${count(this.#connected(domain.name).length, 'is connected', 'are connected', 'client')} It will read:\n${text}`, () => {
        const sessions = this.#connected(domain.name)
        for (const session of sessions) tell(session, 'Announcement', text)
        return ended('It was sent.')
      })
    }, false)
  }

  #connected(domain: string): readonly Session[] {
    return [...this.#host.sessions.all()].filter(({ account }) => account.domain === domain)
  }

  /** Is that a domain here of which whoever asks may know? */
  #governs({ account }: AdHocAsker, { domain }: Jid): boolean {
    return this.#host.domains.links(account.domain, domain)
  }

  /** Those of the form, each once; undefined where one is no account that there is. */
  #addresses(asker: AdHocAsker, filled: Filled): readonly Jid[] | undefined {
    const lines = new Set(filled(JIDS.name).map((line) => line.trim()).filter((line) => line !== ''))
    const addresses = [...lines].map((line) => Jid.parse(line))
    const known = addresses.flatMap((address) => address !== undefined && address.local !== '' && this.#governs(asker, address)
      && this.#host.accounts.exists(address.bare) ? [address] : [])
    return known.length === 0 || known.length > MOST_ACCOUNTS || known.length < addresses.length ? undefined : known
  }

  /** `own`: whether the asker's own account may be among them. */
  #bare(asker: AdHocAsker, filled: Filled, { own }: { readonly own: boolean }): Jid[] | StanzaError {
    const addresses = this.#addresses(asker, filled)
    if (addresses === undefined || addresses.some(({ isBare }) => !isBare)) return NO_ACCOUNT
    if (!own && addresses.some((address) => address.equals(asker.account))) return OWN_ACCOUNT
    return [...addresses]
  }

  #passwordNotice({ local, domain: name }: Jid, password: string): string[] {
    const domain = this.#host.domains.get(name)
    return domain === undefined || this.#parts.office.objection(password, { name: local, domain }) === undefined ? [] : ['The password is easy to guess.']
  }
}

const JIDS: Blank = { name: 'accountjids', type: 'jid-multi', label: 'Accounts, each on a line', required: true }

function addressField(name: string, label: string): Blank {
  return { name, type: 'jid-single', label, required: true }
}

function passwordField(name: string, label: string): Blank {
  return { name, type: 'text-private', label, required: true }
}

const NOTICES: Readonly<Record<string, string>> = {
  promised: 'An invitation promised this name, or one that looks like it; it gives none any more.',
  'look-alike': 'There is an account whose name looks like this one.',
  reserved: 'The name is one by which others take an account for the server\'s own.',
}

function stage(title: string, instructions: string, fields: readonly Blank[], submit: AdHocStage['submit'], isLast = true): AdHocStage {
  return { formType: NS_ADMIN, title, instructions, fields, submit, isLast }
}

function confirmation(title: string, instructions: string, agreed: () => AdHocStep | Promise<AdHocStep>): AdHocStage {
  return stage(title, instructions, [], agreed)
}

/** With what the operator should hear of it, though it was done. */
function ended(text: string, ...notices: readonly string[]): AdHocEnd {
  return { done: { note: { type: notices.length > 0 ? 'warn' : 'info', text: [text, ...notices].join(' ') } } }
}

function number(name: string, value: number): AdHocEnd {
  return { done: { result: resultForm(NS_ADMIN, [{ name, type: 'text-single', values: [`${value}`] }]) } }
}

function count(many: number, single: string, plural: string, what = 'account'): string {
  return many === 1 ? `1 ${what} ${single}.` : `${many} ${what}s ${plural}.`
}

function one(filled: Filled, name: string): string {
  return filled(name)[0] ?? ''
}

/** §5: what is wrong with a name or password is an error for the operator to know; anything else is a bug. */
async function attempt(work: () => Promise<AdHocStep>): Promise<AdHocStep> {
  try {
    return await work()
  } catch (error) {
    return refusalOf(error)
  }
}

function refusalOf(error: unknown): StanzaError | typeof BAD_PAYLOAD {
  if (error instanceof QueueFull) return new StanzaError('resource-constraint', { text: 'The server is busy with logins. Try again.' })
  if (!(error instanceof AccountError)) throw error
  switch (error.code) {
    case 'exists': return new StanzaError('conflict', { text: 'There is such an account already.' })
    case 'not-found': return NO_ACCOUNT
    default: return new StanzaError('not-acceptable', { text: sentence(error.message) })
  }
}

/** Messages of AccountError are constants. */
function sentence(message: string): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`
}
