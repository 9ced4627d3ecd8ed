import assert from 'node:assert/strict'
import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import type { Encoded } from '../../src/otr/classified.ts'
import { ExchangeAudit } from '../../src/otr/exchange-audit.ts'
import { classify } from '../../src/otr/message.ts'
import { TestClock } from '../clock.ts'
import { bodyOf, readVectors } from './vectors.ts'

/** A commitment and what opened it, of one genuine key exchange each. */
const GENUINE: readonly (readonly [string, string])[] = [
  ['libotr-v3only-nofrag-1', 'libotr-v3only-nofrag-3'],
  ['libotr-v2only-nofrag-1', 'libotr-v2only-nofrag-3'],
  ['potr-potr-v2-1', 'potr-potr-v2-3'],
  ['otrjs-otrjs-v3-1', 'otrjs-otrjs-v3-3'],
  ['otrjs-otrjs-v2-1', 'otrjs-otrjs-v2-3'],
  ['clients-client-pidgin-mcabber.2-0', 'clients-client-pidgin-mcabber.2-1'],
]
const [commitName, revealName] = GENUINE[0] ?? ['', '']
const [COMMIT, REVEAL] = [message(bodyOf(commitName)), message(bodyOf(revealName))]
const WHO = 'juliet@capulet.lit/balcony romeo@montague.lit'

function message(body: string): Encoded {
  const classified = classify(body)
  assert.ok(classified.kind === 'encoded')
  return classified
}

/** A commitment of COMMIT's instance that opens by REVEAL's key, to what stands there instead of a public key. */
function commitment(opened: Buffer, hash = createHash('sha256').update(opened).digest()): Encoded {
  const key = REVEAL.bytes.subarray(15, 31)
  const encrypted = createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(opened)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(encrypted.length)
  return message(`?OTR:${Buffer.concat([COMMIT.bytes.subarray(0, 11), length, encrypted, Buffer.from([0, 0, 0, 32]), hash]).toString('base64')}.`)
}

/** Another commitment of the same instance, of which nobody knows the key. */
function unopened(): Encoded {
  const bytes = Buffer.from(COMMIT.bytes)
  randomBytes(196).copy(bytes, 15)
  randomBytes(32).copy(bytes, 215)
  return message(`?OTR:${bytes.toString('base64')}.`)
}

/** The key that was committed to, with its length before it. */
const [opened, key] = [open(), open().subarray(4)]

function open(): Buffer {
  return createCipheriv('aes-128-ctr', REVEAL.bytes.subarray(15, 31), Buffer.alloc(16)).update(COMMIT.bytes.subarray(15, 211))
}

function withLength(number: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, number.length]), number])
}

describe('what a Reveal Signature Message reveals', () => {
  for (const [commit, reveal] of GENUINE) {
    test(`opens the genuine commitment ${commit}`, () => {
      const audit = new ExchangeAudit(new TestClock())
      assert.equal(audit.judge(WHO, message(bodyOf(commit))), undefined)
      assert.equal(audit.judge(WHO, message(bodyOf(reveal))), 'opened')
      assert.equal(audit.judge(WHO, message(bodyOf(reveal))), 'opened', 'it may come again')
    })
  }

  for (const { commit, reveal } of readVectors<{ readonly commit: string; readonly reveal: string }>('otrjs-short-key.jsonl')) {
    test(`opens what otr.js commits to where its key begins with a zero: ${commit.slice(0, 12)}`, () => {
      const audit = new ExchangeAudit(new TestClock())
      audit.judge(WHO, message(commit))
      assert.equal(audit.judge(WHO, message(reveal)), 'opened')
    })
  }

  const FORGED: Readonly<Record<string, () => Encoded>> = {
    'a commitment that it does not open': unopened,
    'a hash of something else': () => commitment(opened, randomBytes(32)),
    'a number that is no key of the group': () => {
      const other = Buffer.from(opened)
      for (let bit = 1; bit < 64; bit++) {
        other[195] = bit
        const audit = new ExchangeAudit(new TestClock())
        audit.judge(WHO, commitment(other))
        if (audit.judge(WHO, REVEAL) === 'forged') break
      }
      return commitment(other)
    },
    'a number with a leading zero': () => commitment(withLength(Buffer.concat([Buffer.from([0, 0x80]), Buffer.alloc(190)]))), // a power of 2 is in the group
    'a number whose length is wrong': () => commitment(Buffer.concat([Buffer.from([0, 0, 0, 191]), key])),
    'text': () => commitment(Buffer.from('thus from my lips, by yours, my sin is purged. '.repeat(5)).subarray(0, 196)),
  }
  for (const [name, forged] of Object.entries(FORGED)) {
    test(`is refused after ${name}`, () => {
      const audit = new ExchangeAudit(new TestClock())
      audit.judge(WHO, forged())
      assert.equal(audit.judge(WHO, REVEAL), 'forged')
    })
  }

  test('one commitment of several is enough, as a client may begin anew', () => {
    const audit = new ExchangeAudit(new TestClock())
    for (const each of [unopened(), COMMIT, unopened()]) audit.judge(WHO, each)
    assert.equal(audit.judge(WHO, REVEAL), 'opened')
  })
})

describe('where not all was seen nothing is refused', () => {
  test('without any commitment, and after another one of somebody else', () => {
    const audit = new ExchangeAudit(new TestClock())
    assert.equal(audit.judge(WHO, REVEAL), 'unseen')
    audit.judge('tybalt@capulet.lit/street romeo@montague.lit', unopened())
    audit.judge(WHO, message(bodyOf('libotr-v2only-nofrag-1')))
    assert.equal(audit.judge(WHO, REVEAL), 'unseen')
  })

  test('ten minutes after the last commitment', () => {
    const clock = new TestClock()
    const audit = new ExchangeAudit(clock)
    audit.judge(WHO, unopened())
    clock.advance(599_999)
    assert.equal(audit.judge(WHO, REVEAL), 'forged')
    clock.advance(1)
    assert.equal(audit.judge(WHO, REVEAL), 'unseen')
  })

  test('where a client made more commitments than are kept', () => {
    const audit = new ExchangeAudit(new TestClock())
    audit.judge(WHO, COMMIT)
    for (let count = 0; count < 3; count++) audit.judge(WHO, unopened())
    assert.equal(audit.judge(WHO, REVEAL), 'opened')
    audit.judge(WHO, unopened())
    assert.equal(audit.judge(WHO, REVEAL), 'unseen')
  })

  test('a commitment that is sent again takes no more room', () => {
    const audit = new ExchangeAudit(new TestClock())
    const other = unopened()
    for (let count = 0; count < 9; count++) audit.judge(WHO, other)
    assert.equal(audit.judge(WHO, REVEAL), 'forged')
  })

  test('where 4096 others began since', () => {
    const audit = new ExchangeAudit(new TestClock())
    audit.judge(WHO, unopened())
    for (let number = 1; number < 4096; number++) audit.judge(`${number}`, COMMIT)
    assert.equal(audit.judge(WHO, REVEAL), 'forged')
    audit.judge('one more', COMMIT)
    assert.equal(audit.judge(WHO, REVEAL), 'unseen')
  })
})
