import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as passed } from 'node:timers/promises'
import { PATH } from './programs.ts'

const POLL_MILLISECONDS = 50
const STARTING_MILLISECONDS = 30_000
const STOPPING_MILLISECONDS = 10_000

/** A server of somebody else in the foreground, as a process of this one; what it writes is kept. */
export class Daemon {
  readonly #command: readonly [string, ...string[]]
  readonly #environment: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  #output = ''
  /** However this process ends, the daemon does not outlive it. */
  readonly #exit = () => { this.#child?.kill('SIGKILL') }

  constructor(command: readonly [string, ...string[]], environment: Readonly<Record<string, string>> = {}) {
    this.#command = command
    this.#environment = environment
    process.on('exit', this.#exit)
  }

  /** Starts it, again after it was ended. */
  run(): void {
    const [program, ...parameters] = this.#command
    const child = spawn(program, parameters, { env: { ...process.env, PATH, ...this.#environment }, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => { this.#output += text })
    }
    child.on('error', (error) => { this.#output += String(error) })
    this.#child = child
  }

  /** Asks until it says yes. @throws Error with what the daemon wrote, where that takes too long or it ends before */
  async until(isReady: () => boolean | Promise<boolean>, what: string): Promise<void> {
    for (const deadline = Date.now() + STARTING_MILLISECONDS; !await isReady(); await passed(POLL_MILLISECONDS)) {
      const problem = !this.#running ? 'does not run' : Date.now() > deadline ? `was not ${what} in time` : undefined
      if (problem !== undefined) throw new Error(`${this.#command[0]} ${problem}:\n${this.#output.slice(-3000)}`)
    }
  }

  /** As its operator does it, or as a power cut does. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (child === undefined || !this.#running) return
    const gone = once(child, 'close')
    child.kill(signal)
    const late = setTimeout(() => child.kill('SIGKILL'), STOPPING_MILLISECONDS)
    await gone
    clearTimeout(late)
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM')
    process.off('exit', this.#exit)
  }

  get #running(): boolean {
    const child = this.#child
    return child?.pid !== undefined && child.exitCode === null && child.signalCode === null
  }
}
