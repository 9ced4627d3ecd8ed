import assert from 'node:assert/strict'
import { createDiffieHellmanGroup } from 'node:crypto'
import { describe, test } from 'node:test'
import { DEFAULT_SETTINGS } from '../../src/otr/classified.ts'
import { readEncoded } from '../../src/otr/encoded.ts'

const TYPES = { commit: 0x02, data: 0x03, key: 0x0a, reveal: 0x11, signature: 0x12 }
const SENDER = 0x100
const RECEIVER = 0xffffffff

/** Bytes that are no text. */
const noise = (length: number): Buffer => Buffer.alloc(length, 0xfe)
const text = (length: number): Buffer => Buffer.alloc(length, 'O Romeo, ')
/** A power of two is in the group, whose generator is 2. */
const power = (bytes: number): Buffer => Buffer.concat([Buffer.from([0x80]), Buffer.alloc(bytes - 1)])
/** The negative of 4, which as the negative of a square is none, and that of 1. */
const PRIME = createDiffieHellmanGroup('modp5').getPrime()
const lessThanPrime = (by: number): Buffer => Buffer.concat([PRIME.subarray(0, -1), Buffer.from([(PRIME.at(-1) ?? 0) - by])])

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function field(content: Buffer): Buffer {
  return Buffer.concat([int(content.length), content])
}

type Parts = readonly Buffer[]

const commit = ({ encrypted = noise(196), hash = 32 } = {}): Parts => [field(encrypted), field(noise(hash))]
const reveal = ({ key = 16, encrypted = noise(466), mac = 20 } = {}): Parts => [field(noise(key)), field(encrypted), noise(mac)]
const signature = ({ encrypted = noise(466), mac = 20 } = {}): Parts => [field(encrypted), noise(mac)]
const data = ({
  flags = 0, senderKey = 1, recipientKey = 1, y = power(192), counter = Buffer.from('0000000000000001', 'hex'), encrypted = noise(40),
  mac = 20, revealed = noise(20),
} = {}): Parts => [
  Buffer.from([flags]), int(senderKey), int(recipientKey), field(y), counter, field(encrypted), noise(mac), field(revealed),
]

function encode(version: number, type: number, parts: Parts, tags: Parts = version === 2 ? [] : [int(SENDER), int(RECEIVER)]): string {
  return body(Buffer.concat([Buffer.from([0, version, type]), ...tags, ...parts]))
}

function body(bytes: Buffer): string {
  return `?OTR:${bytes.toString('base64')}.`
}

function passes(sent: string): boolean {
  return readEncoded(sent).kind === 'encoded'
}

const FIELDS: readonly (readonly [title: string, type: number, passing: readonly Parts[], refused: readonly Parts[]])[] = [
  ['180 to 196 bytes of an encrypted g^x, and no text', TYPES.commit,
    [commit(), commit({ encrypted: noise(180) })],
    [commit({ encrypted: noise(179) }), commit({ encrypted: noise(197) }), commit({ encrypted: text(190) })]],
  ['a hash of 32 bytes', TYPES.commit, [commit({ hash: 32 })], [commit({ hash: 31 }), commit({ hash: 33 })]],
  ['y from 176 to 192 bytes without zeros before it, of the group', TYPES.key,
    [[field(power(192))], [field(power(176))]],
    [[field(power(175))], [field(power(193))], [field(Buffer.concat([Buffer.alloc(1), power(191)]))], [field(lessThanPrime(4))],
      [field(lessThanPrime(1))], [field(Buffer.alloc(192, 0xff))], [field(text(192))], [field(text(191))], [field(text(190))], [field(text(189))]]],
  ['a revealed key of 16 bytes', TYPES.reveal, [reveal()], [reveal({ key: 15 }), reveal({ key: 17 })]],
  ['450 to 466 bytes of an encrypted signature, and no text', TYPES.reveal,
    [reveal({ encrypted: noise(450) })],
    [reveal({ encrypted: noise(449) }), reveal({ encrypted: noise(467) }), reveal({ encrypted: text(460) })]],
  ['the same alone', TYPES.signature,
    [signature(), signature({ encrypted: noise(450) })],
    [signature({ encrypted: noise(449) }), signature({ encrypted: noise(467) }), signature({ encrypted: text(460) })]],
  ['a MAC of 20 bytes', TYPES.signature, [signature()], [signature({ mac: 19 }), signature({ mac: 21 }), signature({ mac: 0 })]],
  ['no flag but the one to ignore unreadable messages', TYPES.data, [data({ flags: 1 })], [data({ flags: 2 }), data({ flags: 0x81 })]],
  ['key ids above 0', TYPES.data, [data({ senderKey: 7 })], [data({ senderKey: 0 }), data({ recipientKey: 0 })]],
  ['a counter above 0', TYPES.data,
    [data({ counter: Buffer.from('0000000100000000', 'hex') })], [data({ counter: Buffer.alloc(8) })]],
  ['ciphertext that is no text, as far as 40 bytes and more can tell', TYPES.data,
    [data({ encrypted: noise(0) }), data({ encrypted: text(39) })],
    [data({ encrypted: text(40) }), data({ encrypted: Buffer.from('Добрый вечер, добрый вечер') })]],
  ['no more than 64 revealed keys of 20 bytes, and no text', TYPES.data,
    [data({ revealed: noise(0) }), data({ revealed: noise(64 * 20) }), data({ revealed: text(20) })],
    [data({ revealed: noise(65 * 20) }), data({ revealed: noise(19) }), data({ revealed: noise(21) }), data({ revealed: text(40) })]],
]

for (const version of [2, 3]) {
  describe(`OTR version ${version}: what a message must have, field by field`, () => {
    for (const [title, type, passing, refused] of FIELDS) {
      test(title, () => {
        for (const parts of passing) assert.equal(passes(encode(version, type, parts)), true)
        refused.forEach((parts, index) => assert.equal(passes(encode(version, type, parts)), false, `number ${index}`))
      })
    }

    test('all its bytes and no others, whatever its type', () => {
      const messages = [
        encode(version, TYPES.commit, commit()), encode(version, TYPES.key, [field(power(192))]), encode(version, TYPES.reveal, reveal()),
        encode(version, TYPES.signature, signature()), encode(version, TYPES.data, data()),
      ].map((message) => Buffer.from(message.slice('?OTR:'.length, -1), 'base64'))
      for (const whole of messages) {
        assert.equal(passes(body(whole)), true)
        assert.equal(passes(body(Buffer.concat([whole, Buffer.from([0])]))), false)
        for (let end = 0; end < whole.length; end++) {
          let cut: boolean | undefined
          assert.doesNotThrow(() => { cut = passes(body(whole.subarray(0, end))) })
          assert.equal(cut, false, `cut after ${end} bytes`)
        }
      }
    })

    test('a type that there is', () => {
      for (let type = 0; type < 256; type++) {
        if (!Object.values(TYPES).includes(type)) assert.equal(passes(encode(version, type, data())), false)
        if (!Object.values(TYPES).includes(type)) assert.equal(passes(encode(version, type, [])), false)
      }
    })

    test('lengths of fields that end within the message', () => {
      for (const length of [0x7fffffff, 0xffffffff]) {
        assert.equal(passes(encode(version, TYPES.commit, [int(length), noise(196), field(noise(32))])), false)
        assert.equal(passes(encode(version, TYPES.data, data().with(-1, int(length)))), false)
      }
    })
  })
}

describe('the header of an encoded message', () => {
  test('names version 2 or 3', () => {
    for (let version = 0; version < 256; version++) {
      const passing = version === 2 || version === 3
      assert.equal(passes(encode(version, TYPES.data, data())), passing, `version ${version} with tags`)
      assert.equal(passes(encode(version, TYPES.data, data(), [])), version === 2, `version ${version} without`)
    }
  })

  test('OTR version 3, "Instance Tags": both from 0x100 on and different; that of the receiver may be 0 in a DH-Commit', () => {
    const [least, most] = [int(0x100), int(0xffffffff)]
    const sent = (type: number, parts: Parts, ...tags: Parts): boolean => passes(encode(3, type, parts, tags))
    for (const [type, parts] of [[TYPES.data, data()], [TYPES.commit, commit()]] as const) {
      assert.equal(sent(type, parts, least, most), true)
      assert.equal(sent(type, parts, most, least), true)
      assert.equal(sent(type, parts, int(0xff), least), false)
      assert.equal(sent(type, parts, least, int(0xff)), false)
      assert.equal(sent(type, parts, least, least), false)
      assert.equal(sent(type, parts, int(0), least), false)
      assert.equal(sent(type, parts, least, int(0)), type === TYPES.commit)
    }
  })
})

describe('an encoded message as text', () => {
  const whole = encode(2, TYPES.data, data())

  test('begins with ?OTR: and ends with a full stop', () => {
    assert.equal(passes(whole), true)
    for (const last of ['', ',', '=', 'A']) assert.equal(passes(whole.slice(0, -1) + last), false)
    for (const first of ['', 'OTR:', '!OTR:', '?OTR;', '?OTR.', '?OTX:']) assert.equal(passes(first + whole.slice('?OTR:'.length)), false)
  })

  test('is no longer than a body may be', () => {
    const reads = (maximumBody: number) => readEncoded(whole, { ...DEFAULT_SETTINGS, maximumBody }).kind
    assert.deepEqual([reads(whole.length), reads(whole.length - 1)], ['encoded', 'malformed'])
  })
})
