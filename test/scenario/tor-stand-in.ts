import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'

/** What our server asked tor for. */
export interface Errand {
  /** Whoever has the same user name and password may share a circuit; nobody else does (IsolateSOCKSAuth). */
  readonly user: string
  readonly password: string
  readonly host: string
  readonly port: number
}

type Place = (socket: Socket, errand: Errand) => void

/** RFC 1928 §6: granted; no such host. */
const GRANTED = 0
const HOST_UNREACHABLE = 4

/**
 * Sits where tor's SOCKS port would be (a tor without network opens none), writes down everything it is asked for, and
 * leads to the places that a test has made.
 */
export class TorStandIn {
  /** In the order in which they came. */
  readonly errands: Errand[] = []
  readonly #places = new Map<string, Place>()
  readonly #sockets = new Set<Socket>()
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async listen(path: string): Promise<TorStandIn> {
    const server = createServer()
    const tor = new TorStandIn(server)
    server.on('connection', (socket) => {
      tor.#sockets.add(socket.on('error', () => {}))
      tor.#serve(socket).catch(() => socket.destroy())
    })
    server.listen(path)
    await once(server, 'listening')
    return tor
  }

  /** From now on that host and port is there; any other is unreachable. */
  lead(host: string, port: number, place: Place): void {
    this.#places.set(`${host}:${port}`, place)
  }

  /** The next connection to there. */
  visited(host: string, port = 5269): Promise<{ readonly socket: Socket, readonly errand: Errand }> {
    return new Promise((resolve) => { this.lead(host, port, (socket, errand) => resolve({ socket, errand })) })
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  /** RFC 1928 §3 and §4, RFC 1929 §2, in the one form in which our server speaks them. */
  async #serve(socket: Socket): Promise<void> {
    const [, methods = 0] = await read(socket, 2)
    await read(socket, methods)
    socket.write(Buffer.of(5, 2))
    const [, length = 0] = await read(socket, 2)
    const user = (await read(socket, length)).toString()
    const password = (await read(socket, (await read(socket, 1))[0] ?? 0)).toString()
    socket.write(Buffer.of(1, 0))
    const type = (await read(socket, 4))[3]
    const address = await read(socket, type === 1 ? 4 : (await read(socket, 1))[0] ?? 0)
    const port = (await read(socket, 2)).readUInt16BE()
    const errand = { user, password, host: type === 1 ? address.join('.') : address.toString(), port }
    this.errands.push(errand)
    const place = this.#places.get(`${errand.host}:${port}`)
    socket.write(Buffer.of(5, place === undefined ? HOST_UNREACHABLE : GRANTED, 0, 1, 0, 0, 0, 0, 0, 0))
    if (place === undefined) socket.end()
    else place(socket, errand)
  }
}

async function read(socket: Socket, length: number): Promise<Buffer> {
  if (length === 0) return Buffer.alloc(0)
  for (;;) {
    const bytes = socket.read(length) as Buffer | null // a socket without an encoding gives nothing else
    if (bytes?.length === length) return bytes
    if (socket.readableEnded) throw new Error('ended before it had asked')
    await once(socket, 'readable')
  }
}
