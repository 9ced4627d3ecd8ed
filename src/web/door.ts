import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Clock } from '../clock.ts'
import { Listener, networkName, type ListenAddress } from '../net/listener.ts'
import { awaitProxyLine } from '../net/proxied.ts'
import type { Admission } from '../stream/admission.ts'
import type { HttpServer } from './http-server.ts'
import { Sites, type Site } from './site.ts'

/** 'onion-unnamed': behind a tor that is not ours, which does not say which circuit a connection comes by. */
export type WebDoorKind = 'https' | 'onion' | 'onion-unnamed'

export interface WebDoorSettings {
  readonly kind: WebDoorKind
  readonly address: ListenAddress
  readonly sites: readonly Site[]
}

/** How long a peer may take for the proxy line, and for a TLS handshake. */
const OPENING_MILLISECONDS = 30_000

/** Where browsers come in: an address with TLS, or an onion's virtual port 80. Which sites they find is fixed for each door. */
export class WebDoor {
  readonly settings: WebDoorSettings
  readonly #sites: Sites
  readonly #admission: Admission
  readonly #http: HttpServer
  readonly #clock: Clock
  readonly #listener: Listener

  constructor(settings: WebDoorSettings, admission: Admission, http: HttpServer, clock: Clock) {
    this.settings = settings
    this.#sites = new Sites(settings.sites)
    this.#admission = admission
    this.#http = http
    this.#clock = clock
    this.#listener = new Listener(settings.address, (socket) => this.#accept(socket))
  }

  get port(): number {
    return this.#listener.port
  }

  /** @throws ListenError */
  start(): Promise<void> {
    return this.#listener.start()
  }

  stop(): void {
    this.#listener.stop()
  }

  #accept(socket: Socket): void {
    const { kind } = this.settings
    if (kind === 'https') return this.#startTls(socket)
    if (kind === 'onion-unnamed') return this.#serve(socket, undefined)
    awaitProxyLine(socket, this.#clock, OPENING_MILLISECONDS, ({ circuit, rest }) => {
      socket.pause()
      if (rest.length > 0) socket.unshift(rest)
      this.#serve(socket, `circuit ${circuit}`)
    })
  }

  #serve(socket: Socket, peer: string | undefined): void {
    const place = this.#admission.enter(peer)
    if (place === undefined) socket.destroy()
    else this.#http.serve(socket, { peer, sites: this.#sites, serverName: undefined, left: () => place.leave() })
  }

  /** Decision 0015: a TLS socket of our own making, whose certificate follows from the name that was asked for. */
  #startTls(socket: Socket): void {
    const { first } = this.#sites
    const peer = networkName(socket.remoteAddress)
    const place = first === undefined ? undefined : this.#admission.enter(peer)
    socket.on('error', () => {}) // it is told again by the TLS socket's close
    if (first === undefined || place === undefined) return void socket.destroy()
    let serverName: string | undefined
    const secure = new TLSSocket(socket, {
      isServer: true,
      secureContext: first.identity.context,
      ALPNProtocols: ['http/1.1'],
      SNICallback: (name, answer) => {
        const site = this.#sites.get(name)
        if (site === undefined) return answer(new Error('no such name here'))
        serverName = name
        answer(null, site.identity.context)
      },
    })
    const deadline = this.#clock.after(OPENING_MILLISECONDS, () => secure.destroy())
    const left = (): void => {
      deadline.cancel()
      place.leave()
    }
    secure.on('_tlsError', () => secure.destroy()) // COMPAT(Node): as in net/connection.ts
    secure.on('error', () => {})
    const gone = (): void => { secure.destroy() } // before the handshake nothing could be written to it
    secure.once('end', gone)
    secure.once('close', left)
    secure.once('secure', () => {
      deadline.cancel()
      secure.off('end', gone).off('close', left)
      this.#http.serve(secure, { peer, sites: this.#sites, serverName, left })
    })
  }
}
