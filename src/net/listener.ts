import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { isIPv4, isIPv6, createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { SocketConnection, type Connection } from './connection.ts'

/** Where connections come in: an address and port, or a unix socket that only tor connects to. */
export type ListenAddress =
  | { readonly host: string; readonly port: number }
  | { readonly socket: string }

/** An address cannot be listened on: `where` it is, and the system's `code`, e.g. 'EADDRINUSE'. */
export class ListenError extends Error {
  readonly code: string
  readonly where: string

  constructor(where: string, code: string) {
    super(`cannot listen on ${where}: ${code === 'EADDRINUSE' ? 'another program uses it' : code}`)
    this.name = 'ListenError'
    this.where = where
    this.code = code
  }
}

/** Accepts TCP connections on one address and names their peers. */
export class Listener {
  readonly #server: Server
  readonly #address: ListenAddress

  /** `accept` gets each new socket. */
  constructor(address: ListenAddress, accept: (socket: Socket) => void) {
    this.#address = address
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, accept)
  }

  /** @throws ListenError */
  async start(): Promise<void> {
    const address = this.#address
    const where = 'socket' in address ? address.socket : `${address.host}:${address.port}`
    if ('socket' in address) {
      mkdirSync(dirname(address.socket), { recursive: true, mode: 0o700 })
      rmSync(address.socket, { force: true }) // left over by a killed server; the data directory's lock says nobody else uses it
    }
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => reject(new ListenError(where, error.code ?? 'unknown')))
      this.#server.listen('socket' in address ? { path: address.socket, backlog: 1024 } : { ...address, backlog: 1024 }, resolve)
    })
    if ('socket' in address) chmodSync(address.socket, 0o600)
    this.#server.removeAllListeners('error').on('error', () => {}) // running out of file descriptors must not end the process
  }

  /** The port in use, where the configured one was 0. */
  get port(): number {
    const address = this.#server.address()
    return address !== null && typeof address === 'object' ? address.port : 0
  }

  /** Stops accepting; connections live on. */
  stop(): void {
    if (this.#server.listening) this.#server.close()
  }
}

/** A connection that came by TCP, named by its network: IPv4/32 or IPv6/64; a loopback address names nobody. */
export function networkConnection(socket: Socket): Connection {
  return new SocketConnection(socket, networkName(socket.remoteAddress), false)
}

/** The name that limits count an address by, or undefined where the address is no name. */
export function networkName(address: string | undefined): string | undefined {
  if (address === undefined) return undefined
  const v4 = address.startsWith('::ffff:') && isIPv4(address.slice(7)) ? address.slice(7) : address
  if (isIPv4(v4)) return v4.startsWith('127.') ? undefined : v4
  if (!isIPv6(v4) || v4 === '::1') return undefined
  const [head = '', tail] = v4.replace(/%.*$/, '').split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = tail === undefined ? left : [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return `${groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
