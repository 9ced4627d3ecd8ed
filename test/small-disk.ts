/** A disk of a few megabytes, real and soon full, that a program of ours lives on: a tmpfs in a mount namespace of its own. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export class SmallDisk {
  /** Where it is for those who are started by `argv`. */
  readonly folder: string
  /** Keeps the namespace, and with it the disk; it ends with our end of its stdin, however we end. */
  readonly #holder: ChildProcess
  readonly #isOurs: boolean

  private constructor(folder: string, holder: ChildProcess, isOurs: boolean) {
    this.folder = folder
    this.#holder = holder
    this.#isOurs = isOurs
  }

  /** @throws Error where no namespaces can be made */
  static async make(t: TestContext, megabytes: number): Promise<SmallDisk> {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-disk-'))
    const isRoot = process.getuid?.() === 0
    const script = 'mount -t tmpfs -o "size=$1m,mode=700" tmpfs "$2" && echo ready && exec cat'
    const holder = spawn('unshare', [isRoot ? '--mount' : '--map-root-user', ...isRoot ? [] : ['--mount'], 'sh', '-c', script, 'sh', String(megabytes), folder])
    t.after(async () => {
      holder.stdin.end()
      if (holder.exitCode === null) await once(holder, 'exit')
      rmSync(folder, { recursive: true, force: true })
    })
    let said = ''
    holder.stderr.on('data', (chunk: Buffer) => { said += chunk.toString() })
    const ready = once(holder.stdout, 'data')
    await Promise.race([ready, once(holder, 'exit').then(() => { throw new Error(`no disk of its own: ${said}`) })])
    return new SmallDisk(folder, holder, isRoot)
  }

  /** The disk as this process sees it: for files, but not for SQLite, which follows links by itself. */
  path(...names: readonly string[]): string {
    return join(`/proc/${this.#holder.pid}/root`, this.folder, ...names)
  }

  /** The words by which a program is started that sees it, in its folder: nsenter's own --wd would be the folder below it. */
  argv(program: string, ...words: readonly string[]): readonly [string, readonly string[]] {
    const space = this.#isOurs ? ['--mount'] : ['--user', '--preserve-credentials', '--mount']
    return ['nsenter', [`--target=${this.#holder.pid}`, ...space, 'sh', '-c', 'cd "$0" && exec "$@"', this.folder, program, ...words]]
  }

  /** Fills it to the last byte. */
  fill(): void {
    fill(this.path('filler'))
  }

  free(): void {
    rmSync(this.path('filler'), { force: true })
  }

  remount(mode: 'ro' | 'rw'): void {
    const [program, words] = this.argv('mount', '-o', `remount,${mode}`, this.folder)
    execFileSync(program, words)
  }
}

/** Makes a file so large that nothing else has room beside it. */
export function fill(file: string): void {
  const descriptor = openSync(file, 'a')
  try {
    for (let bytes = 1024 * 1024; bytes > 0;) {
      try {
        if (writeSync(descriptor, Buffer.alloc(bytes, 1)) < bytes) bytes = Math.floor(bytes / 2)
      } catch {
        bytes = Math.floor(bytes / 2)
      }
    }
  } finally {
    closeSync(descriptor)
  }
}
