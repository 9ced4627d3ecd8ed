import { createDecipheriv, createHash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Encoded } from './classified.ts'
import { isGroupElement, LEAST_KEY_BYTES, MOST_KEY_BYTES } from './dh.ts'
import { fieldsOf } from './encoded.ts'
import { Reader } from './reader.ts'

/** Longer than a client waits for an answer; whoever answers later finds the commitment forgotten, and passes. */
const KEEP_MILLISECONDS = 600_000
const MOST_CONVERSATIONS = 4096
/** Both may begin at the same time, and somebody may begin anew; more is no conversation. */
const MOST_COMMITMENTS = 4
/** The key is used once, so the counter begins at 0 (OTR version 3, "D-H Commit Message"). */
const NO_COUNTER = Buffer.alloc(16)

/** `unseen`: nothing was seen that it could be measured by, or not all of it. */
export type ExchangeVerdict = 'opened' | 'forged' | 'unseen'

interface Commitment {
  readonly encrypted: Buffer
  readonly hash: Buffer
}

interface Exchange {
  commitments: Commitment[]
  /** False once one was left out: then it may be that which is opened. */
  complete: boolean
  at: number
}

/**
 * The first audit that needs no key of anybody: in a key exchange the Reveal Signature Message brings the key under
 * which the D-H Commit Message before it hid g^x, so what was committed can be opened and looked at. Made-up messages
 * do not open.
 *
 * It judges only where it saw every commitment of the last ten minutes: after a restart, or where others crowd the
 * memory (some 4 MB at most), exchanges pass unjudged.
 */
export class ExchangeAudit {
  readonly #clock: Clock
  /** By sender, addressee and the sender's instance, in the order of their last commitment. */
  readonly #exchanges = new Map<string, Exchange>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Undefined for messages that it does not judge. `conversation` names the sender's client and the addressee. */
  judge(conversation: string, message: Encoded): ExchangeVerdict | undefined {
    const name = `${conversation}\n${message.version}\n${message.senderTag}`
    switch (message.type) {
      case 'dh-commit': return this.#commit(name, message)
      case 'reveal-signature': return this.#reveal(name, message)
      default: return undefined
    }
  }

  #commit(name: string, message: Encoded): undefined {
    const now = this.#clock.elapsed()
    const fields = fieldsOf(message)
    // Copies, as the fields are views of a whole message.
    const commitment = { encrypted: Buffer.from(fields.field()), hash: Buffer.from(fields.field()) }
    const exchange = this.#exchanges.get(name) ?? { commitments: [], complete: true, at: now }
    this.#exchanges.delete(name)
    this.#exchanges.set(name, exchange)
    exchange.at = now
    this.#forget(now)
    if (exchange.commitments.some((other) => isSame(other, commitment))) return
    exchange.commitments.push(commitment)
    if (exchange.commitments.length <= MOST_COMMITMENTS) return
    exchange.commitments.shift()
    exchange.complete = false
  }

  #reveal(name: string, message: Encoded): ExchangeVerdict {
    this.#forget(this.#clock.elapsed())
    const exchange = this.#exchanges.get(name)
    if (exchange === undefined) return 'unseen'
    const keys = cipherKeys(fieldsOf(message).field())
    // It is kept: the same message may come again, to another instance or because it got lost.
    if (exchange.commitments.some((commitment) => keys.some((key) => opens(commitment, key)))) return 'opened'
    return exchange.complete ? 'forged' : 'unseen'
  }

  /** Lets go what is too old or too much: all of a conversation at once, or another commitment would seem to be all. */
  #forget(now: number): void {
    for (const [name, { at }] of this.#exchanges) {
      if (now - at < KEEP_MILLISECONDS && this.#exchanges.size <= MOST_CONVERSATIONS) break
      this.#exchanges.delete(name)
    }
  }
}

/**
 * What the revealed bytes mean as a key.
 *
 * COMPAT(otr.js 0.2.16, 2026-11): where their first hexadecimal digit is 0 it reads the rest from the left, and the
 * digit that is left over as a byte of its own: one key exchange in sixteen is encrypted by that.
 */
function cipherKeys(revealed: Buffer): readonly Buffer[] {
  const digits = revealed.toString('hex')
  if (!digits.startsWith('0')) return [revealed]
  return [revealed, Buffer.from(`${digits.slice(1, -1)}0${digits.slice(-1)}`, 'hex')]
}

/** Is a public key in it, under this key, and is the hash that of the key? */
function opens({ encrypted, hash }: Commitment, key: Buffer): boolean {
  const opened = createDecipheriv('aes-128-ctr', key, NO_COUNTER).update(encrypted)
  if (!createHash('sha256').update(opened).digest().equals(hash)) return false
  const reader = new Reader(opened)
  const number = reader.field()
  if (reader.overrun || reader.remaining > 0 || number[0] === 0) return false
  return number.length >= LEAST_KEY_BYTES && number.length <= MOST_KEY_BYTES && isGroupElement(number)
}

function isSame(one: Commitment, other: Commitment): boolean {
  return one.hash.equals(other.hash) && one.encrypted.equals(other.encrypted)
}
