import { Sides } from '../auth/sides.ts'
import type { Clock } from '../clock.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { InvitationOptions, MadeInvitation } from './invitations.ts'
import type { Registration } from './registration.ts'

const DAY_MILLISECONDS = 86_400_000
/** Accounts of a side whose invitations of a day are remembered; beyond, nobody invites until a day has passed. */
const MOST_ACCOUNTS = 10_000

/**
 * Invitations that accounts make: so many of each are out at a time, and so many are made in a day, used ones too. Else
 * one account could bring a crowd, each of whom brings another.
 */
export class UserInvitations {
  readonly #office: Pick<Registration, 'invite' | 'invitations'>
  readonly #perAccount: number
  readonly #clock: Clock
  /** When each account's day began, in that order. */
  readonly #days = new Sides(() => new Map<string, { readonly since: number, count: number }>())

  constructor(office: Pick<Registration, 'invite' | 'invitations'>, perAccount: number, clock: Clock) {
    this.#office = office
    this.#perAccount = perAccount
    this.#clock = clock
  }

  /** Undefined: too many. */
  async make(options: InvitationOptions & { readonly inviter: Jid }): Promise<MadeInvitation | undefined> {
    const { domain, inviter } = options
    if (this.#office.invitations.of(domain, inviter).length >= this.#perAccount || !this.#admit(inviter)) return undefined
    return this.#office.invite(options)
  }

  #admit(inviter: Jid): boolean {
    const now = this.#clock.elapsed()
    const days = this.#days.of(inviter.domain)
    for (const [name, { since }] of days) {
      if (now - since < DAY_MILLISECONDS) break
      days.delete(name)
    }
    const name = inviter.toString()
    const day = days.get(name) ?? { since: now, count: 0 }
    if (day.count >= this.#perAccount || (!days.has(name) && days.size >= MOST_ACCOUNTS)) return false
    days.set(name, day)
    day.count++
    return true
  }
}
