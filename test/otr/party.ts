import otr, { type DSA, type OTR } from 'otr'
import '../clients/otr-numbers.ts'
import { readVectors } from './vectors.ts'

/** Keys that were made once (record-ping-pong.ts), as each takes seconds; they protect nothing. */
export const KEYS: readonly DSA[] = readVectors<{ readonly dsa: string }>('keys.jsonl').map(({ dsa }) => otr.DSA.parsePrivate(dsa))

export interface PartyOptions {
  readonly key: DSA
  /** What it speaks; both by default. */
  readonly version?: 2 | 3
  /** Four bytes, as one number; random by default. */
  readonly tag?: number
  readonly fragmentSize?: number
  readonly send: (body: string) => void
}

/** One end of a conversation: npm's otr, which encrypts everything or says nothing. */
export class Party {
  /** What it decrypted, in order. */
  readonly heard: string[] = []
  readonly troubles: string[] = []
  encrypted = false
  readonly #otr: OTR

  constructor({ key, version, tag, fragmentSize = 0, send }: PartyOptions) {
    const own = tag === undefined ? {} : { instance_tag: String.fromCharCode(tag >>> 24, tag >>> 16 & 255, tag >>> 8 & 255, tag & 255) }
    this.#otr = new otr.OTR({ priv: key, fragment_size: fragmentSize, ...own })
    this.#otr.REQUIRE_ENCRYPTION = true
    this.#otr.ALLOW_V2 = version !== 3
    this.#otr.ALLOW_V3 = version !== 2
    this.#otr.on('io', send)
    this.#otr.on('ui', (text, encrypted) => { (encrypted ? this.heard : this.troubles).push(text) })
    this.#otr.on('error', (text) => { this.troubles.push(text) })
    this.#otr.on('status', (status) => {
      if (status === otr.OTR.CONST.STATUS_AKE_SUCCESS) this.encrypted = true
      if (status === otr.OTR.CONST.STATUS_END_OTR) this.encrypted = false
    })
  }

  query(): void {
    this.#otr.sendQueryMsg()
  }

  say(text: string): void {
    this.#otr.sendMsg(text)
  }

  receive(body: string): void {
    this.#otr.receiveMsg(body)
  }

  /** Leaves the conversation. */
  end(): void {
    this.#otr.endOtr()
  }
}

/** Lets npm's otr, which writes in turns of the event loop, come to an end with all that it has to write. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 40; turn++) await new Promise((resolve) => setTimeout(resolve, 0))
}

export interface Said {
  readonly from: 'romeo' | 'juliet'
  readonly body: string
}

/** Two who talk in turns, from Romeo's query on, and all that goes over the wire. */
export async function converse(
  keys: readonly [DSA, DSA], texts: readonly string[], options: Pick<PartyOptions, 'version' | 'fragmentSize'> = {},
): Promise<Said[]> {
  const said: Said[] = []
  const romeo: Party = new Party({ ...options, key: keys[0], send: (body) => { said.push({ from: 'romeo', body }); juliet.receive(body) } })
  const juliet: Party = new Party({ ...options, key: keys[1], send: (body) => { said.push({ from: 'juliet', body }); romeo.receive(body) } })
  romeo.query()
  await quiet()
  for (const [index, text] of texts.entries()) {
    const [speaker, listener] = index % 2 === 0 ? [romeo, juliet] : [juliet, romeo]
    speaker.say(text)
    await quiet()
    if (listener.heard.at(-1) !== text) throw new Error(`"${text}" was not heard: ${[...romeo.troubles, ...juliet.troubles].join()}`)
  }
  return said
}
