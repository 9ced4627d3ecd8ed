import assert from 'node:assert/strict'
import { createDiffieHellmanGroup, generateKeyPairSync, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { DEFAULT_SETTINGS, type OtrSettings } from '../../src/otr/classified.ts'
import { isPoint } from '../../src/otr/ed448.ts'
import { Fragments } from '../../src/otr/fragments.ts'
import { classify } from '../../src/otr/message.ts'
import { peek } from '../../src/otr/peek.ts'
import { TestClock } from '../clock.ts'

/*
 * No implementation of version 4 was there to record: these messages are made after its specification, with genuine
 * points of Ed448 and keys of the 3072-bit group.
 */

const ALL: OtrSettings = { ...DEFAULT_SETTINGS, versions: [2, 3, 4] }
const SENDER = 0x1234
const RECEIVER = 0x5678

const int = (value: number): Buffer => Buffer.from([value >>> 24, value >>> 16 & 255, value >>> 8 & 255, value & 255])
const short = (value: number): Buffer => Buffer.from([value >>> 8, value & 255])
const data = (bytes: Buffer): Buffer => Buffer.concat([int(bytes.length), bytes])
const text = (length: number): Buffer => Buffer.from('wherefore art thou Romeo? '.repeat(length)).subarray(0, length)

function point(): Buffer {
  // The key is the end of it (RFC 8410 §4). As a JWK, Node 20 would now and then wait for ever.
  return generateKeyPairSync('ed448').publicKey.export({ type: 'spki', format: 'der' }).subarray(-57)
}

function dhKey(): Buffer {
  const group = createDiffieHellmanGroup('modp15')
  group.generateKeys()
  return group.getPublicKey()
}

function scalar(): Buffer {
  const bytes = randomBytes(57)
  bytes[56] = 0
  bytes[55] = (bytes[55] ?? 0) & 0x3f
  return bytes
}

const [H, F, X, FIRST] = [point(), point(), point(), point()]
const DH = dhKey()
const FIELDS: readonly (readonly [number, Buffer])[] = [
  [1, int(SENDER)], [2, Buffer.concat([Buffer.from('1000', 'hex'), H])], [3, Buffer.concat([Buffer.from('1200', 'hex'), F])],
  [4, data(Buffer.from('34'))], [5, Buffer.from('0000000071234567', 'hex')],
]
const dsaKey = (...lengths: readonly number[]): Buffer => Buffer.concat([short(0), ...lengths.map((length) => data(randomBytes(length)))])
const DSA_KEY = dsaKey(128, 20, 128, 128)

const profile = (fields = FIELDS, signature: Buffer = randomBytes(114)): Buffer =>
  Buffer.concat([int(fields.length), ...fields.flatMap(([type, value]) => [short(type), value]), signature])
const ring = (make = scalar): Buffer => Buffer.concat(Array.from({ length: 6 }, make))
/** A scalar that ends with these two bytes. */
const ending = (last: number, end: number): Buffer => Buffer.concat([randomBytes(55), Buffer.from([last, end])])
/** A power of two is in the group, whose generator is 2. */
const power = (bytes: number): Buffer => Buffer.concat([Buffer.from([0x80]), Buffer.alloc(bytes - 1)])
const withDsaKey = (key: Buffer): string => message(0x35, profile([...FIELDS, [6, key], [7, randomBytes(40)]]), pair(), pair(FIRST))
const pair = (p: Buffer = X, key: Buffer = DH): Buffer => Buffer.concat([p, data(key)])
const instead = (type: number, value: Buffer): typeof FIELDS => FIELDS.map(([each, old]) => [each, each === type ? value : old])

function message(type: number, ...parts: readonly Buffer[]): string {
  const bytes = Buffer.concat([short(4), Buffer.from([type]), int(SENDER), int(type === 0x35 ? 0 : RECEIVER), ...parts])
  return `?OTR:${bytes.toString('base64')}.`
}

const header = Buffer.concat([Buffer.from([0]), int(0), int(1), int(0)])
const tail = (cipher: Buffer = randomBytes(80), revealed: Buffer = randomBytes(64), mac: Buffer = randomBytes(64)): Buffer =>
  Buffer.concat([data(cipher), mac, data(revealed)])

const GENUINE: Readonly<Record<string, readonly [string, string]>> = {
  'an identity message': ['identity', message(0x35, profile(), pair(), pair(FIRST))],
  'one with the key of version 3': ['identity', message(0x35, profile([...FIELDS, [6, DSA_KEY], [7, randomBytes(40)]]), pair(), pair(FIRST))],
  'an Auth-R message': ['auth-r', message(0x36, profile(), pair(), ring(), pair(FIRST))],
  'an Auth-I message': ['auth-i', message(0x37, ring())],
  'a non-interactive Auth message': ['non-interactive-auth', message(0x0d, profile(), pair(), ring(), int(7), randomBytes(64), pair(FIRST))],
  'a data message with a new key': ['data', message(0x03, header, pair(), tail())],
  'a data message without one': ['data', message(0x03, header, pair(X, Buffer.alloc(0)), tail(randomBytes(1), Buffer.alloc(0)))],
}

const PRIME = BigInt(`0x${createDiffieHellmanGroup('modp15').getPrime('hex')}`)
const numberBytes = (number: bigint): Buffer => Buffer.from(number.toString(16).padStart(768, '0'), 'hex')
/** The negative of a square is none. */
const outside = numberBytes(PRIME - BigInt(`0x${DH.toString('hex')}`))
const offCurve = Buffer.from(X)
for (let byte = 0; byte < 256 && isPoint(offCurve); byte++) offCurve[3] = byte

const FORGED: Readonly<Record<string, string>> = {
  'a commitment of version 3': message(0x02, data(randomBytes(196)), data(randomBytes(32))),
  'a prekey message': message(0x0f, profile(), pair()),
  'a profile of another instance': message(0x35, profile(instead(1, int(RECEIVER))), pair(), pair(FIRST)),
  'a profile without versions': message(0x35, profile(FIELDS.filter(([type]) => type !== 4)), pair(), pair(FIRST)),
  'a profile of version 3 alone': message(0x35, profile(instead(4, data(Buffer.from('3')))), pair(), pair(FIRST)),
  'text as versions': message(0x35, profile(instead(4, data(Buffer.from('4 meet me')))), pair(), pair(FIRST)),
  'an expiration beyond all time': message(0x35, profile(instead(5, text(8))), pair(), pair(FIRST)),
  'another type of forging key': message(0x35, profile(instead(3, Buffer.concat([short(0x11), F]))), pair(), pair(FIRST)),
  'another type of DSA key': withDsaKey(Buffer.concat([short(1), DSA_KEY.subarray(2)])),
  'a DSA key with a short p': withDsaKey(dsaKey(127, 20, 128, 128)),
  'a DSA key with a short q': withDsaKey(dsaKey(128, 19, 128, 128)),
  'a DSA key with a short g': withDsaKey(dsaKey(128, 20, 111, 128)),
  'a DSA key with a long y': withDsaKey(dsaKey(128, 20, 128, 129)),
  'another type of key': message(0x35, profile(instead(2, Buffer.concat([short(0x11), H]))), pair(), pair(FIRST)),
  'a field twice': message(0x35, profile([...FIELDS, ...FIELDS.slice(0, 1)]), pair(), pair(FIRST)),
  'an unknown field': message(0x35, profile([...FIELDS, [8, Buffer.alloc(0)]]), pair(), pair(FIRST)),
  'more fields than there are': message(0x35, int(0xffffffff), pair(), pair(FIRST)),
  'text as signature of a profile': message(0x35, profile(FIELDS, text(114)), pair(), pair(FIRST)),
  'text as DSA key': message(0x35, profile([...FIELDS, [6, Buffer.concat([DSA_KEY.subarray(0, -128), text(128)])]]), pair(), pair(FIRST)),
  'text as transitional signature': message(0x35, profile([...FIELDS, [7, text(40)]]), pair(), pair(FIRST)),
  'a point that is none': message(0x35, profile(), pair(offCurve), pair(FIRST)),
  'text as a point': message(0x36, profile(), pair(text(57)), ring(), pair(FIRST)),
  'a key outside of the group': message(0x03, header, pair(X, outside), tail()),
  'a key that is too short': message(0x03, header, pair(X, power(367)), tail()),
  'a key that is too long': message(0x03, header, pair(X, power(385)), tail()),
  'a key beyond p': message(0x03, header, pair(X, numberBytes(PRIME + 4n)), tail()),
  'a point of data that is none': message(0x03, header, pair(offCurve), tail()),
  'text as a key': message(0x03, header, pair(X, text(384)), tail()),
  'a key with a leading zero': message(0x03, header, pair(X, Buffer.concat([Buffer.alloc(1), power(383)])), tail()),
  'text as ring signature': message(0x37, text(342)),
  'scalars that are too large': message(0x37, Buffer.alloc(342, 0xff)),
  'scalars of 57 bytes': message(0x37, ring(() => ending(0, 1))),
  'scalars from 2^446 on': message(0x37, ring(() => ending(0x40, 0))),
  'text as scalars': message(0x37, ring(() => Buffer.concat([text(55), Buffer.from([0x20, 0])]))),
  'text as MAC of a non-interactive Auth message': message(0x0d, profile(), pair(), ring(), int(7), text(64), pair(FIRST)),
  'text as ciphertext': message(0x03, header, pair(), tail(text(80))),
  'text as MAC': message(0x03, header, pair(), tail(randomBytes(80), randomBytes(64), text(64))),
  'text as revealed MAC keys': message(0x03, header, pair(), tail(randomBytes(80), text(64))),
  'half a MAC key': message(0x03, header, pair(), tail(randomBytes(80), randomBytes(32))),
  'more than 64 MAC keys': message(0x03, header, pair(), tail(randomBytes(80), randomBytes(65 * 64))),
  'unknown flags': message(0x03, Buffer.concat([Buffer.from([2]), header.subarray(1)]), pair(), tail()),
  'a byte too many': message(0x37, ring(), Buffer.alloc(1)),
  'a byte too few': message(0x37, ring().subarray(1)),
}

describe('OTR version 4, where the settings allow it', () => {
  for (const [name, [type, body]] of Object.entries(GENUINE)) {
    test(`passes ${name}, and delivery reads its address`, () => {
      const verdict = classify(body, ALL)
      assert.equal(verdict.kind === 'encoded' && verdict.type, type)
      const peeked = peek(body)
      assert.ok(peeked?.kind === 'encoded' && verdict.kind === 'encoded')
      assert.deepEqual([peeked.version, peeked.senderTag, peeked.receiverTag], [4, SENDER, verdict.receiverTag])
    })

    test(`refuses ${name} by default`, () => assert.equal(classify(body).kind, 'malformed'))
  }

  for (const [name, body] of Object.entries(FORGED)) {
    test(`refuses ${name}`, () => assert.equal(classify(body, ALL).kind, 'malformed'))
  }

  test('refuses each message cut at any place', () => {
    for (const [, body] of Object.values(GENUINE)) {
      const bytes = Buffer.from(body.slice(5, -1), 'base64')
      for (let end = 0; end < bytes.length; end += 7) {
        let kind: string | undefined
        assert.doesNotThrow(() => { kind = classify(`?OTR:${bytes.subarray(0, end).toString('base64')}.`, ALL).kind })
        assert.equal(kind, 'malformed')
      }
    }
  })

  test('a query names it, and nothing that is not allowed', () => {
    const asked = classify('?OTRv42? would you?', ALL)
    assert.deepEqual(asked, { kind: 'query', canonical: '?OTRv24?', versions: [2, 4] })
    assert.deepEqual(peek('?OTRv24?'), { kind: 'query', versions: [2, 4] })
    const narrow = { ...ALL, versions: [3] as const }
    assert.deepEqual(classify('?OTRv234?', narrow), { kind: 'query', canonical: '?OTRv3?', versions: [3] })
    assert.equal(classify('?OTRv2?', narrow).kind, 'malformed')
  })

  test('fragments carry an identifier; those of another message are not mixed in', () => {
    const [, body] = GENUINE['an Auth-I message'] ?? ['', '']
    const piece = (identifier: string, index: number): string =>
      `?OTR|${identifier}|1234|5678,${index},2,${index === 1 ? body.slice(0, 99) : body.slice(99)},`
    const fragments = new Fragments<string>(new TestClock(), ALL, () => {})
    const offer = (text: string): string => {
      const fragment = classify(text, ALL)
      assert.equal(fragment.kind, 'fragment')
      return fragment.kind === 'fragment' ? fragments.offer({ from: 'a', to: 'b', sender: 'a' }, fragment, text).outcome : ''
    }
    assert.deepEqual([piece('a1', 1), piece('b2', 2), piece('a1', 2)].map(offer), ['held', 'refused', 'released'])
    assert.deepEqual(peek(piece('a1', 1)), { kind: 'fragment', version: 4, senderTag: SENDER, receiverTag: RECEIVER })
    assert.equal(classify(piece('a1', 1)).kind, 'malformed')
  })
})

describe('points of Ed448', () => {
  test('all public keys are some, and half of all numbers are none', () => {
    for (let count = 0; count < 20; count++) assert.ok(isPoint(point()))
    let points = 0
    for (let count = 0; count < 400; count++) if (isPoint(Buffer.concat([randomBytes(56), Buffer.alloc(1)]))) points++
    assert.ok(points > 120 && points < 280, `${points}`)
  })

  test('no bit of the last byte is set but that which is the sign of x', () => {
    for (let bit = 0; bit < 8; bit++) {
      const encoded = point()
      encoded[56] = 1 << bit
      assert.equal(isPoint(encoded), bit === 7)
    }
  })

  test('the identity and points of small order are refused, and numbers beyond the field', () => {
    const small = (y: bigint): Buffer => Buffer.from(y.toString(16).padStart(114, '0'), 'hex').reverse()
    const prime = 2n ** 448n - 2n ** 224n - 1n
    for (const y of [0n, 1n, prime - 1n, prime, prime + 2n]) assert.equal(isPoint(small(y)), false)
  })
})
