/** Capulet's server on the clearnet: its certificate is sound, and it believes the notary's. Juliet is at home. */
import type { Element } from '../../src/xml/element.ts'
import { NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import { NOW } from '../net/authority.ts'
import type { TestClient } from '../house.ts'
import type { RawStream } from '../scenario/scenario.ts'
import { Notary, type Shown } from './notary.ts'
import { FakePeer, features, header, Network, TestServer, until, type TestServerOptions } from './verona.ts'

export const CAPULET = 'capulet.lit'
export const VERONA = 'verona.lit'
const JULIET = `juliet@${CAPULET}`
/** In shape what passes. */
const QUERY = '?OTRv23?'

export class Clearnet {
  readonly network = new Network()
  readonly notary: Notary
  #capulet: TestServer | undefined
  #juliet: TestClient | undefined
  #peers: FakePeer[] = []
  #heard: Element[] = []

  private constructor(notary: (network: Network) => Notary) {
    this.network.proof = 'certificate'
    this.notary = notary(this.network)
  }

  static async open(): Promise<Clearnet> {
    const [root, stranger] = await Notary.authorities()
    return new Clearnet(({ folder }) => new Notary(folder, root, stranger))
  }

  /** Starts the server anew. */
  async serve(s2s: Readonly<Record<string, unknown>> = {}, options: TestServerOptions = {}): Promise<TestServer> {
    await this.#capulet?.stop()
    const identity = await this.notary.identity(CAPULET)
    this.#capulet = await TestServer.start(
      this.network, CAPULET, { authorities: this.notary.authorities, ...s2s }, { kind: 's2s', identity, now: NOW, ...options })
    this.#juliet = await this.#capulet.house.login(`${JULIET}/balcony`)
    this.#heard = []
    return this.#capulet
  }

  async peer(domain = VERONA): Promise<FakePeer> {
    const peer = await FakePeer.listen(this.network, domain)
    this.#peers.push(peer)
    return peer
  }

  /** After each test. */
  async rest(): Promise<void> {
    for (const peer of this.#peers.splice(0)) peer.stop()
    await this.#capulet?.stop()
    this.#capulet = undefined
    this.network.called.length = 0
    this.network.blocked.clear()
  }

  /** Somebody opens a stream to Capulet, and opens it anew inside TLS; `shown` is the certificate. */
  call(shown?: Shown, from = VERONA): Promise<{ stream: RawStream, id: string, offered: string }> {
    return FakePeer.callInTls(this.network, from, CAPULET, shown)
  }

  /** The same, proved by EXTERNAL. */
  async external(from = VERONA): Promise<{ stream: RawStream, id: string, offered: string }> {
    const { stream } = await this.call(await this.notary.shown(from), from)
    await stream.send(auth('=')).expect(/<success[^>]*>/)
    return { stream, ...await features(stream.send(header({ from, to: CAPULET }))) }
  }

  /** Juliet writes to somebody there. */
  says(id: string, to = `mercutio@${VERONA}`): void {
    this.#juliet?.says(`<message to='${to}' type='chat' id='${id}'><body>${QUERY}</body></message>`)
  }

  /** What Juliet has heard and nobody has taken: of errors the id and the condition, of others the id. */
  get heard(): readonly string[] {
    this.#heard.push(...this.#juliet?.heard() ?? [])
    return this.#heard.map((stanza) => {
      const condition = stanza.child('error', NS_CLIENT)?.elements()[0]?.name
      return `${stanza.attrs['id'] ?? ''}${condition === undefined ? '' : ` ${condition}`}`
    })
  }

  /** Juliet hears that, sooner or later. */
  async hears(what: string): Promise<void> {
    await until(() => this.heard.includes(what), `Juliet hears ${what}`)
  }
}

/** A message to Juliet. */
export function message(from: string, id = '1'): string {
  return `<message from='${from}' to='${JULIET}' type='chat' id='${id}'><body>${QUERY}</body></message>`
}

export function auth(response: string): string {
  return `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>${response}</auth>`
}
