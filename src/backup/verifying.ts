import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BackupError, systemFailure } from './backup-error.ts'
import { fileDigest } from './manifest.ts'
import { counted, type OnProgress } from './progress.ts'
import { readReceipt, type Receipt } from './receipt.ts'
import { unpack } from './unpacking.ts'

export interface Verified {
  /** Undefined where there is none beside the file: then only decrypting it says something. */
  readonly receipt: Receipt | undefined
  /** What was decrypted and compared; undefined without an identity. */
  readonly restored: { readonly made: number, readonly rows: number } | undefined
}

/**
 * Proves a backup once more: it is what its receipt says, and, with an identity, can be decrypted, opened and is what was
 * backed up. What is decrypted lies in a folder of this user alone, and is removed. @throws BackupError
 */
export async function verify(file: string, identities: readonly string[], onProgress?: OnProgress): Promise<Verified> {
  try {
    return await judged(file, identities, onProgress)
  } catch (error) {
    throw systemFailure(file, error) ?? error
  }
}

async function judged(file: string, identities: readonly string[], onProgress: OnProgress | undefined): Promise<Verified> {
  const { size } = statSync(file)
  const receiptFile = `${file}.json`
  const receipt = existsSync(receiptFile) ? readReceipt(receiptFile) : undefined
  if (receipt !== undefined && (size !== receipt.bytes || await fileDigest(file, counted('read', size, onProgress)) !== receipt.sha256)) {
    throw new BackupError(file, 'is not the file that its receipt is for')
  }
  if (identities.length === 0) {
    if (receipt === undefined) throw new BackupError(file, 'has no receipt; name an identity, so that it can be decrypted')
    return { receipt, restored: undefined }
  }
  const folder = workspace(join(tmpdir(), 'sotto-verify-'))
  try {
    const { made, database } = await unpack({ file, identities, onProgress }, folder)
    return { receipt, restored: { made, rows: Object.values(database.tables).reduce((sum, { rows }) => sum + rows, 0) } }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function workspace(prefix: string): string {
  try {
    return mkdtempSync(prefix)
  } catch (error) {
    throw systemFailure(tmpdir(), error) ?? error
  }
}
