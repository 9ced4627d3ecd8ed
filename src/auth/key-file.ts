import { randomBytes, timingSafeEqual } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { StoreError } from '../store/store-error.ts'
import { keyFromPassphrase } from './credentials.ts'
import { STORAGE_KEY_BYTES, StorageKey } from './sealing.ts'

const FILE_MARK = 'sotto-storage-key-1'
const SALT_MARK = 'sotto-passphrase-1'
/** Mark, kibibytes, passes, lanes, salt of 16 bytes, check of 32. */
const SALT_LINE = new RegExp(`^${SALT_MARK} (?<memory>\\d{1,8}) (?<passes>\\d{1,4}) (?<lanes>\\d{1,3}) `
  + '(?<salt>[A-Za-z0-9+/]{22}==) (?<check>[A-Za-z0-9+/]{43}=)\\s*$')
const SALT_BYTES = 16
/** 64 MiB and 4 passes: some tenths of a second, once at start. */
const PASSPHRASE_COST = { memory: 65_536, passes: 4, lanes: 1 }

/**
 * Makes a storage key and the file from which it follows, for its owner's eyes alone: the key itself, or, where there is
 * a passphrase, the salt with which it follows from that. The file is on disk when this resolves.
 *
 * @throws StoreError
 */
export async function makeKeyFile(file: string, passphrase: string | undefined): Promise<StorageKey> {
  if (passphrase === undefined) {
    const bytes = randomBytes(STORAGE_KEY_BYTES)
    writeDurably(file, `${FILE_MARK} ${bytes.toString('base64')}\n`)
    return new StorageKey(bytes)
  }
  const salt = randomBytes(SALT_BYTES)
  const key = new StorageKey(await keyFromPassphrase(passphrase, salt, PASSPHRASE_COST))
  const { memory, passes, lanes } = PASSPHRASE_COST
  const [saltText, check] = [salt, checkOf(key)].map((bytes) => bytes.toString('base64'))
  writeDurably(file, `${SALT_MARK} ${memory} ${passes} ${lanes} ${saltText} ${check}\n`)
  return key
}

/** The key that follows from the file; undefined where the passphrase is not the one. @throws StoreError where it is no such file */
export async function readKeyFile(file: string, passphrase: string | undefined): Promise<StorageKey | undefined> {
  const content = readText(file, 'Give the server\'s user the right to read it.')
  if (passphrase === undefined) {
    const [mark, text = ''] = content.trim().split(' ')
    const bytes = Buffer.from(text, 'base64')
    if (mark === FILE_MARK && bytes.length === STORAGE_KEY_BYTES) return new StorageKey(bytes)
    throw new StoreError(file, 'is not a storage key', 'Restore it from a backup, or correct keys.file.')
  }
  const stored = SALT_LINE.exec(content)?.groups
  if (stored === undefined) throw new StoreError(file, 'is not the salt of a passphrase', 'Restore it from a backup.')
  const { memory, passes, lanes, salt = '', check = '' } = stored
  const key = new StorageKey(await keyFromPassphrase(passphrase, Buffer.from(salt, 'base64'),
    { memory: Number(memory), passes: Number(passes), lanes: Number(lanes) }))
  return timingSafeEqual(checkOf(key), Buffer.from(check, 'base64')) ? key : undefined
}

/** Puts one file in the place of another, for good. @throws StoreError */
export function replaceFile(draft: string, file: string): void {
  asOwner(file, () => {
    renameSync(draft, file)
    syncDirectory(dirname(file))
  })
}

/** For good; one that is not there is none. @throws StoreError */
export function removeFile(file: string): void {
  asOwner(file, () => {
    rmSync(file, { force: true })
    rmSync(draftOf(file), { force: true })
    syncDirectory(dirname(file))
  })
}

/** @throws StoreError */
export function readText(file: string, remedy: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new StoreError(file, 'cannot be read', remedy, error)
  }
}

/** Tells a wrong passphrase at once, before anything is opened with its key; the key does not follow from it. */
function checkOf(key: StorageKey): Buffer {
  return key.derive('passphrase check')
}

/** Whole or not at all, even through a power cut. */
function writeDurably(file: string, text: string): void {
  asOwner(file, () => {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    const descriptor = openSync(draftOf(file), 'w', 0o600)
    try {
      writeSync(descriptor, text)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(draftOf(file), file)
    syncDirectory(dirname(file))
  })
}

/** What a write that was interrupted leaves behind. */
function draftOf(file: string): string {
  return `${file}.new`
}

function asOwner(file: string, work: () => void): void {
  try {
    work()
  } catch (error) {
    throw new StoreError(file, 'cannot be written', 'Give the server\'s user the right to write its directory.', error)
  }
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
