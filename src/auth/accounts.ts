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
  /** What it returns is called once the account is gone for good. */
  deleted(account: Jid): (() => void) | undefined
  /** Its password is another one: whatever else opened it must not any more. */
  passwordChanged?(account: Jid): void
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
  readonly locked: string | null
  readonly lock_reason: string | null
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
  readonly #locked = new Set<string>()
  readonly #row: Statement<Row>
  #revision = 0

  constructor(parts: AccountParts) {
    const { database, key, credentials, domains } = parts
    this.#parts = parts
    database.migrate('auth', AUTH_MIGRATIONS)
    this.#decoys = new Decoys(key, decoySecret(database, key), credentials.cost)
    this.#row = database.statement(
      'SELECT verifiers, cost, created, locked, lock_reason FROM account WHERE localpart = ? AND domain = ?')
    const all = database.statement<{ localpart: string; cost: string; locked: string | null }>(
      'SELECT localpart, cost, locked FROM account WHERE domain = ?')
    for (const [name, label] of domains) {
      for (const { localpart, cost, locked } of all.all(label)) {
        this.#known.add(`${localpart}@${name}`)
        if (locked !== null) this.#locked.add(`${localpart}@${name}`)
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
    return this.#existing(account).created
  }

  /** All that its row holds, but for what a password is checked against: that is here to be checked, and not to be given away. */
  stored(account: Jid): Readonly<Record<string, string | null>> {
    const { cost, created, locked, lock_reason } = this.#existing(account)
    return { localpart: account.local, domain: this.#label(account.domain), created, cost, locked, lock_reason }
  }

  isLocked(account: Jid): boolean {
    return this.#locked.has(account.bare.toString())
  }

  /** From the moment this resolves nobody can log in by it; sessions that there are go on. @throws AccountError */
  lock(account: Jid, reason: string): Promise<void> {
    return this.#setLock(account, new Date(this.#parts.clock.now()).toISOString().slice(0, 10), reason)
  }

  /** @throws AccountError */
  unlock(account: Jid): Promise<void> {
    return this.#setLock(account, null, null)
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
    await this.#replace(account, label, await this.#make(password), 'changed')
  }

  /**
   * Removes the account and, in the same transaction, what others hold of it. It is on disk when this returns, so nothing
   * that is the account's comes between.
   *
   * @throws AccountError
   */
  delete(account: Jid): void {
    const label = this.#label(account.domain)
    const { database, events } = this.#parts
    const { cost, afterwards } = database.writeNow(() => {
      const { cost } = this.#existing(account)
      database.statement('DELETE FROM account WHERE localpart = ? AND domain = ?').run(account.local, label)
      return { cost, afterwards: events.deleted(account.bare) }
    })
    this.#revision++
    this.#known.delete(account.bare.toString())
    this.#locked.delete(account.bare.toString())
    this.#decoys.count(cost, -1)
    afterwards?.()
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
    return { name: owner, address, exists, locked: row !== undefined && row.locked !== null, verifiers: exists ? verifiers : withSalts(verifiers, salts) }
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

  /** `before`: it is another password; or those of the same one, and nothing is done if the account has others by now. */
  async #replace(account: Jid, label: string, made: Verifiers, before: 'changed' | Verifiers): Promise<void> {
    const { database, events } = this.#parts
    const cost = formatCost(costOf(made))
    const replaced = await database.write(() => {
      const row = this.#row.get(account.local, label)
      if (row === undefined) throw new AccountError('not-found')
      if (before !== 'changed' && this.#open(account.local, label, row).argon2 !== before.argon2) return undefined
      database.statement('UPDATE account SET verifiers = ?, cost = ? WHERE localpart = ? AND domain = ?')
        .run(this.#seal(account.local, label, made), cost, account.local, label)
      if (before === 'changed') events.passwordChanged?.(account.bare)
      this.#revision++
      return row.cost
    })
    if (replaced === undefined) return
    this.#decoys.count(replaced, -1)
    this.#decoys.count(cost, 1)
  }

  async #setLock(account: Jid, day: string | null, reason: string | null): Promise<void> {
    const label = this.#label(account.domain)
    const { database } = this.#parts
    await database.write(() => {
      this.#existing(account)
      database.statement('UPDATE account SET locked = ?, lock_reason = ? WHERE localpart = ? AND domain = ?')
        .run(day, reason, account.local, label)
      this.#revision++
    })
    if (day === null) this.#locked.delete(account.bare.toString())
    else this.#locked.add(account.bare.toString())
  }

  /** @throws AccountError */
  #existing(account: Jid): Row {
    const row = this.#row.get(account.local, this.#label(account.domain))
    if (row === undefined) throw new AccountError('not-found')
    return row
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
