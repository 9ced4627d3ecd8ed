import { randomUUID } from 'node:crypto'
import { element, type Element } from '../../src/xml/element.ts'
import { Jid } from '../../src/xmpp/jid.ts'
import { NS_BIND, NS_CLIENT, NS_ROSTER, NS_SASL, NS_STREAM, NS_TLS } from '../../src/xmpp/namespaces.ts'
import { dial, type Route } from './route.ts'
import { ScramClient, type ChannelBinding } from './scram.ts'
import { XmlStream } from './xml-stream.ts'

export const MECHANISMS = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-1', 'PLAIN'] as const
export type Mechanism = typeof MECHANISMS[number]

export interface ReachOptions {
  readonly route: Route
  /** 'none' is for onions, where the circuit is secure from end to end. */
  readonly security?: 'none' | 'starttls' | 'direct'
  /** PEM of whoever signed the server's certificate; without it the certificate is not checked. */
  readonly authority?: string
  /** Milliseconds each step may take; 15 seconds by default. */
  readonly patience?: number
  /** Sees each element first, from the first one on; true takes it away. */
  readonly intercept?: (element: Element) => boolean
  /** Gets the stream before anything was said on it: whoever wants to cut it at any moment. */
  readonly begun?: (stream: XmlStream) => void
}

export interface ClientOptions extends ReachOptions {
  /** The account; a resourcepart is what we ask for. */
  readonly jid: string
  readonly password: string
  /** The strongest which both sides know by default. */
  readonly mechanism?: Mechanism
}

/**
 * A small XMPP client: logs in, binds, sends and waits. Not a user's client: it trusts its caller, shows every stanza,
 * and of the server's requests it answers pings and roster pushes only.
 */
export class XmppClient {
  readonly stream: XmlStream
  /** The full JID which the server gave us. */
  readonly jid: string
  readonly mechanism: Mechanism

  private constructor(stream: XmlStream, jid: string, mechanism: Mechanism) {
    this.stream = stream
    this.jid = jid
    this.mechanism = mechanism
  }

  /** @throws Error naming the step that failed; the connection is gone then */
  static async login(options: ClientOptions): Promise<XmppClient> {
    const { stream, features, mechanism, resource } = await XmppClient.prove(options)
    try {
      return new XmppClient(stream, await bind(stream, features, resource), mechanism)
    } catch (error) {
      stream.cut()
      throw error
    }
  }

  /** A stream that has logged in, with the features by which something can be bound or resumed. @throws as `login` */
  static async prove(options: ClientOptions): Promise<{ stream: XmlStream, features: Element, mechanism: Mechanism, resource: string }> {
    const jid = Jid.parse(options.jid)
    if (jid === undefined) throw new Error(`no JID: ${options.jid}`)
    const { stream, features } = await XmppClient.reach(options, jid.domain)
    try {
      const mechanism = choose(features, stream, options.mechanism)
      await authenticate(stream, mechanism, jid.local, options.password)
      await stream.open({ to: jid.domain })
      return { stream, features: await nextFeatures(stream), mechanism, resource: jid.resource }
    } catch (error) {
      stream.cut()
      throw error
    }
  }

  /** A stream to `domain`, secured as the options say, with the features that come before authentication. */
  static async reach(options: ReachOptions, domain: string): Promise<{ stream: XmlStream, features: Element }> {
    const { route, security = 'none', authority, patience = 15_000, intercept, begun } = options
    const socket = await dial(route, patience)
    const stream: XmlStream = new XmlStream(socket, { patience, intercept: (stanza) => intercept?.(stanza) === true || answered(stream, stanza) })
    begun?.(stream)
    try {
      if (security === 'direct') await stream.secure(domain, authority)
      await stream.open({ to: domain })
      let features = await nextFeatures(stream)
      if (security === 'starttls') {
        if (features.child('starttls', NS_TLS) === undefined) throw new Error('the server offers no STARTTLS')
        stream.send(element(NS_TLS, 'starttls'))
        await stream.next((answer) => answer.is('proceed', NS_TLS), '<proceed/>')
        await stream.secure(domain, authority)
        await stream.open({ to: domain })
        features = await nextFeatures(stream)
      }
      return { stream, features }
    } catch (error) {
      stream.cut()
      throw error
    }
  }

  send(stanza: Element | string): void {
    this.stream.send(stanza)
  }

  /** Sends an IQ and waits for its result or error, whichever comes. An `id` is added where there is none. */
  async request(iq: Element): Promise<Element> {
    return request(this.stream, iq)
  }

  /** Sends initial presence and waits until the server has reflected it to us (RFC 6121 §4.2.2). */
  async appear(): Promise<void> {
    this.send(element(NS_CLIENT, 'presence'))
    const isOurs = ({ name, attrs }: Element) => name === 'presence' && attrs['from'] === this.jid
    await this.stream.next(isOurs, 'our own presence')
  }

  async roster(): Promise<Element> {
    return this.request(element(NS_CLIENT, 'iq', { type: 'get' }, element(NS_ROSTER, 'query')))
  }

  message(to: string, body: string, attributes: Readonly<Record<string, string>> = {}): void {
    const content = element(NS_CLIENT, 'body', {}, body)
    this.send(element(NS_CLIENT, 'message', { type: 'chat', to, id: randomUUID(), ...attributes }, content))
  }

  /** The next message with a body, from anyone or from that bare or full JID. */
  async nextBody(from?: string): Promise<string> {
    const wanted = (stanza: Element) => stanza.is('message', NS_CLIENT) && stanza.child('body', NS_CLIENT) !== undefined
      && (from === undefined || `${stanza.attrs['from']}/`.startsWith(`${from}/`))
    const message = await this.stream.next(wanted, `a message from ${from ?? 'anyone'}`)
    return message.childContent('body', NS_CLIENT) ?? ''
  }

  /** Says good-bye and waits until the server did. */
  async leave(): Promise<void> {
    await this.stream.close()
  }

  /** Drops the connection without a word. */
  cut(): void {
    this.stream.cut()
  }
}

async function nextFeatures(stream: XmlStream): Promise<Element> {
  return stream.next((features) => features.is('features', NS_STREAM), 'stream features')
}

function choose(features: Element, stream: XmlStream, wanted: Mechanism | undefined): Mechanism {
  const offered = features.child('mechanisms', NS_SASL)?.elements().map((mechanism) => mechanism.content()) ?? []
  // The exporter of RFC 9266 exists since TLS 1.3 (and 1.2 with the extended master secret, which Node does not tell).
  const bindable = stream.tls?.getProtocol() === 'TLSv1.3'
  const chosen = MECHANISMS.find((mechanism) => wanted === undefined
    ? offered.includes(mechanism) && (bindable || !mechanism.endsWith('-PLUS'))
    : mechanism === wanted)
  if (chosen === undefined) throw new Error(`no mechanism in common; the server offers: ${offered.join(' ')}`)
  return chosen
}

async function authenticate(stream: XmlStream, mechanism: Mechanism, user: string, password: string) {
  if (mechanism === 'PLAIN') {
    stream.send(sasl('auth', `\0${user}\0${password}`, mechanism))
    await outcome(stream)
    return
  }
  const hash = mechanism.startsWith('SCRAM-SHA-256') ? 'sha256' : 'sha1'
  const scram = new ScramClient(hash, user, password, binding(stream, mechanism))
  stream.send(sasl('auth', scram.first, mechanism))
  const challenge = await outcome(stream)
  stream.send(sasl('response', scram.final(said(challenge))))
  const proven = scram.accepts(said(await outcome(stream)))
  if (!proven) throw new Error('the server did not prove that it knows the password')
}

function binding(stream: XmlStream, mechanism: Mechanism): ChannelBinding {
  if (!mechanism.endsWith('-PLUS')) return { flag: 'n' }
  if (stream.tls === undefined) throw new Error('channel binding needs TLS')
  const bytes = stream.tls.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
  return { flag: 'p=tls-exporter', bytes }
}

/** A challenge or a success. @throws Error with the condition of a failure (RFC 6120 §6.5) */
async function outcome(stream: XmlStream): Promise<Element> {
  const answer = await stream.next((step) => step.namespace === NS_SASL, 'the next step of SASL')
  if (answer.name === 'failure') throw new Error(`authentication failed: ${answer.elements()[0]?.name}`)
  return answer
}

function sasl(name: 'auth' | 'response', message: string, mechanism?: Mechanism): Element {
  return element(NS_SASL, name, { mechanism }, Buffer.from(message).toString('base64'))
}

function said(step: Element): string {
  return Buffer.from(step.content(), 'base64').toString()
}

async function bind(stream: XmlStream, features: Element, resource: string): Promise<string> {
  if (features.child('bind', NS_BIND) === undefined) throw new Error('the server offers no resource binding')
  const asked = resource === '' ? undefined : element(NS_BIND, 'resource', {}, resource)
  const answer = await request(stream, element(NS_CLIENT, 'iq', { type: 'set' }, element(NS_BIND, 'bind', {}, asked)))
  const jid = answer.child('bind', NS_BIND)?.childContent('jid', NS_BIND)
  if (jid === undefined) throw new Error('the server bound no resource')
  return jid
}

async function request(stream: XmlStream, iq: Element): Promise<Element> {
  const id = iq.attrs['id'] ?? randomUUID()
  stream.send(iq.with({ id }))
  const isAnswer = ({ name, attrs }: Element) =>
    name === 'iq' && attrs['id'] === id && (attrs['type'] === 'result' || attrs['type'] === 'error')
  return stream.next(isAnswer, 'the answer to an IQ')
}

/** Pings are ours alone; a roster push is answered and still shown (RFC 6121 §2.1.6). */
function answered(stream: XmlStream, stanza: Element): boolean {
  if (!stanza.is('iq', NS_CLIENT)) return false
  const isPing = stanza.attrs['type'] === 'get' && stanza.child('ping', 'urn:xmpp:ping') !== undefined
  const isPush = stanza.attrs['type'] === 'set' && stanza.child('query', NS_ROSTER) !== undefined
  const { id, from } = stanza.attrs
  if (isPing || isPush) stream.send(element(NS_CLIENT, 'iq', { type: 'result', id, to: from }))
  return isPing
}
