import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as passed } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Picture, type Box } from './picture.ts'

/** Debian's Python, for which Debian's D-Bus module is; another one earlier in PATH does not have it. */
export const PYTHON = '/usr/bin/python3'
/** The compiler copies no Python: it runs where it was written. */
const READER = fileURLToPath(new URL('../../../test/interop/desktop.py', import.meta.url))
const POLL_MILLISECONDS = 200
const STOPPING_MILLISECONDS = 5_000
const SCREENS = 'test-results'
/** GTK 2 tells assistive technology what it shows where these modules are loaded. */
const ACCESSIBILITY = { GTK_MODULES: 'gail:atk-bridge', NO_AT_BRIDGE: '0' } as const

/** A thing that a window shows, and where on the screen. */
export interface Item {
  readonly window: string
  readonly role: string
  readonly name: string
  readonly text: string
  /** What is told of it where the pointer lies on it. */
  readonly more: string
  readonly box: Box
}

/** A method of a program on the session bus. */
export interface Service {
  readonly service: string
  readonly path: string
  readonly interface: string
}

/**
 * A graphical program with an X display and a session bus of its own, neither of which a user's other programs see. Its
 * windows are read as a screen reader does, so that what it shows is known as words.
 */
export class Desktop {
  readonly #name: string
  readonly #folder: string
  readonly #user: number | undefined
  readonly #children: ChildProcess[] = []
  #answers: AsyncIterator<string> | undefined
  #reader: ChildProcess | undefined
  /** However this process ends, nothing on this desktop outlives it; what the bus has started ends with the bus. */
  readonly #exit = () => { for (const child of this.#children) child.kill() }

  private constructor(name: string, folder: string, user: number | undefined) {
    this.#name = name
    this.#folder = folder
    this.#user = user
    process.on('exit', this.#exit)
  }

  /**
   * @param name used for the files that a failure leaves
   * @param environment all that the program gets, besides PATH, the display, the bus and a UTF-8 locale
   * @param user who all of it runs as, if that is not us
   */
  static async start(
    name: string,
    [program, ...words]: readonly [string, ...string[]],
    environment: Readonly<Record<string, string>>,
    user?: number,
  ): Promise<Desktop> {
    const folder = await mkdtemp(join(tmpdir(), 'sotto-desktop-')) // 0700 by mkdtemp's contract
    const desktop = new Desktop(name, folder, user)
    if (user !== undefined) await chown(folder, user, user)
    const own = {
      ...environment, ...ACCESSIBILITY, PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', XDG_RUNTIME_DIR: folder,
    }
    try {
      const size = ['-screen', '0', '1024x768x24']
      const display = desktop.#spawn('Xvfb', ['-displayfd', '1', ...size, '-nolisten', 'tcp', '-fbdir', folder], own)
      const DISPLAY = `:${await firstLine(display)}`
      const bus = desktop.#spawn('dbus-daemon', ['--session', '--nofork', '--print-address=1'], { ...own, DISPLAY })
      const surroundings = { ...own, DISPLAY, DBUS_SESSION_BUS_ADDRESS: await firstLine(bus) }
      desktop.#spawn(program, words, surroundings).stdout?.resume()
      const reader = desktop.#spawn(PYTHON, ['-c', await readFile(READER, 'utf8')], surroundings)
      if (reader.stdout === null) throw new Error('no pipe') // never: it is spawned with one
      desktop.#reader = reader
      desktop.#answers = createInterface({ input: reader.stdout })[Symbol.asyncIterator]()
    } catch (error) {
      await desktop.stop()
      throw error
    }
    return desktop
  }

  /** All that shows; undefined while a window changes under the eyes. */
  async read(): Promise<readonly Item[] | undefined> {
    return await this.#ask({ do: 'read' }) as readonly Item[] | undefined // by the reader's contract
  }

  async picture(): Promise<Picture> {
    return Picture.ofScreen(await readFile(join(this.#folder, 'Xvfb_screen0')))
  }

  /**
   * Reads the screen until something on it is what is looked for.
   *
   * @param what told in the error
   * @throws Error after `milliseconds`, with the last screen in its message and in files
   */
  async waitFor<Found>(
    what: string, find: (items: readonly Item[], picture: Picture) => Found | undefined, milliseconds: number,
  ): Promise<Found> {
    for (const deadline = Date.now() + milliseconds; ; await passed(POLL_MILLISECONDS)) {
      const found = find(await this.read() ?? [], await this.picture())
      if (found !== undefined) return found
      if (Date.now() > deadline) {
        const told = `${this.#name} did not show ${what} within ${milliseconds} ms (${await this.keepScreen()})`
        throw new Error(`${told}:\n${await this.screen()}`)
      }
    }
  }

  /** Presses a button or a menu's item; false where there is none. */
  async press(window: string, role: 'push button' | 'menu item', name: string): Promise<boolean> {
    return await this.#ask({ do: 'press', window, role, name }) === true
  }

  /** Fills in the field with that label; false where there is none. */
  async write(window: string, name: string, text: string): Promise<boolean> {
    return await this.#ask({ do: 'write', window, name, text }) === true
  }

  async click(x: number, y: number, times: 1 | 2 = 1): Promise<void> {
    await this.#ask({ do: 'point', x, y, press: times })
  }

  /** Lets the pointer lie there: what tells more then does. */
  async pointAt(x: number, y: number): Promise<void> {
    await this.#ask({ do: 'point', x, y, press: 0 })
  }

  /** Presses keys over the window where the pointer lies; a line's end is Return. */
  async type(text: string): Promise<void> {
    await this.#ask({ do: 'type', text })
  }

  /** Calls a program on the session bus. */
  async call(where: Service, method: string, ...values: readonly (string | number)[]): Promise<unknown> {
    return this.#ask({ do: 'call', ...where, method, arguments: values })
  }

  /** The words on the screen, each under its window's title. */
  async screen(): Promise<string> {
    const items = await this.read() ?? []
    return items.filter(({ name, text }) => name !== '' || text !== '')
      .map(({ window, role, name, text }) => `${window}: ${role}: ${text === '' ? name : text}`).join('\n')
  }

  /** Leaves the words and a picture in the folder of results; returns the picture's file name. */
  async keepScreen(): Promise<string> {
    const file = join(SCREENS, this.#name.replaceAll(/[^a-z0-9-]/gi, '_'))
    await mkdir(SCREENS, { recursive: true })
    await writeFile(`${file}.txt`, `${await this.screen()}\n`)
    await writeFile(`${file}.png`, (await this.picture()).png())
    return `${file}.png`
  }

  /** Ends the program, then what it ran on. */
  async stop(): Promise<void> {
    for (const child of this.#children.toReversed()) await end(child)
    process.off('exit', this.#exit)
    await rm(this.#folder, { recursive: true, force: true })
  }

  #spawn(program: string, words: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
    const user = this.#user === undefined ? {} : { uid: this.#user, gid: this.#user }
    const child = spawn(program, words, { env, cwd: this.#folder, stdio: ['pipe', 'pipe', 'ignore'], ...user })
    child.on('error', () => {}) // a program that is not there is told by what does not come
    child.stdin?.on('error', () => {})
    this.#children.push(child)
    return child
  }

  /** One question at a time: answers come in the order of the questions. */
  async #ask(command: object): Promise<unknown> {
    this.#reader?.stdin?.write(`${JSON.stringify(command)}\n`)
    const line = await this.#answers?.next()
    if (line === undefined || line.done === true) throw new Error(`${this.#name}: the desktop's reader has ended`)
    return (JSON.parse(line.value) as { answer?: unknown }).answer // by the reader's contract
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no pipe')
  for await (const line of createInterface({ input: child.stdout })) return line
  throw new Error(`${child.spawnfile} has ended`)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'close')
  child.kill()
  const late = setTimeout(() => child.kill('SIGKILL'), STOPPING_MILLISECONDS)
  await gone
  clearTimeout(late)
}
