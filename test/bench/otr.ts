/**
 * Microseconds to judge a genuine data message of about 600 bytes: with a key that was seen before, and with a new key
 * each time (a conversation brings one per turn). Run: node dist/test/bench/otr.js
 */
import { randomBytes } from 'node:crypto'
import { isGroupElement } from '../../src/otr/dh.ts'
import { KnownKeys } from '../../src/otr/known-keys.ts'
import { classify } from '../../src/otr/message.ts'
import { peek } from '../../src/otr/peek.ts'

const MESSAGES = 4000
const ROUNDS = 5
/** With 169 bytes of ciphertext and one revealed MAC key the body is of 594 characters. */
const CIPHERTEXT_BYTES = 169

const bodies = Array.from({ length: MESSAGES }, () => dataMessage(groupElement()))
const [first = ''] = bodies
const known = new KnownKeys().of('romeo', 'juliet')

console.log(`a body of ${first.length} characters, ${MESSAGES} messages, least of ${ROUNDS} rounds`)
report('known key', () => { for (let count = 0; count < MESSAGES; count++) expectEncoded(first, known) })
report('new key each time', () => {
  const memory = new KnownKeys().of('romeo', 'juliet')
  for (const body of bodies) expectEncoded(body, memory)
})
report('peek', () => { for (const body of bodies) peek(body) })

function report(name: string, work: () => void): void {
  let least = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    work()
    least = Math.min(least, performance.now() - start)
  }
  console.log(`${name.padEnd(18)} ${(least * 1000 / MESSAGES).toFixed(1)} µs`)
}

function expectEncoded(body: string, memory: ReturnType<KnownKeys['of']>): void {
  if (classify(body, undefined, memory).kind !== 'encoded') throw new Error('a genuine message was refused')
}

/** Half of all random numbers are in the group. */
function groupElement(): Buffer {
  for (;;) {
    const candidate = randomBytes(192)
    candidate.writeUInt8(candidate.readUInt8(0) & 0x7f | 1, 0)
    if (isGroupElement(candidate)) return candidate
  }
}

function dataMessage(nextKey: Buffer): string {
  const bytes = Buffer.concat([
    Buffer.from('0003031234567823456789000000000100000001', 'hex'), Buffer.from('000000c0', 'hex'), nextKey, randomBytes(8),
    Buffer.from([0, 0, 0, CIPHERTEXT_BYTES]), randomBytes(CIPHERTEXT_BYTES), randomBytes(20), Buffer.from('00000014', 'hex'), randomBytes(20),
  ])
  return `?OTR:${bytes.toString('base64')}.`
}
