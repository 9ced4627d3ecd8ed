import { connect, type Socket } from 'node:net'
import type { Clock, Timer } from '../clock.ts'
import { DnsError, type Resolver } from './resolver.ts'

export interface DialRequest {
  /** A name in A-labels. */
  readonly host: string
  readonly port: number
  /** For all of it: asking DNS and every address. */
  readonly milliseconds: number
  readonly signal?: AbortSignal
}

export interface DialSettings {
  readonly clock: Clock
  readonly resolver: Resolver
  /** By TCP where nothing else is said. */
  readonly connect?: (address: string, port: number) => Socket
}

/**
 * Connects to a host directly, from this machine, by whichever of its addresses answers first (RFC 8305): IPv6 and
 * IPv4 are looked up at once and tried by turns, IPv6 first, each some time after the one before it and without
 * waiting for that to fail. Those that lose are ended.
 *
 * @throws DialError where none answers in time
 */
export function dial(request: DialRequest, settings: DialSettings): Promise<Socket> {
  return new Promise((resolve, reject) => new Race(request, settings, { resolve, reject }).start())
}

/** A host was not reached. */
export class DialError extends Error {
  /** A constant for the log. */
  readonly condition: string
  /** Whether another try, some time later, may succeed. */
  readonly temporary: boolean

  constructor(condition: string, temporary: boolean, options?: ErrorOptions) {
    super(`not reached: ${condition}`, options)
    this.name = 'DialError'
    this.condition = condition
    this.temporary = temporary
  }
}

/** RFC 8305 §8: "Connection Attempt Delay", "Resolution Delay". */
const ATTEMPT_MILLISECONDS = 250
const RESOLUTION_MILLISECONDS = 50
/** Of addresses that are tried, as each may leave a socket that waits until the deadline. */
const MOST_ATTEMPTS = 16

/** What the system says of a connection that was not made. What is not in here is a matter of this machine. */
const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection-refused',
  ECONNRESET: 'connection-reset',
  EHOSTDOWN: 'host-unreachable',
  EHOSTUNREACH: 'host-unreachable',
  ENETDOWN: 'network-unreachable',
  ENETUNREACH: 'network-unreachable',
  ETIMEDOUT: 'timed-out',
  EMFILE: 'out-of-sockets',
  ENFILE: 'out-of-sockets',
}

type Family = 4 | 6

interface Outcome {
  resolve(socket: Socket): void
  reject(error: DialError): void
}

class Race {
  readonly #request: DialRequest
  readonly #settings: DialSettings
  readonly #outcome: Outcome
  readonly #addresses: Readonly<Record<Family, string[]>> = { 4: [], 6: [] }
  /** Families whose addresses are not known yet. */
  readonly #asked = new Set<Family>([4, 6])
  readonly #running = new Set<Socket>()
  /** The one that may pass, if there is any: then another try is worth it. */
  #failure: DialError | undefined
  #turn: Family = 6
  #attempts = 0
  #deadline: Timer | undefined
  /** Until it ends no further address is tried; before the first, it waits for IPv6. */
  #delay: Timer | undefined
  #over = false

  constructor(request: DialRequest, settings: DialSettings, outcome: Outcome) {
    this.#request = request
    this.#settings = settings
    this.#outcome = outcome
  }

  start(): void {
    const { milliseconds, signal } = this.#request
    this.#deadline = this.#settings.clock.after(milliseconds, () => this.#lose(new DialError('timed-out', true)))
    signal?.addEventListener('abort', this.#aborted)
    if (signal?.aborted === true) return this.#aborted()
    for (const family of this.#asked) void this.#look(family)
  }

  readonly #aborted = (): void => this.#lose(new DialError('aborted', true))

  async #look(family: Family): Promise<void> {
    try {
      this.#addresses[family].push(...await this.#settings.resolver.addresses(this.#request.host, family))
    } catch (cause) {
      const temporary = !(cause instanceof DnsError) || cause.temporary
      this.#failed(new DialError(cause instanceof DnsError ? cause.condition : 'dns-failed', temporary, { cause }))
    }
    this.#asked.delete(family)
    if (this.#over) return
    // RFC 8305 §3: IPv4 waits a little for IPv6, which is preferred; where something runs already, its delay counts.
    if (family === 4 && this.#asked.has(6) && this.#attempts === 0) this.#wait(RESOLUTION_MILLISECONDS)
    else if (this.#attempts === 0 || this.#delay === undefined) this.#next()
  }

  #wait(milliseconds: number): void {
    this.#delay?.cancel()
    this.#delay = this.#settings.clock.after(milliseconds, () => this.#next())
  }

  /** Tries one more address, or gives up where nothing is left to hope for. */
  #next(): void {
    this.#delay?.cancel()
    this.#delay = undefined
    const address = this.#attempts < MOST_ATTEMPTS ? this.#take() : undefined
    if (address !== undefined) return this.#attempt(address)
    if (this.#asked.size > 0 || this.#running.size > 0) return
    this.#lose(this.#failure ?? new DialError('no-address', false))
  }

  /** RFC 8305 §4: the families by turns. */
  #take(): string | undefined {
    const family = this.#addresses[this.#turn].length > 0 ? this.#turn : other(this.#turn)
    this.#turn = other(family)
    return this.#addresses[family].shift()
  }

  #attempt(address: string): void {
    this.#attempts++
    const socket = (this.#settings.connect ?? directly)(address, this.#request.port)
    this.#running.add(socket)
    // It stays on the winner, too: until that has an owner, an error without a listener would end the process.
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      if (!this.#running.delete(socket)) return
      const condition = FAILURES[cause.code ?? '']
      this.#failed(new DialError(condition ?? 'not-possible-here', condition !== undefined, { cause }))
      this.#next()
    })
    socket.once('connect', () => this.#win(socket))
    this.#wait(ATTEMPT_MILLISECONDS)
  }

  #failed(failure: DialError): void {
    if (this.#failure?.temporary !== true) this.#failure = failure
  }

  #win(socket: Socket): void {
    if (!this.#running.delete(socket)) return
    this.#end()
    this.#outcome.resolve(socket)
  }

  #lose(failure: DialError): void {
    if (this.#over) return
    this.#end()
    this.#outcome.reject(failure)
  }

  #end(): void {
    this.#over = true
    this.#deadline?.cancel()
    this.#delay?.cancel()
    this.#request.signal?.removeEventListener('abort', this.#aborted)
    for (const socket of this.#running) socket.destroy()
    this.#running.clear()
  }
}

function other(family: Family): Family {
  return family === 4 ? 6 : 4
}

function directly(address: string, port: number): Socket {
  return connect({ host: address, port })
}
