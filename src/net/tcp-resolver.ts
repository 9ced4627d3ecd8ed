import { randomInt } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { encodeQuestion, LONGEST_CHAIN, LONGEST_MESSAGE, readAnswer, type Answer, type Question } from './dns-message.ts'
import { DnsError, MOST_RECORDS, preferred, serviceName, type Resolver, type Service, type ServiceRecord } from './resolver.ts'

/** Makes connections, e.g. through Tor; those with different `isolation` share no circuit. Ends early by `signal`. */
export type Connect = (host: string, port: number, isolation: string, signal: AbortSignal) => Promise<Socket>

export interface TcpResolverSettings {
  readonly clock: Clock
  readonly connect: Connect
  /** Asked in this order until one answers. */
  readonly servers: readonly { readonly host: string, readonly port: number }[]
  /** The pair of domains on whose behalf is asked: a resolver that saw several pairs on one circuit could link them. */
  readonly isolation: string
  /** For each server that is asked, connecting included. */
  readonly milliseconds: number
}

/**
 * Asks the given resolvers over TCP (RFC 1035 §4.2.2), each question on a connection of its own, and never those of
 * this machine. What a resolver says is believed like what an unsigned zone says anywhere: who answers at the target
 * must prove the domain by its certificate.
 */
export class TcpResolver implements Resolver {
  readonly #settings: TcpResolverSettings

  constructor(settings: TcpResolverSettings) {
    this.#settings = settings
  }

  async services(service: Service, domain: string): Promise<readonly ServiceRecord[]> {
    return preferred((await this.#follow(serviceName(service, domain), 'SRV')).services)
  }

  async addresses(host: string, family: 4 | 6): Promise<readonly string[]> {
    return (await this.#follow(host, family === 4 ? 'A' : 'AAAA')).addresses.slice(0, MOST_RECORDS)
  }

  /** A resolver follows aliases by itself; where one stops at an alias, what it leads to is asked for. */
  async #follow(name: string, type: Question['type']): Promise<Answer> {
    let asked = name
    for (let length = 0; length <= LONGEST_CHAIN; length++) {
      const answer = await this.#ask(asked, type)
      if (answer.alias === undefined) return answer
      asked = answer.alias
    }
    throw new DnsError('dns-loop', true)
  }

  async #ask(name: string, type: Question['type']): Promise<Answer> {
    let failure = new DnsError('dns-no-resolver', false)
    for (const server of this.#settings.servers) {
      const question = { id: randomInt(65_536), name, type }
      try {
        return readAnswer(await this.#exchange(server, encodeQuestion(question)), question)
      } catch (error) {
        if (!(error instanceof DnsError)) throw error
        failure = error
      }
    }
    throw failure
  }

  async #exchange({ host, port }: TcpResolverSettings['servers'][number], question: Buffer): Promise<Buffer> {
    const { clock, connect, isolation, milliseconds } = this.#settings
    const late = new AbortController()
    const timer = clock.after(milliseconds, () => late.abort())
    try {
      return await unless(late.signal, connect(host, port, isolation, late.signal).then(
        // Who connects may do so after the deadline; the signal then ends the connection at once.
        (socket) => receiveMessage(socket, question, late.signal),
        (cause: unknown) => { throw new DnsError('dns-unreachable', true, { cause }) },
      ))
    } finally {
      timer.cancel()
    }
  }
}

/** Settles like `work`, or fails when the signal comes first, whether or not `work` heeds it. */
function unless(signal: AbortSignal, work: Promise<Buffer>): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new DnsError('dns-timed-out', true)), { once: true })
    work.then(resolve, reject)
  })
}

/** Sends the question and reads one message, without the length before it. Ends the connection in any case. */
function receiveMessage(socket: Socket, question: Buffer, signal: AbortSignal): Promise<Buffer> {
  return new Promise<Buffer>((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0)
    const failed = (condition: string) => () => reject(new DnsError(condition, true))
    socket.on('error', () => {}) // 'close' follows
    socket.once('end', failed('dns-truncated')).once('close', failed('dns-truncated'))
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 2) return
      const length = received.readUInt16BE(0)
      if (length > LONGEST_MESSAGE) failed('dns-too-long')()
      else if (received.length >= 2 + length) resolve(received.subarray(2, 2 + length))
    })
    if (signal.aborted) failed('dns-timed-out')()
    else signal.addEventListener('abort', failed('dns-timed-out'), { once: true })
    socket.write(question)
  }).finally(() => socket.destroy())
}
