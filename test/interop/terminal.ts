import { execFile, execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Wide enough that no line of a conversation is broken by a client that draws its own screen. */
const SIZE = { columns: 200, lines: 50 } as const
const POLL_MILLISECONDS = 100
/** Its socket lies in a folder of its own, and nobody's settings are read. */
const SERVER = ['-L', 'sotto', '-f', '/dev/null'] as const

/**
 * A program in a terminal of its own: a private tmux server that no user's tmux sees. What the program shows is read
 * from the screen, as its user reads it.
 */
export class Terminal {
  readonly #name: string
  readonly #folder: string
  readonly #environment: Readonly<Record<string, string>>
  readonly #screens: string
  /** However this process ends, no terminal of its outlives it. */
  readonly #exit = () => {
    execFileSync('tmux', [...SERVER, 'kill-server'], { env: this.#environment, stdio: 'ignore' })
  }

  private constructor(name: string, folder: string, environment: Readonly<Record<string, string>>, screens: string) {
    this.#name = name
    this.#folder = folder
    this.#environment = environment
    this.#screens = screens
    process.on('exit', this.#exit)
  }

  /**
   * @param name used for the files that a failure leaves in `screens`
   * @param environment all that the program gets, besides PATH, TERM and a UTF-8 locale
   */
  static async start(
    name: string,
    command: readonly string[],
    environment: Readonly<Record<string, string>>,
    screens = 'test-results',
  ): Promise<Terminal> {
    const folder = await mkdtemp(join(tmpdir(), 'sotto-terminal-'))
    await chmod(folder, 0o700)
    const path = process.env['PATH'] ?? ''
    const surroundings = { ...environment, PATH: path, LANG: 'C.UTF-8', TERM: 'screen', TMUX_TMPDIR: folder }
    const terminal = new Terminal(name, folder, surroundings, screens)
    await terminal.#tmux('new-session', '-d', '-x', `${SIZE.columns}`, '-y', `${SIZE.lines}`, ...command)
    await terminal.#tmux('set-option', '-g', 'remain-on-exit', 'on')
    return terminal
  }

  /** Types a line and presses Enter. */
  async type(line: string): Promise<void> {
    await this.#tmux('send-keys', '-l', '--', line)
    await this.press('Enter')
  }

  /** A key by tmux's name: 'Enter', 'Escape', 'M-1'. */
  async press(key: string): Promise<void> {
    await this.#tmux('send-keys', key)
  }

  /** The screen as text, without trailing blanks. */
  async screen(): Promise<string> {
    return this.#tmux('capture-pane', '-p')
  }

  /**
   * Reads the screen until it shows the pattern.
   *
   * @returns the screen that did
   * @throws Error after `milliseconds`, with the last screen in its message and in a file
   */
  async waitFor(pattern: RegExp, milliseconds: number): Promise<string> {
    const deadline = Date.now() + milliseconds
    for (;;) {
      const screen = await this.screen()
      if (pattern.test(screen)) return screen
      if (Date.now() > deadline) {
        const file = await this.keepScreen()
        const told = `${this.#name} did not show ${pattern} within ${milliseconds} ms (${file})`
        throw new Error(`${told}:\n${squeezed(screen)}`)
      }
      await passed(POLL_MILLISECONDS)
    }
  }

  /** Writes the screen into the folder of results, for whoever looks into a failure; returns the file's name. */
  async keepScreen(): Promise<string> {
    const file = join(this.#screens, `${this.#name.replaceAll(/[^a-z0-9-]/gi, '_')}.txt`)
    await mkdir(this.#screens, { recursive: true })
    await writeFile(file, `${await this.screen()}\n`)
    return file
  }

  /** Ends the program, politely or not, and its terminal. */
  async stop(): Promise<void> {
    const pid = Number(await this.#tmux('display-message', '-p', '#{pane_pid}').catch(() => ''))
    await this.#tmux('kill-server').catch(() => '') // gone already: the program had ended
    if (pid > 0) kill(pid)
    process.off('exit', this.#exit)
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #tmux(...command: readonly string[]): Promise<string> {
    const { stdout } = await run('tmux', [...SERVER, ...command], { env: this.#environment })
    return stdout.trimEnd()
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself when its terminal went.
  }
}

function squeezed(screen: string): string {
  return screen.split('\n').filter((line) => line.trim() !== '').join('\n')
}
