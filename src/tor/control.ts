import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { Transform } from 'node:stream'
import granax from 'granax'
import type { Clock } from '../clock.ts'
import {
  ReplySplitter, parseAuthChallenge, parseEvent, parseProtocolInfo, parseValues, type ControlEvent, type Reply,
} from './control-reply.ts'
import type { TorEndpoint } from './socks5.ts'
import { AuthenticationFailed, ControlClosed, ControlRefused } from './tor-error.ts'

export interface ControlOwner {
  /** What we subscribed to. */
  event(event: ControlEvent): void
  /** The connection is gone; told once, and nothing after it. Commands without an answer have failed by then. */
  closed(error: ControlClosed): void
}

/** A line "Key=value" of tor's configuration. */
export type Setting = readonly [key: string, value: string]

/** Tor answers at once, except when it reads its whole configuration anew. */
const ANSWER_MILLISECONDS = 20_000

/**
 * A control connection (control-spec): the one file that knows granax. Each method sends one command, checks what it
 * is given, and resolves with tor's answer.
 *
 * @throws ControlRefused where tor says no; ControlClosed where the connection ends or no answer comes within 20 s,
 *   which ends the connection too: the answers behind it would be taken for those to other commands
 */
export class Control {
  readonly #controller: Controller
  readonly #clock: Clock

  private constructor(socket: Socket, owner: ControlOwner, clock: Clock) {
    this.#controller = new Controller(socket, owner)
    this.#clock = clock
  }

  static async connect(endpoint: TorEndpoint, owner: ControlOwner, clock: Clock): Promise<Control> {
    const socket = connect(endpoint)
    const timer = clock.after(ANSWER_MILLISECONDS, () => socket.destroy(new Error('timed out')))
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve)
        socket.once('error', (cause) => reject(new ControlClosed('nobody listens on the control socket', { cause })))
      })
    } finally {
      timer.cancel()
    }
    return new Control(socket, owner, clock)
  }

  /**
   * By SAFECOOKIE (control-spec, "AUTHCHALLENGE"): both sides prove that they know the cookie and neither sends it.
   * `cookieFile` is where our own tor has it; without it tor is asked.
   *
   * @throws AuthenticationFailed
   */
  async authenticate(cookieFile?: string): Promise<void> {
    const info = parseProtocolInfo(await this.#ask('PROTOCOLINFO', (answer) => this.#controller.getProtocolInfo(answer)))
    if (info.methods.includes('NULL')) return await this.#authenticate('""')
    const file = cookieFile ?? info.cookieFile
    if (!info.methods.includes('SAFECOOKIE') || file === undefined) {
      throw new AuthenticationFailed('this tor offers no cookie: set CookieAuthentication 1 in its torrc')
    }
    const cookie = await readCookie(file)
    const nonce = randomBytes(32)
    const challenge = await this.#ask('AUTHCHALLENGE', (answer) => this.#controller.getAuthChallenge(nonce.toString('hex'), answer))
    const { serverHash, serverNonce } = parseAuthChallenge(challenge)
    const proof = (side: string) => createHmac('sha256', `Tor safe cookie authentication ${side} hash`)
      .update(cookie).update(nonce).update(serverNonce).digest()
    const expected = proof('server-to-controller')
    if (serverHash.length !== expected.length || !timingSafeEqual(serverHash, expected)) {
      throw new AuthenticationFailed(`whoever listens on the control socket does not know the cookie in ${file}`, file)
    }
    await this.#authenticate(proof('controller-to-server').toString('hex'))
  }

  async #authenticate(token: string): Promise<void> {
    try {
      await this.#ask('AUTHENTICATE', (answer) => this.#controller.authenticate(token, answer))
    } catch (cause) {
      if (cause instanceof ControlRefused) throw new AuthenticationFailed('tor refused the cookie', undefined, { cause })
      throw cause
    }
  }

  async version(): Promise<string> {
    return await this.getInfo('version')
  }

  /** From now on tor ends when this connection does. */
  async takeOwnership(): Promise<void> {
    // Not granax's own takeOwnership(): it resets __OwningControllerProcess, and we want both ropes.
    await this.#command('TAKEOWNERSHIP')
  }

  async subscribe(): Promise<void> {
    await this.#ask('SETEVENTS', (answer) => this.#controller.addEventListeners(['STATUS_CLIENT', 'HS_DESC', 'SIGNAL'], answer))
  }

  async getInfo(keyword: string): Promise<string> {
    if (!/^[A-Za-z0-9/_.-]+$/.test(keyword)) throw new RangeError('not a keyword of GETINFO')
    const values = parseValues(await this.#ask('GETINFO', (answer) => this.#controller.getInfo(keyword, answer)))
    return values.get(keyword) ?? ''
  }

  /** Sets all of them in one step, or none. Order counts: each HiddenServiceDir opens a new service. */
  async setConf(settings: readonly Setting[]): Promise<void> {
    await this.#command(['SETCONF', ...settings.map(([key, value]) => `${configurationKey(key)}=${quote(value)}`)].join(' '))
  }

  async resetConf(key: string): Promise<void> {
    await this.#ask('RESETCONF', (answer) => this.#controller.resetConfig(configurationKey(key), answer))
  }

  /** ADD_ONION; the service goes with this connection. Arguments are words without white space. */
  async addOnion(expandedSecretKey: Buffer, parameters: readonly string[]): Promise<void> {
    if (parameters.some((word) => !/^[\x21-\x7e]+$/.test(word))) throw new RangeError('an argument of ADD_ONION holds no white space')
    await this.#command(['ADD_ONION', `ED25519-V3:${expandedSecretKey.toString('base64')}`, ...parameters].join(' '))
  }

  /** `address` with or without ".onion". */
  async deleteOnion(address: string): Promise<void> {
    const label = address.replace(/\.onion$/, '')
    if (!/^[a-z2-7]{56}$/.test(label)) throw new RangeError('not an onion address')
    await this.#ask('DEL_ONION', (answer) => this.#controller.destroyHiddenService(label, answer))
  }

  /** @throws ControlRefused 552 where there is no such circuit (any more) */
  async closeCircuit(circuit: string): Promise<void> {
    if (!/^\d{1,10}$/.test(circuit)) throw new RangeError('not a circuit identifier')
    await this.#ask('CLOSECIRCUIT', (answer) => this.#controller.closeCicuit(circuit, answer))
  }

  close(): void {
    this.#controller.socket.destroy()
  }

  #command(line: string): Promise<Reply> {
    return this.#ask(line.split(' ', 1)[0] ?? '', (answer) => this.#controller._send(line, answer))
  }

  #ask(name: string, send: (answer: (error: Error | null, reply?: unknown) => void) => void): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(ANSWER_MILLISECONDS, () => this.#controller.fail(new ControlClosed(`tor did not answer ${name}`)))
      send((error, reply) => {
        timer.cancel()
        if (error !== null) return reject(error)
        const { code, lines } = reply as Reply // Controller._handleReply hands over nothing else
        if (code >= 400) reject(new ControlRefused(name, code, lines.at(-1)?.text ?? ''))
        else resolve(reply as Reply)
      })
    })
  }
}

/**
 * granax's connection, with what would break a server mended: its splitter loses what a chunk cuts in two and takes
 * data for replies; its reply parsers cut values; an answer too many throws; and commands that are never answered
 * are never called back.
 */
class Controller extends granax.TorController {
  readonly #owner: ControlOwner
  #failure: ControlClosed | undefined

  constructor(socket: Socket, owner: ControlOwner) {
    super(socket, { authOnConnect: false })
    this.#owner = owner
    this.on('error', (cause: Error) => this.fail(new ControlClosed('the control connection failed', { cause })))
  }

  fail(error: ControlClosed): void {
    this.#failure ??= error
    this.socket.destroy()
  }

  override _send(command: string, callback: (error: Error | null, reply?: unknown) => void): void {
    // Nothing that comes from outside gets here unchecked; this is the last door before the wire.
    if (/[\r\n\0]/.test(command)) callback(new RangeError('a command of the control protocol is one line'))
    else if (this.socket.destroyed) callback(this.#failure ?? new ControlClosed('the control connection is closed'))
    else super._send(command, callback)
  }

  override _handleReply(reply: Reply | ControlClosed): void {
    if (reply instanceof ControlClosed) return this.fail(reply)
    if (this.socket.destroyed) return
    if (reply.code < 600) {
      const asked = this._stack.pop()
      if (asked === undefined) this.fail(new ControlClosed('tor answered without being asked'))
      else asked.callback(null, reply)
    } else {
      const event = parseEvent(reply)
      if (event !== undefined) this.#owner.event(event)
    }
  }

  override _handleClose(): void {
    const error = this.#failure ?? new ControlClosed('tor closed the control connection')
    this.#failure = error
    for (const { callback } of this._stack.splice(0).reverse()) callback(error)
    this.#owner.closed(error)
  }
}

// granax calls it on its base class, so overriding it does nothing.
granax.TorController.createReplySplitter = () => {
  const splitter = new ReplySplitter()
  return new Transform({
    readableObjectMode: true,
    transform(chunk: Buffer, _encoding, next) {
      try {
        for (const reply of splitter.push(chunk)) this.push(reply)
      } catch (error) {
        this.push(error) // as data: an 'error' of this stream has no listener in granax
      }
      next()
    },
  })
}

async function readCookie(file: string): Promise<Buffer> {
  let cookie: Buffer
  try {
    cookie = await readFile(file)
  } catch (cause) {
    throw new AuthenticationFailed(`cannot read tor's cookie ${file}: let the server's user read it`, file, { cause })
  }
  // A file of any other length is not a cookie, and proving that we know it could betray a secret (control-spec).
  if (cookie.length !== 32) throw new AuthenticationFailed(`${file} is not a cookie of tor`, file)
  return cookie
}

function configurationKey(key: string): string {
  if (!/^_{0,3}[A-Za-z0-9]+$/.test(key)) throw new RangeError('not a key of torrc')
  return key
}

function quote(value: string): string {
  if (/[\0-\x1f\x7f]/.test(value)) throw new RangeError('a value of torrc holds no control characters')
  return `"${value.replace(/[\\"]/g, '\\$&')}"`
}
