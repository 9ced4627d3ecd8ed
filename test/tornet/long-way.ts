import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** A way to a port of this machine on which everything takes its time; it counts how often the near side waited for the far one. */
export class LongWay {
  readonly port: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #roundTrips = 0
  /** Whether the last that came, came from the far side: then what the near side says next begins another trip. */
  #answered = true

  private constructor(server: Server, port: number) {
    this.#server = server
    this.port = port
  }

  /** @param milliseconds for each direction */
  static async to(target: number, milliseconds: number): Promise<LongWay> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const way = new LongWay(server, (server.address() as AddressInfo).port) // it listens on TCP
    server.on('connection', (near) => {
      const far = connect(target, '127.0.0.1')
      way.#carry(near, far, milliseconds, false)
      way.#carry(far, near, milliseconds, true)
    })
    return way
  }

  /** Round trips since `begin`. */
  get roundTrips(): number {
    return this.#roundTrips
  }

  begin(): void {
    this.#roundTrips = 0
    this.#answered = true
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Timers of the same length fire in the order in which they were set. */
  #carry(from: Socket, to: Socket, milliseconds: number, isAnswer: boolean): void {
    this.#sockets.add(from)
    from.setNoDelay()
    from.on('data', (bytes) => {
      if (!isAnswer && this.#answered) this.#roundTrips += 1
      setTimeout(() => {
        // Counted where the near side is: an answer is one when it has arrived.
        if (isAnswer) this.#answered = true
        if (to.writable) to.write(bytes)
      }, milliseconds)
      if (!isAnswer) this.#answered = false
    })
    from.on('error', () => {})
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
  }
}
