import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const CHECKOUT = new URL('../../..', import.meta.url).pathname
/** How npm reaches its registry from this machine. Nothing else of its settings is handed on: they may hold secrets. */
const NPM_SETTINGS = ['registry', 'proxy', 'https-proxy', 'noproxy', 'cafile', 'omit-lockfile-registry-resolved']
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'
const CLONE = '/srv/sotto'

/** A minimal Debian in a folder, with git, Node and npm, an empty home and a fresh clone of this checkout. */
export class BareRoot {
  readonly folder: string
  /** Keeps the namespaces: the first process of theirs, which ends with our end of its stdin, and all others with it. */
  readonly #holder: ChildProcess

  private constructor(folder: string, holder: ChildProcess) {
    this.folder = folder
    this.#holder = holder
  }

  /** @throws Error where mmdebstrap or namespaces cannot be had; its message says why */
  static async make(): Promise<BareRoot> {
    const base = spawnSync(join(CHECKOUT, 'test/bare/debian-base'), { encoding: 'utf8', maxBuffer: 1 << 26 })
    if (base.status !== 0) throw new Error(`no Debian root: ${base.stderr}`)
    const folder = mkdtempSync(join(tmpdir(), 'sotto-bare-'))
    execFileSync('tar', ['-x', '-f', base.stdout.trim(), '-C', folder, '--exclude=./dev/*'])
    copyNode(folder)
    copyNetwork(folder)
    execFileSync('git', ['clone', '--quiet', '--no-local', CHECKOUT, join(folder, CLONE)])
    chmodSync(join(folder, CLONE), 0o777) // for the run without root
    const mounts = 'mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && echo ready && exec cat'
    const holder = spawn('unshare', ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', mounts, 'sh', folder],
      { stdio: ['pipe', 'pipe', 'inherit'] })
    const root = new BareRoot(folder, holder)
    const [ready] = await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit')]) as [unknown]
    if (String(ready).trim() === 'ready') return root
    await root.remove()
    throw new Error('no Debian root: namespaces are refused on this machine')
  }

  /** Starts a command in the clone, as root with an empty home and nothing of our environment. */
  run(command: string, environment: Readonly<Record<string, string>> = {}): Run {
    const settings = Object.entries({ ...STANDARD_ENVIRONMENT, ...environment }).map(([name, value]) => `${name}=${value}`)
    const first = readFileSync(`/proc/${this.#holder.pid}/task/${this.#holder.pid}/children`, 'utf8').trim()
    return new Run(spawn('nsenter', ['--target', first, '--mount', '--pid', 'chroot', this.folder, '/usr/bin/env', '-i', ...settings,
      'sh', '-c', `cd ${CLONE} && exec ${command}`], { stdio: ['ignore', 'pipe', 'pipe'] }))
  }

  /** A path in the clone, seen from outside. */
  path(name: string): string {
    return join(this.folder, CLONE, name)
  }

  /** The processes in the root, the first one apart: process id -> command line. */
  processes(): ReadonlyMap<number, string> {
    const found = new Map<number, string>()
    for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        if (readlinkSync(`/proc/${entry}/root`) === this.folder) {
          found.set(Number(entry), readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' '))
        }
      } catch {
        // Ended meanwhile.
      }
    }
    return found
  }

  /**
   * SIGKILL to the installer alone: what it started lives on. Or to all, as when the power fails: until none is left,
   * as a process may begin another one between being listed and being hit. The command lines of those that were hit.
   */
  async kill(whom: 'installer' | 'everything'): Promise<readonly string[]> {
    const hit: string[] = []
    const deadline = performance.now() + ENDED_SECONDS * 1000
    for (;;) {
      const victims = new Map([...this.processes()].filter(([, command]) => whom === 'everything' || isInstaller(command)))
      if (victims.size === 0) return hit
      if (performance.now() > deadline) throw new Error(`not killed: ${[...victims.values()].join('; ')}`)
      hit.push(...this.signal('SIGKILL', victims))
      await delay(POLL_MILLISECONDS)
    }
  }

  /** Sends it to all of them, and answers the command lines of those that got it: one that has ended meanwhile did not. */
  signal(signal: NodeJS.Signals, to = this.processes()): readonly string[] {
    return [...to].flatMap(([pid, command]) => {
      try {
        process.kill(pid, signal)
        return [command]
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ESRCH') return [] // kill(2) throws nothing else here
        throw error
      }
    })
  }

  async remove(): Promise<void> {
    const ended = this.#holder.exitCode !== null || this.#holder.signalCode !== null || once(this.#holder, 'exit')
    this.#holder.stdin?.end()
    await ended
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Whether that command line is the installer's, or of what it has become: the server. */
export function isInstaller(command: string): boolean {
  return command.includes('src/install.mjs')
}

/** What was killed may be waiting for its disk. */
const ENDED_SECONDS = 60
const POLL_MILLISECONDS = 20

const STANDARD_ENVIRONMENT = {
  HOME: '/root', PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8',
}

/** A command that runs in the root, and all it said. */
export class Run {
  readonly #child: ChildProcess
  readonly ended: Promise<number | string>
  output = ''

  constructor(child: ChildProcess) {
    this.#child = child
    this.ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string)
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => { this.output += text })
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }
}

/** This machine's Node, its headers and its npm, as a tarball from nodejs.org would lie there. */
function copyNode(folder: string): void {
  const to = join(folder, 'usr/local')
  const headers = join(dirname(dirname(process.execPath)), 'include/node')
  const npm = dirname(dirname(realpathSync(execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim())))
  mkdirSync(join(to, 'lib/node_modules'), { recursive: true })
  cpSync(process.execPath, join(to, 'bin/node'), { dereference: true })
  if (existsSync(headers)) cpSync(headers, join(to, 'include/node'), { recursive: true })
  cpSync(npm, join(to, 'lib/node_modules/npm'), { recursive: true })
  execFileSync('ln', ['-s', '../lib/node_modules/npm/bin/npm-cli.js', join(to, 'bin/npm')])
  execFileSync('ln', ['-s', '../lib/node_modules/npm/bin/npx-cli.js', join(to, 'bin/npx')])
}

/** Names, certificates and npm's way to its registry. */
function copyNetwork(folder: string): void {
  for (const file of ['/etc/resolv.conf', '/etc/hosts', CERTIFICATES]) {
    if (existsSync(file)) cpSync(file, join(folder, file), { dereference: true })
  }
  const settings = NPM_SETTINGS.flatMap((name) => {
    const value = execFileSync('npm', ['config', 'get', name], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    return ['', 'null', 'undefined'].includes(value) ? [] : [`${name}=${value.startsWith('/') ? CERTIFICATES : value}`]
  })
  mkdirSync(join(folder, 'usr/local/etc'), { recursive: true })
  writeFileSync(join(folder, 'usr/local/etc/npmrc'), `${settings.join('\n')}\n`)
}
