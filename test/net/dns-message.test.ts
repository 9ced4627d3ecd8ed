import assert from 'node:assert/strict'
import packet from 'dns-packet'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeQuestion, LONGEST_MESSAGE, readAnswer, type Question } from '../../src/net/dns-message.ts'
import { DnsError } from '../../src/net/resolver.ts'
import { address, alias, answer, NXDOMAIN, srv } from './dns-server.ts'

const ASKED: Question = { id: 7, name: '_xmpp-server._tcp.montague.lit', type: 'SRV' }

function honest(): Buffer {
  const asked = packet.decode(encodeQuestion(ASKED).subarray(2))
  return answer(asked, [
    alias(ASKED.name, 'b.montague.lit'), srv('b.montague.lit', 'xmpp.montague.lit'), address('xmpp.montague.lit', '192.0.2.1'),
  ])
}

test('RFC 1035 §4.2.2: a question over TCP has its length before it, and one question in it, which wants recursion', () => {
  const bytes = encodeQuestion(ASKED)
  assert.equal(bytes.readUInt16BE(0), bytes.length - 2)
  const { id, type, opcode, flags, questions, answers } = packet.decode(bytes.subarray(2))
  assert.deepEqual({ id, type, opcode, flags, questions, answers }, {
    id: 7, type: 'query', opcode: 'QUERY', flags: packet.RECURSION_DESIRED, answers: [],
    questions: [{ name: ASKED.name, type: 'SRV', class: 'IN' }],
  })
})

test('the answer to it is read through its alias', () => {
  assert.deepEqual(readAnswer(honest(), ASKED), {
    services: [{ priority: 0, weight: 0, port: 5269, target: 'xmpp.montague.lit' }], addresses: [], alias: undefined,
  })
})

test('cut at any byte it is malformed, and nothing else', () => {
  const message = honest()
  for (let length = 0; length < message.length; length++) {
    assert.throws(() => readAnswer(message.subarray(0, length), ASKED), (error) => error instanceof DnsError, `${length}`)
  }
})

test('a longer one than any sound answer is refused unread', () => {
  const asked = packet.decode(encodeQuestion(ASKED).subarray(2))
  const long = answer(asked, Array.from({ length: 1000 }, () => srv(ASKED.name, 'xmpp.montague.lit')))
  assert.ok(long.length > LONGEST_MESSAGE)
  assert.throws(() => readAnswer(long, ASKED), /dns-too-long/)
})

test('records of another class than IN are no answer', () => {
  const asked = packet.decode(encodeQuestion(ASKED).subarray(2))
  assert.deepEqual(readAnswer(answer(asked, [{ ...srv(ASKED.name, 'xmpp.montague.lit'), class: 'CH' }]), ASKED).services, [])
})

test('RFC 2308 §2.1: an alias of a name that does not exist leads nowhere, and is not asked for again', () => {
  const asked = packet.decode(encodeQuestion(ASKED).subarray(2))
  const answers = [alias(ASKED.name, 'gone.lit')]
  assert.equal(readAnswer(answer(asked, answers), ASKED).alias, 'gone.lit')
  assert.equal(readAnswer(answer(asked, answers, { flags: NXDOMAIN }), ASKED).alias, undefined)
})

test('whatever bytes come, the outcome is an answer within its bounds or no answer', () => {
  const message = honest()
  const changed = fc.array(fc.tuple(fc.nat(message.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }).map((changes) => {
    const bytes = Buffer.from(message)
    for (const [offset, value] of changes) bytes[offset] = value
    return bytes
  })
  fc.assert(fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes))), (bytes) => {
    try {
      const { services } = readAnswer(bytes, ASKED)
      for (const { priority, weight, port, target } of services) {
        for (const number of [priority, weight, port]) assert.ok(Number.isInteger(number) && number >= 0 && number <= 65_535)
        assert.match(target, /^(\.|[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*)$/)
      }
    } catch (error) {
      assert.ok(error instanceof DnsError, String(error))
    }
  }), { numRuns: 5000 })
})

test('a message of pointers to pointers, as long as one may be, is refused or read at once', () => {
  const head = answer(packet.decode(encodeQuestion(ASKED).subarray(2)), [])
  const records = Array.from({ length: Math.floor((LONGEST_MESSAGE - head.length) / 16) }, (_, index) => {
    const offset = head.length + index * 16
    const earlier = index === 0 ? 12 : offset - 16
    return Buffer.of(0xc0 | earlier >> 8, earlier & 255, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 192, 0, 2, 1)
  })
  const message = Buffer.concat([head, ...records])
  message.writeUInt16BE(records.length, 6)
  const before = process.cpuUsage()
  assert.deepEqual(readAnswer(message, ASKED).services, [])
  assert.ok(process.cpuUsage(before).user < 1_000_000, 'less than a second')
})
