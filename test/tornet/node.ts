import { ServerProcess, type ServerOptions } from '../interop/server.ts'
import { XmppClient } from '../clients/xmpp-client.ts'

const PASSWORD = 'wherefore art thou'
/** An onion that is called for the first time takes some seconds, and one that came back more. */
export const PATIENCE_MILLISECONDS = 90_000

export interface NodeOptions extends Omit<ServerOptions, 'clientTorrc'> {
  readonly clientTorrc: string
  /** Who has an account there. */
  readonly name: string
}

/** One of our servers as a process of its own, with its own tor, and somebody who has an account there and is logged in. */
export class Node {
  readonly server: ServerProcess
  readonly onion: string
  /** Bare. */
  readonly jid: string
  #client: XmppClient | undefined

  private constructor(server: ServerProcess, onion: string, jid: string) {
    this.server = server
    this.onion = onion
    this.jid = jid
  }

  static async start({ name, ...options }: NodeOptions): Promise<Node> {
    const server = await ServerProcess.start(options)
    try {
      const onion = await server.onionAddress()
      await server.addAccount(`${name}@${options.domain ?? 'onion'}`, PASSWORD)
      const node = new Node(server, onion, `${name}@${options.domain ?? onion}`)
      await node.login()
      return node
    } catch (error) {
      await server.stop()
      throw error
    }
  }

  /** Of the last login. */
  get client(): XmppClient {
    if (this.#client === undefined) throw new Error('nobody has logged in')
    return this.#client
  }

  /** How often its tor has told that the onion is published; again after each start of tor. */
  get publications(): number {
    return this.server.log.split('tor.published').length - 1
  }

  /** By the listener on this machine, which is there before the onion is; again after the server was killed. */
  async login(): Promise<XmppClient> {
    const client = await XmppClient.login({
      route: { host: '127.0.0.1', port: this.server.port }, security: 'starttls', jid: `${this.jid}/x`, password: PASSWORD, patience: PATIENCE_MILLISECONDS,
    })
    this.#client = client
    await client.roster() // RFC 6121 §3.1.6: who asks for it hears of subscriptions
    await client.appear()
    return client
  }

  async stop(): Promise<void> {
    this.#client?.cut()
    await this.server.stop()
  }
}
