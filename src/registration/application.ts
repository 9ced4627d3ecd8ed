import type { ServedDomain } from '../routing/domains.ts'
import type { Jid } from '../xmpp/jid.ts'

/** Who may make an account: the operator alone; whoever was invited; whoever answers a challenge. */
export type RegistrationMode = 'closed' | 'invite' | 'open'

/** Who asks: by the domain that was reached, and the name that limits count by (`Connection.peer`); undefined is nobody's. */
export interface Applicant {
  readonly domain: ServedDomain
  readonly peer: string | undefined
}

/** Something that a person can answer and a program should not. Good once, for a while, for this form and peer. */
export interface Challenge {
  readonly id: string
  /** PNG. */
  readonly picture: Buffer
  /** For those who cannot see the picture: answering it is as good. */
  readonly question: string
  /** Milliseconds since the epoch. */
  readonly expires: number
}

export interface Application extends Applicant {
  readonly name: string
  readonly password: string
  /** Of an invitation (XEP-0401 §3, XEP-0445). */
  readonly token?: string
  /**
   * When `invitation` said that the token is good, in milliseconds since the epoch; not long ago. XEP-0445 §4: its expiration
   * "MUST only be checked at this point".
   */
  readonly invitedAt?: number
  readonly challenge?: { readonly id: string, readonly answer: string }
}

/** What an invitation is good for, as whoever holds its token may know. */
export interface Invitation {
  /** Milliseconds since the epoch. */
  readonly expires: number
  /** The only name that it gives, where the operator chose one. */
  readonly name: string | undefined
  /** Who invites: a bare JID, with whom the new account gets a subscription both ways (XEP-0379); undefined: the operator. */
  readonly inviter: Jid | undefined
}

const MESSAGES = {
  closed: 'Accounts are made by the operator alone.',
  'invitation-needed': 'An account needs an invitation here.',
  'invitation-void': 'This invitation was used, taken back, or is too old.',
  'challenge-failed': 'That was not the answer, or it came too late. Here is another one.',
  'name-invalid': 'A name is 1 to 64 of a-z, 0-9, dot, hyphen and underscore, and opens with a letter or digit.',
  'name-taken': 'This name cannot be had. Choose another one.',
  'password-weak': 'This password is too easy to guess. Longer is better: several words that nobody else would put together.',
  'password-invalid': 'A password is text of at most 1024 bytes.',
  'too-many': 'Too many accounts are asked for. Try again later.',
  busy: 'The server is busy. Try again in a minute.',
} as const

export type RefusalReason = keyof typeof MESSAGES

/** No account was made, nothing was kept; the message is a constant, fit for whoever asked. */
export class RegistrationRefused extends Error {
  readonly reason: RefusalReason

  constructor(reason: RefusalReason) {
    super(MESSAGES[reason])
    this.name = 'RegistrationRefused'
    this.reason = reason
  }
}

/** Where accounts are asked for, in the client and on the web page alike. */
export interface RegistrationOffice {
  /** What holds now: as configured, as the operator switched it, or narrowed by a flood. */
  mode(domain: ServedDomain): RegistrationMode
  /** @throws RegistrationRefused where the mode asks for none, 'too-many' where the peer or all asked for too many, 'busy' */
  challenge(applicant: Applicant): Challenge
  /** Undefined where the token is void at that domain. */
  invitation(domain: ServedDomain, token: string): Invitation | undefined
  /**
   * Makes the account, or nothing. A challenge is used up by any answer; an invitation by the account that it gives alone,
   * so that whoever chose a bad name or password can choose another.
   *
   * @throws RegistrationRefused
   */
  register(application: Application): Promise<Jid>
  /** Why the password is not taken for that account; undefined where it is. In the words for whom it is. */
  objection(password: string, account: { readonly name: string, readonly domain: ServedDomain }): string | undefined
}
