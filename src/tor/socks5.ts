import { createHash, randomUUID } from 'node:crypto'
import { connect, isIPv4, isIPv6, type Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { SocksError } from './tor-error.ts'

/** Where a SOCKS or control port listens: a unix socket's path, or host and port. */
export type TorEndpoint = { readonly path: string } | { readonly host: string, readonly port: number }

export interface SocksRequest {
  readonly proxy: TorEndpoint
  /** A host name, which Tor resolves, or an IP address. */
  readonly host: string
  readonly port: number
  /** Connections with different texts share no circuit. Only its hash is sent; empty is a text like any other. */
  readonly isolation: string
  /** For each of at most two attempts. */
  readonly milliseconds: number
  readonly signal?: AbortSignal
}

/**
 * Connects to host and port through Tor (RFC 1928 with RFC 1929's user name, which only isolates circuits).
 *
 * A circuit to a service that was restarted can be dead without tor knowing for minutes, so a failure that a fresh
 * circuit may mend is tried once more under another name, each time with our own deadline.
 *
 * @throws SocksError where the other end is not reached; `temporary` says whether later may be better
 */
export async function connectThroughTor(request: SocksRequest, clock: Clock): Promise<Socket> {
  const user = createHash('sha256').update(request.isolation).digest('hex')
  try {
    return await attempt(request, clock, user, 'shared')
  } catch (error) {
    if (!(error instanceof SocksError) || !FRESH_CIRCUIT_MAY_HELP.has(error.condition) || request.signal?.aborted === true) throw error
    return await attempt(request, clock, user, randomUUID())
  }
}

/** Reply codes of RFC 1928 §6 and, from X'F0', of tor (proposal 304); all but the bad names may change with time. */
const REPLIES: ReadonlyMap<number, { readonly condition: string, readonly temporary: boolean }> = new Map([
  [0x01, { condition: 'general-failure', temporary: true }],
  [0x02, { condition: 'not-allowed', temporary: false }],
  [0x03, { condition: 'network-unreachable', temporary: true }],
  [0x04, { condition: 'host-unreachable', temporary: true }],
  [0x05, { condition: 'connection-refused', temporary: true }],
  [0x06, { condition: 'ttl-expired', temporary: true }],
  [0x07, { condition: 'command-not-supported', temporary: false }],
  [0x08, { condition: 'address-type-not-supported', temporary: false }],
  [0xf0, { condition: 'onion-descriptor-not-found', temporary: true }],
  [0xf1, { condition: 'onion-descriptor-invalid', temporary: true }],
  [0xf2, { condition: 'onion-introduction-failed', temporary: true }],
  [0xf3, { condition: 'onion-rendezvous-failed', temporary: true }],
  [0xf4, { condition: 'onion-authorization-missing', temporary: false }],
  [0xf5, { condition: 'onion-authorization-wrong', temporary: false }],
  [0xf6, { condition: 'onion-address-invalid', temporary: false }],
  [0xf7, { condition: 'onion-introduction-timed-out', temporary: true }],
])

/** 'general-failure' also is how a circuit ends whose service cut it. */
const FRESH_CIRCUIT_MAY_HELP: ReadonlySet<string> = new Set([
  'timed-out', 'general-failure', 'ttl-expired', 'onion-introduction-failed', 'onion-rendezvous-failed', 'onion-introduction-timed-out',
])

async function attempt(request: SocksRequest, clock: Clock, user: string, password: string): Promise<Socket> {
  const address = encodeAddress(request.host)
  const socket = connect(request.proxy)
  // An error is always followed by 'close'; without a listener of its own it would end the process before a new owner listens.
  socket.on('error', () => {})
  const reader = new Reader(socket)
  const timer = clock.after(request.milliseconds, () => reader.fail(new SocksError('timed-out', true)))
  const aborted = () => reader.fail(new SocksError('aborted', true))
  request.signal?.addEventListener('abort', aborted)
  if (request.signal?.aborted === true) aborted()
  try {
    await negotiate(socket, reader, user, password)
    socket.write(Buffer.concat([Buffer.of(5, 1, 0), address, Buffer.of(request.port >> 8, request.port & 255)]))
    await readReply(reader)
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    timer.cancel()
    request.signal?.removeEventListener('abort', aborted)
    reader.release()
  }
}

/** RFC 1928 §3, RFC 1929 §2. Only the method with a user name is offered: a proxy that ignores names would not isolate. */
async function negotiate(socket: Socket, reader: Reader, user: string, password: string): Promise<void> {
  socket.write(Buffer.of(5, 1, 2))
  if (!(await reader.read(2)).equals(Buffer.of(5, 2))) throw new SocksError('not-a-tor-socks-port', false)
  socket.write(Buffer.concat([Buffer.of(1, user.length), Buffer.from(user), Buffer.of(password.length), Buffer.from(password)]))
  if ((await reader.read(2))[1] !== 0) throw new SocksError('not-a-tor-socks-port', false)
}

async function readReply(reader: Reader): Promise<void> {
  const [version, code = 0, , type] = await reader.read(4)
  if (version !== 5) throw new SocksError('not-a-tor-socks-port', false)
  if (code !== 0) {
    const { condition, temporary } = REPLIES.get(code) ?? { condition: `reply-${code}`, temporary: true }
    throw new SocksError(condition, temporary)
  }
  const length = type === 1 ? 4 : type === 4 ? 16 : (await reader.read(1))[0] ?? 0
  await reader.read(length + 2)
}

/** RFC 1928 §5. */
function encodeAddress(host: string): Buffer {
  if (isIPv4(host)) return Buffer.of(1, ...host.split('.').map(Number))
  if (isIPv6(host)) return Buffer.concat([Buffer.of(4), encodeIPv6(host)])
  // Names are ASCII by now (RFC 5890's A-labels); anything else would be read in as many ways as there are resolvers.
  if (!/^[\x21-\x7e]{1,255}$/.test(host)) throw new SocksError('host-name-invalid', false)
  return Buffer.concat([Buffer.of(3, host.length), Buffer.from(host, 'latin1')])
}

/** Only for texts that isIPv6 accepts. */
function encodeIPv6(host: string): Buffer {
  const hostname = new URL(`http://[${host.replace(/%.*$/, '')}]`).hostname.slice(1, -1) // canonical: no dotted quad in it
  const [head = '', tail] = hostname.split('::')
  const groups = (text: string) => text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const front = groups(head)
  const back = tail === undefined ? [] : groups(tail)
  const all = [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back]
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 255]))
}

/** Reads exact numbers of bytes and leaves the rest in the socket for its next owner. */
class Reader {
  readonly #socket: Socket
  #failure: SocksError | undefined
  #waiting: { readonly length: number, readonly resolve: (bytes: Buffer) => void, readonly reject: (error: SocksError) => void } | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('readable', this.#serve)
    socket.on('end', this.#ended)
    socket.on('error', this.#failed)
    socket.on('close', this.#ended)
  }

  read(length: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { length, resolve, reject }
      this.#serve()
    })
  }

  fail(error: SocksError): void {
    this.#failure ??= error
    this.#serve()
  }

  release(): void {
    this.#socket.off('readable', this.#serve)
    this.#socket.off('end', this.#ended)
    this.#socket.off('error', this.#failed)
    this.#socket.off('close', this.#ended)
  }

  readonly #serve = (): void => {
    const waiting = this.#waiting
    if (waiting === undefined) return
    // read() gives what is left, even if shorter, once the stream has ended.
    const bytes = this.#failure === undefined ? this.#socket.read(waiting.length) as Buffer | null : null
    if (bytes?.length === waiting.length) {
      this.#waiting = undefined
      waiting.resolve(bytes)
    } else if (this.#failure !== undefined) {
      this.#waiting = undefined
      waiting.reject(this.#failure)
    }
  }

  readonly #ended = (): void => this.fail(new SocksError('proxy-closed', true))

  readonly #failed = (cause: Error): void => this.fail(new SocksError('proxy-unreachable', true, { cause }))
}
