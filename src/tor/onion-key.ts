import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { onionAddress } from './onion-address.ts'
import { TorError } from './tor-error.ts'

/** The identity of an onion service. Who has it *is* the service. */
export interface OnionKey {
  /** 32 bytes. */
  readonly publicKey: Buffer
  /** 64 bytes: the clamped scalar and the prefix (RFC 8032 §5.1.5), as tor keeps it. */
  readonly expandedSecretKey: Buffer
}

const SECRET_FILE = 'hs_ed25519_secret_key'
const PUBLIC_FILE = 'hs_ed25519_public_key'
/** Written by tor. */
const NAME_FILE = 'hostname'
const SECRET_HEADER = header('== ed25519v1-secret: type0 ==')
const PUBLIC_HEADER = header('== ed25519v1-public: type0 ==')
const REMEDY = 'restore the folder from your backup, or move it away to start with a new address'

/**
 * The address of the key in `directory` (a HiddenServiceDir, 0700); where nothing is there yet, makes a key first, so
 * that the address is known before tor runs. What is there is never overwritten.
 *
 * @throws TorError where a key file is missing, unreadable or broken; it names the file and the remedy
 */
export function loadOrCreateOnionKey(directory: string): { readonly address: string, readonly directory: string } {
  const key = isEmpty(directory) ? createOnionKey() : undefined
  if (key !== undefined) writeOnionKey(directory, key)
  return { address: onionAddress((key ?? readOnionKey(directory)).publicKey), directory }
}

export function createOnionKey(): OnionKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  // DER, not JWK: on Node 20 an export as JWK has been seen not to return. RFC 8410 §4, §7: the raw key stands last.
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-KEY_BYTES)
  return { publicKey: rawPublicKey(publicKey), expandedSecretKey: expand(seed) }
}

/** Reads the two key files that tor reads, and checks that they belong together. @throws TorError */
export function readOnionKey(directory: string): OnionKey {
  const expandedSecretKey = readKey(join(directory, SECRET_FILE), SECRET_HEADER, 64)
  const publicKey = readKey(join(directory, PUBLIC_FILE), PUBLIC_HEADER, 32)
  if (!belongsTo(expandedSecretKey, publicKey)) throw broken(join(directory, PUBLIC_FILE), 'is not the public half of the secret key')
  chmodSync(directory, 0o700)
  for (const name of [SECRET_FILE, PUBLIC_FILE]) chmodSync(join(directory, name), 0o600)
  return { publicKey, expandedSecretKey }
}

/**
 * Writes a key to a folder that does not exist or is empty. The folder comes into being with both files on disk or
 * not at all: it is filled under another name first.
 *
 * @throws TorError where the folder holds something already
 */
export function writeOnionKey(directory: string, key: OnionKey): void {
  const parent = dirname(directory)
  const unfinished = join(parent, `.${basename(directory)}.${randomBytes(6).toString('hex')}`)
  mkdirSync(parent, { recursive: true, mode: 0o700 })
  mkdirSync(unfinished, { mode: 0o700 })
  try {
    writeSynced(join(unfinished, SECRET_FILE), Buffer.concat([SECRET_HEADER, key.expandedSecretKey]))
    writeSynced(join(unfinished, PUBLIC_FILE), Buffer.concat([PUBLIC_HEADER, key.publicKey]))
    syncFolder(unfinished)
    renameSync(unfinished, directory) // rename(2) replaces an empty folder, and no other
    syncFolder(parent)
  } catch (cause) {
    rmSync(unfinished, { recursive: true, force: true })
    throw new TorError('onion-key-not-written', `cannot write the onion key to ${directory}: ${codeOf(cause)}`, directory, { cause })
  }
}

/** Whether the secret key is there. */
export function holdsOnionKey(directory: string): boolean {
  return existsSync(join(directory, SECRET_FILE))
}

/** Removes a key that is kept elsewhere by now, for good, and the folder where nothing else is in it. @throws TorError */
export function removeOnionKey(directory: string): void {
  try {
    for (const name of [SECRET_FILE, PUBLIC_FILE, NAME_FILE]) {
      rmSync(join(directory, name), { force: true })
      syncFolder(directory)
    }
    if (isEmpty(directory)) rmdirSync(directory)
  } catch (cause) {
    if (cause instanceof TorError) throw cause
    throw new TorError('onion-key-not-removed', `cannot remove the onion key from ${directory}: ${codeOf(cause)}`, directory, { cause })
  }
}

function isEmpty(directory: string): boolean {
  try {
    return readdirSync(directory).length === 0
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return true
    throw new TorError('onion-key-unreadable', `cannot open ${directory}: ${codeOf(cause)}`, directory, { cause })
  }
}

function readKey(file: string, expectedHeader: Buffer, length: number): Buffer {
  let content: Buffer
  try {
    content = readFileSync(file)
  } catch (cause) {
    throw broken(file, `cannot be read (${codeOf(cause)})`, cause)
  }
  if (content.length !== expectedHeader.length + length) throw broken(file, `has ${content.length} bytes instead of ${expectedHeader.length + length}`)
  if (!content.subarray(0, expectedHeader.length).equals(expectedHeader)) throw broken(file, 'is not one of tor\'s key files')
  return content.subarray(expectedHeader.length)
}

function broken(file: string, problem: string, cause?: unknown): TorError {
  return new TorError('onion-key-broken', `${file} ${problem}: ${REMEDY}`, file, { cause })
}

/** RFC 8032 §5.1.5, steps 1 and 2. */
function expand(seed: Uint8Array): Buffer {
  const expanded = createHash('sha512').update(seed).digest()
  expanded[0] = (expanded[0] ?? 0) & 248
  expanded[31] = ((expanded[31] ?? 0) & 63) | 64
  return expanded
}

const PRIME = 2n ** 255n - 19n
/** RFC 8410 §7: what precedes the 32 bytes of an X25519 private key in PKCS #8. */
const KEY_BYTES = 32
const X25519_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex')

/**
 * Whether the public key is the secret scalar times the base point. OpenSSL takes no expanded ed25519 key, but X25519
 * multiplies by the same clamped scalar on the same curve, where u = (1 + y) / (1 - y) (RFC 7748 §4.1). That settles
 * y; the sign of x, the one bit left, is compared by tor.
 */
function belongsTo(expandedSecretKey: Buffer, publicKey: Buffer): boolean {
  const der = Buffer.concat([X25519_PREFIX, expandedSecretKey.subarray(0, 32)])
  const u = littleEndian(rawPublicKey(createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))))
  const y = littleEndian(publicKey) & (2n ** 255n - 1n)
  return (u * (1n - y) - (1n + y)) % PRIME === 0n
}

function littleEndian(bytes: Buffer): bigint {
  return BigInt(`0x0${Buffer.from(bytes).reverse().toString('hex')}`)
}

function header(text: string): Buffer {
  return Buffer.concat([Buffer.from(text), Buffer.alloc(3)])
}

function writeSynced(file: string, content: Buffer): void {
  const descriptor = openSync(file, 'wx', 0o600)
  try {
    writeSync(descriptor, content)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

export function syncFolder(directory: string): void {
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : 'unknown error'
}

/** Of an ed25519 or X25519 key. */
function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES)
}
