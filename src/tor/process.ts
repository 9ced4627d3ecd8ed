import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, closeSync, constants, mkdirSync, openSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Clock, Timer } from '../clock.ts'
import { TorError, TorNotFound, TorTooOld } from './tor-error.ts'
import { writeTorrc, type TorFiles } from './torrc.ts'

/** The torrc.d of this release, seen from dist/src/tor/. */
export const SHIPPED_TORRC = fileURLToPath(new URL('../../../torrc.d', import.meta.url))

const OLDEST_VERSION = [0, 4, 8] as const
const LOG_BYTES = 1024 * 1024
const LOG_CHECK_MILLISECONDS = 10 * 60_000
const KILL_MILLISECONDS = 5000

/**
 * A tor that we spawned. It ends with us whatever happens: it watches our process, and later our control connection.
 * All it says goes to one log file, which starts empty and is cut at 1 MB.
 */
export class TorProcess {
  readonly pid: number
  /** Resolves when the process is gone, with its exit code or signal. */
  readonly exited: Promise<string>
  readonly #child: ChildProcess
  readonly #clock: Clock
  #logTimer: Timer | undefined
  #running = true

  private constructor(child: ChildProcess, pid: number, log: string, clock: Clock) {
    this.pid = pid
    this.#child = child
    this.#clock = clock
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#running = false
        this.#logTimer?.cancel()
        resolve(signal ?? `exit ${code}`)
      })
    })
    this.#boundLog(log)
  }

  /** @throws TorNotFound, TorTooOld, or TorError where the files cannot be written */
  static async spawn(program: string, files: TorFiles, ownTorrc: string, clock: Clock): Promise<TorProcess> {
    checkVersion(await askVersion(program))
    const log = prepare(files, ownTorrc)
    try {
      // A group of its own: Ctrl-C in a terminal is for us, and we withdraw the services before tor goes.
      const child = spawn(program, ['-f', files.torrc, '--defaults-torrc', files.defaults], { stdio: ['ignore', log, log], detached: true })
      await new Promise((resolve, reject) => child.once('spawn', resolve).on('error', reject)) // stays: a later error must not be unheard
      if (child.pid === undefined) throw new Error('spawned without a process') // Node sets it before 'spawn'
      return new TorProcess(child, child.pid, files.log, clock)
    } catch (cause) {
      throw new TorNotFound(program, { cause })
    } finally {
      closeSync(log)
    }
  }

  get running(): boolean {
    return this.#running
  }

  /** Asks tor to end, and after 5 s makes it. */
  async stop(): Promise<void> {
    if (this.#running) this.#child.kill('SIGTERM')
    const timer = this.#clock.after(KILL_MILLISECONDS, () => this.#child.kill('SIGKILL'))
    await this.exited
    timer.cancel()
  }

  /** Tor appends, so its next line lands at the new end. */
  #boundLog(log: string): void {
    this.#logTimer = this.#clock.after(LOG_CHECK_MILLISECONDS, () => {
      try {
        if (statSync(log).size > LOG_BYTES) truncateSync(log)
      } catch { /* the operator has moved it away */ }
      this.#boundLog(log)
    })
  }
}

/** What `tor --version` says, e.g. "0.4.9.11". @throws TorNotFound */
export async function askVersion(program: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, ['--version'], { timeout: 20_000 })
    return /^Tor version (\d+\.\d+\.\d+(?:\.\d+)?)/m.exec(stdout)?.[1] ?? 'unknown'
  } catch (cause) {
    throw new TorNotFound(program, { cause })
  }
}

/** @throws TorTooOld, also where the text starts with no version */
export function checkVersion(version: string): void {
  const numbers = /^(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? [0, 0, 0]
  for (const [place, least] of OLDEST_VERSION.entries()) {
    const number = numbers[place] ?? 0
    if (number > least) return
    if (number < least) throw new TorTooOld(version)
  }
}

/** Makes folders and files; returns the log, opened for appending. */
function prepare(files: TorFiles, ownTorrc: string): number {
  try {
    for (const folder of [files.directory, files.state]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      chmodSync(folder, 0o700)
    }
    writeFileSync(files.torrc, writeTorrc(files, SHIPPED_TORRC, ownTorrc, process.pid), { mode: 0o600 })
    writeFileSync(files.defaults, '', { mode: 0o600 })
    // A tor of an earlier life may still be about to end: nobody shall take its socket for the new one's.
    for (const stale of [files.control, files.cookie, files.socks]) rmSync(stale, { force: true })
    return openSync(files.log, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND, 0o600)
  } catch (cause) {
    if (cause instanceof TorError) throw cause
    throw new TorError('tor-files-not-written', `cannot write tor's files in ${files.directory}`, files.directory, { cause })
  }
}
