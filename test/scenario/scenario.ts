import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, TLSSocket, type ConnectionOptions, type TLSSocketOptions } from 'node:tls'
import { systemClock, type Clock } from '../../src/clock.ts'
import { loadConfig } from '../../src/config/load.ts'
import { runtimeDirectory } from '../../src/config/runtime-directory.ts'
import { openHouse, type House } from '../../src/house.ts'
import { createLog } from '../../src/log.ts'
import type { Announcer } from '../../src/operate/console.ts'
import { ControlClient } from '../../src/operate/control-client.ts'
import { openOffline, startServer, type RunningServer } from '../../src/server.ts'

/** How long a test waits for what must come, in milliseconds. */
const PATIENCE = 10_000

/** A whole server on real sockets of this machine, in this process, with a data directory of its own and no tor. */
export class Scenario {
  readonly folder: string
  /** Where the server's unix sockets are. */
  readonly runtime: string
  readonly ports: readonly number[]
  readonly #server: RunningServer

  private constructor(folder: string, runtime: string, server: RunningServer) {
    this.folder = folder
    this.runtime = runtime
    this.#server = server
    this.ports = server.ports.map((port) => port ?? 0)
  }

  /**
   * `toml` is the configuration; `accounts` are name, password pairs of bare JIDs; `clock`: the system's by default; `before`
   * works while no server runs yet.
   */
  static async start(
    toml: string, accounts: Readonly<Record<string, string>> = {}, clock: Clock = systemClock, before?: (house: House) => Promise<void>,
  ): Promise<Scenario> {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-scenario-'))
    const file = join(folder, 'sotto.toml')
    writeFileSync(file, toml)
    const config = loadConfig(file, { cwd: folder })
    if (Object.keys(accounts).length > 0) {
      const offline = await openOffline(config)
      for (const [account, password] of Object.entries(accounts)) await offline.run('account add', { account, password })
      await offline.close()
    }
    if (before !== undefined) {
      const house = await openHouse(config, clock, createLog(config.log))
      await before(house).finally(() => house.close())
    }
    return new Scenario(folder, runtimeDirectory(config), await startServer(config, new Silence(), { clock }))
  }

  /** A command of the operator, as the `sotto` program gives it to a running server. */
  async command(name: string, input: unknown): Promise<unknown> {
    const operator = await ControlClient.connect(join(this.runtime, 'control.sock'))
    if (operator === undefined) throw new Error('no server runs')
    try {
      return await operator.run(name, input)
    } finally {
      await operator.close()
    }
  }

  raw(listener = 0): Promise<RawStream> {
    return RawStream.open({ host: '127.0.0.1', port: this.ports[listener] ?? 0 })
  }

  /** As tor connects for a client that comes by that circuit. */
  async rawOnion(index: number, kind: 'c2s' | 's2s' = 'c2s', circuit = 31): Promise<RawStream> {
    const stream = await RawStream.open({ path: join(this.runtime, `${kind}-${index}.sock`) })
    const port = kind === 'c2s' ? 5222 : 5269
    return stream.send(`PROXY TCP6 fc00:dead:beef:4dad::0:${circuit.toString(16)} ::1 ${circuit} ${port}\r\n`)
  }

  async stop(): Promise<void> {
    await this.#server.stop()
    rmSync(this.folder, { recursive: true })
  }
}

/** A client that says exactly what a test wants said. */
export class RawStream {
  #socket: Socket
  #text = ''
  #ended = false
  /** Everything that came, for those who look for what must not. */
  heard = ''
  #changed: () => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#listen(socket)
  }

  static async open(address: NetConnectOpts): Promise<RawStream> {
    const socket = connect(address)
    await once(socket, 'connect')
    return new RawStream(socket)
  }

  /** The other end of a connection that came in. */
  static on(socket: Socket): RawStream {
    return new RawStream(socket)
  }

  get socket(): Socket {
    return this.#socket
  }

  send(text: string | Buffer): this {
    this.#socket.write(text)
    return this
  }

  /** Waits for what matches and takes everything up to its end away. */
  async expect(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = Date.now() + PATIENCE
    for (;;) {
      const match = pattern.exec(this.#text)
      if (match !== null) {
        this.#text = this.#text.slice(match.index + match[0].length)
        return match
      }
      if (this.#ended || Date.now() > deadline) assert.fail(`no ${String(pattern)} in: ${this.#text}`)
      await this.#change(deadline)
    }
  }

  /** All that comes until the server ends the connection. */
  async rest(): Promise<string> {
    const deadline = Date.now() + PATIENCE
    while (!this.#ended) {
      if (Date.now() > deadline) assert.fail(`still open after: ${this.#text}`)
      await this.#change(deadline)
    }
    return this.#text
  }

  open(domain: string): this {
    return this.send(`<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xmlns='jabber:client'`
      + ` xmlns:stream='http://etherx.jabber.org/streams'>`)
  }

  /** STARTTLS, and the stream opened anew inside it. */
  async secure(domain: string): Promise<this> {
    this.open(domain)
    await this.expect(/<\/stream:features>/)
    this.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`)
    await this.expect(/<proceed[^>]*>/)
    await this.upgrade(domain)
    this.open(domain)
    await this.expect(/<\/stream:features>/)
    return this
  }

  /** The TLS handshake alone; `options` are those of who calls, e.g. its certificate. */
  async upgrade(servername: string, options: ConnectionOptions = {}): Promise<void> {
    this.#socket.removeAllListeners()
    const socket = connectTls({ ...options, socket: this.#socket, servername, rejectUnauthorized: false })
    this.#socket = socket
    this.#listen(socket)
    await once(socket, 'secureConnect')
  }

  /** The same, as the side that was called. */
  async accept(options: TLSSocketOptions): Promise<void> {
    this.#socket.removeAllListeners()
    const socket = new TLSSocket(this.#socket, { isServer: true, requestCert: true, rejectUnauthorized: false, ...options })
    this.#socket = socket
    this.#listen(socket)
    const left = once(socket, 'close').then(() => { throw new Error('no handshake') })
    await Promise.race([once(socket, 'secure'), left])
  }

  /** PLAIN over TLS, then a bound resource. */
  async login(domain: string, name: string, password: string, resource: string): Promise<this> {
    await this.secure(domain)
    return await this.authenticate(domain, name, password, resource)
  }

  /** PLAIN on a stream that is secure, then a bound resource. */
  async authenticate(domain: string, name: string, password: string, resource: string): Promise<this> {
    const response = Buffer.from(`\0${name}\0${password}`).toString('base64')
    this.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${response}</auth>`)
    await this.expect(/<success[^>]*>/)
    this.open(domain)
    await this.expect(/<\/stream:features>/)
    this.send(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`)
    await this.expect(/<iq [^>]*type='result'.*?<\/iq>/)
    return this
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** For another owner; nothing that comes from now on is heard here. */
  release(): Socket {
    return this.#socket.removeAllListeners().on('error', () => {})
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString()
      this.heard += chunk.toString()
      this.#changed()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#ended = true
      this.#changed()
    })
  }

  #change(deadline: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, deadline - Date.now()))
      this.#changed = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

class Silence implements Announcer {
  bootstrap(): void {}
  torUnreachable(): void {}
  async serving(): Promise<void> {}
  onionReachable(): void {}
  listenerTaken(): void {}
  stopping(): void {}
}
