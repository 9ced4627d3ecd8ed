import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Database, Migration } from '../store/database.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { StorageKey } from './sealing.ts'

/** What a client may log in with instead of its password, for a while (XEP-0484 §3.3). */
export interface Token {
  readonly token: string
  /** Milliseconds since the epoch. */
  readonly expires: number
}

/** Whose token, by which installation of a client and for which mechanism: it opens nothing else. */
export interface TokenHolder {
  readonly account: Jid
  readonly agent: string
  readonly mechanism: string
}

/** A token that was shown to be known: which of the two that a client may have. */
export interface Redeemed {
  readonly slot: Slot
  readonly expires: number
}

export interface TokenParts {
  readonly database: Database
  readonly key: Pick<StorageKey, 'seal' | 'open'>
  /** The served domains: name, as in JIDs -> label, as in the database. */
  readonly domains: ReadonlyMap<string, string>
  /** How long a token is good, in milliseconds; past half of it, it is due to be replaced. */
  readonly lifetime: number
  /** Installations of one account that may have tokens; beyond, the one whose tokens end first loses them. */
  readonly perAccount: number
  readonly clock: Clock
}

/** §4.1: a new token is believed beside the current one until it is used, as its client may never have read it. */
type Slot = 'current' | 'new'

interface Row {
  readonly slot: Slot
  readonly mechanism: string
  readonly expires: number
  readonly sealed: Buffer
}

const TOKEN_BYTES = 32
const SEALED = 'token.sealed'

/** `agent` is a digest; `domain` the label. */
export const TOKEN_MIGRATIONS: readonly Migration[] = [{
  step: 1,
  sql: `
    CREATE TABLE token (
      localpart TEXT NOT NULL,
      domain TEXT NOT NULL,
      agent BLOB NOT NULL,
      slot TEXT NOT NULL CHECK (slot IN ('current', 'new')),
      mechanism TEXT NOT NULL,
      expires INTEGER NOT NULL,
      sealed BLOB NOT NULL,
      PRIMARY KEY (localpart, domain, agent, slot)
    ) STRICT, WITHOUT ROWID;`,
}]

/**
 * The tokens of clients: the only code that touches their table.
 *
 * They are sealed under the storage key and not hashed: HT's proof is an HMAC keyed by the token itself, so a hash that
 * could check it would open the account as well.
 */
export class Tokens {
  readonly #parts: TokenParts

  /** The table is made by whoever owns the migrations. */
  constructor(parts: TokenParts) {
    this.#parts = parts
  }

  /** A new token beside the one in use; a new one that was never used is void. On disk when this resolves. */
  async issue({ account, agent, mechanism }: TokenHolder): Promise<Token> {
    const { database, key, clock, lifetime, perAccount } = this.#parts
    const [local, domain, client] = [account.local, this.#label(account.domain), digest(agent)]
    const token = randomBytes(TOKEN_BYTES).toString('base64url')
    const expires = clock.now() + lifetime
    await database.write(() => {
      database.statement('DELETE FROM token WHERE expires <= ?').run(clock.now())
      database.statement(`
        INSERT INTO token (localpart, domain, agent, slot, mechanism, expires, sealed) VALUES (?, ?, ?, 'new', ?, ?, ?)
        ON CONFLICT DO UPDATE SET mechanism = excluded.mechanism, expires = excluded.expires, sealed = excluded.sealed
      `).run(local, domain, client, mechanism, expires, key.seal(SEALED, ownerOf(local, domain, client, 'new'), Buffer.from(token)))
      database.statement(`
        DELETE FROM token WHERE localpart = ? AND domain = ? AND agent NOT IN (
          SELECT agent FROM token WHERE localpart = ? AND domain = ? GROUP BY agent ORDER BY max(expires) DESC LIMIT ?)
      `).run(local, domain, local, domain, perAccount)
    })
    return { token, expires }
  }

  /**
   * Which token of the holder's is known to whoever calls: `isKnown` is asked of each that is good, and judges in constant
   * time. For a holder without any it is asked of one that nobody has, so that this takes as long.
   */
  find({ account, agent, mechanism }: TokenHolder, isKnown: (token: Buffer) => boolean): Redeemed | undefined {
    const { database, key, clock } = this.#parts
    const [local, domain, client] = [account.local, this.#label(account.domain), digest(agent)]
    // "new" sorts behind "current", and is looked at first (§4.1).
    const rows = database.statement<Row>(`
      SELECT slot, mechanism, expires, sealed FROM token WHERE localpart = ? AND domain = ? AND agent = ? ORDER BY slot DESC
    `).all(local, domain, client)
    let found: Redeemed | undefined
    for (const { slot, mechanism: bound, expires, sealed } of rows) {
      const isGood = bound === mechanism && expires > clock.now()
      const known = isKnown(key.open(SEALED, ownerOf(local, domain, client, slot), sealed))
      if (isGood && known) found ??= { slot, expires }
    }
    if (rows.length === 0) isKnown(randomBytes(TOKEN_BYTES))
    return found
  }

  /** It was used: from now on no older one of that client opens anything (§3.5). On disk when this resolves. */
  async used({ account, agent }: TokenHolder, { slot }: Redeemed): Promise<void> {
    if (slot === 'current') return
    const { database, key } = this.#parts
    const [local, domain, client] = [account.local, this.#label(account.domain), digest(agent)]
    await database.write(() => {
      const row = database.statement<Row>(`
        SELECT slot, mechanism, expires, sealed FROM token WHERE localpart = ? AND domain = ? AND agent = ? AND slot = 'new'
      `).get(local, domain, client)
      if (row === undefined) return // two logins at once: the other one did it
      const token = key.open(SEALED, ownerOf(local, domain, client, 'new'), row.sealed)
      database.statement('DELETE FROM token WHERE localpart = ? AND domain = ? AND agent = ?').run(local, domain, client)
      database.statement('INSERT INTO token (localpart, domain, agent, slot, mechanism, expires, sealed) VALUES (?, ?, ?, \'current\', ?, ?, ?)')
        .run(local, domain, client, row.mechanism, row.expires, key.seal(SEALED, ownerOf(local, domain, client, 'current'), token))
    })
  }

  /** Half of its time is over. */
  isDue({ expires }: Redeemed): boolean {
    return expires - this.#parts.clock.now() < this.#parts.lifetime / 2
  }

  /** All tokens of one client go (§3.6), or of all clients of the account. On disk when this resolves. */
  async revoke(account: Jid, agent?: string): Promise<void> {
    await this.#parts.database.write(() => this.forget(account, agent))
  }

  /** The same inside the caller's transaction. */
  forget(account: Jid, agent?: string): undefined {
    const { database } = this.#parts
    const [local, domain] = [account.local, this.#label(account.domain)]
    if (agent === undefined) database.statement('DELETE FROM token WHERE localpart = ? AND domain = ?').run(local, domain)
    else database.statement('DELETE FROM token WHERE localpart = ? AND domain = ? AND agent = ?').run(local, domain, digest(agent))
  }

  /** What is held of the account, but for the secrets. */
  list(account: Jid): readonly { readonly agent: Uint8Array, readonly slot: string, readonly mechanism: string, readonly expires: number }[] {
    return this.#parts.database.statement<{ localpart: string, domain: string, agent: Buffer, slot: Slot, mechanism: string, expires: number }>(
      'SELECT localpart, domain, agent, slot, mechanism, expires FROM token WHERE localpart = ? AND domain = ? ORDER BY expires',
    ).all(account.local, this.#label(account.domain))
  }

  /** Seals all of them anew, inside the transaction in which the storage key changes. @throws SealBroken */
  reseal(old: StorageKey, next: StorageKey): void {
    const { database } = this.#parts
    const rows = database.statement<{ localpart: string, domain: string, agent: Buffer, slot: Slot, sealed: Buffer }>(
      'SELECT localpart, domain, agent, slot, sealed FROM token').all()
    const update = database.statement('UPDATE token SET sealed = ? WHERE localpart = ? AND domain = ? AND agent = ? AND slot = ?')
    for (const { localpart, domain, agent, slot, sealed } of rows) {
      const owner = ownerOf(localpart, domain, agent, slot)
      update.run(next.seal(SEALED, owner, old.open(SEALED, owner, sealed)), localpart, domain, agent, slot)
    }
  }

  #label(domain: string): string {
    return this.#parts.domains.get(domain) ?? ''
  }
}

function ownerOf(localpart: string, domain: string, agent: Buffer, slot: Slot): string {
  return `${localpart}@${domain} ${agent.toString('hex')} ${slot}`
}

/** What a client calls itself is kept where it can be recognized, and not where it can be read. */
function digest(agent: string): Buffer {
  return createHash('sha256').update(agent).digest()
}
