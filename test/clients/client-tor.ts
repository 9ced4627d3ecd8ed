import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const BOOTSTRAP_MILLISECONDS = 60_000

export interface OnionService {
  /** The port behind the onion. */
  readonly virtualPort: number
  /** On 127.0.0.1; it need not be there yet. */
  readonly port: number
}

/** The tor of somebody who uses onion services of a private network: a SocksPort, and a service where one is asked for. */
export class ClientTor {
  /** On 127.0.0.1. */
  readonly socksPort: number
  readonly #child: ChildProcess
  readonly #folder: string
  readonly #exit = () => { this.#child.kill('SIGKILL') }

  private constructor(child: ChildProcess, folder: string, socksPort: number) {
    this.#child = child
    this.#folder = folder
    this.socksPort = socksPort
    process.on('exit', this.#exit)
  }

  /**
   * Resolves once tor has bootstrapped, after two or three seconds.
   *
   * @param clientTorrc of the private network
   * @param service an onion service that it has, too; others reach it a few seconds later
   * @throws Error with tor's log where that fails
   */
  static async start(clientTorrc: string, service?: OnionService): Promise<ClientTor> {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-tor-'))
    const torrc = join(folder, 'torrc')
    const empty = join(folder, 'defaults')
    writeFileSync(empty, '') // else Debian's own, which change the user
    writeFileSync(torrc, `%include "${clientTorrc}"
DataDirectory "${join(folder, 'state')}"
SocksPort 127.0.0.1:auto IsolateSOCKSAuth ExtendedErrors
Log notice stdout
__OwningControllerProcess ${process.pid}
${service === undefined ? '' : `HiddenServiceDir "${join(folder, 'onion')}"\nHiddenServicePort ${service.virtualPort} 127.0.0.1:${service.port}\n`}`)
    const child = spawn('tor', ['-f', torrc, '--defaults-torrc', empty], { stdio: ['ignore', 'pipe', 'ignore'] })
    try {
      return new ClientTor(child, folder, await socksPortOf(child))
    } catch (error) {
      child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** The address of its own service. */
  get onion(): string {
    return readFileSync(join(this.#folder, 'onion', 'hostname'), 'utf8').trim()
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('close', resolve))
    if (this.#child.kill('SIGKILL')) await gone
    process.off('exit', this.#exit)
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

async function socksPortOf(child: ChildProcess): Promise<number> {
  const late = setTimeout(() => child.kill('SIGKILL'), BOOTSTRAP_MILLISECONDS)
  const log: string[] = []
  let port: number | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', () => reject(new Error(`tor did not bootstrap:\n${log.join('\n')}`)))
      if (child.stdout === null) return reject(new Error('tor has no stdout'))
      createInterface(child.stdout).on('line', (line) => {
        log.push(line)
        const [, opened] = /Opened Socks listener .*127\.0\.0\.1:(\d+)/.exec(line) ?? []
        if (opened !== undefined) port = Number(opened)
        if (/Bootstrapped 100%/.test(line)) resolve()
      })
    })
  } finally {
    clearTimeout(late)
  }
  if (port === undefined) throw new Error(`tor did not say where its SocksPort is:\n${log.join('\n')}`)
  return port
}
