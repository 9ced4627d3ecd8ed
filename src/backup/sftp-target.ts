import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { posix } from 'node:path'
import ssh2, { type Client as SshClient, type SFTPWrapper } from 'ssh2'
import { CopyError, oursAmong, type CopyFile, type CopySession, type CopySource, type CopyTarget, type Watch } from './copy-target.ts'
import { inTurn } from './in-turn.ts'
import { UNFINISHED } from './vault.ts'
import { unlessAborted } from './watched.ts'
import type { Way } from './way.ts'

const { Client, utils: { parseKey } } = ssh2

export interface SftpSettings {
  readonly host: string
  readonly port: number
  readonly user: string
  /** Of a private key. */
  readonly key_file: string
  /** "SHA256:..." */
  readonly host_key: string
  readonly path: string
  readonly tor: boolean
}

/** What servers must take at once (draft-ietf-secsh-filexfer-02 §3 asks for packets of 34000 bytes). */
const PIECE_BYTES = 32_768
/** Pieces on their way at a time: each would wait for the answer to the one before, and through Tor that is a second. */
const PIECES = 32
const LOGIN_MILLISECONDS = 60_000
/** SSH_FX_NO_SUCH_FILE */
const NO_SUCH_FILE = 2

/** A folder of a server that speaks SFTP, as OpenSSH does. Only the server with that host key is spoken to. */
export class SftpTarget implements CopyTarget {
  readonly place: string
  readonly patienceMilliseconds = 120_000
  readonly #settings: SftpSettings
  readonly #way: Way

  constructor(settings: SftpSettings, way: Way) {
    this.#settings = settings
    this.#way = way
    const { user, host, port, path, tor } = settings
    this.place = `sftp ${user}@${host}:${port} ${path}${tor ? ' through Tor' : ''}`
  }

  async open(watch: Watch): Promise<CopySession> {
    const { host, port, tor } = this.#settings
    const client = new Client()
    const socket = await this.#way.connect({ host, port, tor, isolation: this.place }, watch.signal)
    try {
      await unlessAborted(watch.signal, this.#logIn(client, socket))
      const sftp = await unlessAborted(watch.signal, asked<SFTPWrapper>((done) => client.sftp(done)))
      return new SftpSession(client, sftp, this.#settings.path, watch)
    } catch (error) {
      client.destroy()
      socket.destroy()
      throw error
    }
  }

  #logIn(client: SshClient, sock: Socket): Promise<void> {
    const { user: username, key_file, host_key } = this.#settings
    return new Promise((resolve, reject) => {
      let isRefused = false
      client.once('ready', resolve)
      // It may say more than one, and any without a listener would end the process.
      client.on('error', (cause) => reject(new CopyError(isRefused ? 'host-key-differs' : conditionOf(cause), { cause })))
      client.once('close', () => reject(new CopyError('connection-closed')))
      const privateKey = readFileSync(key_file)
      if (parseKey(privateKey) instanceof Error) throw new CopyError('key-file-unusable')
      client.connect({
        sock, username, privateKey, readyTimeout: LOGIN_MILLISECONDS, authHandler: ['publickey'],
        hostVerifier: (key: Buffer) => {
          isRefused = !isKey(key, host_key)
          return !isRefused
        },
      })
    })
  }
}

class SftpSession implements CopySession {
  readonly #client: SshClient
  readonly #sftp: SFTPWrapper
  readonly #folder: string
  readonly #watch: Watch
  #isGone = false

  constructor(client: SshClient, sftp: SFTPWrapper, folder: string, watch: Watch) {
    this.#client = client
    this.#sftp = sftp
    this.#folder = folder
    this.#watch = watch
    client.once('close', () => { this.#isGone = true })
  }

  async list(): Promise<readonly CopyFile[]> {
    const entries = await this.#ask<readonly { readonly filename: string, readonly attrs: { readonly size: number } }[]>(
      (done) => this.#sftp.readdir(this.#folder, done))
    return oursAmong(entries.map(({ filename, attrs: { size } }) => ({ name: filename, bytes: size })))
  }

  async put({ file, bytes }: CopySource, name: string): Promise<void> {
    const draft = this.#path(`${name}${UNFINISHED}`)
    const source = await open(file, 'r')
    try {
      const handle = await this.#ask<Buffer>((done) => this.#sftp.open(draft, 'w', { mode: 0o600 }, done))
      for await (const written of inTurn(piecesOf(bytes), PIECES, ({ at, length }) => this.#write(source, handle, at, length))) void written
      await this.#synced(handle)
      await this.#ask((done) => this.#sftp.close(handle, done))
    } finally {
      await source.close()
    }
    await this.#rename(draft, this.#path(name))
  }

  async* get(name: string): AsyncGenerator<Buffer> {
    const handle = await this.#ask<Buffer>((done) => this.#sftp.open(this.#path(name), 'r', done))
    const { size } = await this.#ask<{ readonly size: number }>((done) => this.#sftp.fstat(handle, done))
    yield* inTurn(piecesOf(size), PIECES, ({ at, length }) => this.#read(handle, at, length))
    await this.#ask((done) => this.#sftp.close(handle, done))
  }

  async remove(name: string): Promise<void> {
    await this.#ask((done) => this.#sftp.unlink(this.#path(name), done)).catch((error: unknown) => {
      if (!isNoSuchFile(error)) throw error
    })
  }

  close(): void {
    this.#client.destroy()
  }

  async #write(source: FileHandle, handle: Buffer, at: number, length: number): Promise<void> {
    const piece = Buffer.alloc(length)
    const { bytesRead } = await source.read(piece, 0, length, at)
    if (bytesRead !== length) throw new CopyError('file-changed')
    await this.#ask((done) => this.#sftp.write(handle, piece, 0, length, at, done))
  }

  /** A server may give less than was asked for. */
  async #read(handle: Buffer, at: number, length: number): Promise<Buffer> {
    const piece = Buffer.alloc(length)
    for (let filled = 0; filled < length;) {
      const count = await this.#ask<number>((done) => this.#sftp.read(handle, piece, filled, length - filled, at + filled, done))
      if (count === 0) throw new CopyError('file-changed')
      filled += count
    }
    return piece
  }

  /** fsync@openssh.com, where there is one. */
  async #synced(handle: Buffer): Promise<void> {
    await this.#extension((done) => this.#sftp.ext_openssh_fsync(handle, done))
  }

  /** Over what is there, which plain SFTP refuses to do (posix-rename@openssh.com does). */
  async #rename(from: string, to: string): Promise<void> {
    if (await this.#extension((done) => this.#sftp.ext_openssh_rename(from, to, done))) return
    await this.#ask((done) => this.#sftp.unlink(to, done)).catch(() => {})
    await this.#ask((done) => this.#sftp.rename(from, to, done))
  }

  /** Whether the server has it. ssh2 throws where it has not. */
  async #extension(question: (done: Done<unknown>) => void): Promise<boolean> {
    try {
      await this.#ask(question)
      return true
    } catch (error) {
      if (error instanceof Error && error.message === 'Server does not support this extended request') return false
      throw error
    }
  }

  async #ask<T>(question: (done: Done<T>) => void): Promise<T> {
    this.#watch.signal.throwIfAborted()
    if (this.#isGone) throw new CopyError('connection-closed') // ssh2 would wait for an answer
    const answer = await unlessAborted(this.#watch.signal, asked(question))
    this.#watch.moved()
    return answer
  }

  #path(name: string): string {
    return posix.join(this.#folder, name)
  }
}

type Done<T> = (error: Error | undefined | null, answer?: T) => void

function asked<T>(question: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    question((error, answer) => {
      if (error) reject(error)
      else resolve(answer as T) // what the callback of that question brings, as its type says
    })
  })
}

function isKey(key: Buffer, fingerprint: string): boolean {
  const shown = Buffer.from(`SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`)
  const wanted = Buffer.from(fingerprint)
  return shown.length === wanted.length && timingSafeEqual(shown, wanted)
}

function isNoSuchFile(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === NO_SUCH_FILE
}

/** ssh2 tells by `level` in which part of the conversation it was. */
function conditionOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : 'level' in error ? String(error.level) : 'ssh'
}

function* piecesOf(bytes: number): Generator<{ readonly at: number, readonly length: number }> {
  for (let at = 0; at < bytes; at += PIECE_BYTES) yield { at, length: Math.min(PIECE_BYTES, bytes - at) }
}
