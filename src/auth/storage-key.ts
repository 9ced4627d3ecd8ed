import { randomBytes, timingSafeEqual } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Database } from '../store/database.ts'
import { StoreError } from '../store/store-error.ts'
import { keyFromPassphrase } from './credentials.ts'
import { STORAGE_KEY_BYTES, SealBroken, StorageKey } from './sealing.ts'
import { AUTH_MIGRATIONS } from './tables.ts'

/** Where the storage key comes from: its file, or an operator's passphrase with the salt that is kept in a file. */
export type StorageKeySource =
  | { readonly keyFile: string }
  | { readonly saltFile: string; readonly passphrase: string }

/**
 * Gives the storage key that `database` was sealed under. A key is made only where nothing was sealed yet: a key
 * that went missing is never replaced in silence, as that would make every account unusable for ever.
 *
 * @throws StoreError where the key is missing, malformed or not the one of this database, or the passphrase is wrong
 */
export async function openStorageKey(database: Database, source: StorageKeySource): Promise<StorageKey> {
  database.migrate('auth', AUTH_MIGRATIONS)
  const check = database.statement<{ seal: Buffer }>('SELECT seal FROM storage_key_check').get()
  const mayBeMade = check === undefined
  const key = 'keyFile' in source
    ? keyOfFile(source.keyFile, mayBeMade)
    : await keyOfPassphrase(source.saltFile, source.passphrase, mayBeMade)
  if (check === undefined) {
    const seal = key.seal(CHECK, '', Buffer.from(CHECK))
    await database.write(() => database.statement('INSERT INTO storage_key_check (id, seal) VALUES (1, ?)').run(seal))
    return key
  }
  try {
    key.open(CHECK, '', check.seal)
    return key
  } catch (error) {
    if (!(error instanceof SealBroken)) throw error
    throw new StoreError('keyFile' in source ? source.keyFile : source.saltFile,
      'is not the storage key of this database', 'Restore the one that belongs to it: both are in the same backup.')
  }
}

/** The passphrase in a file: its first line. @throws StoreError */
export function readPassphrase(file: string): string {
  const [line = ''] = readText(file, 'Write the passphrase into it, or correct keys.passphrase_file.').split(/\r?\n/, 1)
  if (line.length < LEAST_PASSPHRASE) {
    throw new StoreError(file, `holds no passphrase of ${LEAST_PASSPHRASE} characters or more`,
      'Choose a longer one: whoever has a copy of the data directory can try passphrases at leisure.')
  }
  return line
}

const CHECK = 'storage_key_check.seal'
const LEAST_PASSPHRASE = 12
const SALT_BYTES = 16
/** 64 MiB and 4 passes: some tenths of a second, once at start. */
const PASSPHRASE_COST = { memory: 65_536, passes: 4, lanes: 1 }

function keyOfFile(file: string, mayBeMade: boolean): StorageKey {
  if (!existsSync(file)) {
    if (!mayBeMade) {
      throw new StoreError(file, 'the storage key is missing, and the database was sealed under it',
        'Restore it from a backup, or set keys.file to where it is. Without it no account can log in.')
    }
    writeDurably(file, `${FILE_MARK} ${randomBytes(STORAGE_KEY_BYTES).toString('base64')}\n`)
  }
  const [mark, text = ''] = readText(file, 'Give the server\'s user the right to read it.').trim().split(' ')
  const bytes = Buffer.from(text, 'base64')
  if (mark !== FILE_MARK || bytes.length !== STORAGE_KEY_BYTES) {
    throw new StoreError(file, 'is not a storage key', 'Restore it from a backup, or correct keys.file.')
  }
  return new StorageKey(bytes)
}

const FILE_MARK = 'sotto-storage-key-1'

async function keyOfPassphrase(file: string, passphrase: string, mayBeMade: boolean): Promise<StorageKey> {
  if (!existsSync(file)) {
    if (!mayBeMade) {
      throw new StoreError(file, 'the salt of the passphrase is missing, and the database was sealed with it',
        'Restore it from a backup, or unset keys.passphrase_file where the key is in a file. '
        + 'Without it no account can log in.')
    }
    const salt = randomBytes(SALT_BYTES)
    const key = new StorageKey(await keyFromPassphrase(passphrase, salt, PASSPHRASE_COST))
    const { memory, passes, lanes } = PASSPHRASE_COST
    const [saltText, check] = [salt, checkOf(key)].map((bytes) => bytes.toString('base64'))
    writeDurably(file, `${SALT_MARK} ${memory} ${passes} ${lanes} ${saltText} ${check}\n`)
    return key
  }
  const stored = SALT_LINE.exec(readText(file, 'Give the server\'s user the right to read it.'))?.groups
  if (stored === undefined) {
    throw new StoreError(file, 'is not the salt of a passphrase', 'Restore it from a backup.')
  }
  const { memory, passes, lanes, salt = '', check = '' } = stored
  const key = new StorageKey(await keyFromPassphrase(passphrase, Buffer.from(salt, 'base64'),
    { memory: Number(memory), passes: Number(passes), lanes: Number(lanes) }))
  if (!timingSafeEqual(checkOf(key), Buffer.from(check, 'base64'))) {
    throw new StoreError(file, 'the passphrase is not the one that this salt was made for',
      'Start again with the right one.')
  }
  return key
}

const SALT_MARK = 'sotto-passphrase-1'
/** Mark, kibibytes, passes, lanes, salt of 16 bytes, check of 32. */
const SALT_LINE = new RegExp(`^${SALT_MARK} (?<memory>\\d{1,8}) (?<passes>\\d{1,4}) (?<lanes>\\d{1,3}) `
  + '(?<salt>[A-Za-z0-9+/]{22}==) (?<check>[A-Za-z0-9+/]{43}=)\\s*$')

/** Tells a wrong passphrase at once, before anything is opened with its key; the key does not follow from it. */
function checkOf(key: StorageKey): Buffer {
  return key.derive('passphrase check')
}

function readText(file: string, remedy: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new StoreError(file, 'cannot be read', remedy, error)
  }
}

/** Whole or not at all, even through a power cut; for the owner's eyes alone. */
function writeDurably(file: string, text: string): void {
  const directory = dirname(file)
  const draft = `${file}.new`
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    synced(openSync(draft, 'w', 0o600), (descriptor) => writeSync(descriptor, text))
    renameSync(draft, file)
    synced(openSync(directory, 'r'), () => undefined)
  } catch (error) {
    throw new StoreError(file, 'cannot be written', 'Give the server\'s user the right to write its directory.', error)
  }
}

function synced(descriptor: number, work: (descriptor: number) => void): void {
  try {
    work(descriptor)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
