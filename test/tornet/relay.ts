import { execFileSync, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where a relay listens; `directory` (HTTP) counts for the authority alone. */
export interface RelayPorts {
  readonly onion: number
  readonly directory: number
}

/** What the others must know of the directory authority. */
export interface AuthorityIdentity {
  readonly v3: string
  readonly fingerprint: string
}

/** One tor of the private network, in a folder of its own. */
export class Relay {
  readonly nickname: string
  readonly folder: string
  readonly ports: RelayPorts
  #pid: number | undefined

  constructor(network: string, index: number, ports: RelayPorts) {
    this.nickname = `relay${index}`
    this.folder = join(network, this.nickname)
    this.ports = ports
  }

  get pid(): number | undefined {
    return this.#pid
  }

  /** An empty folder; the authority's keys are slow to make and are kept. */
  prepare(): void {
    const keys = join(this.folder, 'keys')
    for (const stale of ['torrc', 'log', 'lock', 'state', 'cached-microdesc-consensus', 'cached-microdescs.new', 'cached-descriptors.new', 'cached-certs',
      'unverified-microdesc-consensus', 'diff-cache', 'router-stability', 'v3-status-votes', 'cached-consensus']) {
      rmSync(join(this.folder, stale), { recursive: true, force: true })
    }
    mkdirSync(keys, { recursive: true, mode: 0o700 })
  }

  /**
   * Makes the keys of an authority. Its address must not be in its certificate (tor-gencert -a): a certificate in
   * somebody's cache would then win over the DirAuthority line, whose ports are new each time.
   */
  createAuthority(emptyTorrc: string): AuthorityIdentity {
    const key = (name: string) => join(this.folder, 'keys', name)
    const certificate = key('authority_certificate')
    if (!existsSync(certificate)) {
      execFileSync('tor-gencert', ['--create-identity-key', '--passphrase-fd', '0', '-m', '12',
        '-i', key('authority_identity_key'), '-s', key('authority_signing_key'), '-c', certificate], { input: 'x\n', stdio: ['pipe', 'ignore', 'ignore'] })
    }
    const printed = execFileSync('tor', ['--list-fingerprint', '-f', emptyTorrc, '--defaults-torrc', emptyTorrc, '--DataDirectory', this.folder,
      '--ORPort', '1', '--Nickname', this.nickname, '--quiet'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    const v3 = /^fingerprint ([0-9A-F]{40})$/m.exec(readFileSync(certificate, 'utf8'))?.[1]
    const fingerprint = /(?:[0-9A-F]{4} ){9}[0-9A-F]{4}/.exec(printed)?.[0].replaceAll(' ', '')
    if (v3 === undefined || fingerprint === undefined) throw new Error(`no authority in ${this.folder}: ${printed}`)
    return { v3, fingerprint }
  }

  /** Runs until killed, or until 15 s after this process is gone. `lines` are those of its torrc. */
  run(lines: readonly string[], emptyTorrc: string): void {
    const torrc = join(this.folder, 'torrc')
    writeFileSync(torrc, [...lines, `__OwningControllerProcess ${process.pid}`, ''].join('\n'))
    const log = openSync(join(this.folder, 'log'), 'w', 0o600)
    // Not in our process group: Ctrl-C ends the network in order, not each relay by itself.
    const child = spawn('tor', ['-f', torrc, '--defaults-torrc', emptyTorrc], { detached: true, stdio: ['ignore', log, log] })
    child.on('error', () => {})
    child.on('exit', () => { this.#pid = undefined })
    child.unref()
    closeSync(log)
    this.#pid = child.pid
  }

  get bootstrapped(): boolean {
    return this.log.includes('Bootstrapped 100%')
  }

  get log(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8')
  }
}
