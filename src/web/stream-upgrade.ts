import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSockets } from '../net/websocket.ts'
import type { Admissions } from '../stream/admission.ts'
import type { Reception } from '../stream/ingress.ts'
import { MESSAGES } from '../stream/messages.ts'
import { starttls } from '../stream/starttls.ts'
import { Stream, type StreamSettings } from '../stream/stream.ts'
import type { Upgrade, UpgradeRefusal } from './http-server.ts'
import type { Visit } from './site.ts'

export const STREAM_PATH = '/xmpp-websocket'

const SUBPROTOCOL = 'xmpp'
/** RFC 6455 §4.1: 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/

/** Streams of clients by WebSocket (RFC 7395): for the domain of the site that was asked, and for no other. */
export class StreamUpgrade implements Upgrade {
  readonly path = STREAM_PATH
  readonly #stream: StreamSettings
  readonly #admissions: Admissions
  readonly #reception: Reception
  readonly #webSockets: WebSockets

  constructor(stream: StreamSettings, admissions: Admissions, reception: Reception) {
    // RFC 7395 §3.9: "a server MUST NOT advertise TLS as a stream feature".
    this.#stream = { ...stream, framing: MESSAGES, features: stream.features.filter((feature) => feature !== starttls) }
    this.#admissions = admissions
    this.#reception = reception
    this.#webSockets = new WebSockets(SUBPROTOCOL, stream.limits.stanza)
  }

  take(request: IncomingMessage, socket: Duplex, head: Buffer, visit: Visit): UpgradeRefusal | undefined {
    const refusal = judge(request, visit)
    if (refusal !== undefined) return refusal
    const { site: { kind, domain: { name }, identity }, peer } = visit
    const domains = new Map([[name, identity]])
    const place = this.#admissions.of(domains).enter(peer)
    if (place === undefined) return 503
    const connection = this.#webSockets.accept(request, socket, head, peer, kind === 'onion')
    if (connection === undefined) place.leave()
    else void new Stream(connection, this.#stream, place, this.#reception(domains))
    return undefined
  }
}

/** Is this a handshake (RFC 6455 §4.2.1) for what is spoken here, from a page that may speak it? */
function judge({ method, headers }: IncomingMessage, visit: Visit): UpgradeRefusal | undefined {
  if (method !== 'GET') return 405
  if (headers.upgrade?.toLowerCase() !== 'websocket' || !KEY.test(headers['sec-websocket-key'] ?? '')) return 400
  if (headers['sec-websocket-version'] !== '13') return 426
  // RFC 7395 §3.1: without 'xmpp' on both sides there is no such connection.
  const protocols = headers['sec-websocket-protocol']?.split(',').map((protocol) => protocol.trim()) ?? []
  if (!protocols.includes(SUBPROTOCOL)) return 400
  return isWelcome(headers.origin, visit) ? undefined : 403
}

/**
 * RFC 6455 §10.2: a browser says from which page it comes, and no script can change that. Whoever says nothing is no
 * browser, and could say anything.
 */
function isWelcome(origin: string | undefined, { site: { kind, domain }, host }: Visit): boolean {
  if (origin === undefined) return true
  const own = kind === 'onion' ? `http://${host.replace(/:80$/, '')}` : `https://${host.replace(/:443$/, '')}`
  return origin === own || domain.config.origins.includes(origin)
}
