import { createHmac } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Encoded } from './classified.ts'
import { fieldsOf } from './encoded.ts'

const KEEP_MILLISECONDS = 3_600_000
const MOST_DIRECTIONS = 2048
/** A conversation uses two keys of either side at a time. */
const PAIRS_PER_DIRECTION = 4
/** Of longer messages none is kept; all that is kept then takes 20 MB at most. */
const LONGEST_SAMPLE = 2048
/** libotr reveals one or two at a time. To look at more would be work for nothing. */
const MOST_MAC_KEYS = 4
const MAC_BYTES = 20
const COUNTER_BYTES = 8

export const FINDINGS = [
  'mac-key-matched', 'mac-key-unmatched', 'key-id-decreased', 'next-key-changed', 'counter-repeated',
] as const
export type Finding = (typeof FINDINGS)[number]

interface Direction {
  readonly at: number
  readonly senderKeyId: number
  readonly recipientKeyId: number
  readonly nextKey: Buffer
  readonly pairs: readonly Pair[]
}

/** What was said under one key of either side: the MAC keys are theirs alone. */
interface Pair {
  readonly senderKeyId: number
  readonly recipientKeyId: number
  readonly counter: Buffer
  /** A message from its version to the end of its ciphertext, which is what the MAC is of. */
  readonly sample: Buffer | undefined
}

/** Whose message it is: `from` and `to` name accounts. */
export interface Speakers {
  readonly from: string
  readonly to: string
}

/**
 * Two more audits that need no key: data messages reveal the MAC keys of earlier ones, which then can be verified, and
 * their key ids, next keys and counters go on in one direction (OTR version 3, "Data Exchange" and "Revealing MAC
 * Keys"). Genuine conversations fail them, too, where this server did not see all: after its restart, or where
 * version 2 is spoken by several clients of an account. So they are findings to count, and nothing is refused.
 */
export class DataAudit {
  readonly #clock: Clock
  /** By account and instance of either side, in the order of use. */
  readonly #directions = new Map<string, Direction>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  note({ from, to }: Speakers, message: Encoded): readonly Finding[] {
    if (message.version === 4) return []
    const there = `${from} ${message.senderTag}`
    const back = `${to} ${message.receiverTag}`
    switch (message.type) {
      case 'data': return this.#data(`${there}\n${back}`, `${back}\n${there}`, message)
      case 'reveal-signature':
      case 'signature':
        // Key ids begin anew.
        this.#directions.delete(`${there}\n${back}`)
        this.#directions.delete(`${back}\n${there}`)
    }
    return []
  }

  #data(name: string, opposite: string, message: Encoded): readonly Finding[] {
    const said = readData(message)
    const { senderKeyId, recipientKeyId, nextKey, counter } = said
    const findings = this.#revealed(said.revealed, this.#directions.get(opposite))
    const known = this.#directions.get(name)
    const pair = known?.pairs.find((one) => one.senderKeyId === senderKeyId && one.recipientKeyId === recipientKeyId)
    if (known !== undefined) {
      if (senderKeyId < known.senderKeyId || recipientKeyId < known.recipientKeyId) findings.push('key-id-decreased')
      if (senderKeyId === known.senderKeyId && !nextKey.equals(known.nextKey)) findings.push('next-key-changed')
      if (pair !== undefined && counter.compare(pair.counter) <= 0) findings.push('counter-repeated')
    }
    const others = (known?.pairs ?? []).filter((one) => one !== pair).slice(1 - PAIRS_PER_DIRECTION)
    const sample = said.authenticated.length > LONGEST_SAMPLE ? pair?.sample : Buffer.from(said.authenticated)
    this.#remember(name, {
      at: this.#clock.elapsed(), senderKeyId, recipientKeyId, nextKey: Buffer.from(nextKey),
      pairs: [...others, { senderKeyId, recipientKeyId, counter: Buffer.from(counter), sample }],
    })
    return findings
  }

  /** Who reveals a MAC key has verified messages of the other one by it. */
  #revealed(keys: Buffer, opposite: Direction | undefined): Finding[] {
    const samples = (opposite?.pairs ?? []).flatMap(({ sample }) => sample ?? [])
    const findings: Finding[] = []
    for (let at = 0; at < Math.min(keys.length, MOST_MAC_KEYS * MAC_BYTES); at += MAC_BYTES) {
      const key = keys.subarray(at, at + MAC_BYTES)
      findings.push(samples.some((sample) => verifies(sample, key)) ? 'mac-key-matched' : 'mac-key-unmatched')
    }
    return findings
  }

  #remember(name: string, direction: Direction): void {
    this.#directions.delete(name)
    this.#directions.set(name, direction)
    for (const [oldest, { at }] of this.#directions) {
      if (direction.at - at < KEEP_MILLISECONDS && this.#directions.size <= MOST_DIRECTIONS) return
      this.#directions.delete(oldest)
    }
  }
}

/** The fields of a data message, as views, and what its MAC is of. */
function readData(message: Encoded) {
  const reader = fieldsOf(message)
  reader.byte()
  const senderKeyId = reader.int()
  const recipientKeyId = reader.int()
  const nextKey = reader.field()
  const counter = reader.bytes(COUNTER_BYTES)
  reader.field()
  const authenticated = message.bytes.subarray(0, message.bytes.length - reader.remaining + MAC_BYTES)
  reader.bytes(MAC_BYTES)
  return { senderKeyId, recipientKeyId, nextKey, counter, authenticated, revealed: reader.field() }
}

/** A sample ends with the MAC itself. */
function verifies(sample: Buffer, key: Buffer): boolean {
  const end = sample.length - MAC_BYTES
  return createHmac('sha1', key).update(sample.subarray(0, end)).digest().equals(sample.subarray(end))
}
