import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import { BackupError } from './backup-error.ts'
import { writeWhole } from '../whole-file.ts'

const body = z.strictObject({
  name: z.string(),
  /** Milliseconds since the epoch. */
  made: z.int(),
  bytes: z.int(),
  /** Of the encrypted file, hexadecimal. */
  sha256: z.string(),
  proof: z.enum(['restored', 'written']),
  /** Of the database inside, by table. Not written any more: whoever keeps a copy is not to learn how many accounts there are. */
  rows: z.record(z.string(), z.int()).optional(),
})

const signed = z.strictObject({ receipt: body, key: z.string(), signature: z.string() })

/** What was proven of a backup when it was made. */
export type Receipt = z.infer<typeof body>

/**
 * Signs receipts (Ed25519), so that a file which somebody exchanged is found out without the key that opens it: the
 * signing key is in the data directory, and inside each backup.
 */
export class ReceiptKey {
  readonly #key: KeyObject

  private constructor(key: KeyObject) {
    this.#key = key
  }

  /** Made where there is none yet. @throws as node:fs does */
  static open(file: string): ReceiptKey {
    if (existsSync(file)) return new ReceiptKey(createPrivateKey(readFileSync(file)))
    const { privateKey } = generateKeyPairSync('ed25519')
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeWhole(file, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString())
    return new ReceiptKey(privateKey)
  }

  /** As it stands in receipts: base64 of the public key in DER. */
  get text(): string {
    return createPublicKey(this.#key).export({ format: 'der', type: 'spki' }).toString('base64')
  }

  write(file: string, receipt: Receipt): void {
    const signature = sign(null, signedBytes(receipt), this.#key).toString('base64')
    writeWhole(file, `${JSON.stringify({ receipt, key: this.text, signature }, undefined, 2)}\n`)
  }
}

/** `key` is whose signature it must be; undefined takes any. @throws BackupError where it is none, or was changed */
export function readReceipt(file: string, key?: string): Receipt {
  let text: unknown
  try {
    text = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new BackupError(file, 'there is no receipt that can be read', { cause })
  }
  const { data } = signed.safeParse(text)
  if (data === undefined) throw new BackupError(file, 'is no receipt')
  if (key !== undefined && data.key !== key) throw new BackupError(file, 'is signed by another server')
  const own = createPublicKey({ key: Buffer.from(data.key, 'base64'), format: 'der', type: 'spki' })
  if (!verify(null, signedBytes(data.receipt), own, Buffer.from(data.signature, 'base64'))) throw new BackupError(file, 'was changed after it was signed')
  return data.receipt
}

function signedBytes({ name, made, bytes, sha256, proof, rows }: Receipt): Buffer {
  return Buffer.from(JSON.stringify([name, made, bytes, sha256, proof, ...rows === undefined ? [] : [Object.entries(rows).sort()]]))
}
