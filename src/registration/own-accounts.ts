import { AccountError } from '../auth/account-error.ts'
import { Sides } from '../auth/sides.ts'
import { QueueFull, WorkQueue } from '../auth/work-queue.ts'
import type { Clock } from '../clock.ts'
import type { ServedDomains } from '../routing/domains.ts'
import { ANSWERED, EMPTY, type IqAnswer } from '../routing/extension.ts'
import type { Session } from '../routing/sessions.ts'
import { element, type Element } from '../xml/element.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS_CLIENT, NS_REGISTER } from '../xmpp/namespaces.ts'
import type { AccountLife } from './account-life.ts'
import type { RegistrationOffice } from './application.ts'
import { refusal } from './refusal.ts'

export interface OwnAccountParts {
  readonly office: Pick<RegistrationOffice, 'objection'>
  readonly life: Pick<AccountLife, 'changePassword' | 'remove'>
  readonly domains: ServedDomains
  readonly clock: Clock
}

/** How often an account may try another password. */
const TRIES = 10
const TRIES_MILLISECONDS = 3_600_000
/** Accounts whose tries are remembered; beyond, the one that began first is forgotten. */
const MOST_ACCOUNTS = 10_000
/** Changes that wait while another one's password is hashed. */
const QUEUE = 32

const INSTRUCTIONS = 'This is your account. Its password can be changed, and it can be deleted.'
const TRY_LATER = 'Try again later.'

/** What somebody who is logged in may do to the account with XEP-0077: see that it is there, change its password, delete it. */
export class OwnAccounts {
  readonly #parts: OwnAccountParts
  /** In the order in which they began. */
  readonly #tries = new Map<string, { count: number; readonly since: number }>()
  /** One of each side, and one change at a time: logins always find a place. */
  readonly #queues = new Sides(() => new WorkQueue(1, QUEUE))

  constructor(parts: OwnAccountParts) {
    this.#parts = parts
  }

  /** §3.1: who is registered is told so ("MUST"), with what is on file, but for the password. */
  describe(account: Jid): Element {
    return element(NS_REGISTER, 'query', {},
      element(NS_REGISTER, 'registered'),
      element(NS_REGISTER, 'instructions', {}, INSTRUCTIONS),
      element(NS_REGISTER, 'username', {}, account.local),
      element(NS_REGISTER, 'password'))
  }

  /** §3.3. No session ends by it: the request has no way to ask for that. */
  async changePassword(account: Jid, query: Element): Promise<IqAnswer> {
    const name = query.childContent('username', NS_REGISTER)
    const password = query.childContent('password', NS_REGISTER)
    // An empty one "MUST NOT change the password to a null value".
    if (name === undefined || password === undefined || password === '') return refusal('bad-request')
    // §3.1.1: another name would be a second identity, and who else is registered is not for others to know.
    if (name.toLowerCase() !== account.local) return refusal('not-acceptable', { text: 'That is not the name of your account.' })
    const domain = this.#parts.domains.get(account.domain)
    if (domain === undefined || !this.#admit(account)) return refusal('resource-constraint', { text: TRY_LATER })
    const objection = this.#parts.office.objection(password, { name: account.local, domain })
    if (objection !== undefined) return refusal('not-acceptable', { text: objection })
    try {
      await this.#queues.of(domain.name).run(() => this.#parts.life.changePassword(account, password, { ending: false }))
      return EMPTY
    } catch (error) {
      if (error instanceof QueueFull) return refusal('resource-constraint', { text: TRY_LATER })
      if (error instanceof AccountError) return refusal(error.code === 'not-found' ? 'registration-required' : 'not-acceptable')
      throw error
    }
  }

  /** §3.2: the request is answered, then every session of the account ends with not-authorized. */
  remove(session: Session, id: string): IqAnswer {
    const { account, jid } = session
    try {
      this.#parts.life.remove(account, {
        session, farewell: () => session.send(element(NS_CLIENT, 'iq', { type: 'result', id, to: jid.toString() })),
      })
      return ANSWERED
    } catch (error) {
      if (error instanceof AccountError) return refusal('registration-required')
      throw error
    }
  }

  #admit(account: Jid): boolean {
    const now = this.#parts.clock.now()
    for (const [name, { since }] of this.#tries) {
      const running = since > now - TRIES_MILLISECONDS && since <= now // or the clock was set back
      if (running && this.#tries.size <= MOST_ACCOUNTS) break
      this.#tries.delete(name)
    }
    const key = account.toString()
    const tries = this.#tries.get(key) ?? { count: 0, since: now }
    this.#tries.set(key, tries)
    return ++tries.count <= TRIES
  }
}
