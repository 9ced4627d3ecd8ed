import { createServer, ServerResponse, STATUS_CODES, type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock, Timer } from '../clock.ts'
import { judge, type RefusalStatus } from './gate.ts'
import { setHeaders } from './headers.ts'
import type { Site, Sites, Visit } from './site.ts'

/** A connection that came in by one of our doors. */
export interface Caller {
  readonly peer: string | undefined
  readonly sites: Sites
  /** The name in the TLS handshake. */
  readonly serverName: string | undefined
  /** Its connection is closed. */
  left(): void
}

export interface HttpSettings {
  readonly clock: Clock
  readonly torEnabled: boolean
  /** Answers a request that has the form of one of ours. */
  answer(request: IncomingMessage, response: ServerResponse, visit: Visit): void
  readonly upgrade?: Upgrade | undefined
}

/** Takes connections over, to speak another protocol on them (RFC 9110 §7.8). */
export interface Upgrade {
  /** Where it is asked for; elsewhere a request that asks is answered as any other. */
  readonly path: string
  /** Undefined where the connection is taken; it counts no more among those of browsers. */
  take(request: IncomingMessage, socket: Duplex, head: Buffer, visit: Visit): UpgradeRefusal | undefined
}

export type UpgradeRefusal = 400 | 403 | 405 | 426 | 503

const LONGEST_HEADER = 8192
/** From the connection, or the answer before, to the end of a request's header; then to the end of its body. */
const REQUEST_MILLISECONDS = 30_000
/** From the request to the end of the answer: there may be a queue for hashes, and Tor is slow. */
const ANSWER_MILLISECONDS = 60_000
const REQUESTS_PER_CONNECTION = 100
/** Requests that are sent before the first is answered; no browser does it. */
const REQUESTS_AT_A_TIME = 4

interface Call extends Caller {
  deadline: Timer
  requests: number
  unanswered: number
}

/**
 * HTTP/1.1 for sockets of our own, strict and bounded. Node's parser refuses what could be read in two ways; the time
 * that a caller has is our own, as Node watches the time of those connections alone that it accepted itself.
 */
export class HttpServer {
  readonly #settings: HttpSettings
  readonly #server: Server
  readonly #calls = new Map<Duplex, Call>()
  #isStopping = false

  constructor(settings: HttpSettings) {
    this.#settings = settings
    // Without a Host we refuse by ourselves: Node's answer would have a date.
    this.#server = createServer({ maxHeaderSize: LONGEST_HEADER, insecureHTTPParser: false, requireHostHeader: false, keepAliveTimeout: 0 })
    this.#server.on('request', (request, response) => this.#received(request, response))
    this.#server.on('checkExpectation', (_request, response) => this.#refuse(response, 417))
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#unreadable(error, socket))
    const { upgrade } = settings
    if (upgrade !== undefined) this.#server.on('upgrade', (request, socket, head) => this.#upgrade(upgrade, request, socket, head))
  }

  /** How many connections there are. */
  get count(): number {
    return this.#calls.size
  }

  /** Serves it until either side ends it. */
  serve(socket: Socket, caller: Caller): void {
    const call: Call = { ...caller, deadline: this.#after(socket, REQUEST_MILLISECONDS), requests: 0, unanswered: 0 }
    this.#calls.set(socket, call)
    socket.on('error', () => {}) // 'close' follows
    socket.on('close', () => {
      call.deadline.cancel()
      this.#calls.delete(socket)
      call.left()
    })
    this.#server.emit('connection', socket)
  }

  /** Ends the connections on which nothing is asked at the moment, and the others with their answers. */
  stop(): void {
    this.#isStopping = true
    for (const [socket, { unanswered }] of this.#calls) if (unanswered === 0) socket.destroy()
  }

  #received(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    const call = this.#calls.get(socket)
    if (call === undefined || call.unanswered >= REQUESTS_AT_A_TIME || call.requests >= REQUESTS_PER_CONNECTION) return void socket.destroy()
    call.requests++
    call.unanswered++
    this.#allow(call, socket, REQUEST_MILLISECONDS)
    request.once('end', () => { if (call.unanswered > 0) this.#allow(call, socket, ANSWER_MILLISECONDS) })
    response.once('close', () => {
      call.unanswered--
      if (this.#isStopping) socket.destroy()
      else if (!socket.destroyed) this.#allow(call, socket, REQUEST_MILLISECONDS)
    })
    const site = judge(request, call.sites, call.serverName)
    if (typeof site === 'number') return this.#refuse(response, site)
    setHeaders(response, site, request.url ?? '/', this.#settings.torEnabled)
    // Said by us, so that Node does not say how long it waits.
    const isLast = !response.shouldKeepAlive || call.requests === REQUESTS_PER_CONNECTION || this.#isStopping
    response.setHeader('Connection', isLast ? 'close' : 'keep-alive')
    this.#settings.answer(request, response, visitOf(request, site, call))
  }

  #upgrade(upgrade: Upgrade, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const call = this.#calls.get(socket)
    if (call === undefined) return void socket.destroy()
    const site = judge(request, call.sites, call.serverName)
    if (typeof site === 'number') return this.#decline(socket, site)
    if (request.url !== upgrade.path) return this.#ignoreUpgrade(request)
    const refusal = upgrade.take(request, socket, head, visitOf(request, site, call))
    if (refusal !== undefined) return this.#decline(socket, refusal)
    call.deadline.cancel()
    this.#calls.delete(socket)
    call.left()
  }

  /** RFC 9110 §7.8: Upgrade "MAY" be ignored. Node reads no further on this connection, so it is the last request. */
  #ignoreUpgrade(request: IncomingMessage): void {
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(request.socket)
    response.once('finish', () => request.socket.end())
    this.#received(request, response)
  }

  #decline(socket: Duplex, status: RefusalStatus | UpgradeRefusal): void {
    socket.end(bareAnswer(status))
    this.#settings.clock.after(1000, () => socket.destroy())
  }

  /** Says a number and no more, and ends the connection: what follows may be anything. */
  #refuse(response: ServerResponse, status: RefusalStatus | 417): void {
    setHeaders(response, undefined, '/', false)
    if (status === 405) response.setHeader('Allow', 'GET, HEAD, POST')
    response.writeHead(status, { Connection: 'close', 'Content-Length': 0 }).end()
  }

  #unreadable({ code }: NodeJS.ErrnoException, socket: Duplex): void {
    if (!socket.writable) return void socket.destroy()
    this.#decline(socket, code === 'HPE_HEADER_OVERFLOW' ? 431 : 400)
  }

  #allow(call: Call, socket: Duplex, milliseconds: number): void {
    call.deadline.cancel()
    call.deadline = this.#after(socket, milliseconds)
  }

  #after(socket: Duplex, milliseconds: number): Timer {
    return this.#settings.clock.after(milliseconds, () => socket.destroy())
  }
}

function visitOf(request: IncomingMessage, site: Site, { peer }: Caller): Visit {
  return { site, peer, host: request.headers.host ?? site.domain.name }
}

function bareAnswer(status: number): string {
  // RFC 6455 §4.4: whoever asks for another version is told of ours.
  const versions = status === 426 ? 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' : ''
  const connection = status === 426 ? 'close, Upgrade' : 'close' // RFC 9110 §7.8: Upgrade is named in Connection
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n${versions}Connection: ${connection}\r\nContent-Length: 0\r\n\r\n`
}
