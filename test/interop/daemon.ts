import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as passed } from 'node:timers/promises'
import { PATH } from './programs.ts'

const POLL_MILLISECONDS = 50
const STOPPING_MILLISECONDS = 10_000

/** A server of somebody else in the foreground, as a process of this one; what it writes is kept. */
export class Daemon {
  readonly #name: string
  readonly #child: ChildProcess
  #output = ''
  /** However this process ends, the daemon does not outlive it. */
  readonly #exit = () => { this.#child.kill('SIGKILL') }

  constructor(command: readonly [string, ...string[]], environment: Readonly<Record<string, string>> = {}) {
    const [program, ...parameters] = command
    this.#name = program
    this.#child = spawn(program, parameters, { env: { ...process.env, PATH, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => { this.#output += text })
    }
    this.#child.on('error', (error) => { this.#output += String(error) })
    process.on('exit', this.#exit)
  }

  /** Everything that it wrote. */
  get output(): string {
    return this.#output
  }

  /** Asks until it says yes. @throws Error with what the daemon wrote, where that takes too long or it ends before */
  async until(isReady: () => boolean | Promise<boolean>, what: string, milliseconds = 30_000): Promise<void> {
    for (const deadline = Date.now() + milliseconds; !await isReady(); await passed(POLL_MILLISECONDS)) {
      const problem = this.#child.exitCode !== null ? 'has ended' : Date.now() > deadline ? `was not ${what} in time` : undefined
      if (problem !== undefined) throw new Error(`${this.#name} ${problem}:\n${this.#output.slice(-3000)}`)
    }
  }

  async stop(): Promise<void> {
    const child = this.#child
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      const gone = once(child, 'close')
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), STOPPING_MILLISECONDS)
      await gone
      clearTimeout(late)
    }
    process.off('exit', this.#exit)
  }
}
