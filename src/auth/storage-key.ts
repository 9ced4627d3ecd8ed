import { existsSync } from 'node:fs'
import type { Database } from '../store/database.ts'
import { StoreError } from '../store/store-error.ts'
import { makeKeyFile, readKeyFile, removeFile, replaceFile } from './key-file.ts'
import { PassphraseError, type PassphraseSource } from './passphrase.ts'
import { SealBroken, type StorageKey } from './sealing.ts'
import { AUTH_MIGRATIONS } from './tables.ts'

/** Where the storage key comes from: a file, or, where there is a passphrase, that and a file with its salt. */
export interface StorageKeySource {
  readonly keyFile: string
  readonly saltFile: string
  readonly passphrase: PassphraseSource | undefined
}

/** Opens with the one and seals with the other what somebody keeps sealed; synchronous, inside a transaction. */
export type Reseal = (old: StorageKey, next: StorageKey) => void

/**
 * Gives the storage key that `database` was sealed under. A key is made only where nothing was sealed yet: a key
 * that went missing is never replaced in silence, as that would make every account unusable for ever.
 *
 * @throws StoreError where the key is missing, malformed or not the one of this database; PassphraseError where that is wrong;
 *   whatever the source of the passphrase throws
 */
export async function openStorageKey(database: Database, source: StorageKeySource): Promise<KeyHolder> {
  database.migrate('auth', AUTH_MIGRATIONS)
  const file = fileOf(source)
  if (!isSealed(database)) {
    const key = await keyOfFirstStart(file, source.passphrase)
    const seal = sealOfCheck(key)
    await database.write(() => database.statement('INSERT INTO storage_key_check (id, seal) VALUES (1, ?)').run(seal))
    return new KeyHolder(database, source, key)
  }
  if (source.passphrase !== undefined && existsSync(source.keyFile)) {
    const former = await readKeyFile(source.keyFile, undefined)
    if (former !== undefined && opens(database, former)) {
      return new KeyHolder(database, source, former, await source.passphrase(true))
    }
  }
  if (!existsSync(file) && !existsSync(nextOf(file))) throw missing(source)
  const passphrase = await source.passphrase?.(false)
  let isRightPassphrase = false
  // A rotation that was interrupted leaves both files; the database says how far it came.
  for (const one of [file, nextOf(file)]) {
    const key = existsSync(one) ? await readKeyFile(one, passphrase) : undefined
    if (key === undefined) continue
    isRightPassphrase = true
    if (!opens(database, key)) continue
    if (one !== file) replaceFile(one, file)
    tidy(source)
    return new KeyHolder(database, source, key)
  }
  if (!isRightPassphrase) throw wrongPassphrase(file)
  throw new StoreError(file, 'is not the storage key of this database', existsSync(nextOf(file)) && passphrase !== undefined
    ? 'The passphrase was changed: start again with the new one.'
    : 'Restore the one that belongs to it: both are in the same backup.')
}

/** Holds the storage key of a running server, and changes it together with all that is sealed under it. */
export class KeyHolder {
  /** One object, whatever key it is: who holds it seals under the present one. */
  readonly key: StorageKey
  readonly #database: Database
  readonly #source: StorageKeySource
  /** The passphrase that is to take over from a key in a file. */
  #successor: string | undefined
  #turn: Promise<void> = Promise.resolve()
  /** Whether the key in use lies beside its file, as putting it in place failed. */
  #isBeside = false

  constructor(database: Database, source: StorageKeySource, key: StorageKey, successor?: string) {
    this.#database = database
    this.#source = source
    this.key = key
    this.#successor = successor
  }

  /** Whether the configuration says a passphrase and the key still is the one of a file: then rotate() must follow. */
  get isDue(): boolean {
    return this.#successor !== undefined
  }

  /**
   * Makes a new storage key, with that passphrase or the source's own where one is used, and seals everything anew. One
   * transaction decides: killed before it, the old key holds; after it, the new one, whose file lies beside until it is
   * put in place, by the next start if need be.
   *
   * @throws StoreError, SealBroken where a seal does not hold; nothing has changed then
   */
  rotate(reseal: Reseal, passphrase?: string): Promise<void> {
    const turn = this.#turn.then(() => this.#rotate(reseal, passphrase))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async #rotate(reseal: Reseal, given: string | undefined): Promise<void> {
    const file = fileOf(this.#source)
    if (this.#isBeside) this.#putInPlace(file)
    const passphrase = this.#source.passphrase === undefined ? undefined
      : given ?? this.#successor ?? await this.#source.passphrase(true)
    const before = this.key.copy()
    const next = await makeKeyFile(nextOf(file), passphrase)
    try {
      await this.#database.write(() => {
        reseal(before, next)
        this.#database.statement('UPDATE storage_key_check SET seal = ? WHERE id = 1').run(sealOfCheck(next))
        this.key.become(next)
      })
    } catch (error) {
      // A commit that failed may be on disk all the same.
      if (!opens(this.#database, next)) {
        this.key.become(before)
        removeFile(nextOf(file))
        throw error
      }
    }
    this.#isBeside = true
    this.#successor = undefined
    this.#putInPlace(file)
    this.#database.emptyLog()
  }

  #putInPlace(file: string): void {
    replaceFile(nextOf(file), file)
    this.#isBeside = false
    tidy(this.#source)
  }
}

const CHECK = 'storage_key_check.seal'

function sealOfCheck(key: StorageKey): Buffer {
  return key.seal(CHECK, '', Buffer.from(CHECK))
}

function checkIn(database: Database): Buffer | undefined {
  return database.statement<{ seal: Buffer }>('SELECT seal FROM storage_key_check').get()?.seal
}

function isSealed(database: Database): boolean {
  return checkIn(database) !== undefined
}

/** Is it the key of this database? */
function opens(database: Database, key: StorageKey): boolean {
  try {
    key.open(CHECK, '', checkIn(database) ?? Buffer.alloc(0))
    return true
  } catch (error) {
    if (error instanceof SealBroken) return false
    throw error
  }
}

async function keyOfFirstStart(file: string, source: PassphraseSource | undefined): Promise<StorageKey> {
  if (!existsSync(file)) return await makeKeyFile(file, await source?.(true))
  const key = await readKeyFile(file, await source?.(false))
  if (key === undefined) throw wrongPassphrase(file)
  return key
}

function fileOf({ keyFile, saltFile, passphrase }: StorageKeySource): string {
  return passphrase === undefined ? keyFile : saltFile
}

/** Where the file of a new key lies until everything is sealed under it. */
function nextOf(file: string): string {
  return `${file}.next`
}

/** Removes what a rotation leaves behind, now that the key in its file is known to be the one. */
function tidy(source: StorageKeySource): void {
  const file = fileOf(source)
  const former = source.passphrase === undefined ? [] : [source.keyFile, nextOf(source.keyFile)]
  for (const one of [nextOf(file), ...former]) if (existsSync(one) || existsSync(`${one}.new`)) removeFile(one)
}

function missing({ keyFile, saltFile, passphrase }: StorageKeySource): StoreError {
  if (passphrase !== undefined) {
    return new StoreError(saltFile, 'the salt of the passphrase is missing, and the database was sealed already',
      `Restore it from a backup. Where the key lay in a file so far, put that at ${keyFile}: it is taken over.`)
  }
  if (existsSync(saltFile)) {
    return new PassphraseError(saltFile, 'the database was sealed by a passphrase, and the configuration names none',
      'Write keys.passphrase_prompt, keys.passphrase_file or keys.passphrase_credential again: there is no way back to a key in a file.')
  }
  return new StoreError(keyFile, 'the storage key is missing, and the database was sealed under it',
    'Restore it from a backup, or set keys.file to where it is. Without it no account can log in.')
}

function wrongPassphrase(file: string): PassphraseError {
  return new PassphraseError(file, 'the passphrase is not the one that this salt was made for', 'Start again with the right one.')
}
