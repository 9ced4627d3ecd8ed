import { spawn, type ChildProcess } from 'node:child_process'
import { CopyError, oursAmong, type CopyFile, type CopySession, type CopySource, type CopyTarget, type Watch } from './copy-target.ts'
import { watched } from './watched.ts'

/** What a list may be long, in bytes. */
const LONGEST_LIST = 4 * 1024 * 1024

/** A program of the operator's, called with one of: put FILE NAME, list, get NAME, remove NAME. It has succeeded if it exits with 0. */
export class CommandTarget implements CopyTarget {
  readonly place: string
  /** Nobody sees how far it is. */
  readonly patienceMilliseconds = 3_600_000
  readonly #command: readonly string[]

  constructor(command: readonly string[]) {
    this.#command = command
    this.place = `command ${command[0] ?? ''}`
  }

  async open(watch: Watch): Promise<CopySession> {
    return new CommandSession(this.#command, watch)
  }
}

class CommandSession implements CopySession {
  readonly #command: readonly string[]
  readonly #watch: Watch

  constructor(command: readonly string[], watch: Watch) {
    this.#command = command
    this.#watch = watch
  }

  /** A line for each file: its name, and after a space its size, if that is known. */
  async list(): Promise<readonly CopyFile[]> {
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of this.#output(['list'])) {
      bytes += chunk.length
      if (bytes > LONGEST_LIST) throw new CopyError('list-too-long')
      chunks.push(chunk)
    }
    return oursAmong(Buffer.concat(chunks).toString('utf8').split('\n').flatMap((line) => {
      const [, name, size] = /^(\S{1,200})(?:[ \t]+(\d{1,15}))?[ \t\r]*$/.exec(line) ?? []
      return name === undefined ? [] : [{ name, bytes: size === undefined ? undefined : Number(size) }]
    }))
  }

  put({ file }: CopySource, name: string): Promise<void> {
    return this.#run(['put', file, name])
  }

  get(name: string): AsyncIterable<Buffer> {
    return this.#output(['get', name])
  }

  remove(name: string): Promise<void> {
    return this.#run(['remove', name])
  }

  close(): void {}

  async #run(words: readonly string[]): Promise<void> {
    for await (const chunk of this.#output(words)) chunk.fill(0) // what it says to nobody is not kept
  }

  /** What it writes to stdout; ends well only if it did. */
  async* #output(words: readonly string[]): AsyncGenerator<Buffer> {
    const { signal, moved } = this.#watch
    signal.throwIfAborted()
    const [program = '', ...before] = this.#command
    // A group of its own, so that what it started ends with it.
    const child = spawn(program, [...before, ...words], { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
    const ended = new Promise<string | undefined>((resolve) => {
      child.once('error', (error) => resolve('code' in error ? String(error.code) : 'not-started'))
      child.once('close', (code, killer) => resolve(code === 0 ? undefined : killer === null ? `exit-${code}` : killer.toLowerCase()))
    })
    const kill = (): void => endGroup(child)
    signal.addEventListener('abort', kill)
    try {
      yield* watched(child.stdout, this.#watch)
      const failure = await ended
      if (failure !== undefined) throw new CopyError(`command-${failure}`)
      moved()
    } finally {
      signal.removeEventListener('abort', kill)
      if (!child.stdout.closed) kill()
    }
  }
}

/** Something that it left behind may hold its output open, though it has ended itself. */
function endGroup({ pid, stdout }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch { /* all of it has ended */ }
  stdout?.destroy()
}
