import { statfsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Clock, Timer } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import type { Lifetime } from '../lifetime.ts'
import type { Log } from '../log.ts'
import type { Database } from '../store/database.ts'
import type { TorEndpoint } from '../tor/socks5.ts'
import { Alarm, type Tell } from './alarm.ts'
import { BackupError, conditionOf, systemFailure } from './backup-error.ts'
import { contentOf } from './content.ts'
import { Copies } from './copies.ts'
import type { CopyState } from './copy-place.ts'
import { identitiesIn } from './identity.ts'
import type { Original } from './copying.ts'
import type { Made, Making } from './making.ts'
import { ReceiptKey, readReceipt, type Receipt } from './receipt.ts'
import type { OnProgress, Progress } from './progress.ts'
import { inOrder, Vault, type Kept } from './vault.ts'
import type { Said } from './worker.ts'

export interface BackupsParts {
  readonly config: Config
  readonly configFile: string | undefined
  readonly database: Database
  /** Where tor is now; undefined while there is none. */
  readonly socks: () => TorEndpoint | undefined
  readonly clock: Clock
  readonly log: Log
  /** The operators; nobody where no server runs. */
  readonly tell?: Tell
}

/** After a failure it is tried again sooner than after a success. */
const RETRY_MILLISECONDS = 5 * 60_000
/** Nothing is begun as long as the server itself is beginning. */
const FIRST_MILLISECONDS = 60_000
/** A backup needs a copy of the database, its encrypted form and, to be proven, what is decrypted again. */
const COPIES = 3

/** Makes backups: each hour, or as configured, and whenever the operator wants one. One at a time. */
export class Backups implements Lifetime {
  readonly name = 'backups'
  readonly vault: Vault
  readonly #parts: BackupsParts
  readonly #copies: Copies
  readonly #alarm: Alarm
  #areCopied = false
  #copyTimer: Timer | undefined
  #timer: Timer | undefined
  #running: Promise<Receipt> | undefined
  /** Who waits for it, and wants to see how far it is. */
  readonly #watching = new Set<OnProgress>()
  /** Ends when what runs apart from backups has ended. */
  #apart: Promise<unknown> = Promise.resolve()
  #stopped = false

  constructor(parts: BackupsParts) {
    const { config: { backup, files }, socks, clock, log, tell = () => {} } = parts
    this.#parts = parts
    this.vault = new Vault(backup.directory === '' ? join(files.data, 'backups') : backup.directory)
    const originals = (): readonly Original[] => this.list().flatMap(({ name, receipt }) => (
      receipt === undefined ? [] : [{ name, file: this.vault.path(name), receiptFile: this.vault.receiptPath(name), receipt }]))
    this.#copies = new Copies({ backup, folder: this.vault.folder, originals, socks, clock, log, tell })
    this.#alarm = new Alarm({ tell, clock, subject: 'Backups', everyMilliseconds: backup.alarm_after })
  }

  get enabled(): boolean {
    return this.#parts.config.backup.recipients.length > 0
  }

  start(): void {
    if (!this.enabled) return
    this.#startCopies()
    const { clock, config: { backup: { every } } } = this.#parts
    const last = this.vault.last(clock.now())
    // After a clock that was set back nobody knows how old the last one is: it may be old.
    const since = last === undefined || last.made > clock.now() ? every : clock.now() - last.made
    this.#plan(Math.max(FIRST_MILLISECONDS, every - since))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    this.#copyTimer?.cancel()
    await this.#copies.stop()
    await this.#running?.catch(() => undefined)
  }

  /** Makes one now, or waits for the one that is being made. @throws BackupError, StoreError, as node:fs does */
  async now(onProgress?: OnProgress): Promise<Receipt> {
    if (onProgress !== undefined) this.#watching.add(onProgress)
    try {
      return await (this.#running ??= this.#apart.then(() => this.#make()).finally(() => { this.#running = undefined }))
    } finally {
      if (onProgress !== undefined) this.#watching.delete(onProgress)
    }
  }

  /** Does `work` while no backup is made: a snapshot of the database and the keys beside it must fit together. */
  apart<T>(work: () => Promise<T>): Promise<T> {
    const turn = Promise.allSettled([this.#apart, this.#running]).then(work)
    this.#apart = turn.catch(() => undefined)
    return turn
  }

  /** Those that are there, the last one last, each with what was proven of it; undefined where that cannot be read. */
  list(): readonly (Kept & { readonly receipt: Receipt | undefined })[] {
    return inOrder(this.vault.all(), this.#parts.clock.now()).map((kept) => ({ ...kept, receipt: this.#receiptOf(kept.name) }))
  }

  /** What is proven of the copies in other places, in the order of the configuration. */
  copies(): readonly CopyState[] {
    return this.#copies.list()
  }

  /** A folder that cannot be written costs neither the server nor the next try to make a backup. */
  #startCopies(): void {
    const { clock, log } = this.#parts
    try {
      this.#copies.start()
      this.#areCopied = true
    } catch (error) {
      log.error('backup.failed', { condition: conditionOf(error) }, error)
      this.#copyTimer = clock.after(RETRY_MILLISECONDS, () => this.#startCopies())
    }
  }

  #receiptOf(name: string): Receipt | undefined {
    try {
      return readReceipt(this.vault.receiptPath(name), this.#key().text)
    } catch {
      return undefined
    }
  }

  #plan(milliseconds: number): void {
    this.#timer = this.#parts.clock.after(milliseconds, () => {
      const { config, log } = this.#parts
      this.now().then(() => config.backup.every, (error: unknown) => {
        log.error('backup.failed', { condition: conditionOf(error) }, error)
        this.#alarm.ring(`No backup could be made (${conditionOf(error)}). It is tried again; the earlier ones are there. On the server, sotto backup now tells more.`)
        return Math.min(RETRY_MILLISECONDS, config.backup.every)
      }).then((wait) => {
        if (!this.#stopped) this.#plan(wait)
      }).catch((error: unknown) => log.error('backup.failed', {}, error))
    })
  }

  async #make(): Promise<Receipt> {
    const { config, configFile, database, clock, log } = this.#parts
    const { backup } = config
    const file = configFile === undefined ? undefined : resolve(configFile)
    if (!this.enabled) throw new BackupError(this.vault.folder, 'nobody is named who could read a backup (backup.recipients)')
    try {
      this.vault.open()
      const key = this.#key() // before its folder is looked at: it belongs into the backup
      this.#checkRoom(database.bytes)
      const { made, name, draft } = this.vault.place(clock.now())
      database.flush() // what was promised is in it
      const done = await inWorker({
        database: database.file, snapshot: this.vault.path(`snapshot-${made}.db`), made, file: draft, workspace: this.vault.folder,
        recipients: backup.recipients, content: contentOf(config, file), identities: backup.identity === '' ? [] : identitiesIn(backup.identity),
        ...file === undefined ? {} : { home: dirname(file) },
      }, (progress) => { for (const watching of this.#watching) watching(progress) })
      const { sha256, bytes, proof } = done
      const receipt: Receipt = { name, made, bytes, sha256, proof }
      key.write(this.vault.receiptPath(name), receipt)
      this.vault.keep(name, draft)
      this.vault.rotate(backup, made)
      log.info('backup.made', { count: bytes })
      this.#alarm.well('Backups are made again.')
      if (this.#areCopied) this.#copies.look() // where no server runs, nothing would wait for them
      return receipt
    } catch (error) {
      throw systemFailure(this.vault.folder, error) ?? error
    } finally {
      this.#clear()
    }
  }

  /** A failure of this must not hide why there is something to be cleared. */
  #clear(): void {
    try {
      this.vault.clear()
    } catch { /* a disk that cannot be written; the next one clears */ }
  }

  /** Better said before than found out in the middle, when the disk is full for the server as well. */
  #checkRoom(bytes: number): void {
    const { bavail, bsize } = statfsSync(this.vault.folder)
    if (bavail * bsize < COPIES * bytes) throw new BackupError(this.vault.folder, 'has too little room for another backup', { code: 'ENOSPC' })
  }

  #key(): ReceiptKey {
    return ReceiptKey.open(join(this.#parts.config.files.data, 'keys', 'receipts.pem'))
  }
}

/** Ends when the worker has: what it had open takes room until then. */
function inWorker(making: Making, onProgress: (progress: Progress) => void): Promise<Made> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: making })
    let end = (): void => reject(new BackupError(making.file, 'ended before it was made'))
    worker.on('message', (said: Said) => {
      if ('progress' in said) return onProgress(said.progress)
      end = 'made' in said ? () => resolve(said.made) : () => reject(new BackupError(making.file, said.message, { code: said.failed }))
      void worker.terminate()
    })
    worker.once('error', (error) => { end = () => reject(error) })
    worker.once('exit', () => end())
  })
}
