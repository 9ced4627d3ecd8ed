import type { Socket } from 'node:net'
import { connect as connectTls, TLSSocket, type DetailedPeerCertificate } from 'node:tls'
import { CALLING, type TlsIdentity } from './tls.ts'

/** The one listener of a connection. */
export interface ConnectionOwner {
  receivedBytes(chunk: Buffer): void
  /** The peer sent more in one piece than is taken. It was left out, and so is all that comes after it. */
  exceeded(): void
  /** What was written has left for the operating system. */
  drained(): void
  /** The peer sent its last byte; we may still write. */
  ended(): void
  /** Called once; nothing can be written any more. */
  closed(): void
}

/** How the bytes are protected on their way: not at all, by TLS, or by an onion circuit from end to end. */
export type Protection = 'none' | 'tls' | 'onion'

/** What is spoken inside TLS, by its name in ALPN (XEP-0368 §3). A server that calls is asked for its certificate. */
export type TlsProtocol = 'xmpp-client' | 'xmpp-server'

/** More certificates than any chain has; OpenSSL's limit is 100 kB for all of them. */
const LONGEST_CHAIN = 10

/**
 * What carries a stream: its text to the peer, and the peer's to its owner.
 *
 * `peer` is the name that limits count by: the tor circuit, or the client's network. A loopback address is nobody's
 * name, so there `peer` is undefined and only the listener's own budget applies.
 */
export interface Connection {
  readonly peer: string | undefined
  readonly onion: boolean
  owner: ConnectionOwner | undefined
  readonly protection: Protection
  readonly closed: boolean
  /** Bytes that the operating system has not taken yet. */
  readonly unsent: number
  /** False once the peer lags: `owner.drained` follows. */
  write(text: string): boolean
  pause(): void
  resume(): void
  /** Sends what is written and then ends our side. */
  end(): void
  /** Ends at once, in both directions. */
  destroy(): void
  /**
   * Speaks TLS from here on, as server. Resolves with whether the handshake succeeded; where it fails the
   * connection is destroyed. Time is the caller's to limit, and so are bytes that came before: after STARTTLS they
   * would be plaintext injected before the handshake.
   *
   * `choose` gives the identity for the name in the client's hello (direct TLS); undefined refuses the name.
   */
  startTls(identity: TlsIdentity, choose?: (serverName: string) => TlsIdentity | undefined, protocol?: TlsProtocol): Promise<boolean>
  /**
   * Speaks TLS from here on, as the side that called; `name` is the domain that was called, in A-labels, said in the
   * hello. Resolves as `startTls`. `identity` is shown to whoever asks for it; `protocol` is said where TLS begins with
   * the first byte (XEP-0368 §3). What the other side shows is not judged here: see `peerChain`.
   */
  callTls(name: string, identity?: TlsIdentity, protocol?: TlsProtocol): Promise<boolean>
  /** What SCRAM can bind to (RFC 9266, RFC 5929), by the type's name. */
  channelBindings(): ReadonlyMap<string, Buffer>
  /** What SCRAM may bind to though it is not advertised. */
  unlistedBindings(): ReadonlyMap<string, Buffer>
  /**
   * The certificates that the peer showed, in DER, its own first and then its issuers as far as they came; none where
   * it showed none. Nothing was verified but that the peer has the key of the first.
   */
  peerChain(): readonly Buffer[]
}

/** A byte stream: TCP, a unix socket behind tor, and TLS on either. */
export class SocketConnection implements Connection {
  readonly peer: string | undefined
  readonly onion: boolean
  #socket: Socket
  #owner: ConnectionOwner | undefined
  /** As server in TLS: by the certificate that was shown, whatever its identity shows to those who come later. */
  #shown: { readonly endPoint: Buffer | undefined } | undefined
  #secure = false
  #closed = false

  constructor(socket: Socket, peer: string | undefined, onion: boolean) {
    this.peer = peer
    this.onion = onion
    this.#socket = socket
    socket.setNoDelay(true)
    this.#listen(socket)
  }

  get owner(): ConnectionOwner | undefined {
    return this.#owner
  }

  set owner(owner: ConnectionOwner | undefined) {
    this.#owner = owner
  }

  get protection(): Protection {
    return this.#secure ? 'tls' : this.onion ? 'onion' : 'none'
  }

  get closed(): boolean {
    return this.#closed
  }

  get unsent(): number {
    return this.#socket.writableLength
  }

  write(text: string): boolean {
    return this.#closed ? false : this.#socket.write(text, 'utf8')
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    if (!this.#closed) this.#socket.resume()
  }

  end(): void {
    if (!this.#closed) this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  startTls(
    identity: TlsIdentity, choose?: (serverName: string) => TlsIdentity | undefined, protocol: TlsProtocol = 'xmpp-client',
  ): Promise<boolean> {
    this.#shown = { endPoint: identity.endPoint }
    return this.#shakeHands(new TLSSocket(this.#release(), {
      isServer: true,
      secureContext: identity.context,
      // Asked for, and taken whatever it is: who may speak by it is judged later (XEP-0178 §3), not by OpenSSL, which
      // knows certificates of servers for those who answer only.
      requestCert: protocol === 'xmpp-server',
      rejectUnauthorized: false,
      ...(choose === undefined ? {} : {
        ALPNProtocols: [protocol], // XEP-0368 §3; a peer that offers other protocols alone gets an alert
        SNICallback: (serverName, answer) => {
          const chosen = choose(serverName)
          if (chosen === undefined) return answer(new Error('no such name here'))
          this.#shown = { endPoint: chosen.endPoint }
          answer(null, chosen.context)
        },
      }),
    }), 'secure')
  }

  callTls(name: string, identity?: TlsIdentity, protocol?: TlsProtocol): Promise<boolean> {
    return this.#shakeHands(connectTls({
      ...CALLING, socket: this.#release(), servername: name,
      ...(identity === undefined ? {} : { secureContext: identity.context }),
      ...(protocol === undefined ? {} : { ALPNProtocols: [protocol] }),
    }), 'secureConnect')
  }

  channelBindings(): ReadonlyMap<string, Buffer> {
    const bindings = new Map<string, Buffer>()
    if (!(this.#socket instanceof TLSSocket) || this.#shown === undefined) return bindings
    const exported = exporterOf(this.#socket)
    if (exported !== undefined) bindings.set('tls-exporter', exported)
    if (this.#shown.endPoint !== undefined) bindings.set('tls-server-end-point', this.#shown.endPoint)
    return bindings
  }

  /**
   * tls-unique with TLS 1.3, the client's Finished message.
   *
   * DEVIATION: RFC 8446 appendix C.5 does not define tls-unique any more. COMPAT(slixmpp 1.8, 2026-11): it binds to
   * nothing else, and without it says "y", which RFC 5802 §6 makes us refuse. It binds no less than with TLS 1.2 and
   * the extended master secret: Finished is keyed by this handshake's own secret and covers its whole transcript
   * (RFC 8446 §4.4.4), so nobody can be in the middle and have both ends see the same one.
   */
  unlistedBindings(): ReadonlyMap<string, Buffer> {
    if (!(this.#socket instanceof TLSSocket) || this.#socket.getProtocol() !== 'TLSv1.3') return new Map()
    const finished = this.#socket.getPeerFinished()
    return new Map(finished === undefined ? [] : [['tls-unique', finished]])
  }

  peerChain(): readonly Buffer[] {
    if (!(this.#socket instanceof TLSSocket)) return []
    const chain: Buffer[] = []
    let shown: Partial<DetailedPeerCertificate> | undefined = this.#socket.getPeerCertificate(true) // {} where there is none
    while (shown?.raw !== undefined && chain.length < LONGEST_CHAIN) {
      chain.push(shown.raw)
      const issuer: DetailedPeerCertificate | undefined = shown.issuerCertificate // the last one is its own
      shown = issuer === shown ? undefined : issuer
    }
    return chain
  }

  /** The socket without us: TLS listens to it from now on. */
  #release(): Socket {
    const plain = this.#socket
    plain.removeAllListeners('data').removeAllListeners('drain').removeAllListeners('end')
      .removeAllListeners('close').removeAllListeners('error')
    plain.on('error', () => {}) // it is told again by the TLS socket's close
    this.#secure = true
    return plain
  }

  #shakeHands(secure: TLSSocket, done: 'secure' | 'secureConnect'): Promise<boolean> {
    // COMPAT(Node): a TLSSocket of our own making reports broken records by this event alone.
    secure.on('_tlsError', () => secure.destroy())
    this.#socket = secure
    this.#listen(secure)
    // A peer that leaves instead of shaking hands would otherwise be waited for: nothing can be written to it yet.
    const left = (): void => { secure.destroy() }
    secure.once('end', left)
    return new Promise((resolve) => {
      secure.once(done, () => {
        secure.off('end', left)
        resolve(true)
      })
      secure.once('close', () => resolve(false))
    })
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => this.#owner?.receivedBytes(chunk))
    socket.on('drain', () => this.#owner?.drained())
    socket.on('end', () => this.#owner?.ended())
    socket.on('error', () => {}) // 'close' follows; what went wrong with a peer's network is nobody's business
    socket.on('close', () => {
      if (this.#closed) return
      this.#closed = true
      this.#owner?.closed()
    })
  }
}

/**
 * What tls-exporter binds to (RFC 9266 §2), for TLS 1.3 alone: with 1.2 it is sound only with the extended master secret,
 * which Node does not tell of.
 */
export function exporterOf(socket: TLSSocket): Buffer | undefined {
  return socket.getProtocol() === 'TLSv1.3' ? socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)) : undefined
}
