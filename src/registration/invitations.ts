import { createHash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { ServedDomain } from '../routing/domains.ts'
import type { Database } from '../store/database.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'
import { Jid } from '../xmpp/jid.ts'
import type { Invitation } from './application.ts'

export interface InvitationOptions {
  readonly domain: ServedDomain
  readonly milliseconds: number
  /** The only name that it gives; whoever redeems it chooses one otherwise. */
  readonly name?: string
  /** Accounts that it is good for; one unless said otherwise. */
  readonly uses?: number
  /** An account of that domain; without one it is the operator who invites. */
  readonly inviter?: Jid
}

/** As its maker sees it. */
export interface ListedInvitation extends Invitation {
  /** By which it can be revoked: tells nothing of the token. */
  readonly id: string
  readonly uses: number
  /** The day, as '2025-01-31'. */
  readonly created: string
}

/** So many are kept at a time, of all domains. */
export const MOST_INVITATIONS = 10_000

const ID_DIGITS = 10
/** 128 random bits in base64url. */
const TOKEN = /^[A-Za-z0-9_-]{22}$/

interface Row {
  readonly token: Buffer
  readonly expires: number
  readonly name: string | null
  readonly uses: number
  readonly inviter: string | null
  readonly created: string
}

/** The invitations that are out: the only code that touches their table. A token itself is known to whoever holds it alone. */
export class Invitations {
  readonly #database: Database
  readonly #clock: Clock

  constructor(database: Database, clock: Clock) {
    this.#database = database
    this.#clock = clock
  }

  /** Resolves with the token once the invitation is on disk; undefined where there are too many. */
  async make({ domain, milliseconds, name, uses = 1, inviter }: InvitationOptions): Promise<string | undefined> {
    const token = randomIdentifier()
    const now = this.#clock.now()
    const made = await this.#database.write(() => {
      this.#forgetOld()
      const { count } = this.#database.statement<{ count: number }>('SELECT count(*) AS count FROM invite').get() ?? { count: 0 }
      if (count >= MOST_INVITATIONS) return false
      this.#database.statement('INSERT INTO invite (token, domain, expires, name, uses, inviter, created) VALUES (?, ?, ?, ?, ?, ?, ?)').run(
        digest(token), domain.label, now + milliseconds, name ?? null, uses, inviter?.local ?? null, new Date(now).toISOString().slice(0, 10))
      return true
    })
    return made ? token : undefined
  }

  find(domain: ServedDomain, token: string): Invitation | undefined {
    if (!TOKEN.test(token)) return undefined
    const row = this.#database.statement<Row>('SELECT * FROM invite WHERE token = ? AND domain = ?').get(digest(token), domain.label)
    return row === undefined || row.expires <= this.#clock.now() ? undefined : invitationOf(row, domain)
  }

  /** Uses it up, inside the caller's transaction; false where somebody else was faster. */
  use(domain: ServedDomain, token: string): boolean {
    const used = this.#database.statement('UPDATE invite SET uses = uses - 1 WHERE token = ? AND domain = ? AND expires > ? AND uses > 0')
      .run(digest(token), domain.label, this.#clock.now())
    this.#database.statement('DELETE FROM invite WHERE token = ? AND uses <= 0').run(digest(token))
    return used === 1
  }

  /** Those that still are good, the next to expire first. */
  list(domain: ServedDomain): ListedInvitation[] {
    const rows = this.#database.statement<Row>('SELECT * FROM invite WHERE domain = ? AND expires > ? ORDER BY expires, token')
      .all(domain.label, this.#clock.now())
    return rows.map((row) => ({
      ...invitationOf(row, domain), id: row.token.toString('hex').slice(0, ID_DIGITS), uses: row.uses, created: row.created,
    }))
  }

  /** False where there is no such invitation. */
  revoke(id: string): Promise<boolean> {
    return this.#database.write(() => {
      this.#forgetOld()
      return this.#database.statement(`DELETE FROM invite WHERE substr(lower(hex(token)), 1, ${ID_DIGITS}) = ?`).run(id) > 0
    })
  }

  /** The account is deleted: nobody comes by its invitations any more. Inside the caller's transaction. */
  forget(domain: ServedDomain, inviter: Jid): void {
    this.#database.statement('DELETE FROM invite WHERE domain = ? AND inviter = ?').run(domain.label, inviter.local)
  }

  /** Removes what has expired: an invitation says who invited. */
  sweep(): Promise<void> {
    return this.#database.write(() => this.#forgetOld())
  }

  #forgetOld(): void {
    this.#database.statement('DELETE FROM invite WHERE expires <= ?').run(this.#clock.now())
  }
}

function invitationOf({ expires, name, inviter }: Row, domain: ServedDomain): Invitation {
  return { expires, name: name ?? undefined, inviter: inviter === null ? undefined : Jid.of(inviter, domain.name) }
}

/** The token is random enough that nobody finds it by its digest. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
