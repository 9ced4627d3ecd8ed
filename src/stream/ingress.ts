import type { Socket } from 'node:net'
import { SocketConnection, type Connection } from '../net/connection.ts'
import { Listener, networkConnection, type ListenAddress } from '../net/listener.ts'
import { awaitProxyLine } from '../net/proxied.ts'
import type { TlsIdentity } from '../net/tls.ts'
import { serialize } from '../xml/serialize.ts'
import { domainpart } from '../xmpp/domainpart.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import { STREAM_END, streamHeader } from '../xmpp/stream-header.ts'
import type { Admission, Admissions, Place } from './admission.ts'
import { tlsProtocol } from './starttls.ts'
import { Stream, type StreamOwner, type StreamSettings } from './stream.ts'

export interface IngressSettings {
  /** 'onion-unnamed': behind a tor that is not ours, which does not say which circuit a connection comes by. */
  readonly kind: 'c2s' | 'c2s-tls' | 's2s' | 's2s-tls' | 'component' | 'onion' | 'onion-unnamed'
  readonly address: ListenAddress
  /** The domains that can be reached here, each with its own certificate; the first is meant where TLS names none. */
  readonly domains: ReadonlyMap<string, TlsIdentity>
}

/** Makes the first owner of each stream that comes in by a listener for those domains. */
export type Reception = (domains: ReadonlyMap<string, TlsIdentity>) => StreamOwner

/** How long a peer may take for the proxy line and for a TLS handshake without STARTTLS. */
const OPENING_MILLISECONDS = 30_000

/** A TCP or onion listener for clients or for servers, and the domains that it serves: to any other it is `host-unknown`. */
export class Ingress {
  readonly #settings: IngressSettings
  readonly #stream: StreamSettings
  readonly #admission: Admission
  readonly #reception: Reception
  readonly #listener: Listener
  readonly #refusal: string

  constructor(settings: IngressSettings, stream: StreamSettings, admissions: Admissions, reception: Reception) {
    this.#settings = settings
    this.#stream = stream
    this.#admission = admissions.of(settings.domains)
    this.#reception = reception
    const { contentNamespace } = stream
    this.#refusal = streamHeader({ contentNamespace })
      + serialize(new StreamError('resource-constraint').toElement(), contentNamespace) + STREAM_END
    this.#listener = new Listener(settings.address, (socket) => this.#accept(socket))
  }

  get port(): number {
    return this.#listener.port
  }

  get settings(): IngressSettings {
    return this.#settings
  }

  /** @throws ListenError */
  start(): Promise<void> {
    return this.#listener.start()
  }

  stop(): void {
    this.#listener.stop()
  }

  #accept(socket: Socket): void {
    if (this.#settings.kind === 'onion') {
      awaitProxyLine(socket, this.#stream.clock, OPENING_MILLISECONDS, ({ circuit, rest }) => (
        this.#open(new SocketConnection(socket, `circuit ${circuit}`, true), rest)))
    } else if (this.#settings.kind === 'onion-unnamed') this.#open(new SocketConnection(socket, undefined, true), undefined)
    else if (this.#settings.kind.endsWith('-tls')) this.#startTls(networkConnection(socket))
    else this.#open(networkConnection(socket), undefined)
  }

  #startTls(connection: Connection): void {
    const { domains } = this.#settings
    const [first] = domains.values()
    if (first === undefined) return connection.destroy()
    const place = this.#admission.enter(connection.peer)
    if (place === undefined) return connection.destroy()
    const deadline = this.#stream.clock.after(OPENING_MILLISECONDS, () => connection.destroy())
    // Names in TLS are in A-labels, ours as in JIDs.
    const choose = (serverName: string): TlsIdentity | undefined => domains.get(domainpart(serverName) ?? '')
    connection.startTls(first, choose, tlsProtocol(this.#stream.contentNamespace)).then((secured) => {
      deadline.cancel()
      if (secured) this.#serve(connection, place)
      else place.leave()
    }, () => place.leave())
  }

  #open(connection: Connection, first: Buffer | undefined): void {
    const place = this.#admission.enter(connection.peer)
    if (place === undefined) {
      connection.write(this.#refusal)
      connection.end()
      this.#stream.clock.after(1000, () => connection.destroy())
      return
    }
    const stream = this.#serve(connection, place)
    if (first !== undefined && first.length > 0) stream.receivedBytes(first)
  }

  #serve(connection: Connection, place: Place): Stream {
    return new Stream(connection, this.#stream, place, this.#reception(this.#settings.domains))
  }
}
