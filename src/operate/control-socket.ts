import { chmodSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Lifetime } from '../lifetime.ts'
import type { Log } from '../log.ts'
import { ListenError } from '../net/listener.ts'
import { CommandError } from '../routing/command-error.ts'
import type { CommandRoute } from '../routing/extension.ts'
import { StoreError } from '../store/store-error.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'
import { answerLine, Lines, LONGEST_LINE, progressLine, readRequest, type Request } from './control-protocol.ts'

const MAXIMUM_CONNECTIONS = 16
/** Commands of one connection that run at a time; further ones wait unread in the socket. */
const MAXIMUM_RUNNING = 16

/**
 * Where the `sotto` program gives its commands to the running server: a unix socket, mode 0600 in a folder of mode
 * 0700, so whoever can open it is the server's own user (or root) and may do anything anyway.
 */
export class ControlSocket implements Lifetime {
  readonly name = 'control'
  readonly #path: string
  readonly #commands: ReadonlyMap<string, CommandRoute>
  readonly #log: Log
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(path: string, commands: readonly CommandRoute[], log: Log) {
    this.#path = path
    this.#commands = new Map(commands.map((command) => [command.name, command]))
    this.#log = log
    this.#server = createServer((socket) => this.#accept(socket))
  }

  /** @throws ListenError; 'EADDRINUSE' where another server answers on this path */
  async start(): Promise<void> {
    if (await answers(this.#path)) throw new ListenError(this.#path, 'EADDRINUSE')
    rmSync(this.#path, { force: true }) // left over by a server that was killed
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        reject(new ListenError(this.#path, error.code ?? 'unknown'))
      })
      this.#server.listen(this.#path, resolve)
    })
    chmodSync(this.#path, 0o600)
    // Running out of file descriptors must not end the process.
    this.#server.removeAllListeners('error').on('error', () => {})
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #accept(socket: Socket): void {
    if (this.#sockets.size >= MAXIMUM_CONNECTIONS) {
      refuse(socket, new CommandError('unavailable', 'too many programs are giving commands at once'))
      return
    }
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    let running = 0
    const lines = new Lines(LONGEST_LINE)
    const pump = (): void => {
      while (running < MAXIMUM_RUNNING) {
        const line = lines.next()
        if (line === undefined) break
        running++
        // Whoever does not read is not told how far it is, so nothing is kept for it.
        const tell = (text: string): void => { if (socket.writable && socket.writableLength === 0) socket.write(text) }
        void this.#answer(line, tell).then((answer) => {
          running--
          if (socket.writable) socket.write(answer)
          pump()
        })
      }
      if (running < MAXIMUM_RUNNING) socket.resume()
      else socket.pause()
    }
    socket.on('data', (bytes) => {
      if (!lines.add(bytes)) {
        refuse(socket, new CommandError('bad-input', 'this command is too long'))
      } else {
        pump()
      }
    })
  }

  /** Never rejects. */
  async #answer(line: string, tell: (text: string) => void): Promise<string> {
    let request: Request | undefined
    try {
      request = readRequest(line)
      const { id, command: name, input, progress } = request
      const command = this.#commands.get(name)
      if (command === undefined) throw new CommandError('bad-input', `this server knows no command "${name}"`)
      const result = await (progress === true ? command.run(input, (how) => tell(progressLine(id, how))) : command.run(input))
      return answerLine(id, undefined, result)
    } catch (error) {
      if (error instanceof CommandError) return answerLine(request?.id ?? '', error)
      if (error instanceof StoreError) return answerLine(request?.id ?? '', new CommandError('unavailable', error.message))
      const id = randomIdentifier(6)
      this.#log.error('control.failed', { id }, error)
      const told = new CommandError('internal', `the server failed; its log says more under ${id}`)
      return answerLine(request?.id ?? '', told)
    }
  }
}

/** Says why and hangs up, without reading what else may come. */
function refuse(socket: Socket, error: CommandError): void {
  socket.removeAllListeners('data').on('error', () => {})
  socket.end(answerLine('', error), () => socket.destroy())
}

/** True where a server accepts connections on this path. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
