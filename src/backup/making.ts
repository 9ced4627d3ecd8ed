import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf, sameDigest } from '../store/digest.ts'
import { seal, type Written } from './archive.ts'
import { BackupError } from './backup-error.ts'
import type { ContentFile } from './content.ts'
import { DATABASE, fileDigest, MANIFEST, type Manifest } from './manifest.ts'
import { unpack } from './unpacking.ts'

/** What is to become a backup. All of it can be sent to a worker. */
export interface Making {
  /** A copy of the database that nobody writes. */
  readonly snapshot: string
  readonly content: readonly ContentFile[]
  /** age1... */
  readonly recipients: readonly string[]
  /** AGE-SECRET-KEY-1..., by which it is proven that it can be read; none: only that it lies there as it was written. */
  readonly identities: readonly string[]
  /** Milliseconds since the epoch. */
  readonly made: number
  /** Where it is written. */
  readonly file: string
  /** For what is decrypted to be looked at; removed again. */
  readonly workspace: string
}

export interface Made extends Written {
  readonly manifest: Manifest
  /** 'restored': it was decrypted, opened and compared with the snapshot; 'written': it is on the disk as it was made. */
  readonly proof: 'restored' | 'written'
}

/**
 * Makes an encrypted archive of a snapshot and proves it. Slow on purpose, and without a pause: for a worker.
 * @throws BackupError where the proof fails; StoreError where the snapshot is damaged; as node:fs does
 */
export async function make({ snapshot, content, recipients, identities, made, file, workspace }: Making): Promise<Made> {
  const database = digestOf(snapshot)
  const files = await Promise.all(content.map(async ({ path, file: source, outside }) => (
    { path, sha256: await fileDigest(source), ...outside === undefined ? {} : { outside } })))
  const manifest: Manifest = { format: 1, made, database, files }
  const written = await seal([
    { path: MANIFEST, from: { bytes: Buffer.from(JSON.stringify(manifest, undefined, 1)) } },
    { path: DATABASE, from: { file: snapshot } },
    ...content.map(({ path, file: source }) => ({ path, from: { file: source } })),
  ], recipients, file)
  if (statSync(file).size !== written.bytes || await fileDigest(file) !== written.sha256) {
    throw new BackupError(file, 'is not on the disk as it was written')
  }
  if (identities.length === 0) return { ...written, manifest, proof: 'written' }
  const folder = mkdtempSync(join(workspace, 'proof-'))
  try {
    const restored = await unpack(file, identities, folder)
    if (!sameDigest(restored.database, database)) throw new BackupError(file, 'holds another database than the one that was written')
    return { ...written, manifest, proof: 'restored' }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
