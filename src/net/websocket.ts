import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { WebSocket, WebSocketServer, type Server } from 'ws'
import { exporterOf, type Connection, type ConnectionOwner, type Protection } from './connection.ts'

/** Stands behind each message in what is written to the connection; XML has no such character. */
export const MESSAGE_END = '\0'

/** No client cuts a stanza into more; each piece costs us as much as a stanza. */
const MOST_FRAGMENTS = 64
/** Pieces of the network that are kept of one frame until it is whole. */
const MOST_CHUNKS = 4096
/** How long the peer may take to answer the end of the connection (RFC 6455 §7.1.1). */
const CLOSING_MILLISECONDS = 5000

/** Ends WebSockets (RFC 6455) on sockets on which a client asked for one. */
export class WebSockets {
  readonly #server: Server<typeof LimitedWebSocket>

  /** `longest` is the number of bytes of a message at most; `protocol` is the one that is spoken (RFC 6455 §1.9). */
  constructor(protocol: string, longest: number) {
    const options = {
      noServer: true, clientTracking: false, handleProtocols: () => protocol, WebSocket: LimitedWebSocket,
      // Nothing is compressed: a secret can be told by the length of what it is compressed with, and little text makes much.
      perMessageDeflate: false,
      maxPayload: longest, maxFragments: MOST_FRAGMENTS, maxBufferedChunks: MOST_CHUNKS,
      autoPong: false, closeTimeout: CLOSING_MILLISECONDS,
    }
    this.#server = new WebSocketServer(options)
  }

  /** Takes the socket over; undefined where it is gone. The request was checked to ask for a WebSocket. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, peer: string | undefined, onion: boolean): Connection | undefined {
    let connection: Connection | undefined
    // Without a verification of its own to wait for, the library calls back at once.
    this.#server.handleUpgrade(request, socket, head, (webSocket) => { connection = new WebSocketConnection(webSocket, socket, peer, onion) })
    return connection
  }
}

/** RFC 6455 §7.4.1: what the library ends a connection with where a message has too many pieces, or is too big. */
const EXCEEDED: readonly (number | undefined)[] = [1008, 1009]

/**
 * The library closes a connection at the first byte beyond a limit, by a number and no word of XMPP. RFC 7395 §3.5 has a
 * stream end by its error, §3.6 by <close/>: so the owner is told before anything is written.
 */
class LimitedWebSocket extends WebSocket {
  exceeded: () => void = () => {}

  override close(code?: number, reason?: string | Buffer): void {
    if (EXCEEDED.includes(code) && this.readyState === WebSocket.OPEN) this.exceeded()
    super.close(code, reason) // where the owner has closed it, this is nothing
  }
}

/**
 * A WebSocket as a stream sees it: text goes out in messages, and each chunk that comes in is one. TLS, where there is
 * any, ends with us below it (RFC 7395 §3.9), so it cannot begin here.
 */
class WebSocketConnection implements Connection {
  readonly peer: string | undefined
  readonly onion: boolean
  owner: ConnectionOwner | undefined
  readonly #webSocket: LimitedWebSocket
  readonly #socket: Duplex
  /** The beginning of a message whose end is not written yet. */
  #begun = ''
  /** What the peer's last ping said, while it is not answered. */
  #pinged: Buffer | undefined
  #closed = false

  constructor(webSocket: LimitedWebSocket, socket: Duplex, peer: string | undefined, onion: boolean) {
    this.peer = peer
    this.onion = onion
    this.#webSocket = webSocket
    this.#socket = socket
    webSocket.on('message', (data, isBinary) => this.#received(data, isBinary))
    webSocket.on('ping', (data) => {
      this.#pinged = data
      if (!socket.writableNeedDrain) this.#pong()
    })
    webSocket.exceeded = () => this.owner?.exceeded()
    webSocket.on('error', () => {}) // the library ends the connection with the number that says why (RFC 6455 §7.4.1)
    webSocket.on('close', () => {
      this.#closed = true
      this.owner?.closed()
    })
    socket.on('drain', () => {
      this.#pong()
      this.owner?.drained()
    })
  }

  get protection(): Protection {
    return this.#socket instanceof TLSSocket ? 'tls' : this.onion ? 'onion' : 'none'
  }

  get closed(): boolean {
    return this.#closed
  }

  get unsent(): number {
    return this.#socket.writableLength + this.#begun.length
  }

  write(text: string): boolean {
    if (this.#closed) return false
    const messages = (this.#begun + text).split(MESSAGE_END)
    this.#begun = messages.pop() ?? ''
    this.#socket.cork()
    for (const message of messages) this.#webSocket.send(message, () => {}) // it fails where the peer has left: 'close' follows
    this.#socket.uncork()
    return !this.#socket.writableNeedDrain
  }

  pause(): void {
    this.#webSocket.pause()
  }

  resume(): void {
    if (!this.#closed) this.#webSocket.resume()
  }

  /** RFC 7395 §3.6: whoever closes the connection "MUST initiate the WebSocket closing handshake". */
  end(): void {
    this.#webSocket.close(1000)
  }

  destroy(): void {
    this.#webSocket.terminate()
  }

  async startTls(): Promise<boolean> {
    this.destroy()
    return false
  }

  callTls(): Promise<boolean> {
    return this.startTls()
  }

  /** tls-exporter alone: which certificate was shown is known where TLS begins, not here. */
  channelBindings(): ReadonlyMap<string, Buffer> {
    const exported = this.#socket instanceof TLSSocket ? exporterOf(this.#socket) : undefined
    return new Map(exported === undefined ? [] : [['tls-exporter', exported]])
  }

  unlistedBindings(): ReadonlyMap<string, Buffer> {
    return new Map()
  }

  peerChain(): readonly Buffer[] {
    return []
  }

  #received(data: unknown, isBinary: boolean): void {
    // RFC 7395 §3.2: "MUST be of the text type". RFC 6455 §7.4.1: 1003 says that this type cannot be taken.
    if (isBinary || !Buffer.isBuffer(data)) this.#webSocket.close(1003)
    else this.owner?.receivedBytes(data)
  }

  /** RFC 6455 §5.5.3: of pings that came while the peer did not read, the last alone need be answered. */
  #pong(): void {
    if (this.#pinged === undefined) return
    this.#webSocket.pong(this.#pinged, false, () => {})
    this.#pinged = undefined
  }
}
