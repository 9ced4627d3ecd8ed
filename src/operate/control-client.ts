import { connect, type Socket } from 'node:net'
import { CommandError } from '../routing/command-error.ts'
import type { CommandProgress } from '../routing/command-progress.ts'
import { Lines, LONGEST_ANSWER, readAnswer, requestLine } from './control-protocol.ts'

/** Carries out commands: in the running server, or on the database alone where none runs. */
export interface Operator {
  /** `onProgress`: is told how far it is, where the command can tell. @throws CommandError */
  run(command: string, input: unknown, onProgress?: OnProgress): Promise<unknown>
  close(): Promise<void>
}

type OnProgress = (progress: CommandProgress) => void

interface Waiting {
  readonly onProgress: OnProgress | undefined
  readonly resolve: (result: unknown) => void
  readonly reject: (error: CommandError) => void
}

/** The `sotto` program's end of the control socket. */
export class ControlClient implements Operator {
  readonly #socket: Socket
  readonly #waiting = new Map<string, Waiting>()
  #count = 0
  #ended: CommandError | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    const lines = new Lines(LONGEST_ANSWER)
    socket.on('data', (bytes) => {
      if (!lines.add(bytes)) this.#end('the server sent too long an answer')
      for (let line = lines.next(); line !== undefined; line = lines.next()) this.#receive(line)
    })
    socket.on('error', () => this.#end('the connection to the server broke'))
    socket.on('close', () => this.#end('the server ended before it had answered'))
  }

  /**
   * Connects to the running server; undefined where none runs.
   *
   * @throws CommandError where one may run and cannot be talked to, e.g. because it is another user's
   */
  static connect(path: string): Promise<ControlClient | undefined> {
    return new Promise((resolve, reject) => {
      const socket = connect(path)
      const failed = (error: NodeJS.ErrnoException): void => {
        if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') return resolve(undefined)
        const code = error.code ?? 'unknown error'
        const remedy = code === 'EACCES' ? 'run this as the user whom the server runs as' : 'is it the right path?'
        reject(new CommandError('unavailable', `cannot connect to ${path} (${code}): ${remedy}`))
      }
      socket.once('error', failed)
      socket.once('connect', () => {
        socket.off('error', failed)
        resolve(new ControlClient(socket))
      })
    })
  }

  run(command: string, input: unknown, onProgress?: OnProgress): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended)
      const id = String(++this.#count)
      this.#waiting.set(id, { resolve, reject, onProgress })
      this.#socket.write(requestLine({ id, command, input, ...onProgress === undefined ? {} : { progress: true } }))
    })
  }

  async close(): Promise<void> {
    this.#end('this program closed the connection')
  }

  #receive(line: string): void {
    try {
      const answer = readAnswer(line)
      if ('progress' in answer) return this.#waiting.get(answer.id)?.onProgress?.(answer.progress)
      // Without an id it is about the connection as a whole, or about a line that we should not have sent.
      if (!answer.ok && answer.id === '') return this.#end(answer.error.message)
      const waiting = this.#waiting.get(answer.id)
      this.#waiting.delete(answer.id)
      if (answer.ok) waiting?.resolve(answer.result)
      else waiting?.reject(new CommandError(answer.error.code, answer.error.message))
    } catch (error) {
      this.#end(error instanceof CommandError ? error.message : 'the server\'s answer cannot be read')
    }
  }

  #end(reason: string): void {
    this.#ended ??= new CommandError('unavailable', reason)
    for (const { reject } of this.#waiting.values()) reject(this.#ended)
    this.#waiting.clear()
    this.#socket.destroy()
  }
}
