import { element, type Element } from '../../src/xml/element.ts'
import { NS_BIND, NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import { XmppClient, type ClientOptions } from './xmpp-client.ts'
import type { XmlStream } from './xml-stream.ts'

const NS_SM = 'urn:xmpp:sm:3'
/** After so many stanzas it asks what the server has handled. */
const ASKS_AFTER = 5

/** How a connection is lost: both ends know; nobody has told us, and we come back while the old one hangs. */
export type Cut = 'drop' | 'hang'

/**
 * A client whose session survives its connections (XEP-0198): it counts what comes, keeps what it wrote until the server
 * has it, and comes back whenever it is cut. All it hears goes to `heard`, at once.
 */
export class ResumingClient {
  readonly #options: () => ClientOptions
  readonly #heard: (stanza: Element) => void
  #stream: XmlStream | undefined
  #state: 'away' | 'there' | 'over' = 'away'
  #id = ''
  /** Stanzas that the server may not have, and how many it has said to have. */
  readonly #written: Element[] = []
  #acknowledged = 0
  #received = 0
  #sinceAsked = 0
  /** Connections that hang. */
  readonly #left: XmlStream[] = []
  #changed: () => void = () => {}
  #returning: Promise<void> | undefined
  /** How often it came back. */
  resumptions = 0

  private constructor(options: () => ClientOptions, heard: (stanza: Element) => void) {
    this.#options = options
    this.#heard = heard
  }

  /** `options` are asked for anew for each connection, as it may go another way. @throws Error naming the step that failed */
  static async login(options: () => ClientOptions, heard: (stanza: Element) => void): Promise<ResumingClient> {
    const client = new ResumingClient(options, heard)
    await client.#begin()
    return client
  }

  /** Connected, and the session goes on. */
  get there(): boolean {
    return this.#state === 'there'
  }

  /** What the server has not said to have. */
  get unacknowledged(): number {
    return this.#written.length
  }

  write(stanza: Element): void {
    this.#written.push(stanza)
    if (this.#state !== 'there') return
    this.#stream?.send(stanza)
    this.#sinceAsked += 1
    if (this.#sinceAsked >= ASKS_AFTER) this.ask()
  }

  ask(): void {
    this.#sinceAsked = 0
    if (this.#state === 'there') this.#stream?.send(element(NS_SM, 'r'))
  }

  /** Loses its connection, whatever it is about to do; false where it has none. */
  cut(how: Cut): boolean {
    const stream = this.#stream
    this.#stream = undefined
    if (this.#state === 'there') this.#state = 'away'
    if (stream === undefined) return false
    if (how === 'hang') {
      stream.pause()
      this.#left.push(stream)
      this.#changed()
    } else {
      stream.cut()
    }
    return true
  }

  /** Comes back as often as it is cut meanwhile. @throws SessionLost */
  comeBack(): Promise<void> {
    return this.#returning ??= this.#return().finally(() => { this.#returning = undefined })
  }

  /** Ends the session as agreed, having told what it received: what is not acknowledged then is bounced (XEP-0198 §4). */
  async leave(): Promise<void> {
    if (this.#state === 'there') this.#stream?.send(element(NS_SM, 'a', { h: String(this.#received) }))
    this.#state = 'over'
    for (const stream of this.#left) stream.cut()
    await this.#stream?.close()
  }

  async #return(): Promise<void> {
    while (this.#state === 'away') {
      try {
        await this.#resume()
      } catch (error) {
        if (error instanceof SessionLost) throw error
      }
    }
  }

  async #begin(): Promise<void> {
    const { stream, resource } = await this.#prove()
    const bind = element(NS_BIND, 'bind', {}, element(NS_BIND, 'resource', {}, resource))
    stream.send(element(NS_CLIENT, 'iq', { type: 'set', id: 'bind' }, bind))
    await stream.next(({ name, attrs }) => name === 'iq' && attrs['id'] === 'bind' && attrs['type'] === 'result', 'a bound resource')
    stream.send(element(NS_CLIENT, 'presence'))
    await stream.next(({ name }) => name === 'presence', 'our own presence')
    stream.send(element(NS_SM, 'enable', { resume: 'true' }))
    this.#id = (await stream.next(({ name }) => name === 'enabled', '<enabled/>')).attrs['id'] ?? ''
  }

  async #resume(): Promise<void> {
    const { stream } = await this.#prove()
    stream.send(element(NS_SM, 'resume', { previd: this.#id, h: String(this.#received) }))
    const answer = await this.#unlessCut(stream.next(({ name }) => name === 'resumed' || name === 'failed', 'an answer to <resume/>'))
    if (answer.name === 'failed') throw new SessionLost(`not resumed: ${answer.elements()[0]?.name}`)
  }

  async #prove(): Promise<{ stream: XmlStream, resource: string }> {
    let own: XmlStream | undefined
    const proving = XmppClient.prove({
      ...this.#options(),
      intercept: (received) => own === this.#stream && this.#take(received), // what comes on one that hangs is lost
      begun: (stream) => { this.#stream = own = stream },
    })
    return await this.#unlessCut(proving)
  }

  /** Whoever is cut off by a connection that hangs must not wait for it. */
  async #unlessCut<T>(step: Promise<T>): Promise<T> {
    step.catch(() => {})
    return await Promise.race([step, new Promise<never>((_, reject) => {
      this.#changed = () => reject(new Error('cut'))
    })])
  }

  /** Counting begins and goes on with the very element after <enabled/> or <resumed/>. */
  #take(received: Element): boolean {
    const { name, namespace, attrs } = received
    if (namespace === NS_SM) {
      if (name === 'enabled') this.#state = 'there'
      else if (name === 'resumed') this.#resumed(attrs['h'] ?? '')
      else if (name === 'a') this.#acknowledge(attrs['h'] ?? '')
      else if (name === 'r') this.#stream?.send(element(NS_SM, 'a', { h: String(this.#received) }))
      return name === 'a' || name === 'r'
    }
    if (this.#state !== 'there' || namespace !== NS_CLIENT) return false
    this.#received += 1
    this.#heard(received)
    return true
  }

  #resumed(h: string): void {
    this.#acknowledge(h)
    this.#state = 'there'
    this.resumptions += 1
    for (const stanza of this.#written) this.#stream?.send(stanza)
  }

  #acknowledge(h: string): void {
    const newly = Number(h) - this.#acknowledged
    if (!(newly >= 0 && newly <= this.#written.length)) throw new Error(`h is ${h}, of ${this.#acknowledged} and ${this.#written.length}`)
    this.#written.splice(0, newly)
    this.#acknowledged += newly
  }
}

export class SessionLost extends Error {}
