import otr, { type DSA, type OTR } from 'otr'
import './otr-numbers.ts'
import type { XmppClient } from './xmpp-client.ts'

/** Longer than any test; a timer takes no more. */
const FOR_EVER = 2 ** 31 - 1

/** A key for one person. It takes seconds, in which this process does nothing else. */
export function newOtrKey(): DSA {
  return new otr.DSA()
}

/**
 * A conversation with one peer, encrypted from end to end by npm's otr. It takes every message with a body that comes
 * from the peer's account, answers the peer's key exchange by itself, and refuses to send anything in the clear.
 */
export class OtrConversation {
  readonly #otr: OTR
  readonly #client: XmppClient
  readonly #peer: string
  readonly #patience: number
  readonly #heard: string[] = []
  readonly #sent: string[] = []
  #encrypted = false
  #failure: string | undefined
  #changed: () => void = () => {}

  /** `peer` is a bare JID. `patience` is in milliseconds, for each wait. */
  constructor(client: XmppClient, peer: string, key: DSA, patience = 60_000) {
    this.#client = client
    this.#peer = peer
    this.#patience = patience
    this.#otr = new otr.OTR({ priv: key })
    this.#otr.REQUIRE_ENCRYPTION = true
    this.#otr.on('io', (body) => {
      this.#sent.push(body)
      client.message(peer, body)
    })
    this.#otr.on('ui', (text, encrypted) => {
      if (encrypted) this.#heard.push(text)
      else this.#failure = 'a message came in the clear'
      this.#changed()
    })
    this.#otr.on('error', (text) => {
      this.#failure = text
      this.#changed()
    })
    this.#otr.on('status', (status) => {
      if (status === otr.OTR.CONST.STATUS_AKE_SUCCESS) this.#encrypted = true
      if (status === otr.OTR.CONST.STATUS_END_OTR) this.#encrypted = false
      this.#changed()
    })
    void this.#listen()
  }

  /** The bodies that went out, as the server sees them. */
  get sent(): readonly string[] {
    return this.#sent
  }

  /** Asks the peer for OTR, and waits until both have a key. */
  async begin(): Promise<void> {
    this.#otr.sendQueryMsg()
    await this.encrypted()
  }

  /** Waits until the conversation is encrypted, whoever began. */
  async encrypted(): Promise<void> {
    await this.#until(() => this.#encrypted, 'the conversation to be encrypted')
  }

  say(text: string): void {
    this.#otr.sendMsg(text)
  }

  /** The next text that came encrypted. */
  async hear(): Promise<string> {
    await this.#until(() => this.#heard.length > 0, 'an encrypted message')
    return this.#heard.shift() ?? ''
  }

  async #listen(): Promise<void> {
    const isBody = (body: string | undefined) => body !== undefined
    for (;;) {
      const message = await this.#client.stream.next(
        (stanza) => stanza.name === 'message' && stanza.attrs['type'] !== 'error'
          && isBody(stanza.childContent('body', 'jabber:client'))
          && `${stanza.attrs['from']}/`.startsWith(`${this.#peer}/`),
        `messages from ${this.#peer}`,
        FOR_EVER,
      ).catch(() => undefined) // the stream has ended, and with it the conversation
      if (message === undefined) return
      this.#otr.receiveMsg(message.childContent('body', 'jabber:client') ?? '')
    }
  }

  async #until(happened: () => boolean, what: string): Promise<void> {
    const late = AbortSignal.timeout(this.#patience)
    while (!happened()) {
      if (this.#failure !== undefined) throw new Error(`waited for ${what}, but ${this.#failure}`)
      if (late.aborted) throw new Error(`waited ${this.#patience} ms for ${what}`)
      await new Promise<void>((resolve) => {
        this.#changed = resolve
        late.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }
}
