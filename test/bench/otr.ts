/**
 * Microseconds of CPU to judge a genuine data message of about 600 bytes, on a recorded conversation in which each turn
 * brings a new key (test/otr/record-ping-pong.ts): where the key is new, and where it was seen before.
 * Run: node dist/test/bench/otr.js
 */
import { OtrAudit } from '../../src/policy/otr-audit.ts'
import { KnownKeys } from '../../src/otr/known-keys.ts'
import { classify } from '../../src/otr/message.ts'
import { peek } from '../../src/otr/peek.ts'
import { Envelope } from '../../src/routing/envelope.ts'
import { jid, parse, TestHouse } from '../house.ts'
import type { Said } from '../otr/party.ts'
import { readVectors } from '../otr/vectors.ts'

/** Of the whole conversation; the least of them counts. */
const ROUNDS = 60

const said = readVectors<Said>('ping-pong.jsonl').filter(({ body }) => body.startsWith('?OTR:AAMD'))
const characters = said.reduce((sum, { body }) => sum + body.length, 0) / said.length

console.log(`${said.length} data messages of ${characters.toFixed(0)} characters, least of ${ROUNDS} rounds`)
report('new key each turn', () => {
  const known = new KnownKeys()
  return () => { for (const { from, body } of said) expectEncoded(body, known.of(from, 'the other')) }
})
report('known key', () => {
  const bodies = said.map(({ from, body }) => ({ body, memory: new KnownKeys().of(from, 'the other') }))
  const work = () => { for (const { body, memory } of bodies) expectEncoded(body, memory) }
  work() // each memory knows its key from now on
  return work
})
report('the audits', () => {
  const { host } = new TestHouse().installation
  const audit = new OtrAudit(host)
  const messages = said.map(({ from, body }) => {
    const message = classify(body)
    if (message.kind !== 'encoded') throw new Error('a genuine message was refused')
    const [stanza] = parse('<message/>')
    if (stanza === undefined) throw new Error('no stanza')
    const [sender, addressee] = from === 'romeo' ? ['romeo@montague.lit/a', 'juliet@capulet.lit'] : ['juliet@capulet.lit/b', 'romeo@montague.lit']
    return { envelope: new Envelope(stanza, jid(sender), jid(addressee), true, 'client', undefined), message }
  })
  return () => { for (const { envelope, message } of messages) audit.passes(envelope, message) }
})
report('reading the address', () => () => { for (const { body } of said) peek(body) })

function report(name: string, prepare: () => () => void): void {
  let least = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const work = prepare()
    const start = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(start)
    least = Math.min(least, user + system)
  }
  console.log(`${name.padEnd(20)} ${(least / said.length).toFixed(1)} µs`)
}

function expectEncoded(body: string, memory: ReturnType<KnownKeys['of']>): void {
  if (classify(body, undefined, memory).kind !== 'encoded') throw new Error('a genuine message was refused')
}
