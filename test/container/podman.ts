import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PROGRAMS = ['podman', 'buildah', 'crun']
/** With a "hybrid" cgroup tree crun refuses to work; without this mount, which only we do not see, it is a plain old one. */
const HYBRID = '/sys/fs/cgroup/unified'
const MEGABYTES = 1 << 20

/** A podman with a throw-away store and settings, so that the user's own are neither used nor changed. */
export class Podman {
  readonly folder: string
  readonly #environment: NodeJS.ProcessEnv
  /** Keeps the mount namespace that all our podmans share: one finds the root of a container where another mounted it. */
  readonly #holder: ChildProcess

  /** Installs podman by apt where it is missing. @throws Error where that is not possible */
  static async start(): Promise<Podman> {
    installPrograms()
    const holder = spawn('unshare', ['--mount', 'sh', '-c', `umount ${HYBRID} 2>/dev/null; echo ready; exec cat`], { stdio: ['pipe', 'pipe', 'inherit'] })
    const [first] = await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit')]) as [unknown]
    if (String(first).trim() !== 'ready') throw new Error('no mount namespace: podman cannot be run here')
    return new Podman(holder)
  }

  private constructor(holder: ChildProcess) {
    this.#holder = holder
    this.folder = mkdtempSync(join(tmpdir(), 'sotto-pod-'))
    for (const name of ['store', 'run']) mkdirSync(join(this.folder, name))
    this.#environment = {
      ...process.env,
      CONTAINERS_CONF: this.#write('containers.conf', limits()),
      CONTAINERS_STORAGE_CONF: join(this.folder, 'storage.conf'),
      TMPDIR: this.folder,
    }
    if (!this.#works('overlay') && !this.#works('vfs')) throw new Error(`podman does not work here: ${this.attempt('info').stderr}`)
  }

  /** What it printed. @throws Error with what it complained of */
  run(...args: readonly string[]): string {
    const { status, stdout, stderr } = this.attempt(...args)
    if (status !== 0) throw new Error(`podman ${args.join(' ')} (${status}): ${stdout.slice(-4000)}${stderr.slice(-4000)}`)
    return stdout.trim()
  }

  attempt(...args: readonly string[]): { readonly status: number | null, readonly stdout: string, readonly stderr: string } {
    return spawnSync('nsenter', ['--target', String(this.#holder.pid), '--mount', 'podman', ...args],
      { env: this.#environment, encoding: 'utf8', maxBuffer: 64 * MEGABYTES })
  }

  remove(): void {
    this.attempt('rm', '--all', '--force', '--time=0')
    this.attempt('system', 'reset', '--force')
    this.#holder.stdin?.end()
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  #works(driver: 'overlay' | 'vfs'): boolean {
    this.#write('storage.conf', `[storage]\ndriver = "${driver}"\ngraphroot = "${this.folder}/store"\nrunroot = "${this.folder}/run"\n`)
    return this.attempt('info').status === 0
  }

  #write(name: string, text: string): string {
    const path = join(this.folder, name)
    writeFileSync(path, text)
    return path
  }
}

function installPrograms(): void {
  const missing = PROGRAMS.filter((program) => spawnSync('which', [program]).status !== 0)
  if (missing.length === 0) return
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  execFileSync('apt-get', ['update', '-q'], { env: environment, stdio: 'ignore' })
  execFileSync('apt-get', ['install', '-yq', '--no-install-recommends', ...missing], { env: environment, stdio: ['ignore', 'ignore', 'inherit'] })
}

/** Podman's standard limits ask for more than a machine without CAP_SYS_RESOURCE can give: no more than it has itself. */
function limits(): string {
  const files = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim()
  const number = files === 'unlimited' ? '1048576' : files
  return `[containers]\ndefault_ulimits = ["nofile=${number}:${number}", "nproc=4096:4096"]\n[engine]\nevents_logger = "none"\ncgroup_manager = "cgroupfs"\n`
}
