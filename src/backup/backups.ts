import { rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Clock, Timer } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import type { Lifetime } from '../lifetime.ts'
import type { Log } from '../log.ts'
import type { Database } from '../store/database.ts'
import type { TorEndpoint } from '../tor/socks5.ts'
import { BackupError } from './backup-error.ts'
import { contentOf } from './content.ts'
import { Copies } from './copies.ts'
import type { CopyState } from './copy-place.ts'
import { identitiesIn } from './identity.ts'
import type { Original } from './copying.ts'
import type { Made, Making } from './making.ts'
import { ReceiptKey, readReceipt, type Receipt } from './receipt.ts'
import { Vault, type Kept } from './vault.ts'
import type { Outcome } from './worker.ts'

export interface BackupsParts {
  readonly config: Config
  readonly configFile: string | undefined
  readonly database: Database
  /** Where tor is now; undefined while there is none. */
  readonly socks: () => TorEndpoint | undefined
  readonly clock: Clock
  readonly log: Log
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
  #areCopied = false
  #copyTimer: Timer | undefined
  #timer: Timer | undefined
  #running: Promise<Receipt> | undefined
  /** Ends when what runs apart from backups has ended. */
  #apart: Promise<unknown> = Promise.resolve()
  #stopped = false

  constructor(parts: BackupsParts) {
    const { config: { backup, files }, socks, clock, log } = parts
    this.#parts = parts
    this.vault = new Vault(backup.directory === '' ? join(files.data, 'backups') : backup.directory)
    const originals = (): readonly Original[] => this.list().flatMap(({ name, receipt }) => (
      receipt === undefined ? [] : [{ name, file: this.vault.path(name), receiptFile: this.vault.receiptPath(name), receipt }]))
    this.#copies = new Copies({ backup, folder: this.vault.folder, originals, socks, clock, log })
  }

  get enabled(): boolean {
    return this.#parts.config.backup.recipients.length > 0
  }

  start(): void {
    if (!this.enabled) return
    this.#startCopies()
    const { clock, config: { backup: { every } } } = this.#parts
    const last = this.vault.all().at(-1)
    // A clock that jumped back must not keep it from the next one for longer than usual.
    const since = last === undefined ? every : Math.max(0, clock.now() - last.made)
    this.#plan(Math.max(FIRST_MILLISECONDS, Math.min(every, every - since)))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    this.#copyTimer?.cancel()
    await this.#copies.stop()
    await this.#running?.catch(() => undefined)
  }

  /** Makes one now, or waits for the one that is being made. @throws BackupError, StoreError, as node:fs does */
  now(): Promise<Receipt> {
    this.#running ??= this.#apart.then(() => this.#make()).finally(() => { this.#running = undefined })
    return this.#running
  }

  /** Does `work` while no backup is made: a snapshot of the database and the keys beside it must fit together. */
  apart<T>(work: () => Promise<T>): Promise<T> {
    const turn = Promise.allSettled([this.#apart, this.#running]).then(work)
    this.#apart = turn.catch(() => undefined)
    return turn
  }

  /** Those that are there, the oldest first, each with what was proven of it; undefined where that cannot be read. */
  list(): readonly (Kept & { readonly receipt: Receipt | undefined })[] {
    return this.vault.all().map((kept) => ({ ...kept, receipt: this.#receiptOf(kept.name) }))
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
        return Math.min(RETRY_MILLISECONDS, config.backup.every)
      }).then((wait) => {
        if (!this.#stopped) this.#plan(wait)
      }).catch((error: unknown) => log.error('backup.failed', {}, error))
    })
  }

  async #make(): Promise<Receipt> {
    const { config, configFile, database, clock, log } = this.#parts
    const { backup } = config
    if (!this.enabled) throw new BackupError(this.vault.folder, 'nobody is named who could read a backup (backup.recipients)')
    this.vault.open()
    const key = this.#key() // before its folder is looked at: it belongs into the backup
    const made = clock.now()
    const { name, draft } = this.vault.place(made)
    const snapshot = join(this.vault.folder, `snapshot-${made}.db`)
    try {
      this.#checkRoom(database.bytes)
      await database.snapshot(snapshot)
      const done = await inWorker({
        snapshot, made, file: draft, workspace: this.vault.folder, recipients: backup.recipients,
        content: contentOf(config, configFile), identities: backup.identity === '' ? [] : identitiesIn(backup.identity),
      })
      const { sha256, bytes, proof } = done
      const receipt: Receipt = { name, made, bytes, sha256, proof }
      key.write(this.vault.receiptPath(name), receipt)
      this.vault.keep(name, draft)
      this.vault.rotate(backup)
      log.info('backup.made', { count: bytes })
      if (this.#areCopied) this.#copies.look() // where no server runs, nothing would wait for them
      return receipt
    } finally {
      rmSync(snapshot, { force: true })
      rmSync(draft, { force: true })
    }
  }

  /** Better said before than found out in the middle, when the disk is full for the server as well. */
  #checkRoom(bytes: number): void {
    const { bavail, bsize } = statfsSync(this.vault.folder)
    if (bavail * bsize < COPIES * bytes) throw new BackupError(this.vault.folder, 'has too little room for another backup')
  }

  #key(): ReceiptKey {
    return ReceiptKey.open(join(this.#parts.config.files.data, 'keys', 'receipts.pem'))
  }
}

function inWorker(making: Making): Promise<Made> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: making })
    worker.once('message', (outcome: Outcome) => {
      if ('made' in outcome) resolve(outcome.made)
      else reject(Object.assign(new BackupError(making.file, outcome.message), { code: outcome.failed }))
    })
    worker.once('error', reject)
    worker.once('exit', () => reject(new BackupError(making.file, 'ended before it was made')))
  })
}

function conditionOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : error instanceof Error ? error.name : 'unknown'
}
