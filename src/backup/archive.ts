import { Decrypter, Encrypter } from 'age-encryption'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, openSync, fsyncSync, closeSync, writeSync, statSync } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { extract, pack } from 'tar-stream'
import { BackupError, systemFailure } from './backup-error.ts'
import { counted, type OnProgress, type Step } from './progress.ts'

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
export async function seal(entries: readonly Entry[], recipients: readonly string[], file: string, onProgress?: OnProgress): Promise<Written> {
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  const archive = pack()
  const packed = packAll(archive, entries)
  packed.catch((error: unknown) => archive.destroy(error instanceof Error ? error : new Error('not packed')))
  const sealed = await encrypter.encrypt(webStream(archive as unknown as AsyncIterable<Uint8Array>))
  const hash = createHash('sha256')
  let bytes = 0
  const count = counted('encrypt', entries.reduce((sum, entry) => sum + sizeOf(entry), 0), onProgress)
  const descriptor = openSync(file, 'wx', 0o600)
  try {
    for await (const chunk of sealed as unknown as AsyncIterable<Uint8Array>) {
      for (let offset = 0; offset < chunk.length;) offset += writeSync(descriptor, chunk, offset)
      hash.update(chunk)
      bytes += chunk.length
      count(chunk.length)
    }
    await packed
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  return { bytes, sha256: hash.digest('hex') }
}

/** An encrypted file, and who can read it. */
export interface Sealed {
  readonly file: string
  /** AGE-SECRET-KEY-1... */
  readonly identities: readonly string[]
  readonly onProgress?: OnProgress | undefined
  /** As what it is told. */
  readonly step?: Step
}

/**
 * Decrypts an archive and gives each of its files, in order, to `visit`, which reads its content to the end. What it is
 * given is authentic, but it may come before a later part turns out to be damaged.
 *
 * @throws BackupError where it is no archive, damaged, cut short, or not for any of the identities
 */
export async function unseal({ file, identities, onProgress, step = 'restore' }: Sealed, visit: (path: string, content: AsyncIterable<Buffer>) => Promise<void>): Promise<void> {
  const decrypter = new Decrypter()
  let plain: ReadableStream<Uint8Array>
  try {
    for (const identity of identities) decrypter.addIdentity(identity)
    plain = await decrypter.decrypt(webStream(await opened(file, step, onProgress)))
  } catch (cause) {
    throw systemFailure(file, cause) ?? new BackupError(file, 'cannot be decrypted with this identity, or is no backup', { cause })
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
    throw systemFailure(file, cause) ?? new BackupError(file, 'is damaged or cut short', { cause })
  }
}

/** What is wrong with the file itself is known before anything is decrypted. */
async function opened(file: string, step: Step, onProgress: OnProgress | undefined): Promise<AsyncIterable<Uint8Array>> {
  const stream = createReadStream(file)
  await once(stream, 'open')
  const count = counted(step, statSync(file).size, onProgress)
  return (async function* () {
    for await (const chunk of stream) {
      count((chunk as Buffer).length)
      yield chunk as Buffer
    }
  })()
}

/** Not Readable.toWeb: where nobody reads to the end, it throws outside of any promise (ERR_INVALID_STATE), which hides why. */
function webStream(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next()
      if (done === true) controller.close()
      else controller.enqueue(value)
    },
    async cancel() {
      await iterator.return?.()
    },
  })
}

function sizeOf({ from }: Entry): number {
  return 'bytes' in from ? from.bytes.length : statSync(from.file).size
}

async function packAll(archive: ReturnType<typeof pack>, entries: readonly Entry[]): Promise<void> {
  for (const each of entries) {
    const { path, from } = each
    const entry = archive.entry({ name: path, size: sizeOf(each), mode: 0o600 })
    await pipeline('bytes' in from ? Readable.from([from.bytes]) : createReadStream(from.file), entry as unknown as NodeJS.WritableStream)
  }
  archive.finalize()
}
