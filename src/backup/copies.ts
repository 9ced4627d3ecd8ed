import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import type { Lifetime } from '../lifetime.ts'
import type { Log } from '../log.ts'
import type { TorEndpoint } from '../tor/socks5.ts'
import type { Tell } from './alarm.ts'
import { CommandTarget } from './command-target.ts'
import { CopyLedger } from './copy-ledger.ts'
import { CopyPlace, type CopyState } from './copy-place.ts'
import type { CopyTarget } from './copy-target.ts'
import type { Original } from './copying.ts'
import { DirectoryTarget } from './directory-target.ts'
import { S3Target } from './s3-target.ts'
import { SftpTarget } from './sftp-target.ts'
import { Way } from './way.ts'

export interface CopiesParts {
  readonly backup: Config['backup']
  /** Of the backups. */
  readonly folder: string
  /** The backups of this machine that have a valid receipt. */
  readonly originals: () => readonly Original[]
  /** Where tor is now; undefined while there is none. */
  readonly socks: () => TorEndpoint | undefined
  readonly clock: Clock
  readonly log: Log
  /** The operators. */
  readonly tell: Tell
  readonly random?: () => number
}

/** Who copies what where and when: each place by itself, none waits for another, and no backup waits for any. */
export class Copies implements Lifetime {
  readonly name = 'copies'
  readonly #places: readonly CopyPlace[]
  readonly #ledger: CopyLedger
  readonly #names: readonly string[]
  readonly #parts: CopiesParts

  constructor(parts: CopiesParts) {
    const { backup, folder, originals, socks, clock, log, tell, random = Math.random } = parts
    const targets = backup.copies.map((copy) => targetOf(copy, new Way({ socks, clock })))
    this.#parts = parts
    this.#names = targets.map(({ place }) => place)
    this.#ledger = CopyLedger.read(join(folder, 'copies.json'))
    this.#places = targets.map((target, index) => new CopyPlace({
      target, index, originals, rotation: backup, alarmAfter: backup.alarm_after, ledger: this.#ledger, clock, log, tell, random,
    }))
  }

  /** @throws as node:fs does */
  start(): void {
    if (this.#places.length === 0) return
    mkdirSync(this.#parts.folder, { recursive: true, mode: 0o700 })
    this.#ledger.keep(this.#names, this.#parts.clock.now())
    for (const place of this.#places) place.start()
  }

  async stop(): Promise<void> {
    await Promise.all(this.#places.map((place) => place.stop()))
  }

  /** There is a new backup. */
  look(): void {
    for (const place of this.#places) place.look()
  }

  /** In the order of the configuration. */
  list(): readonly CopyState[] {
    return this.#places.map(({ state }) => state)
  }
}

/** What the places of a configuration are called, in its order. */
export function placesOf(copies: Config['backup']['copies'], clock: Clock): readonly string[] {
  return copies.map((copy) => targetOf(copy, new Way({ socks: () => undefined, clock })).place)
}

function targetOf(copy: Config['backup']['copies'][number], way: Way): CopyTarget {
  switch (copy.kind) {
    case 'directory': return new DirectoryTarget(copy.path)
    case 'sftp': return new SftpTarget(copy, way)
    case 's3': return new S3Target(copy, way)
    case 'command': return new CommandTarget(copy.command)
  }
}
