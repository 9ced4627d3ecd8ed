import type { Clock } from '../clock.ts'
import type { Database, Statement } from '../store/database.ts'
import { Jid } from '../xmpp/jid.ts'
import { AccountError } from './account-error.ts'
import { costOf, isCheaper, type Credentials } from './credentials.ts'
import { Decoys, formatCost, VERIFIERS, withSalts } from './decoys.ts'
import { LEAST_PASSWORD_CHARACTERS, prepared } from './password.ts'
import type { StorageKey } from './sealing.ts'
import { AUTH_MIGRATIONS } from './tables.ts'
import { decodeVerifiers, encodeVerifiers, type Claim, type Claims, type Verifiers } from './verifiers.ts'

/** Told inside the transaction that makes or removes an account: what throws here undoes it. */
export interface AccountEvents {
  created(account: Jid): void
  deleted(account: Jid): void
}

export interface AccountParts {
  readonly database: Database
  readonly key: StorageKey
  readonly credentials: Credentials
  /** The served domains: name, as in JIDs -> label, as in the database. */
  readonly domains: ReadonlyMap<string, string>
  readonly events: AccountEvents
  readonly clock: Clock
}

interface Row {
  readonly verifiers: Buffer
  readonly cost: string
  readonly created: string
}

/**
 * The accounts of the served domains: the only code that touches their table. Who exists is known in memory; what a
 * password is checked against stays sealed, and is opened for one look at a time.
 *
 * Names are of ASCII only, so that no account looks like another and every client writes it the same.
 */
export class Accounts implements Claims {
  readonly #parts: AccountParts
  readonly #decoys: Decoys
  /** Bare JIDs. */
  readonly #known = new Set<string>()
  readonly #row: Statement<Row>
  #revision = 0

  constructor(parts: AccountParts) {
    const { database, key, credentials, domains } = parts
    this.#parts = parts
    database.migrate('auth', AUTH_MIGRATIONS)
    this.#decoys = new Decoys(key, decoySecret(database, key), credentials.cost)
    this.#row = database.statement('SELECT verifiers, cost, created FROM account WHERE localpart = ? AND domain = ?')
    const all = database.statement<{ localpart: string; cost: string }>(
      'SELECT localpart, cost FROM account WHERE domain = ?')
    for (const [name, label] of domains) {
      for (const { localpart, cost } of all.all(label)) {
        this.#known.add(`${localpart}@${name}`)
        this.#decoys.count(cost, 1)
      }
    }
  }

  get revision(): number {
    return this.#revision
  }

  /** Is this, or the bare JID of it, an account? */
  exists(account: Jid): boolean {
    return this.#known.has(account.bare.toString())
  }

  /** The accounts of a served domain, by name. */
  list(domain: string): Jid[] {
    const rows = this.#parts.database
      .statement<{ localpart: string }>('SELECT localpart FROM account WHERE domain = ? ORDER BY localpart')
      .all(this.#label(domain))
    return rows.flatMap(({ localpart }) => Jid.of(localpart, domain) ?? [])
  }

  /** The day an account was made, as '2025-01-31'. @throws AccountError */
  createdOn(account: Jid): string {
    const row = this.#row.get(account.local, this.#label(account.domain))
    if (row === undefined) throw new AccountError('not-found')
    return row.created
  }

  /**
   * @param within done in the same transaction, before anybody is told: what it throws undoes it, and is thrown here
   * @throws AccountError, or QueueFull where too many passwords are being hashed
   */
  async create(account: Jid, password: string, within?: () => void): Promise<void> {
    const label = this.#label(account.domain)
    if (account.resource !== '' || !ACCOUNT_NAME.test(account.local)) throw new AccountError('name-invalid')
    if (this.exists(account)) throw new AccountError('exists')
    const verifiers = await this.#make(password)
    const { database, clock, events } = this.#parts
    const cost = formatCost(costOf(verifiers))
    const day = new Date(clock.now()).toISOString().slice(0, 10)
    await database.write(() => {
      // Sealed here and not before: until now the storage key may have changed.
      const sealed = this.#seal(account.local, label, verifiers)
      const made = database.statement(`
        INSERT INTO account (localpart, domain, verifiers, cost, created) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
      `).run(account.local, label, sealed, cost, day)
      if (made === 0) throw new AccountError('exists')
      within?.()
      events.created(account)
      this.#revision++
    })
    this.#known.add(account.toString())
    this.#decoys.count(cost, 1)
  }

  /** From the moment this resolves the old password opens nothing. @throws AccountError, QueueFull */
  async setPassword(account: Jid, password: string): Promise<void> {
    const label = this.#label(account.domain)
    if (!this.exists(account)) throw new AccountError('not-found')
    await this.#replace(account, label, await this.#make(password))
  }

  /**
   * Removes the account and, in the same transaction, what others hold of it.
   *
   * @throws AccountError
   */
  async delete(account: Jid): Promise<void> {
    const label = this.#label(account.domain)
    const { database, events } = this.#parts
    const cost = await database.write(() => {
      const row = this.#row.get(account.local, label)
      if (row === undefined) throw new AccountError('not-found')
      database.statement('DELETE FROM account WHERE localpart = ? AND domain = ?').run(account.local, label)
      events.deleted(account.bare)
      this.#revision++
      return row.cost
    })
    this.#known.delete(account.bare.toString())
    this.#decoys.count(cost, -1)
  }

  /**
   * What a login by this name is checked against. For any name the same work is done and the same is shown.
   */
  claim(username: string, domain: string): Claim {
    const address = Jid.of(prepared(username) ?? username, domain)
    const localpart = address?.local ?? username
    const label = this.#label(domain)
    const owner = `${localpart}@${label}`
    const row = this.#row.get(localpart, label)
    const decoy = this.#decoys.sealedFor(owner)
    const salts = this.#decoys.saltsFor(owner)
    const opened = row === undefined
      ? this.#parts.key.open(VERIFIERS, decoy.owner, decoy.sealed)
      : this.#parts.key.open(VERIFIERS, owner, row.verifiers)
    const verifiers = decodeVerifiers(opened)
    const exists = row !== undefined && address !== undefined
    return { name: owner, address, exists, verifiers: exists ? verifiers : withSalts(verifiers, salts) }
  }

  renew({ address, exists, verifiers }: Claim, password: string): void {
    if (!exists || address === undefined || !isCheaper(costOf(verifiers), this.#parts.credentials.cost)) return
    const label = this.#label(address.domain)
    this.#parts.credentials.make(password)
      .then((made) => this.#replace(address, label, made, verifiers))
      .catch(() => undefined) // it waits for the next login
  }

  /**
   * Seals anew whatever is kept of passwords, of domains that are not served now, too; inside the transaction in which
   * the storage key changes.
   *
   * @throws SealBroken
   */
  reseal(old: StorageKey, next: StorageKey): void {
    const { database } = this.#parts
    const rows = database.statement<{ localpart: string; domain: string; verifiers: Buffer }>(
      'SELECT localpart, domain, verifiers FROM account').all()
    const update = database.statement('UPDATE account SET verifiers = ? WHERE localpart = ? AND domain = ?')
    for (const { localpart, domain, verifiers } of rows) {
      const owner = `${localpart}@${domain}`
      update.run(next.seal(VERIFIERS, owner, old.open(VERIFIERS, owner, verifiers)), localpart, domain)
    }
    database.statement('INSERT INTO decoy_secret (id, secret) VALUES (1, ?) ON CONFLICT DO UPDATE SET secret = excluded.secret')
      .run(next.seal(DECOY_SECRET, '', this.#decoys.secret))
    this.#decoys.forgetSeals()
  }

  /** @param expected where given, nothing is done if the account has other verifiers by now */
  async #replace(account: Jid, label: string, made: Verifiers, expected?: Verifiers): Promise<void> {
    const { database } = this.#parts
    const cost = formatCost(costOf(made))
    const before = await database.write(() => {
      const row = this.#row.get(account.local, label)
      if (row === undefined) throw new AccountError('not-found')
      if (expected !== undefined && this.#open(account.local, label, row).argon2 !== expected.argon2) return undefined
      database.statement('UPDATE account SET verifiers = ?, cost = ? WHERE localpart = ? AND domain = ?')
        .run(this.#seal(account.local, label, made), cost, account.local, label)
      this.#revision++
      return row.cost
    })
    if (before === undefined) return
    this.#decoys.count(before, -1)
    this.#decoys.count(cost, 1)
  }

  async #make(password: string): Promise<Verifiers> {
    const text = prepared(password)
    if (text === undefined) throw new AccountError(password === '' ? 'password-short' : 'password-invalid')
    if ([...text].length < LEAST_PASSWORD_CHARACTERS) throw new AccountError('password-short')
    return this.#parts.credentials.make(text)
  }

  #seal(localpart: string, label: string, verifiers: Verifiers): Buffer {
    return this.#parts.key.seal(VERIFIERS, `${localpart}@${label}`, encodeVerifiers(verifiers))
  }

  #open(localpart: string, label: string, row: Row): Verifiers {
    return decodeVerifiers(this.#parts.key.open(VERIFIERS, `${localpart}@${label}`, row.verifiers))
  }

  #label(domain: string): string {
    const label = this.#parts.domains.get(domain)
    if (label === undefined) throw new AccountError('domain-unknown')
    return label
  }
}

function decoySecret(database: Database, key: StorageKey): Buffer {
  const row = database.statement<{ secret: Buffer }>('SELECT secret FROM decoy_secret').get()
  return row === undefined ? key.derive('decoys') : key.open(DECOY_SECRET, '', row.secret)
}

const DECOY_SECRET = 'decoy_secret.secret'
const ACCOUNT_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/
