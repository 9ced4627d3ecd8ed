import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** A way to a port of this machine on which nothing comes through any more after so many bytes, and nobody is told. */
export class NarrowWay {
  /** How many bytes come through from now on; undefined: all. */
  left: number | undefined
  readonly port: number
  readonly #server: Server
  readonly #sockets: Set<Socket>

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server
    this.#sockets = sockets
    this.port = (server.address() as AddressInfo).port // it listens on TCP
  }

  static async to(port: number): Promise<NarrowWay> {
    const sockets = new Set<Socket>()
    const server = createServer((near) => {
      const far = connect(port, '127.0.0.1')
      for (const [one, other] of [[near, far], [far, near]] as const) {
        sockets.add(one)
        one.on('error', () => {})
        one.on('close', () => { sockets.delete(one); other.destroy() })
      }
      far.on('data', (bytes) => { near.write(bytes) })
      near.on('data', (bytes) => {
        const through = way.left === undefined ? bytes : bytes.subarray(0, way.left)
        if (way.left !== undefined) way.left -= through.length
        if (through.length > 0) far.write(through)
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const way = new NarrowWay(server, sockets)
    return way
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}
