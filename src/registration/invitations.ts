import { createHash, randomInt } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { ONION } from '../config/domain-name.ts'
import type { ServedDomain } from '../routing/domains.ts'
import type { Database } from '../store/database.ts'
import { Jid } from '../xmpp/jid.ts'
import type { Invitation } from './application.ts'
import { skeleton } from './names.ts'

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

/** Just made: the one moment at which the token is known here. */
export interface MadeInvitation {
  readonly token: string
  readonly id: string
  readonly expires: number
}

/** As its maker sees it. */
export interface ListedInvitation extends Invitation {
  /** By which it can be revoked: tells nothing of the token. */
  readonly id: string
  readonly uses: number
  /** The day, as '2025-01-31'. */
  readonly created: string
}

/**
 * So many are kept at a time: of the onion, and of all domains with DNS names, or one side would find the other out by the
 * room that it takes. Accounts are given half of it, so that the operator always finds some.
 */
export const MOST_INVITATIONS = 10_000

const ID_DIGITS = 10
/** XEP-0379 §5.1: "at least 80 bits of entropy, and to use an encoding that can be easily encoded as part of an URI (e.g. Base-32)". */
const TOKEN_SIGNS = 'abcdefghijkmnopqrstuvwxyz2345678'
const TOKEN_LENGTH = 26
/** Kept for so long after they expired: who was told in time that one is good may still be filling in a form (XEP-0445 §4). */
const GRACE_MILLISECONDS = 3_600_000

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

  /** Resolves once the invitation is on disk; undefined where there are too many. */
  async make({ domain, milliseconds, name, uses = 1, inviter }: InvitationOptions): Promise<MadeInvitation | undefined> {
    const token = Array.from({ length: TOKEN_LENGTH }, () => TOKEN_SIGNS[randomInt(TOKEN_SIGNS.length)]).join('')
    const now = this.#clock.now()
    const made = await this.#database.write(() => {
      this.#forgetOld()
      const { count } = this.#database.statement<{ count: number }>('SELECT count(*) AS count FROM invite WHERE (domain = ?) = ?')
        .get(ONION, domain.label === ONION ? 1 : 0) ?? { count: 0 }
      if (count >= (inviter === undefined ? MOST_INVITATIONS : MOST_INVITATIONS / 2)) return false
      this.#database.statement(`
        INSERT INTO invite (token, domain, expires, name, shape, uses, inviter, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      `).run(digest(token), domain.label, now + milliseconds, name ?? null, name === undefined ? null : skeleton(name), uses,
        inviter?.local ?? null, new Date(now).toISOString().slice(0, 10))
      return true
    })
    return made ? { token, id: idOf(digest(token)), expires: now + milliseconds } : undefined
  }

  /** `at`: when it had to be good; now, unless it was looked at before. */
  find(domain: ServedDomain, token: string, at = this.#clock.now()): Invitation | undefined {
    const row = this.#database.statement<Row>('SELECT * FROM invite WHERE token = ? AND domain = ?').get(digest(token), domain.label)
    return row === undefined || row.expires <= at ? undefined : invitationOf(row, domain)
  }

  /** Uses it up, inside the caller's transaction; false where somebody else was faster. */
  use(domain: ServedDomain, token: string, at = this.#clock.now()): boolean {
    const used = this.#database.statement('UPDATE invite SET uses = uses - 1 WHERE token = ? AND domain = ? AND expires > ? AND uses > 0')
      .run(digest(token), domain.label, at)
    this.#database.statement('DELETE FROM invite WHERE token = ? AND uses <= 0').run(digest(token))
    return used === 1
  }

  /** Does one promise that name, or one that looks like it (XEP-0445 §5: "The server MUST reserve the username")? */
  promises(domain: ServedDomain, name: string): boolean {
    return this.#database.statement('SELECT 1 FROM invite WHERE domain = ? AND shape = ? AND expires > ?')
      .get(domain.label, skeleton(name), this.#clock.now() - GRACE_MILLISECONDS) !== undefined
  }

  /** Those that still are good, the next to expire first. */
  list(domain: ServedDomain): ListedInvitation[] {
    const rows = this.#database.statement<Row>('SELECT * FROM invite WHERE domain = ? AND expires > ? ORDER BY expires, token')
      .all(domain.label, this.#clock.now())
    return rows.map((row) => ({
      ...invitationOf(row, domain), id: idOf(row.token), uses: row.uses, created: row.created,
    }))
  }

  /** Those of one account, without what would let anybody use them. */
  of(domain: ServedDomain, inviter: Jid): ListedInvitation[] {
    return this.list(domain).filter((one) => one.inviter?.local === inviter.local)
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

  /** Those of one account, as they lie on disk: the digest of a token lets nobody use it. */
  stored(domain: ServedDomain, inviter: Jid): readonly unknown[] {
    return this.#database.statement('SELECT * FROM invite WHERE domain = ? AND inviter = ? ORDER BY expires').all(domain.label, inviter.local)
  }

  /** Removes what has expired: an invitation says who invited. */
  sweep(): Promise<void> {
    return this.#database.write(() => this.#forgetOld())
  }

  #forgetOld(): void {
    this.#database.statement('DELETE FROM invite WHERE expires <= ?').run(this.#clock.now() - GRACE_MILLISECONDS)
  }
}

function idOf(token: Buffer): string {
  return token.toString('hex').slice(0, ID_DIGITS)
}

function invitationOf({ expires, name, inviter }: Row, domain: ServedDomain): Invitation {
  return { expires, name: name ?? undefined, inviter: inviter === null ? undefined : Jid.of(inviter, domain.name) }
}

/** The token is random enough that nobody finds it by its digest. Whoever types it may write capitals. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token.trim().toLowerCase()).digest()
}
