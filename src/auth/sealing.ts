import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/** The bytes were changed, moved to another row, or sealed under another key. */
export class SealBroken extends Error {
  constructor(purpose: string) {
    super(`the seal of ${purpose} does not hold`)
    this.name = 'SealBroken'
  }
}

export const STORAGE_KEY_BYTES = 32

const VERSION = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16
const OVERHEAD = 1 + NONCE_BYTES + TAG_BYTES

/**
 * The key that is kept outside the database. What is sealed under it cannot be read, tested or exchanged by whoever
 * has the database alone.
 *
 * Each purpose has its own subkey (HKDF, RFC 5869), so no two kinds of secrets meet under one key. A sealed value is
 * version (1 byte), nonce (12, random), AES-256-GCM ciphertext, tag (16). Random nonces are safe for 2^32 seals of
 * one purpose (NIST SP 800-38D §8.3); a password that is set is one.
 */
export class StorageKey {
  #key: Buffer
  readonly #subkeys = new Map<string, Buffer>()

  constructor(key: Uint8Array) {
    if (key.length !== STORAGE_KEY_BYTES) throw new RangeError(`a storage key has ${STORAGE_KEY_BYTES} bytes`)
    this.#key = Buffer.from(key)
  }

  /**
   * Seals for one place alone: `purpose` names table and field, a constant; `owner` the row. Opening it for another
   * purpose or owner fails.
   */
  seal(purpose: string, owner: string, plaintext: Uint8Array): Buffer {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.derive(purpose), nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(place(purpose, owner))
    const ciphertext = cipher.update(plaintext)
    return Buffer.concat([Buffer.of(VERSION), nonce, ciphertext, cipher.final(), cipher.getAuthTag()])
  }

  /** @throws SealBroken */
  open(purpose: string, owner: string, sealed: Uint8Array): Buffer {
    if (sealed.length < OVERHEAD || sealed[0] !== VERSION) throw new SealBroken(purpose)
    const nonce = sealed.subarray(1, 1 + NONCE_BYTES)
    const end = sealed.length - TAG_BYTES
    const decipher = createDecipheriv('aes-256-gcm', this.derive(purpose), nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(place(purpose, owner))
    decipher.setAuthTag(sealed.subarray(end))
    const plaintext = decipher.update(sealed.subarray(1 + NONCE_BYTES, end))
    try {
      return Buffer.concat([plaintext, decipher.final()])
    } catch {
      throw new SealBroken(purpose)
    }
  }

  /** The same key, which stays as it is when this one becomes another. */
  copy(): StorageKey {
    return new StorageKey(this.#key)
  }

  /** From now on it is that key, for all who hold this object. What was sealed before must be sealed anew: KeyHolder does it. */
  become(other: StorageKey): void {
    this.#key = Buffer.from(other.#key)
    this.#subkeys.clear()
  }

  /** A key of 32 bytes for `purpose`, a constant; always the same under the same storage key. */
  derive(purpose: string): Buffer {
    let subkey = this.#subkeys.get(purpose)
    if (subkey === undefined) {
      subkey = Buffer.from(hkdfSync('sha256', this.#key, '', `sotto ${purpose}`, 32))
      this.#subkeys.set(purpose, subkey)
    }
    return subkey
  }
}

/** Unambiguous: no purpose and owner give the bytes of another pair. */
function place(purpose: string, owner: string): Buffer {
  return Buffer.from(JSON.stringify([VERSION, purpose, owner]))
}
