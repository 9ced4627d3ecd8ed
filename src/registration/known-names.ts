import { createHmac, randomBytes } from 'node:crypto'
import type { Accounts } from '../auth/accounts.ts'
import type { StorageKey } from '../auth/sealing.ts'
import type { Config } from '../config/schema.ts'
import type { ServedDomain, ServedDomains } from '../routing/domains.ts'
import type { Host } from '../routing/extension.ts'
import type { Database } from '../store/database.ts'
import { Jid } from '../xmpp/jid.ts'
import type { Invitations } from './invitations.ts'
import { isReserved, skeleton } from './names.ts'

/** Why a name cannot be had without further ado: for the operator. Whoever registers is told nothing but that it is so. */
export type NameObjection = 'exists' | 'deleted' | 'promised' | 'look-alike' | 'reserved'

export interface KnownNamesParts {
  readonly database: Database
  readonly accounts: Accounts
  readonly domains: ServedDomains
  readonly config: Config
  readonly invitations: Invitations
}

/**
 * Which names are taken, by what they look like: of accounts, of accounts that were deleted, and of those that are being
 * made. Of a deleted account a digest is kept, under a secret that is sealed: with the database alone nobody can
 * find out who had an account.
 */
export class KnownNames {
  readonly #parts: KnownNamesParts
  /** By skeleton of the name and domain: the localparts that look so. */
  readonly #shapes = new Map<string, Set<string>>()
  readonly #pending = new Set<string>()
  #secret: Buffer = Buffer.alloc(0)

  constructor(parts: KnownNamesParts) {
    this.#parts = parts
  }

  /** Reads what there is; the tables must be there. */
  load(key: Host['key']): void {
    const { database, accounts, domains } = this.#parts
    for (const { name } of domains.all()) for (const account of accounts.list(name)) this.add(account)
    const row = database.statement<{ secret: Buffer }>('SELECT secret FROM tombstone_secret').get()
    this.#secret = row === undefined ? randomBytes(32) : key.open(SECRET, '', row.secret)
    if (row === undefined) {
      database.statement('INSERT INTO tombstone_secret (id, secret) VALUES (1, ?)').run(key.seal(SECRET, '', this.#secret))
    }
  }

  /** What speaks against that name: first what even the operator cannot overrule. */
  objections(domain: ServedDomain, name: string): NameObjection[] {
    const shape = shapeOf(domain.name, name)
    const account = Jid.of(name, domain.name)
    const alike = [...this.#shapes.get(shape) ?? []].filter((one) => one !== name)
    return [
      ...(account !== undefined && this.#parts.accounts.exists(account) ? ['exists' as const] : []),
      ...(this.#isBuried(domain.label, name) ? ['deleted' as const] : []),
      ...(this.#parts.invitations.promises(domain, name) ? ['promised' as const] : []),
      ...(alike.length > 0 || this.#pending.has(shape) ? ['look-alike' as const] : []),
      ...(isReserved(name, this.#keptBack(domain)) ? ['reserved' as const] : []),
    ]
  }

  /**
   * The name, kept from all others until it is let go; undefined where it cannot be had. `promised`: an invitation gives that
   * very name, so what else speaks against it was overruled when the invitation was made.
   */
  reserve(domain: ServedDomain, name: string, promised = false): { release(): void } | undefined {
    const shape = shapeOf(domain.name, name)
    const objections = this.objections(domain, name)
    if (promised ? objections.includes('exists') || this.#pending.has(shape) : objections.length > 0) return undefined
    this.#pending.add(shape)
    return { release: () => { this.#pending.delete(shape) } }
  }

  /** There is such an account. */
  add(account: Jid): void {
    const shape = shapeOf(account.domain, account.local)
    const alike = this.#shapes.get(shape) ?? new Set()
    this.#shapes.set(shape, alike.add(account.local))
  }

  /** The account is deleted: nobody gets its name again, or one that looks like it. Inside the caller's transaction. */
  bury(account: Jid): void {
    const shape = shapeOf(account.domain, account.local)
    const alike = this.#shapes.get(shape)
    alike?.delete(account.local)
    if (alike?.size === 0) this.#shapes.delete(shape)
    const label = this.#parts.domains.get(account.domain)?.label ?? account.domain
    this.#parts.database.statement('INSERT OR IGNORE INTO tombstone (digest) VALUES (?)').run(this.#digest(label, account.local))
  }

  /** The operator gives a deleted name again. Inside the caller's transaction. */
  unearth(domain: ServedDomain, name: string): void {
    this.#parts.database.statement('DELETE FROM tombstone WHERE digest = ?').run(this.#digest(domain.label, name))
  }

  /** Seals the secret anew; it stays as it is, or all tombstones would be forgotten. */
  reseal(next: StorageKey): void {
    this.#parts.database.statement('UPDATE tombstone_secret SET secret = ?').run(next.seal(SECRET, '', this.#secret))
  }

  #isBuried(label: string, name: string): boolean {
    return this.#parts.database.statement('SELECT 1 FROM tombstone WHERE digest = ?').get(this.#digest(label, name)) !== undefined
  }

  #digest(label: string, name: string): Buffer {
    return createHmac('sha256', this.#secret).update(shapeOf(label, name)).digest()
  }

  /** Those of the configuration, and the operators'; not those that would tell of a domain that must not be known here. */
  #keptBack({ name }: ServedDomain): string[] {
    const { config, domains } = this.#parts
    const operators = config.operators.flatMap((text) => {
      const [local = '', label = ''] = text.split('@')
      const domain = domains.all().find((one) => one.label === label)
      return domain !== undefined && domains.links(domain.name, name) ? [local] : []
    })
    return [...config.registration.reserved_names, ...operators]
  }
}

/** The purpose under which the secret is sealed: table and field. */
const SECRET = 'tombstone_secret.secret'

/** A skeleton holds no @. */
function shapeOf(domain: string, name: string): string {
  return `${skeleton(name)}@${domain}`
}
