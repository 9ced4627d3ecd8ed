import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { torsUnder } from '../tornet/leftovers.ts'

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url))
const LISTENING_MILLISECONDS = 30_000
const REACHABLE_MILLISECONDS = 120_000
const STOPPING_MILLISECONDS = 20_000
const POLL_MILLISECONDS = 50

export interface ServerOptions {
  /** The domain that the localhost listener serves; without it that is the onion's. */
  readonly domain?: string
  /** The client torrc of a private Tor network; with it there is an onion domain, without it no tor. */
  readonly clientTorrc?: string
  /** False: with a private network there is `domain` alone, which may have its own onion service. */
  readonly onion?: boolean
  /** Further lines of the table of that domain, or else of the onion's. */
  readonly domainLines?: readonly string[]
  /** Accounts of the operators, which are made later. */
  readonly operators?: readonly string[]
  /** Further tables of the configuration. */
  readonly tables?: string
  /** Goes before the command, e.g. to run it in a network of its own. */
  readonly enter?: readonly string[]
}

/** Our server as an operator runs it: a process of its own with a configuration file, all in a temporary folder. */
export class ServerProcess {
  /** The data directory. */
  readonly directory: string
  /** The port of the listener on 127.0.0.1. */
  readonly port: number
  readonly #folder: string
  readonly #configuration: string
  readonly #enter: readonly string[]
  #child: ChildProcess | undefined
  #output = ''
  #log = ''
  /** However this process ends, the server does not outlive it. */
  readonly #exit = () => { this.#child?.kill('SIGKILL') }

  private constructor(folder: string, port: number, configuration: string, enter: readonly string[]) {
    this.#folder = folder
    this.directory = join(folder, 'data')
    this.port = port
    this.#configuration = configuration
    this.#enter = enter
    process.on('exit', this.#exit)
  }

  /** Resolves when the server listens; the onion takes a few seconds more (`onionAddress`). */
  static async start(options: ServerOptions): Promise<ServerProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-server-'))
    const port = await freePort()
    const configuration = join(folder, 'sotto.toml')
    mkdirSync(join(folder, 'data'), { mode: 0o700 })
    writeFileSync(configuration, configurationFor(options, port))
    const server = new ServerProcess(folder, port, configuration, options.enter ?? [])
    try {
      await server.run()
    } catch (error) {
      await server.stop()
      throw error
    }
    return server
  }

  /** Starts it, again after a `kill`; what it wrote before is forgotten. */
  async run(): Promise<void> {
    this.#output = ''
    const child = this.#spawn(['start'], 'ignore')
    this.#child = child
    await this.#until(/Listening on/, LISTENING_MILLISECONDS)
  }

  /** What it wrote since it was started: stdout is for people, stderr is the log. */
  get output(): string {
    return this.#output
  }

  /** Everything that it ever logged. */
  get log(): string {
    return this.#log
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** The processes that are its tor: none while it is started, two where an old one has not noticed yet. */
  get torPids(): readonly number[] {
    return torsUnder(this.directory)
  }

  /** The onion address, once others can reach it. */
  async onionAddress(milliseconds = REACHABLE_MILLISECONDS): Promise<string> {
    const [, address] = await this.#until(/Reachable over Tor: (\S+\.onion)/, milliseconds)
    return address ?? ''
  }

  /** Makes accounts as the operator does; each answers to `NAME@DOMAIN`, or `NAME@onion`. */
  async addAccount(name: string, password: string): Promise<void> {
    const child = this.#spawn(['account', 'add', name], 'pipe')
    child.stdin?.end(`${password}\n`)
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`account add ${name} ended with ${code}: ${this.#tail()}`)
  }

  /** What a command of the `sotto` program prints. @throws Error where it fails */
  async command(line: readonly string[]): Promise<string> {
    const child = this.#spawn(line, 'ignore')
    let printed = ''
    child.stdout?.on('data', (text: string) => { printed += text })
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`${line.join(' ')} ended with ${code}: ${this.#tail()}`)
    return printed
  }

  /** Ends it without a warning, as a power cut does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** The certificate that the server made for a domain ('onion' or a name), and its key: paths of PEM files. */
  identityFiles(domain: string): { readonly certificate: string, readonly key: string } {
    const folder = join(this.directory, 'certificates')
    return { certificate: join(folder, `${domain}.crt`), key: join(folder, `${domain}.key`) }
  }

  /** The names of the files under the data directory which contain the text. */
  filesWith(text: string): string[] {
    return readdirSync(this.directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((file) => readFileSync(file).includes(text))
  }

  /** Stops it politely and removes its folder. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
    process.off('exit', this.#exit)
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === undefined || !this.running) return
    const gone = once(child, 'close')
    child.kill(signal)
    const late = setTimeout(() => child.kill('SIGKILL'), STOPPING_MILLISECONDS)
    await gone
    clearTimeout(late)
  }

  #spawn(command: readonly string[], stdin: 'ignore' | 'pipe'): ChildProcess {
    const [program = '', ...line] = [...this.#enter, process.execPath, MAIN, '--config', this.#configuration, ...command]
    const child = spawn(program, line, { stdio: [stdin, 'pipe', 'pipe'] })
    child.stdout?.setEncoding('utf8').on('data', (text: string) => { this.#output += text })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => { this.#log += text })
    return child
  }

  async #until(pattern: RegExp, milliseconds: number): Promise<RegExpExecArray> {
    for (const deadline = Date.now() + milliseconds; ; await passed(POLL_MILLISECONDS)) {
      const found = pattern.exec(this.#output)
      if (found !== null) return found
      if (!this.running) throw new Error(`the server has ended: ${this.#tail()}`)
      if (Date.now() > deadline) throw new Error(`the server did not say ${pattern}: ${this.#tail()}`)
    }
  }

  #tail(): string {
    return `${this.#output}${this.#log}`.split('\n').filter((line) => !/[█▄▀]/.test(line)).slice(-20).join('\n')
  }
}

/** A port that was free a moment ago: clients need to know it before the server runs again. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  server.close()
  await once(server, 'close')
  return port
}

function configurationFor({ domain, clientTorrc, onion = true, domainLines = [], operators = [], tables: more = '' }: ServerOptions, port: number): string {
  const tables = [`operators = ${JSON.stringify(operators)}\n\n[log]\nlevel = "debug"`]
  tables.push(clientTorrc === undefined ? '[tor]\nenabled = false' : `[tor]\ntorrc = "${clientTorrc}"`)
  if (clientTorrc !== undefined && onion) tables.push('[[domains]]\nname = "onion"')
  if (domain !== undefined) tables.push(`[[domains]]\nname = "${domain}"`)
  tables[tables.length - 1] += domainLines.map((line) => `\n${line}`).join('')
  const served = domain ?? 'onion'
  tables.push(`[[listeners]]\nkind = "c2s"\naddress = "127.0.0.1"\nport = ${port}\ndomains = ["${served}"]`, more)
  return `${tables.join('\n\n')}\n`
}
