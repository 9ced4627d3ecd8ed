import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const CHECKOUT = new URL('../../..', import.meta.url).pathname
const PACKAGES = ['systemd', 'dbus', 'libnss-systemd', 'tor']
const BOOTED_SECONDS = 60
/** The systemd dies with our end of its stdin, and all that it started with it. In control groups of its own, see below. */
const HOLDER = `
  root=$1; shift
  sh -c 'boot=$1 root=$2 checkout=$3; shift 3
    for group in "$@"; do echo $$ >"$group/cgroup.procs"; done 2>/dev/null
    exec unshare --mount --pid --fork --kill-child --uts --ipc --net --cgroup "$boot" "$root" "$checkout"' sh "${CHECKOUT}test/service/boot" "$root" "${CHECKOUT}" "$@" </dev/null &
  echo $!
  cat >/dev/null
  kill -9 $!
  wait`

export interface Ended {
  readonly status: number | null
  /** What it said, on both ways. */
  readonly output: string
}

/** A Debian with its systemd as the first process, a network of its own, Node, and what is built here in /opt/sotto. */
export class Machine {
  readonly folder: string
  readonly #holder: ChildProcess
  readonly #groups: readonly string[]
  #first = ''

  private constructor(folder: string) {
    this.folder = folder
    this.#groups = makeGroups(basename(folder))
    this.#holder = spawn('sh', ['-c', HOLDER, 'sh', folder, ...this.#groups], { stdio: ['pipe', 'pipe', 'inherit'] })
  }

  /** @throws Error where mmdebstrap or namespaces cannot be had; its message says why */
  static async boot(): Promise<Machine> {
    const base = spawnSync(join(CHECKOUT, 'test/bare/debian-base'), PACKAGES, { encoding: 'utf8', maxBuffer: 1 << 26 })
    if (base.status !== 0) throw new Error(`no Debian root: ${base.stderr}`)
    const folder = mkdtempSync(join(tmpdir(), 'sotto-service-'))
    execFileSync('tar', ['-x', '-f', base.stdout.trim(), '-C', folder, '--exclude=./dev/*'])
    cpSync(process.execPath, join(folder, 'usr/bin/node'), { dereference: true })
    mkdirSync(join(folder, 'opt/sotto'))
    for (const part of ['package.json', 'torrc.d', 'config']) cpSync(join(CHECKOUT, part), join(folder, 'opt/sotto', part), { recursive: true })
    writeFileSync(join(folder, 'etc/machine-id'), '')
    rmSync(join(folder, 'etc/systemd/system/multi-user.target.wants/tor.service')) // Debian's own: the server runs its tor itself
    const machine = new Machine(folder)
    try {
      await machine.#booted()
    } catch (error) {
      await machine.remove()
      throw error
    }
    return machine
  }

  /** What a command said. @throws Error where it failed, with that */
  run(...command: readonly string[]): string {
    const { status, output } = this.attempt(...command)
    if (status !== 0) throw new Error(`${command.join(' ')} (${status}): ${output}`)
    return output.trim()
  }

  attempt(...command: readonly string[]): Ended {
    const { status, stdout, stderr } = spawnSync('nsenter', ['--target', this.#first, '--mount', '--pid', '--uts', '--ipc', '--net', '--cgroup',
      '/usr/bin/env', '-i', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...command], { encoding: 'utf8' })
    return { status, output: stdout + stderr }
  }

  /** A property of a unit (systemctl(1), show). */
  property(name: string, unit = 'sotto'): string {
    return this.run('systemctl', 'show', `--property=${name}`, '--value', unit)
  }

  path(...names: readonly string[]): string {
    return join(this.folder, ...names)
  }

  async remove(): Promise<void> {
    const ended = this.#holder.exitCode !== null || this.#holder.signalCode !== null || once(this.#holder, 'exit')
    this.#holder.stdin?.end()
    await ended
    await removeGroups(this.#groups)
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  async #booted(): Promise<void> {
    const [unshare] = await once(this.#holder.stdout ?? this.#holder, 'data') as [Buffer]
    const pid = unshare.toString().trim()
    const deadline = performance.now() + BOOTED_SECONDS * 1000
    let state = 'no systemd: namespaces are refused on this machine'
    while (performance.now() < deadline && this.#holder.exitCode === null) {
      try {
        this.#first = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
      } catch { /* ended */ }
      if (this.#first !== '') state = this.attempt('systemctl', 'is-system-running').output.trim()
      if (state === 'running' || state === 'degraded') return
      await delay(200)
    }
    throw new Error(`systemd does not run: ${state}`)
  }
}

/**
 * A control group in each hierarchy that lets us make one: the root of what the machine's systemd sees. In ours it would
 * leave its own behind, and with others beside it there it could not switch limits on.
 */
function makeGroups(name: string): readonly string[] {
  const own = new Map(readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n').map((line) => {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    return [controllers, path]
  }))
  return readFileSync('/proc/self/mountinfo', 'utf8').split('\n').flatMap((line) => {
    const [, root = '', point = '', type = '', options = ''] = /^\S+ \S+ \S+ (\S+) (\S+) .* - (cgroup2?) \S+ (\S+)$/.exec(line) ?? []
    if (type === '') return []
    const hierarchy = type === 'cgroup2' ? '' : [...own.keys()].find((names) => names !== '' && names.split(',').every((one) => options.split(',').includes(one)))
    const path = own.get(hierarchy ?? '-')
    if (path === undefined) return []
    const group = join(point, path.startsWith(root) ? path.slice(root.length) : path, name)
    try {
      mkdirSync(group)
      return [group]
    } catch {
      return []
    }
  })
}

async function removeGroups(groups: readonly string[]): Promise<void> {
  const deadline = performance.now() + BOOTED_SECONDS * 1000
  for (const group of groups) {
    for (;;) {
      try {
        removeGroup(group)
        break
      } catch (error) {
        if (performance.now() > deadline) throw error // the last processes of it are still ending
        await delay(100)
      }
    }
  }
}

/** A control group is removed with rmdir alone, those below it first. */
function removeGroup(group: string): void {
  for (const entry of readdirSync(group, { withFileTypes: true })) if (entry.isDirectory()) removeGroup(join(group, entry.name))
  rmdirSync(group)
}
