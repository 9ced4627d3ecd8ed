import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import type { Encoded } from '../../src/otr/classified.ts'
import { DataAudit, type Finding } from '../../src/otr/data-audit.ts'
import { classify } from '../../src/otr/message.ts'
import { TestClock } from '../clock.ts'
import { converse, KEYS, type Said } from './party.ts'
import { readVectors } from './vectors.ts'

const PING_PONG = readVectors<Said>('ping-pong.jsonl').filter(({ body }) => body.startsWith('?OTR:'))

function message(body: string): Encoded {
  const classified = classify(body)
  assert.ok(classified.kind === 'encoded')
  return classified
}

function note(audit: DataAudit, { from, body }: Said): readonly Finding[] {
  return audit.note({ from, to: from === 'romeo' ? 'juliet' : 'romeo' }, message(body))
}

/** The data message with some of its bytes changed; they begin after the header, with the flags. */
function changed({ from, body }: Said, at: number, ...bytes: readonly number[]): Said {
  const all = Buffer.from(message(body).bytes)
  all.set(bytes, 11 + at)
  return { from, body: `?OTR:${all.toString('base64')}.` }
}

const SENDER_KEY_ID = 4
const RECIPIENT_KEY_ID = 8
const COUNTER_END = 1 + 4 + 4 + 4 + 192 + 7

/** An audit that has seen the conversation up to there, and the message that comes next. */
function upTo(index: number): readonly [DataAudit, Said] {
  const audit = new DataAudit(new TestClock())
  for (const each of PING_PONG.slice(0, index)) note(audit, each)
  const next = PING_PONG[index]
  assert.ok(next)
  return [audit, next]
}

describe('genuine conversations', () => {
  test('each MAC key that is revealed verifies an earlier message, and everything goes on in one direction', () => {
    const audit = new DataAudit(new TestClock())
    const findings = PING_PONG.flatMap((each) => [...note(audit, each)])
    assert.ok(findings.length > 100)
    assert.ok(findings.every((finding) => finding === 'mac-key-matched'))
  })

  for (const version of [2, 3] as const) {
    test(`of version ${version}, with several messages a turn`, async () => {
      const [romeo, juliet] = KEYS
      assert.ok(romeo && juliet)
      const audit = new DataAudit(new TestClock())
      const said = await converse([romeo, juliet], Array.from({ length: 12 }, (_, turn) => `${turn}`), { version })
      const findings = said.filter(({ body }) => body.startsWith('?OTR:')).flatMap((each) => [...note(audit, each)])
      assert.ok(findings.length > 4)
      assert.ok(findings.every((finding) => finding === 'mac-key-matched'))
    })
  }
})

describe('what is found', () => {
  test('a MAC key that verifies nothing that was seen', () => {
    const [audit, next] = upTo(30)
    const bytes = message(next.body).bytes
    assert.deepEqual(note(audit, changed(next, bytes.length - 11 - 1, 1 + (bytes.at(-1) ?? 0) & 255)), ['mac-key-unmatched'])
  })

  test('key ids that decrease', () => {
    for (const at of [SENDER_KEY_ID, RECIPIENT_KEY_ID]) {
      const [audit, next] = upTo(30)
      assert.ok(note(audit, changed(next, at, 1)).includes('key-id-decreased'))
    }
  })

  test('another next key for the same key id', () => {
    const [audit] = upTo(30)
    const [last, before] = [PING_PONG[29], PING_PONG[27]]
    assert.ok(last && before && last.from === before.from)
    const renamed = changed(before, SENDER_KEY_ID, message(last.body).bytes[11 + SENDER_KEY_ID] ?? 0)
    assert.ok(note(audit, renamed).includes('next-key-changed'))
  })

  test('a counter that does not increase', () => {
    const [audit] = upTo(30)
    const last = PING_PONG[29]
    assert.ok(last)
    assert.ok(note(audit, last).includes('counter-repeated'))
    assert.ok(!note(audit, changed(last, COUNTER_END, 9)).includes('counter-repeated'))
  })

  test('nothing after a new key exchange, where ids begin anew', () => {
    const [audit] = upTo(30)
    const [, , reveal, signature, first] = PING_PONG
    assert.ok(reveal && signature && first)
    for (const each of [reveal, signature, first]) assert.deepEqual(note(audit, each), [])
  })
})

describe('bounds', () => {
  test('a conversation is forgotten an hour after its last message, or where 2048 others are newer', () => {
    const clock = new TestClock()
    const audit = new DataAudit(clock)
    const last = PING_PONG.at(-1)
    assert.ok(last)
    const again = (): boolean => note(audit, last).includes('counter-repeated')
    const others = (count: number): void => {
      for (let number = 0; number < count; number++) audit.note({ from: `${number}`, to: 'juliet' }, message(last.body))
    }
    note(audit, last)
    clock.advance(3_599_999)
    others(1)
    assert.ok(again())
    clock.advance(3_600_000)
    others(1)
    assert.ok(!again())
    others(2047)
    assert.ok(again())
    others(2048)
    assert.ok(!again())
  })

  test('of messages longer than 2048 bytes none is kept to be verified', () => {
    const [, , , , first, second] = PING_PONG
    assert.ok(first && second && first.from !== second.from)
    const field = (content: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, content.length >>> 8, content.length & 255]), content])
    const [key, start] = [randomBytes(20), 11 + COUNTER_END + 1]
    for (const [length, finding] of [[1800, 'mac-key-matched'], [1900, 'mac-key-unmatched']] as const) {
      const audit = new DataAudit(new TestClock())
      const authenticated = Buffer.concat([message(first.body).bytes.subarray(0, start), field(randomBytes(length))])
      const sent = Buffer.concat([authenticated, createHmac('sha1', key).update(authenticated).digest(), field(Buffer.alloc(0))])
      const answer = Buffer.concat([message(second.body).bytes.subarray(0, start), field(randomBytes(9)), randomBytes(20), field(key)])
      assert.deepEqual(note(audit, { from: first.from, body: `?OTR:${sent.toString('base64')}.` }), [])
      assert.deepEqual(note(audit, { from: second.from, body: `?OTR:${answer.toString('base64')}.` }), [finding])
    }
  })

  test('no more than four MAC keys of a message are looked at', () => {
    const [audit, next] = upTo(30)
    const { bytes } = message(next.body)
    const revealed = Buffer.concat(Array.from({ length: 64 }, () => bytes.subarray(-20)))
    const length = Buffer.from([0, 0, revealed.length >>> 8, revealed.length & 255])
    const body = `?OTR:${Buffer.concat([bytes.subarray(0, -24), length, revealed]).toString('base64')}.`
    assert.deepEqual(note(audit, { from: next.from, body }), Array.from({ length: 4 }, () => 'mac-key-matched'))
  })
})
