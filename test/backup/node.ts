/** A server's folder as it is between two lives, with accounts and a configuration, and a key pair that opens its backups. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { makeIdentity } from '../../src/backup/identity.ts'

export const MAIN = new URL('../../src/main.js', import.meta.url).pathname

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export class Place {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  static make(t: TestContext): Place {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-backup-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    mkdirSync(join(folder, 'home'))
    return new Place(join(folder, 'home'))
  }

  /** A place whose server has two accounts; its key pair lies beside, in ../key.txt. */
  static async inhabited(t: TestContext, more = ''): Promise<Place> {
    const place = Place.make(t)
    const recipient = await makeIdentity(join(place.folder, '..', 'key.txt'))
    writeFileSync(join(place.folder, 'sotto.toml'), `
[tor]
enabled = false
[[listeners]]
kind = "c2s"
port = 0
[backup]
recipients = ["${recipient}"]
${more}`)
    await place.sotto(['account', 'add'], 'juliet wherefore art thou\nromeo with love\'s light wings\n')
    return place
  }

  get key(): string {
    return join(this.folder, '..', 'key.txt')
  }

  path(...names: readonly string[]): string {
    return join(this.folder, ...names)
  }

  /** Runs the program here, to its end. */
  sotto(words: readonly string[], input = ''): Promise<Ended> {
    return new Promise((resolve) => {
      const child = execFile(process.execPath, [MAIN, ...words], { cwd: this.folder, env: { ...process.env, SOTTO_CONFIG: '' } }, (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout, stderr })
      })
      child.stdin?.end(input)
    })
  }
}
