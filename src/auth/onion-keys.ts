import { cpSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from '../store/database.ts'
import { onionAddress } from '../tor/onion-address.ts'
import { AUTHORIZED_CLIENTS, replaceOnionKey, settleOnionKey } from '../tor/onion-key-replacement.ts'
import { createOnionKey, holdsOnionKey, loadOrCreateOnionKey, readOnionKey, removeOnionKey, writeOnionKey, type OnionKey } from '../tor/onion-key.ts'
import { TorError } from '../tor/tor-error.ts'
import type { StorageKey } from './sealing.ts'
import { AUTH_MIGRATIONS } from './tables.ts'

export interface OnionKeyParts {
  readonly database: Database
  readonly key: StorageKey
  /** A HiddenServiceDir for each domain, named by its label. */
  readonly folder: string
  /** Where the storage key follows from a passphrase: whoever has the data directory alone has no onion key then. */
  readonly isSealed: boolean
  /** Makes an empty folder in memory, for this server alone. */
  memory(): string
}

/**
 * The keys of the onion services. They lie in their folders as tor keeps them; or, sealed, in the database, and in a
 * folder in memory as long as tor needs them.
 */
export class OnionKeys {
  readonly #parts: OnionKeyParts
  #memory: string | undefined

  constructor(parts: OnionKeyParts) {
    this.#parts = parts
    parts.database.migrate('auth', AUTH_MIGRATIONS)
  }

  /** The address of a domain's onion service, whose key is made where there is none. @throws TorError, StoreError, SealBroken */
  async address(label: string): Promise<string> {
    const { folder, isSealed } = this.#parts
    settleOnionKey(join(folder, label))
    if (!isSealed) return loadOrCreateOnionKey(join(folder, label)).address
    return onionAddress((await this.#sealedKey(label)).publicKey)
  }

  /** Its HiddenServiceDir, for tor to read. @throws TorError, ConfigError where no memory can be used, SealBroken */
  directory(label: string): string {
    const { folder, isSealed, memory } = this.#parts
    if (!isSealed) return join(folder, label)
    const directory = join(this.#memory ??= memory(), label)
    const key = this.#stored(label)
    if (key === undefined) throw new Error(`the onion key of ${label} was not made yet`)
    if (existsSync(directory)) return directory
    writeOnionKey(directory, key)
    const authorized = join(folder, label, AUTHORIZED_CLIENTS)
    if (existsSync(authorized)) cpSync(authorized, join(directory, AUTHORIZED_CLIENTS), { recursive: true })
    return directory
  }

  /**
   * Gives a domain another key, and destroys the one before; that is written to the folder `kept` first, where one is
   * named, as tor keeps it. Tor must not run, and what is stored of the domain follows at the next opening. The new address.
   *
   * @throws TorError, StoreError, SealBroken
   */
  async renew(label: string, kept: string | undefined): Promise<string> {
    const { folder, isSealed, database } = this.#parts
    const directory = join(folder, label)
    if (kept !== undefined) writeOnionKey(kept, this.#stored(label) ?? readOnionKey(directory))
    const next = createOnionKey()
    if (isSealed) {
      await this.#store(label, next)
      database.emptyLog()
    } else {
      replaceOnionKey(directory, next)
    }
    return onionAddress(next.publicKey)
  }

  /** Seals them anew, inside the transaction in which the storage key changes. @throws SealBroken */
  reseal(old: StorageKey, next: StorageKey): void {
    const { database } = this.#parts
    const update = database.statement('UPDATE onion_key SET secret = ? WHERE domain = ?')
    for (const { domain, secret } of database.statement<Row>('SELECT domain, public, secret FROM onion_key').all()) {
      update.run(next.seal(SECRET, domain, old.open(SECRET, domain, secret)), domain)
    }
  }

  /** Leaves nothing in the clear; to be called when tor has ended. */
  forget(): void {
    if (this.#memory !== undefined) rmSync(this.#memory, { recursive: true, force: true })
    this.#memory = undefined
  }

  /** What lies in the clear is moved into the database; it is removed once it is there. */
  async #sealedKey(label: string): Promise<OnionKey> {
    const directory = join(this.#parts.folder, label)
    const stored = this.#stored(label)
    if (!holdsOnionKey(directory)) return stored ?? await this.#store(label, createOnionKey())
    const plain = readOnionKey(directory)
    if (stored !== undefined && !stored.publicKey.equals(plain.publicKey)) {
      throw new TorError('onion-key-twice', `${directory} holds another key than the one that is sealed for "${label}": move that folder away, `
        + `or start without the passphrase and with another data directory to use it`, directory)
    }
    if (stored === undefined) await this.#store(label, plain)
    removeOnionKey(directory)
    return plain
  }

  async #store(label: string, onionKey: OnionKey): Promise<OnionKey> {
    const { database, key } = this.#parts
    const { publicKey, expandedSecretKey } = onionKey
    await database.write(() => database.statement(`INSERT INTO onion_key (domain, public, secret) VALUES (?, ?, ?)
      ON CONFLICT (domain) DO UPDATE SET public = excluded.public, secret = excluded.secret`)
      .run(label, publicKey, key.seal(SECRET, label, expandedSecretKey)))
    return onionKey
  }

  #stored(label: string): OnionKey | undefined {
    const { database, key } = this.#parts
    const row = database.statement<Row>('SELECT domain, public, secret FROM onion_key WHERE domain = ?').get(label)
    return row === undefined ? undefined : { publicKey: row.public, expandedSecretKey: key.open(SECRET, label, row.secret) }
  }
}

interface Row {
  readonly domain: string
  readonly public: Buffer
  readonly secret: Buffer
}

const SECRET = 'onion_key.secret'
