import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'

/** How long a test waits for what must come, in milliseconds. */
const PATIENCE = 20_000

/** A client of RFC 7395 that says exactly what a test wants said; each message that came is one entry. */
export class WebSocketClient {
  readonly webSocket: WebSocket
  readonly socket: Socket
  /** Everything that came. */
  readonly heard: string[] = []
  /** Why the connection was closed (RFC 6455 §7.4.1), once it is. */
  code: number | undefined
  #read = 0
  #changed: () => void = () => {}

  private constructor(webSocket: WebSocket, socket: Socket) {
    this.webSocket = webSocket
    this.socket = socket
    webSocket.on('message', (data, isBinary) => {
      this.heard.push(isBinary ? '(binary)' : String(data))
      this.#changed()
    })
    webSocket.on('error', () => {})
    webSocket.on('close', (code) => {
      this.code = code
      this.#changed()
    })
  }

  /** On a connection on which HTTP can be spoken. Rejects with the status where it is refused. */
  static async open(socket: Socket, host: string, origin?: string, autoPong = true): Promise<WebSocketClient> {
    const webSocket = new WebSocket(`ws://${host}/xmpp-websocket`, ['xmpp'], {
      createConnection: () => socket, perMessageDeflate: true, autoPong, ...origin === undefined ? {} : { origin },
    })
    const client = new WebSocketClient(webSocket, socket)
    await Promise.race([once(webSocket, 'open'), once(webSocket, 'unexpected-response').then(([, response]) => {
      throw new Error(String((response as { statusCode: number }).statusCode))
    })])
    return client
  }

  send(text: string): this {
    this.webSocket.send(text)
    return this
  }

  openStream(to: string): this {
    return this.send(`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='${to}' version='1.0'/>`)
  }

  /** The next message. */
  async next(): Promise<string> {
    const deadline = Date.now() + PATIENCE
    for (;;) {
      const message = this.heard[this.#read]
      if (message !== undefined) {
        this.#read++
        return message
      }
      if (this.code !== undefined || Date.now() > deadline) assert.fail(`nothing more after: ${this.heard.join('\n')}`)
      await this.#change(deadline)
    }
  }

  /** Leaves out what comes before it. */
  async expect(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(await this.next())
      if (match !== null) return match
    }
  }

  /** What still comes until the connection is closed. */
  async rest(): Promise<readonly string[]> {
    const deadline = Date.now() + PATIENCE
    while (this.code === undefined) {
      if (Date.now() > deadline) assert.fail(`still open after: ${this.heard.join('\n')}`)
      await this.#change(deadline)
    }
    return this.heard.slice(this.#read)
  }

  /** Until a resource is bound, by PLAIN. */
  async login(domain: string, name: string, password: string, resource: string): Promise<this> {
    this.openStream(domain)
    await this.expect(/<stream:features/)
    const response = Buffer.from(`\0${name}\0${password}`).toString('base64')
    this.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${response}</auth>`)
    await this.expect(/<success/)
    this.openStream(domain)
    await this.expect(/<stream:features/)
    this.send(`<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`)
    await this.expect(/<iq .*type='result'/)
    return this
  }

  /** As a network that breaks. */
  destroy(): void {
    this.webSocket.terminate()
  }

  #change(deadline: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, deadline - Date.now()))
      this.#changed = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
