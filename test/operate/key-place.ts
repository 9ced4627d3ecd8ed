import assert from 'node:assert/strict'
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { loadConfig } from '../../src/config/load.ts'
import { openHouse } from '../../src/house.ts'
import { createLog } from '../../src/log.ts'

const MAIN = join(dirname(dirname(import.meta.dirname)), 'src', 'main.js')
export const PASSWORD = 'wherefore art thou'
export const FIRST = 'a rose by any other name'
export const SECOND = 'would smell as sweet'
export const CONFIG = '[auth]\nargon2_memory = "7168kB"\nargon2_passes = 1\nargon2_queue = 1000\nscram_iterations = 65536\n[[listeners]]\nkind = "c2s"\nport = 0\ndomains = ["capulet.lit"]\n'
  + '[[domains]]\nname = "onion"\n[[domains]]\nname = "capulet.lit"\n'
export const NO_TOR = '[tor]\nenabled = false\n'

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A folder with a configuration, in which the program is run. */
export class Place {
  readonly folder: string
  readonly #test: TestContext

  constructor(t: TestContext, toml: string) {
    this.#test = t
    this.folder = mkdtempSync(join(tmpdir(), 'sotto-keys-'))
    t.after(() => rmSync(this.folder, { recursive: true, force: true }))
    this.configure(toml)
  }

  configure(toml: string): void {
    writeFileSync(this.path('sotto.toml'), `${CONFIG}${toml}`)
  }

  path(...names: readonly string[]): string {
    return join(this.folder, ...names)
  }

  /** With a passphrase file, and Juliet's account. */
  static async byPassphraseFile(t: TestContext): Promise<Place> {
    const place = new Place(t, `${NO_TOR}[keys]\npassphrase_file = "passphrase"\n`)
    place.write('passphrase', FIRST)
    await place.addJuliet()
    return place
  }

  static async byFile(t: TestContext): Promise<Place> {
    const place = new Place(t, NO_TOR)
    await place.addJuliet()
    return place
  }

  async addJuliet(): Promise<void> {
    assert.deepEqual(await this.sotto(['account', 'add', 'juliet@capulet.lit'], PASSWORD), { code: 0, stdout: 'Made juliet@capulet.lit\n', stderr: '' })
  }

  write(name: string, content: string): void {
    writeFileSync(this.path(name), `${content}\n`, { mode: 0o600 })
  }

  launch(args: readonly string[], environment: Readonly<Record<string, string>> = {}): ChildProcessWithoutNullStreams {
    const child = spawn(process.execPath, [MAIN, ...args], { cwd: this.folder, env: { ...process.env, SOTTO_CONFIG: '', ...environment }, stdio: 'pipe' })
    this.#test.after(() => child.kill('SIGKILL'))
    child.stdin.on('error', () => {})
    return child
  }

  async sotto(args: readonly string[], input = '', environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
    const child = this.launch(args, environment)
    child.stdin.end(input)
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close') as Promise<[number | null]>])
    return { code, stdout, stderr }
  }

  /** A server that serves; it ends by the signal. */
  async serving(environment: Readonly<Record<string, string>> = {}): Promise<{ stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>; readonly child: ChildProcessWithoutNullStreams }> {
    const child = this.launch(['start'], environment)
    await saying(child, /^Listening on /m)
    return {
      child,
      stop: async (signal) => {
        const ended = once(child, 'exit')
        child.kill(signal)
        await ended
      },
    }
  }

  /** At a terminal of its own (script(1) makes it); each answer is typed when its question is there. */
  async atTerminal(args: readonly string[], answers: readonly (readonly [question: string, answer: string])[]): Promise<Ended> {
    const command = ['node', MAIN, ...args].join(' ')
    const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'],
      { cwd: this.folder, env: { ...process.env, SOTTO_CONFIG: '', PATH: `${dirname(process.execPath)}:${process.env['PATH']}` }, stdio: 'pipe' })
    this.#test.after(() => child.kill('SIGKILL'))
    let said = ''
    const waiting = [...answers]
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk
      const [next] = waiting
      if (next === undefined || !said.endsWith(next[0])) return
      waiting.shift()
      child.stdin.write(`${next[1]}\r`)
    })
    const [code] = await once(child, 'close') as [number | null]
    assert.deepEqual(waiting, [], said)
    return { code, stdout: said, stderr: '' }
  }

  /** By the database and the keys alone, as the next start would: who can log in with that password? */
  async loginsBy(password: string): Promise<string[]> {
    const config = loadConfig(this.path('sotto.toml'), { cwd: this.folder })
    const house = await openHouse(config, systemClock, createLog({ level: 'silent', roster: false }))
    try {
      const names = house.accounts.list('capulet.lit').map(({ local }) => local)
      const matching = await Promise.all(names.map(async (name) => {
        const { verifiers } = house.accounts.claim(name, 'capulet.lit')
        return await house.credentials.matches(verifiers.argon2, password) ? [name] : []
      }))
      return matching.flat()
    } finally {
      house.close()
    }
  }
}

async function saying(child: ChildProcessWithoutNullStreams, what: RegExp): Promise<string> {
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => { said += chunk })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => { said += chunk })
  while (!what.test(said)) {
    if (child.exitCode !== null) throw new Error(`it ended: ${said}`)
    await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
  }
  return said
}

/** All bytes of the files under a folder, but for the lock, which reading would release for a server that runs. */
export function bytesOf(folder: string): Buffer {
  return Buffer.concat(readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'lock').map((entry) => readFileSync(join(entry.parentPath, entry.name))))
}
