import { AccountError } from '../auth/account-error.ts'
import type { Accounts } from '../auth/accounts.ts'
import { QueueFull } from '../auth/work-queue.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import type { ServedDomain, ServedDomains } from '../routing/domains.ts'
import type { Extension, Handlers, Host } from '../routing/extension.ts'
import type { Database } from '../store/database.ts'
import { isUnderOnion } from '../xmpp/domainpart.ts'
import { Jid } from '../xmpp/jid.ts'
import {
  RegistrationRefused, type Applicant, type Application, type Challenge, type Invitation, type RegistrationMode, type RegistrationOffice,
} from './application.ts'
import { Challenges } from './challenges.ts'
import { Invitations, type InvitationOptions, type MadeInvitation } from './invitations.ts'
import { KnownNames } from './known-names.ts'
import { Modes, type ModeState } from './modes.ts'
import { accountName } from './names.ts'
import { News } from './news.ts'
import { drawn } from './captcha-picture.ts'
import type { PasswordStrength } from './password-strength.ts'
import { asked } from './question.ts'
import { Rates } from './rates.ts'
import { REGISTRATION_MIGRATIONS } from './tables.ts'
import { Turns } from './turns.ts'

export interface RegistrationParts {
  readonly accounts: Accounts
  readonly database: Database
  readonly config: Config
  readonly domains: ServedDomains
  readonly clock: Clock
  readonly strength: PasswordStrength
}

/** What one side has, so that nobody sees at the one what somebody does at the other. */
interface Side {
  readonly rates: Rates
  readonly challenges: Challenges
  readonly turns: Turns
}

/**
 * How an account is asked for: in the client and on the web page, by invitation or by answering a challenge. Who may is
 * judged here, and nothing is half made.
 */
export class Registration implements RegistrationOffice {
  readonly names: KnownNames
  readonly invitations: Invitations
  readonly #parts: RegistrationParts
  readonly #modes: Modes
  readonly #sides: Readonly<Record<'keyed' | 'named', Side>>
  /** Once it is installed. */
  #house: { readonly host: Host, readonly news: News } | undefined

  /** To be installed before whatever hears of accounts. */
  readonly extension: Extension = {
    name: 'registration',
    implements: [],
    migrations: REGISTRATION_MIGRATIONS,
    install: (host) => this.#install(host),
  }

  constructor(parts: RegistrationParts) {
    const { database, clock, config } = parts
    this.#parts = parts
    this.invitations = new Invitations(database, clock)
    this.names = new KnownNames({ ...parts, invitations: this.invitations })
    this.#modes = new Modes(database, clock)
    const side = (): Side => ({
      rates: new Rates(config.registration, clock),
      challenges: new Challenges(config.registration.challenge_time, clock),
      turns: new Turns(config.registration.queue),
    })
    this.#sides = { keyed: side(), named: side() }
  }

  mode(domain: ServedDomain): RegistrationMode {
    return this.#modes.of(domain).mode
  }

  modeState(domain: ServedDomain): ModeState {
    return this.#modes.of(domain)
  }

  /** The operator's word, kept over a restart. What was made before counts no longer where the domain is opened. */
  async setMode(domain: ServedDomain, mode: RegistrationMode): Promise<void> {
    await this.#modes.set(domain, mode)
    if (mode === 'open') this.#side(domain).rates.forgive(domain.name)
  }

  challenge({ domain, peer }: Applicant): Challenge {
    const mode = this.mode(domain)
    if (mode !== 'open') throw new RegistrationRefused(mode === 'closed' ? 'closed' : 'invitation-needed')
    const { rates, challenges } = this.#side(domain)
    const refused = rates.challenge(peer)
    if (refused !== undefined) throw new RegistrationRefused(refused)
    const [picture, question] = [drawn(), asked()]
    const opened = challenges.open({ purpose: PURPOSE, domain: domain.name, peer }, [picture.text, ...question.answers])
    return { ...opened, picture: picture.png, question: question.text }
  }

  invitation(domain: ServedDomain, token: string): Invitation | undefined {
    return this.mode(domain) === 'closed' ? undefined : this.invitations.find(domain, token)
  }

  /** For the operator, or for an account that may invite; who that is and how often is for the caller to judge. Undefined: too many are out. */
  invite(options: InvitationOptions): Promise<MadeInvitation | undefined> {
    return this.invitations.make(options)
  }

  async register(application: Application): Promise<Jid> {
    const { domain, peer, password } = application
    const { accounts, strength } = this.#parts
    const side = this.#side(domain)
    const right = this.#admit(application, side)
    let name: { release(): void } | undefined
    try {
      const account = this.#named(application, right.invitation)
      name = this.names.reserve(domain, account.local, right.invitation?.name !== undefined)
      if (name === undefined) throw new RegistrationRefused('name-taken')
      await side.turns.take(peer, async () => {
        if (!right.holds()) throw new RegistrationRefused('invitation-void') // somebody was faster: nothing slow is begun
        const weakness = strength.objection(password, [account.local, domain.name]) // it is slow, too
        if (weakness !== undefined) throw new RegistrationRefused(weakness)
        await accounts.create(account, password, () => {
          if (!right.use()) throw new RegistrationRefused('invitation-void')
          this.names.unearth(domain, account.local) // only a promised name can have been buried
        })
      })
      await this.#made(domain, side, account, right.invitation)
      return account
    } catch (error) {
      right.giveBack()
      throw refusal(error)
    } finally {
      name?.release()
    }
  }

  objection(password: string, { name, domain }: { readonly name: string, readonly domain: ServedDomain }): string | undefined {
    const reason = this.#parts.strength.objection(password, [name, domain.name])
    return reason === undefined ? undefined : new RegistrationRefused(reason).message
  }

  /** @throws RegistrationRefused where neither an invitation holds nor a challenge was answered */
  #admit({ domain, peer, token, invitedAt, challenge }: Application, { rates, challenges }: Side): Right {
    const mode = this.mode(domain)
    if (mode === 'closed') throw new RegistrationRefused('closed')
    if (token !== undefined) {
      if (rates.hasFailed(peer)) throw new RegistrationRefused('too-many')
      const invitation = this.invitations.find(domain, token, invitedAt)
      if (invitation !== undefined) {
        return {
          invitation,
          holds: () => this.invitations.find(domain, token, invitedAt) !== undefined,
          use: () => this.invitations.use(domain, token, invitedAt),
          giveBack: () => undefined,
        }
      }
      rates.failed(peer)
      throw new RegistrationRefused('invitation-void')
    }
    if (mode === 'invite') throw new RegistrationRefused('invitation-needed')
    const place = { purpose: PURPOSE, domain: domain.name, peer }
    if (challenge === undefined || !challenges.answer(place, challenge.id, challenge.answer)) throw new RegistrationRefused('challenge-failed')
    const share = rates.account(domain.name, peer)
    if (share === undefined) throw new RegistrationRefused('too-many')
    return { invitation: undefined, holds: () => true, use: () => true, giveBack: () => share.giveBack() }
  }

  /** @throws RegistrationRefused */
  #named({ domain, name }: Application, invitation: Invitation | undefined): Jid {
    const local = accountName(name)
    const account = local === undefined ? undefined : Jid.of(local, domain.name)
    if (account === undefined) throw new RegistrationRefused('name-invalid')
    if (invitation?.name !== undefined && invitation.name !== account.local) throw new RegistrationRefused('name-taken')
    return account
  }

  /** The account is there, whatever fails now. */
  async #made(domain: ServedDomain, { rates }: Side, account: Jid, invitation: Invitation | undefined): Promise<void> {
    const { config, domains, accounts } = this.#parts
    this.#house?.news.accountMade(domain)
    for (const one of domains.all()) {
      if (this.#side(one).rates !== rates || this.mode(one) !== 'open' || !rates.isFull(one.name)) continue
      const { narrow } = config.registration
      if (this.#modes.narrow(one, narrow, () => this.#house?.news.widened(one))) this.#house?.news.narrowed(one, narrow)
    }
    const inviter = invitation?.inviter
    if (inviter === undefined || !accounts.exists(inviter)) return
    await this.#house?.host.befriend(account, inviter).catch(() => undefined) // it is logged where it failed
  }

  #side({ name }: ServedDomain): Side {
    return this.#sides[isUnderOnion(name) ? 'keyed' : 'named']
  }

  #sweep(host: Host): void {
    host.clock.after(SWEEP_MILLISECONDS, () => {
      this.invitations.sweep().then(() => this.#sweep(host), () => undefined) // the house was closed
    })
  }

  #install(host: Host): Handlers {
    this.#modes.load()
    this.names.load(host.key)
    this.#house = { host, news: new News(host.operators, host.clock) }
    this.#sweep(host)
    host.clock.after(WARM_MILLISECONDS, () => this.#parts.strength.warm())
    return {
      account: {
        created: (account) => this.names.add(account),
        deleted: (account) => {
          this.names.bury(account)
          const domain = host.domains.get(account.domain)
          if (domain !== undefined) this.invitations.forget(domain, account)
        },
        exported: (account) => {
          const domain = host.domains.get(account.domain)
          return { invite: domain === undefined ? [] : this.invitations.stored(domain, account) }
        },
      },
      seals: { resealed: (_old, next) => this.names.reseal(next) },
    }
  }
}

/** By what somebody may make an account, and what it costs. */
interface Right {
  readonly invitation: Invitation | undefined
  holds(): boolean
  /** Uses it up, in the transaction that makes the account; false where that was done already. */
  use(): boolean
  /** No account came of it. */
  giveBack(): void
}

/** What a challenge of this hall is good for. */
const PURPOSE = 'registration'
const SWEEP_MILLISECONDS = 3_600_000
/** After the boot, and not at all where only a command is run. */
const WARM_MILLISECONDS = 2000

/** In words that are fit for whoever asked; anything else is a bug. */
function refusal(error: unknown): unknown {
  if (error instanceof QueueFull) return new RegistrationRefused('busy')
  if (!(error instanceof AccountError)) return error
  switch (error.code) {
    case 'exists': return new RegistrationRefused('name-taken')
    case 'name-invalid': return new RegistrationRefused('name-invalid')
    case 'password-short': return new RegistrationRefused('password-weak')
    case 'password-invalid': return new RegistrationRefused('password-invalid')
    default: return error
  }
}
