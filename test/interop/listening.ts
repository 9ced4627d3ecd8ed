import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { Daemon } from './daemon.ts'

/** Somebody else's server on a port of 127.0.0.1, which can be ended and started again. */
export class Listening {
  readonly port: number
  readonly #daemon: Daemon

  constructor(port: number, command: readonly [string, ...string[]]) {
    this.port = port
    this.#daemon = new Daemon(command)
  }

  /** Resolves when somebody answers. */
  async start(): Promise<void> {
    this.#daemon.run()
    await this.#daemon.until(() => answers(this.port), 'listening')
  }

  async stop(): Promise<void> {
    await this.#daemon.end('SIGKILL')
  }
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port) // they listen on TCP
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true) })
    socket.once('error', () => resolve(false))
  })
}
