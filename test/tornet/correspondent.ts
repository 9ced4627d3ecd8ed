import { setTimeout as passed } from 'node:timers/promises'
import { element, type Element } from '../../src/xml/element.ts'
import { NS_CLIENT, NS_STANZA_ERRORS } from '../../src/xmpp/namespaces.ts'
import type { XmppClient } from '../clients/xmpp-client.ts'
import type { Ledger } from './ledger.ts'
import type { Node } from './node.ts'
import { numberedBody, numberIn } from './numbered.ts'

const NS_PING = 'urn:xmpp:ping'
const REACHING_MILLISECONDS = 60_000
/** A server that was not reached is left alone for a second or two at first, and meanwhile all is bounced at once. */
const BETWEEN_TRIES_MILLISECONDS = 300
const POLL_MILLISECONDS = 10
/** Longer than any test; a timer takes no more. */
const FOR_EVER = 2 ** 31 - 1

/** Writes numbered stanzas to somebody on another node, and enters in the ledgers what becomes of them, and what comes. */
export class Correspondent {
  readonly #node: Node
  readonly #peer: string
  readonly #written: Ledger
  readonly #read: Ledger
  /** Undefined while its server is down: then it waits. */
  #client: XmppClient | undefined

  /** `written`: of its own numbers; `read`: of those that its peer writes. */
  constructor(node: Node, peer: string, written: Ledger, read: Ledger) {
    this.#node = node
    this.#peer = peer
    this.#written = written
    this.#read = read
    this.#use(node.client)
  }

  /** Writes so many, with random pauses. */
  async write(count: number, pause: () => number): Promise<void> {
    for (let left = count; left > 0; await passed(pause())) if (this.#writeOne()) left -= 1
  }

  /** Writes one after the other, until one has arrived. */
  async reach(): Promise<void> {
    const arrived = this.#written.deliveries
    const late = Date.now() + REACHING_MILLISECONDS
    for (; ; await passed(BETWEEN_TRIES_MILLISECONDS)) {
      await this.write(1, () => 0)
      await until(() => this.#written.isSettled(this.#written.size), late - Date.now(), `number ${this.#written.size} is settled`)
      if (this.#written.deliveries > arrived) return
    }
  }

  /** Kills its server, and is back when that runs again. */
  async loseServer(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    const [written, read] = [this.#written.size, this.#read.size]
    await this.#node.server.kill()
    await client?.stream.ended // what the server had still written has been read
    this.#written.killed('sender', written)
    this.#read.killed('receiver', read)
    await this.#node.server.run()
    this.#use(await this.#node.login())
  }

  /** False where nothing was written, as the server is down. */
  #writeOne(): boolean {
    const client = this.#client
    if (client === undefined) return false
    const number = this.#written.size + 1
    client.message(this.#peer, numberedBody(number), { id: String(number) })
    this.#written.wrote(number)
    const ping = element(NS_CLIENT, 'iq', { type: 'get' }, element(NS_PING, 'ping'))
    client.request(ping).then(() => this.#written.taken(number), () => {})
    return true
  }

  #use(client: XmppClient): void {
    this.#client = client
    void this.#listen(client)
  }

  async #listen(client: XmppClient): Promise<void> {
    for (;;) {
      const message = await client.stream.next(({ name }) => name === 'message', 'messages', FOR_EVER).catch(() => undefined)
      if (message === undefined) return // the stream has ended
      if (message.attrs['type'] === 'error') this.#written.bounced(Number(message.attrs['id']), conditionOf(message))
      else this.#read.delivered(numberIn(message.childContent('body', NS_CLIENT) ?? ''))
    }
  }
}

/** Polls, as what is waited for happens in other processes. */
export async function until(isSo: () => boolean, milliseconds: number, what: string): Promise<void> {
  for (const deadline = Date.now() + milliseconds; !isSo(); await passed(POLL_MILLISECONDS)) {
    if (Date.now() > deadline) throw new Error(`not in ${milliseconds} ms: ${what}`)
  }
}

function conditionOf(message: Element): string {
  const conditions = message.child('error', NS_CLIENT)?.elements() ?? []
  return conditions.find(({ namespace, name }) => namespace === NS_STANZA_ERRORS && name !== 'text')?.name ?? 'no condition'
}
