import { Decrypter, Encrypter } from 'age-encryption'
import { createHash } from 'node:crypto'
import { createReadStream, openSync, fsyncSync, closeSync, writeSync, statSync } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { extract, pack } from 'tar-stream'
import { BackupError } from './backup-error.ts'

/** A file in an archive, by the path that it has there. */
export interface Entry {
  readonly path: string
  readonly from: { readonly file: string } | { readonly bytes: Buffer }
}

export interface Written {
  readonly bytes: number
  /** Of what was written, hexadecimal. */
  readonly sha256: string
}

/**
 * Writes the entries into one file, as a tar that is encrypted to each of the recipients (age, https://age-encryption.org/v1):
 * `age --decrypt` and `tar` read it without us. Nothing of it is on the disk in the clear.
 *
 * The file is on disk when this resolves. @throws as node:fs does
 */
export async function seal(entries: readonly Entry[], recipients: readonly string[], file: string): Promise<Written> {
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  const archive = pack()
  const packed = packAll(archive, entries)
  packed.catch((error: unknown) => archive.destroy(error instanceof Error ? error : new Error('not packed')))
  const sealed = await encrypter.encrypt(Readable.toWeb(Readable.from(archive)) as ReadableStream<Uint8Array>)
  const hash = createHash('sha256')
  let bytes = 0
  const descriptor = openSync(file, 'wx', 0o600)
  try {
    for await (const chunk of sealed as unknown as AsyncIterable<Uint8Array>) {
      for (let offset = 0; offset < chunk.length;) offset += writeSync(descriptor, chunk, offset)
      hash.update(chunk)
      bytes += chunk.length
    }
    await packed
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  return { bytes, sha256: hash.digest('hex') }
}

/**
 * Decrypts an archive and gives each of its files, in order, to `visit`, which reads its content to the end. What it is
 * given is authentic, but it may come before a later part turns out to be damaged.
 *
 * @throws BackupError where it is no archive, damaged, cut short, or not for any of the identities
 */
export async function unseal(file: string, identities: readonly string[], visit: (path: string, content: AsyncIterable<Buffer>) => Promise<void>): Promise<void> {
  const decrypter = new Decrypter()
  let plain: ReadableStream<Uint8Array>
  try {
    for (const identity of identities) decrypter.addIdentity(identity)
    plain = await decrypter.decrypt(Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>)
  } catch (cause) {
    throw new BackupError(file, 'cannot be decrypted with this identity, or is no backup', { cause })
  }
  const archive = extract()
  const read = (async () => {
    for await (const entry of archive) {
      if (entry.header.type === 'file') await visit(entry.header.name, entry as unknown as AsyncIterable<Buffer>)
      entry.resume()
    }
  })()
  try {
    await Promise.all([pipeline(Readable.fromWeb(plain as never), archive), read])
  } catch (cause) {
    if (cause instanceof BackupError) throw cause
    throw new BackupError(file, 'is damaged or cut short', { cause })
  }
}

async function packAll(archive: ReturnType<typeof pack>, entries: readonly Entry[]): Promise<void> {
  for (const { path, from } of entries) {
    const size = 'bytes' in from ? from.bytes.length : statSync(from.file).size
    const entry = archive.entry({ name: path, size, mode: 0o600 })
    await pipeline('bytes' in from ? Readable.from([from.bytes]) : createReadStream(from.file), entry as unknown as NodeJS.WritableStream)
  }
  archive.finalize()
}
