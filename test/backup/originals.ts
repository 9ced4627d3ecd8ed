/** A server's backups as copies see them, and places for copies with a clock of the test's. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Copies } from '../../src/backup/copies.ts'
import type { Original } from '../../src/backup/copying.ts'
import { ReceiptKey } from '../../src/backup/receipt.ts'
import { Vault } from '../../src/backup/vault.ts'
import { configSchema, type Config } from '../../src/config/schema.ts'
import type { TorEndpoint } from '../../src/tor/socks5.ts'
import { TestClock } from '../clock.ts'
import { TestLog } from '../house.ts'

export const HOUR = 3_600_000
export const MINUTE = 60_000

export interface BenchSettings {
  /** Tables of backup.copies; they are told the test's folder. */
  readonly copies: (folder: string) => readonly Readonly<Record<string, unknown>>[]
  readonly more?: Readonly<Record<string, unknown>>
  readonly socks?: TorEndpoint
}

/** A vault in a folder of its own, whose backups are random bytes: what is in them is nobody's business here. */
export class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'sotto-copies-'))
  readonly clock = new TestClock(Date.UTC(2026, 10, 23, 12))
  readonly log = new TestLog()
  /** What the operators were told. */
  readonly told: string[] = []
  readonly vault = new Vault(join(this.folder, 'backups'))
  readonly backup: Config['backup']
  copies: Copies
  readonly #key = ReceiptKey.open(join(this.folder, 'receipts.pem'))
  readonly #originals: Original[] = []
  readonly #socks: TorEndpoint | undefined

  constructor(t: TestContext, { copies, more = {}, socks }: BenchSettings) {
    this.vault.open()
    this.backup = configSchema.parse({ backup: { copies: copies(this.folder).map((copy) => ({ tor: false, ...copy })), ...more } }).backup
    this.#socks = socks
    this.copies = this.#make()
    t.after(async () => {
      await this.copies.stop()
      rmSync(this.folder, { recursive: true, force: true })
    })
  }

  #make(): Copies {
    return new Copies({
      backup: this.backup, folder: this.vault.folder, originals: () => this.#originals, socks: () => this.#socks,
      clock: this.clock, log: this.log, tell: (subject, text) => { this.told.push(`${subject}: ${text}`) }, random: () => 0.5,
    })
  }

  /** As after the end of the process, however it came. */
  async again(): Promise<void> {
    await this.copies.stop()
    this.copies = this.#make()
    this.copies.start()
  }

  /** A folder for copies, which is there. */
  directory(name: string): string {
    mkdirSync(join(this.folder, name), { recursive: true })
    return join(this.folder, name)
  }

  /** A new backup, made now; the copies are told of it. */
  add(bytes = 100_000): Original {
    const made = this.clock.now()
    const { name } = this.vault.place(made)
    const content = randomBytes(bytes)
    const file = this.vault.path(name)
    writeFileSync(file, content)
    const receipt = { name, made, bytes, sha256: createHash('sha256').update(content).digest('hex'), proof: 'restored' as const, rows: {} }
    this.#key.write(this.vault.receiptPath(name), receipt)
    const original = { name, file, receiptFile: this.vault.receiptPath(name), receipt }
    this.#originals.push(original)
    this.copies.look()
    return original
  }

  /** The rotation took it away here. */
  drop({ name }: Original): void {
    this.#originals.splice(this.#originals.findIndex((one) => one.name === name), 1)
    for (const path of [this.vault.path(name), this.vault.receiptPath(name)]) rmSync(path)
  }

  events(event: string): TestLog['lines'] {
    return this.log.lines.filter((line) => line.event === event)
  }

  /** The newest proven copy in a place is this one. */
  async proven({ name }: Original, index = 0): Promise<void> {
    await until(() => this.copies.list()[index]?.newest?.name === name, () => `${name} is proven in place ${index}: ${JSON.stringify(this.copies.list()[index])}`)
  }

  /** No place is being copied to. */
  async settled(): Promise<void> {
    await until(() => this.copies.list().every(({ isBusy }) => !isBusy), 'all rounds have ended')
  }

  /** A round has failed, as often as that, and the next one is planned. */
  async failed(times: number): Promise<void> {
    await until(() => this.events('backup.copy-failed').length >= times, `${times} rounds have failed`)
  }
}

/** Lets what is real work until it is so. */
export async function until(isSo: () => boolean, what: string | (() => string), milliseconds = 30_000): Promise<void> {
  for (const deadline = Date.now() + milliseconds; !isSo();) {
    if (Date.now() > deadline) assert.fail(`it never came to pass: ${typeof what === 'string' ? what : what()}`)
    await delay(5)
  }
}

/** Time goes by in steps of a minute, or as it is said, until it is so; what is real keeps up with it. */
export async function pass(bench: Bench, milliseconds: number, { step = MINUTE, isOver = () => false }: { readonly step?: number, readonly isOver?: () => boolean } = {}): Promise<void> {
  for (let passed = 0; passed < milliseconds && !isOver(); passed += step) {
    await bench.settled()
    bench.clock.advance(Math.min(step, milliseconds - passed))
    await bench.settled()
  }
}
