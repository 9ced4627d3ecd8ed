import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { TLSSocket, connect as connectTls } from 'node:tls'
import type { Duplex } from 'node:stream'

export interface WireTarget {
  readonly host: string
  readonly port: number
  /**
   * The server's own key and certificate (PEM). With them the wire ends TLS on both its sides after `<proceed/>`, so
   * that what is recorded is what the server reads and writes, and not ciphertext in which nothing could be found.
   */
  readonly identity?: { readonly key: string, readonly certificate: string, readonly name: string }
}

const PROCEED = /<proceed[^>]*>/

/**
 * A listener on 127.0.0.1 that passes every connection on to its target and keeps all bytes of both directions: what
 * the one who runs the network, or the server, could read.
 */
export class Wire {
  readonly #target: WireTarget
  readonly #server: Server
  readonly #recorded: Buffer[] = []
  readonly #sockets = new Set<Duplex>()

  private constructor(target: WireTarget) {
    this.#target = target
    this.#server = createServer((near) => this.#pass(near))
  }

  static async listen(target: WireTarget): Promise<Wire> {
    const wire = new Wire(target)
    await new Promise<void>((resolve, reject) => {
      wire.#server.once('error', reject)
      wire.#server.listen(0, '127.0.0.1', resolve)
    })
    return wire
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port // listening on TCP, so neither null nor a path
  }

  /** All that has passed so far, in the order in which it did. */
  get recorded(): string {
    return Buffer.concat(this.#recorded).toString('utf8')
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #pass(near: Socket): void {
    const far = connect(this.#target)
    this.#own(near, far)
    const onward = (bytes: Buffer) => this.#keep(bytes, far)
    const back = (bytes: Buffer) => {
      const { identity } = this.#target
      if (identity !== undefined && PROCEED.test(bytes.toString('latin1'))) {
        near.off('data', onward)
        far.off('data', back)
        this.#keep(bytes, near)
        return this.#unwrap(near, far, identity)
      }
      this.#keep(bytes, near)
    }
    near.on('data', onward)
    far.on('data', back)
  }

  #unwrap(near: Socket, far: Socket, { key, certificate, name }: NonNullable<WireTarget['identity']>): void {
    const nearTls = new TLSSocket(near, { isServer: true, key, cert: certificate })
    const farTls = connectTls({ socket: far, servername: name, ca: certificate })
    this.#own(nearTls, farTls)
    nearTls.on('data', (bytes: Buffer) => this.#keep(bytes, farTls))
    farTls.on('data', (bytes: Buffer) => this.#keep(bytes, nearTls))
  }

  #keep(bytes: Buffer, onto: Duplex): void {
    this.#recorded.push(bytes)
    onto.write(bytes)
  }

  /** Two ends of one connection: when one goes, the other does. */
  #own(one: Duplex, other: Duplex): void {
    for (const [socket, opposite] of [[one, other], [other, one]] as const) {
      this.#sockets.add(socket)
      socket.on('error', () => opposite.destroy())
      socket.on('close', () => {
        this.#sockets.delete(socket)
        opposite.end()
      })
    }
  }
}
