import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { digestOf, sameDigest } from '../store/digest.ts'
import { unseal, type Sealed } from './archive.ts'
import { BackupError, systemFailure } from './backup-error.ts'
import { DATABASE, MANIFEST, readManifest, type Manifest } from './manifest.ts'

const LONGEST_MANIFEST = 8 * 1024 * 1024

/**
 * Decrypts an archive into a folder, which is empty, and compares each file with the manifest: what is there when this
 * resolves is whole, on disk, and is what was backed up.
 *
 * @throws BackupError where anything is missing, too much, damaged or not as it was
 */
export async function unpack(sealed: Sealed, folder: string): Promise<Manifest> {
  const { file } = sealed
  let manifest: Manifest | undefined
  const missing = new Map<string, string>()
  await unseal(sealed, async (path, content) => {
    if (manifest === undefined) {
      manifest = path === MANIFEST ? readManifest(await textOf(content)) : undefined
      if (manifest === undefined) throw new BackupError(file, 'is no backup of this program, or of a newer version of it')
      for (const each of manifest.files) missing.set(each.path, each.sha256)
      missing.set(DATABASE, '')
      return
    }
    const wanted = missing.get(path)
    if (wanted === undefined || normalize(path) !== path || path.startsWith('/') || path.startsWith('..')) {
      throw new BackupError(file, 'holds a file that its manifest does not name')
    }
    missing.delete(path)
    const sha256 = await store(content, join(folder, path))
    if (wanted !== '' && sha256 !== wanted) throw new BackupError(file, 'holds a file that is not as it was')
  })
  if (manifest === undefined || missing.size > 0) throw new BackupError(file, 'lacks a file that its manifest names')
  if (!sameDigest(digestOf(join(folder, DATABASE)), manifest.database)) throw new BackupError(file, 'holds a database that is not as it was')
  return manifest
}

async function textOf(content: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of content) {
    bytes += chunk.length
    if (bytes <= LONGEST_MANIFEST) chunks.push(chunk)
  }
  return bytes > LONGEST_MANIFEST ? '' : Buffer.concat(chunks).toString('utf8')
}

async function store(content: AsyncIterable<Buffer>, file: string): Promise<string> {
  try {
    return await storeWhole(content, file)
  } catch (error) {
    throw systemFailure(file, error) ?? error
  }
}

async function storeWhole(content: AsyncIterable<Buffer>, file: string): Promise<string> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const hash = createHash('sha256')
  const descriptor = openSync(file, 'wx', 0o600)
  try {
    for await (const chunk of content) {
      for (let offset = 0; offset < chunk.length;) offset += writeSync(descriptor, chunk, offset)
      hash.update(chunk)
    }
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  return hash.digest('hex')
}
