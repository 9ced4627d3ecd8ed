import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf, sameDigest } from '../store/digest.ts'
import { copyDatabase } from '../store/snapshot.ts'
import { seal, type Written } from './archive.ts'
import { BackupError } from './backup-error.ts'
import type { ContentFile } from './content.ts'
import { DATABASE, fileDigest, MANIFEST, type Manifest } from './manifest.ts'
import { counted, type OnProgress } from './progress.ts'
import { unpack } from './unpacking.ts'

/** What is to become a backup. All of it can be sent to a worker. */
export interface Making {
  /** The database, which others go on writing. */
  readonly database: string
  /** Where a copy of it is made that nobody writes. */
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
  /** The folder of the configuration file. */
  readonly home?: string
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
export async function make({ database: source, snapshot, content, recipients, identities, made, file, workspace, home }: Making, onProgress?: OnProgress): Promise<Made> {
  onProgress?.({ step: 'snapshot', percent: 0 })
  await copyDatabase(source, snapshot)
  const database = digestOf(snapshot)
  onProgress?.({ step: 'snapshot', percent: 100 })
  const files = await Promise.all(content.map(async ({ path, file: source, outside }) => (
    { path, sha256: await fileDigest(source), ...outside === undefined ? {} : { outside } })))
  const manifest: Manifest = { format: 1, made, database, files, ...home === undefined ? {} : { home } }
  const written = await seal([
    { path: MANIFEST, from: { bytes: Buffer.from(JSON.stringify(manifest, undefined, 1)) } },
    { path: DATABASE, from: { file: snapshot } },
    ...content.map(({ path, file: source }) => ({ path, from: { file: source } })),
  ], recipients, file, onProgress)
  if (statSync(file).size !== written.bytes || await fileDigest(file, counted('read', written.bytes, onProgress)) !== written.sha256) {
    throw new BackupError(file, 'is not on the disk as it was written')
  }
  if (identities.length === 0) return { ...written, manifest, proof: 'written' }
  const folder = mkdtempSync(join(workspace, 'proof-'))
  try {
    const restored = await unpack({ file, identities, onProgress }, folder)
    if (!sameDigest(restored.database, database)) throw new BackupError(file, 'holds another database than the one that was written')
    return { ...written, manifest, proof: 'restored' }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
