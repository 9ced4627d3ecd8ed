import { AccountError } from '../auth/account-error.ts'
import type { Accounts } from '../auth/accounts.ts'
import { QueueFull, WorkQueue } from '../auth/work-queue.ts'
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
import { Invitations, type InvitationOptions } from './invitations.ts'
import { KnownNames } from './known-names.ts'
import { Modes, type ModeState } from './modes.ts'
import { accountName } from './names.ts'
import { News } from './news.ts'
import { drawn } from './captcha-picture.ts'
import { PasswordStrength } from './password-strength.ts'
import { asked } from './question.ts'
import { Rates } from './rates.ts'
import { REGISTRATION_MIGRATIONS } from './tables.ts'

export interface RegistrationParts {
  readonly accounts: Accounts
  readonly database: Database
  readonly config: Config
  readonly domains: ServedDomains
  readonly clock: Clock
}

/** What one side has, so that nobody sees at the one what somebody does at the other. */
interface Side {
  readonly rates: Rates
  readonly challenges: Challenges
  /** Its turn at hashing: one at a time, so that logins always find a place. */
  readonly queue: WorkQueue
  /** How many accounts are being made for each peer. */
  readonly busy: Map<string, number>
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
  readonly #strength: PasswordStrength
  readonly #sides: Readonly<Record<'keyed' | 'named', Side>>
  #news: News | undefined

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
    this.names = new KnownNames(parts)
    this.invitations = new Invitations(database, clock)
    this.#modes = new Modes(database, clock)
    this.#strength = new PasswordStrength(config.registration.password_score)
    const side = (): Side => ({
      rates: new Rates(config.registration, clock),
      challenges: new Challenges(config.registration.challenge_time, clock),
      queue: new WorkQueue(1, config.registration.queue),
      busy: new Map(),
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
    if (!rates.challenge(peer)) throw new RegistrationRefused('too-many')
    const [picture, question] = [drawn(), asked()]
    const opened = challenges.open({ purpose: PURPOSE, domain: domain.name, peer }, [picture.text, ...question.answers])
    return { ...opened, picture: picture.png, question: question.text }
  }

  invitation(domain: ServedDomain, token: string): Invitation | undefined {
    return this.mode(domain) === 'closed' ? undefined : this.invitations.find(domain, token)
  }

  /** Resolves with the token; undefined where there are too many. */
  invite(options: InvitationOptions): Promise<string | undefined> {
    return this.invitations.make(options)
  }

  async register(application: Application): Promise<Jid> {
    const { domain, peer, token } = application
    const side = this.#side(domain)
    const giveBack = this.#admit(application, side)
    let name: { release(): void } | undefined
    const busy = peer === undefined ? 0 : side.busy.get(peer) ?? 0
    try {
      const account = this.#account(application)
      const objection = this.#judge(application, account)
      if (objection !== undefined) throw new RegistrationRefused(objection)
      if (busy >= MOST_OF_ONE_PEER) throw new RegistrationRefused('busy')
      name = this.names.reserve(domain, account.local)
      if (name === undefined) throw new RegistrationRefused('name-taken')
      if (peer !== undefined) side.busy.set(peer, busy + 1)
      try {
        await side.queue.run(() => this.#parts.accounts.create(account, application.password, () => {
          if (token !== undefined && !this.invitations.use(domain, token)) throw new RegistrationRefused('invitation-void')
        }))
      } finally {
        if (peer !== undefined) leave(side.busy, peer)
      }
      this.#made(domain, side)
      return account
    } catch (error) {
      giveBack?.()
      throw refusal(error)
    } finally {
      name?.release()
    }
  }

  objection(password: string, { name, domain }: { readonly name: string, readonly domain: ServedDomain }): string | undefined {
    const reason = this.#strength.objection(password, [name, domain.name])
    return reason === undefined ? undefined : new RegistrationRefused(reason).message
  }

  /** The right to ask: an invitation that holds, or an answer. What it took of the rates is given back where no account comes of it. */
  #admit({ domain, peer, token, challenge }: Application, { rates, challenges }: Side): (() => void) | undefined {
    const mode = this.mode(domain)
    if (mode === 'closed') throw new RegistrationRefused('closed')
    if (token !== undefined) {
      if (rates.hasFailed(peer)) throw new RegistrationRefused('too-many')
      if (this.invitations.find(domain, token) !== undefined) return undefined
      rates.failed(peer)
      throw new RegistrationRefused('invitation-void')
    }
    if (mode === 'invite') throw new RegistrationRefused('invitation-needed')
    const place = { purpose: PURPOSE, domain: domain.name, peer }
    if (challenge === undefined || !challenges.answer(place, challenge.id, challenge.answer)) throw new RegistrationRefused('challenge-failed')
    const share = rates.account(domain.name, peer)
    if (share === undefined) throw new RegistrationRefused('too-many')
    return () => share.giveBack()
  }

  #account({ domain, name }: Application): Jid {
    const local = accountName(name)
    const account = local === undefined ? undefined : Jid.of(local, domain.name)
    if (account === undefined) throw new RegistrationRefused('name-invalid')
    return account
  }

  #judge({ domain, token, password }: Application, account: Jid): 'name-taken' | 'password-weak' | 'password-invalid' | undefined {
    const given = token === undefined ? undefined : this.invitations.find(domain, token)?.name
    if (given !== undefined && given !== account.local) return 'name-taken'
    return this.#strength.objection(password, [account.local, domain.name])
  }

  #made(domain: ServedDomain, { rates }: Side): void {
    this.#news?.accountMade(domain)
    const { narrow } = this.#parts.config.registration
    for (const one of this.#parts.domains.all()) {
      if (this.#side(one).rates !== rates || this.mode(one) !== 'open' || !rates.isFull(one.name)) continue
      if (this.#modes.narrow(one, narrow, () => this.#news?.widened(one))) this.#news?.narrowed(one, narrow)
    }
  }

  #side({ name }: ServedDomain): Side {
    return this.#sides[isUnderOnion(name) ? 'keyed' : 'named']
  }

  #install(host: Host): Handlers {
    this.#modes.load()
    this.names.load(host.key)
    this.#news = new News(host.operators, host.clock)
    return {
      account: {
        created: (account) => this.names.add(account),
        deleted: (account) => {
          this.names.bury(account)
          const domain = host.domains.get(account.domain)
          if (domain !== undefined) this.invitations.forget(domain, account)
        },
      },
      seals: { resealed: (_old, next) => this.names.reseal(next) },
    }
  }
}

/** What a challenge of this hall is good for. */
const PURPOSE = 'registration'
/** Accounts that are being made for one peer at a time. */
const MOST_OF_ONE_PEER = 4

function leave(busy: Map<string, number>, peer: string): void {
  const rest = (busy.get(peer) ?? 1) - 1
  if (rest > 0) busy.set(peer, rest)
  else busy.delete(peer)
}

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
