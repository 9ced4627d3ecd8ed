import type { Accounts } from '../auth/accounts.ts'
import type { HandlerTables } from '../routing/handler-tables.ts'
import type { Session, Sessions } from '../routing/sessions.ts'
import type { Database } from '../store/database.ts'
import type { Jid } from '../xmpp/jid.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import { exportDocument } from './account-export.ts'
import type { SignIns } from './sign-ins.ts'

export interface AccountLifeParts {
  readonly accounts: Accounts
  readonly sessions: Sessions
  readonly signIns: SignIns
  readonly database: Database
  /** What extensions hold of accounts; undefined while they are not installed. */
  stored(): Pick<HandlerTables['account'], 'exported' | 'portable' | 'passwordChanged'> | undefined
}

export interface AccountSummary {
  /** The day, as '2025-01-31'. */
  readonly created: string
  readonly rows: ReadonlyMap<string, number>
}

/** By which of several ways its owner is there, as it is to go on. */
export interface Spared {
  readonly session?: Session | undefined
  /** The secret of a sign-in. */
  readonly signIn?: string | undefined
}

/** A client that removes its own account. */
export interface Leaver {
  readonly session: Session
  /** The account is gone: says so to the session, which ends right after. */
  farewell(): void
}

/**
 * What may become of an account once it is there. The operator's commands, clients and pages all come here, so that each
 * of them does the whole: data, sessions, sign-ins, contacts.
 */
export class AccountLife {
  readonly #parts: AccountLifeParts

  constructor(parts: AccountLifeParts) {
    this.#parts = parts
  }

  get signIns(): SignIns {
    return this.#parts.signIns
  }

  /**
   * Removes the account and all that is stored of it. It is done when this returns: nothing of the account's comes
   * between, and wherever the process is killed, the account is there as a whole or gone as a whole.
   *
   * Its contacts see it leave first, while its roster still tells who they are. That the subscriptions are over
   * (RFC 6121 §3.2.2, §3.3.2) they are told once it is on disk; whoever misses that hears it at the next probe (§4.3.2).
   *
   * @throws AccountError
   */
  remove(account: Jid, leaver?: Leaver): void {
    const { accounts, sessions, signIns, database } = this.#parts
    accounts.createdOn(account) // or it is not there
    sessions.end(account, ended(), leaver?.session)
    accounts.delete(account)
    leaver?.farewell()
    sessions.end(account, ended())
    signIns.endAll(account)
    database.emptyLog() // which holds pages as they were
  }

  /**
   * From the moment this resolves the old password opens nothing, and neither do tokens that clients got by it; with
   * `ending` whoever came by it is gone, too, but the one who changed it.
   *
   * @throws AccountError, QueueFull
   */
  async changePassword(account: Jid, password: string, { ending, spared = {} }: { readonly ending: boolean, readonly spared?: Spared }): Promise<void> {
    await this.#parts.accounts.setPassword(account, password)
    if (ending) this.#end(account, spared)
  }

  /** Nobody can log in by it until it is unlocked; to others it is as one who is not there. @throws AccountError */
  async lock(account: Jid, reason: string): Promise<void> {
    await this.#parts.accounts.lock(account, reason)
    this.#end(account, {})
  }

  /** @throws AccountError */
  unlock(account: Jid): Promise<void> {
    return this.#parts.accounts.unlock(account)
  }

  /** Sessions of its clients, in the order in which they were bound. */
  sessions(account: Jid): readonly Session[] {
    return [...this.#parts.sessions.of(account).values()]
  }

  /** One of its clients; false where it is gone already. It may come back. */
  endSession(account: Jid, resource: string): boolean {
    const session = this.#parts.sessions.of(account).get(resource)
    session?.end(ended())
    return session !== undefined
  }

  /** All of them, on pages, too; whoever comes back needs the password, as tokens end as well. */
  async endSessions(account: Jid, spared: Spared = {}): Promise<void> {
    await this.#parts.database.write(() => this.#parts.stored()?.passwordChanged(account))
    this.#end(account, spared)
  }

  /** All that is held of it, as an XML document (XEP-0227). @throws AccountError */
  document(account: Jid): string {
    return exportDocument(account, { portable: this.#parts.stored()?.portable(account) ?? [], held: this.#held(account) })
  }

  /** How much is held of it: rows, by table. @throws AccountError */
  summary(account: Jid): AccountSummary {
    const rows = new Map<string, number>()
    for (const tables of Object.values(this.#held(account))) {
      for (const [table, held] of Object.entries(tables)) rows.set(table, (rows.get(table) ?? 0) + (Array.isArray(held) ? held.length : 1))
    }
    return { created: this.#parts.accounts.createdOn(account), rows }
  }

  /** By its owner, then by table. */
  #held(account: Jid): Readonly<Record<string, object>> {
    return { auth: { account: [this.#parts.accounts.stored(account)] }, ...this.#parts.stored()?.exported(account) }
  }

  #end(account: Jid, { session, signIn }: Spared): void {
    this.#parts.sessions.end(account, ended(), session)
    this.#parts.signIns.endAll(account, signIn)
  }
}

function ended(): StreamError {
  return new StreamError('not-authorized')
}
