import { createReadStream, createWriteStream } from 'node:fs'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { oursAmong, type CopyFile, type CopySession, type CopySource, type CopyTarget, type Watch } from './copy-target.ts'
import { UNFINISHED } from './vault.ts'
import { watched } from './watched.ts'

/** A folder of this machine: another disk, or what is mounted there. It is never made, as a disk that is not mounted is a folder, too. */
export class DirectoryTarget implements CopyTarget {
  readonly place: string
  readonly patienceMilliseconds = 120_000
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
    this.place = `directory ${folder}`
  }

  async open(watch: Watch): Promise<CopySession> {
    await readdir(this.#folder)
    return new DirectorySession(this.#folder, watch)
  }
}

class DirectorySession implements CopySession {
  readonly #folder: string
  readonly #watch: Watch

  constructor(folder: string, watch: Watch) {
    this.#folder = folder
    this.#watch = watch
  }

  async list(): Promise<readonly CopyFile[]> {
    const names = oursAmong((await readdir(this.#folder)).map((name) => ({ name, bytes: undefined })))
    return await Promise.all(names.map(async ({ name }) => ({ name, bytes: (await stat(join(this.#folder, name))).size })))
  }

  async put({ file }: CopySource, name: string): Promise<void> {
    const draft = join(this.#folder, `${name}${UNFINISHED}`)
    await rm(draft, { force: true })
    try {
      await pipeline(watched(createReadStream(file), this.#watch), createWriteStream(draft, { flags: 'wx', mode: 0o600 }), { signal: this.#watch.signal })
      await synced(draft)
      await rename(draft, join(this.#folder, name))
    } catch (error) {
      await rm(draft, { force: true }).catch(() => {}) // on a full disk it would be in the way of all others
      throw error
    }
    await synced(this.#folder)
  }

  get(name: string): AsyncIterable<Buffer> {
    return watched(createReadStream(join(this.#folder, name), { signal: this.#watch.signal }), this.#watch)
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.#folder, name), { force: true })
  }

  close(): void {}
}

async function synced(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
