import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { DEFAULT_SETTINGS } from '../../src/otr/classified.ts'
import { classify } from '../../src/otr/message.ts'
import { bodyOf, bodyVectors, type BodyVector } from './vectors.ts'

/** The vectors' words for our kinds and types. */
const TYPES: Readonly<Record<string, string>> = {
  'dh-commit': 'dh-commit', 'dh-key': 'dh-key', 'reveal-sig': 'reveal-signature', signature: 'signature', data: 'data',
}

describe('bodies of libotr, otr.js, potr and of real clients, and forged ones', () => {
  for (const vector of bodyVectors) {
    test(`${vector.valid ? 'passes' : 'refuses'} ${vector.name}: ${vector.reason ?? vector.kind}`, () => {
      if (vector.valid) assertPasses(vector)
      else assert.match(classify(vector.body).kind, /^(plaintext|tagged|malformed)$/)
    })
  }
})

function assertPasses({ body, kind, version, canonical }: BodyVector): void {
  const classified = classify(body)
  if (classified.kind === 'query' || classified.kind === 'error') {
    assert.equal(classified.kind, kind)
    assert.equal(classified.canonical, canonical)
  } else if (classified.kind === 'fragment') {
    assert.equal(`fragment${classified.version}`, kind)
  } else {
    assert.equal(classified.kind, 'encoded')
    if (classified.kind !== 'encoded') return
    assert.equal(classified.type, TYPES[kind])
    if (version !== undefined) assert.equal(classified.version, version)
  }
}

describe('OTR query messages', () => {
  const canonical: readonly (readonly [string, string])[] = [
    ['?OTRv2?', '?OTRv2?'],
    ['?OTRv23?', '?OTRv23?'],
    ['?OTRv32?', '?OTRv23?'],
    ['?OTR?v23?', '?OTRv23?'],
    ['?OTRv24x?', '?OTRv2?'],
    ['?OTRv3?\n<b>romeo</b> would like to talk', '?OTRv3?'],
    ['?OTRv2??OTRv3?', '?OTRv2?'],
  ]
  for (const [body, expected] of canonical) {
    test(`relays ${JSON.stringify(body)} as ${expected}`, () => {
      const query = classify(body)
      assert.equal(query.kind === 'query' && query.canonical, expected)
    })
  }

  const refused = [
    '?OTR', '?OTR?', '?OTR?v?', '?OTRv?', '?OTRv1?', '?OTRv4?', '?OTRv22?', '?OTRv2', '?OTRv2 hello?', '?OTRv2\n?', '?OTR v2?',
    '?OTRvabcdefghijklmnop2?', '?OTR??v2?', '?OTR?hello', ' ?OTRv2?', '\ufeff?OTRv2?', 'hello ?OTRv2?', '?OTRv\uff12?', '?otrv2?', '?OTRv2\u0000?',
  ]
  for (const body of refused) {
    test(`refuses ${JSON.stringify(body)}`, () => assert.match(classify(body).kind, /^(plaintext|malformed)$/))
  }

  test('at most 16 versions are listed', () => {
    assert.equal(classify('?OTRv2abcdefghijklmno?').kind, 'query')
    assert.equal(classify('?OTRv2abcdefghijklmnop?').kind, 'malformed')
  })
})

describe('OTR error messages', () => {
  const UNREADABLE = '?OTR Error: You transmitted an unreadable encrypted message.'
  const MALFORMED = '?OTR Error: You transmitted a malformed data message.'
  const UNEXPECTED = "?OTR Error: You sent encrypted data which wasn't expected."
  const ENCRYPTING = '?OTR Error: Error occurred encrypting message.'
  const sentences: readonly (readonly [string, string])[] = [
    ['?OTR Error:', UNREADABLE],
    ['?OTR Error: meet me in the orchard', UNREADABLE],
    ['?OTR Error:OTR Error: sent an unreadable encrypted message', UNREADABLE],
    ['?OTR Error: You transmitted a malformed data message.', MALFORMED],
    ["?OTR Error: You sent encrypted data to romeo, who wasn't expecting it.", UNEXPECTED],
    ['?OTR Error: You sent encrypted data to romeo, who wasn’t expecting it.', UNEXPECTED],
    ['?OTR Error: You are not currently in a private conversation', UNEXPECTED],
    ['?OTR Error: Error occurred encrypting message.', ENCRYPTING],
    ['?OTR Error: ERROR_1: Unreadable message', UNREADABLE.replace('Error: ', 'Error: ERROR_1: ')],
    ['?OTR Error: ERROR_3', UNREADABLE.replace('Error: ', 'Error: ERROR_3: ')],
    ['?OTR Error: ERROR_9: at nine', UNREADABLE],
    ['?OTR Error: ERROR_21 roses', UNREADABLE],
  ]
  for (const [body, expected] of sentences) {
    test(`relays ${JSON.stringify(body)} as one of four sentences`, () => {
      const error = classify(body)
      assert.equal(error.kind === 'error' && error.canonical, expected)
      assert.deepEqual(classify(expected), error, 'what was relayed once is relayed the same again')
    })
  }
  for (const body of ['?OTR error: x', '?OTR  Error: x', '?OTR Error', '?OTRError: x', 'x?OTR Error: x']) {
    test(`refuses ${JSON.stringify(body)}`, () => assert.match(classify(body).kind, /^(plaintext|malformed)$/))
  }
})

describe('every byte of an encoded message counts', () => {
  const data = bodyVectors.filter(({ valid, kind }) => valid && TYPES[kind] !== undefined).slice(0, 8)

  test('refuses each of them cut at any place', () => {
    for (const { body } of data) {
      for (let end = 0; end < body.length; end++) assert.match(classify(body.slice(0, end)).kind, /^(plaintext|malformed)$/)
    }
  })

  test('refuses each of them with a character before, inside or after it', () => {
    for (const { body } of data) {
      for (const character of [' ', '\n', '.', 'A', '=', '\u200b', '\ud83d', 'é']) {
        for (const at of [0, 1, 4, 5, 9, 200, body.length - 1, body.length]) {
          assert.match(classify(body.slice(0, at) + character + body.slice(at)).kind, /^(plaintext|malformed)$/)
        }
      }
    }
  })
})

describe('base64 is canonical, so that there is one body for a message and no room beside it', () => {
  const canonical = bodyOf('edge-frag2-single').slice('?OTR,1,1,'.length, -1)
  const standard = bodyVectors.find(({ valid, kind, body }) => valid && kind === 'data' && body.includes('+') && body.includes('/'))?.body ?? ''
  const variants: Readonly<Record<string, string>> = {
    'bits in the padding': canonical.replace('A==.', 'B==.'),
    'spaces inside': `${canonical.slice(0, 101)}    ${canonical.slice(101)}`,
    'line breaks inside': `${canonical.slice(0, 101)}\n\n\n\n${canonical.slice(101)}`,
    'signs that are skipped': `${canonical.slice(0, 101)}*!*!${canonical.slice(101)}`,
    'more padding': canonical.replace('==.', '======.'),
    'the alphabet for addresses': standard.replaceAll('+', '-').replaceAll('/', '_'),
  }
  for (const [name, body] of Object.entries(variants)) {
    test(`refuses ${name}`, () => {
      assert.equal(classify(canonical).kind, 'encoded')
      assert.equal(classify(standard).kind, 'encoded')
      assert.ok(body !== canonical && body !== standard)
      assert.equal(classify(body).kind, 'malformed')
    })
  }
})

describe('limits', () => {
  test('refuses a body longer than the maximum, of any kind', () => {
    const filler = 'x'.repeat(DEFAULT_SETTINGS.maximumBody)
    for (const start of ['?OTRv23?', '?OTR Error:', '?OTR:', '?OTR,1,2,?OTR:']) {
      assert.equal(classify(start + filler).kind, 'malformed', start)
    }
  })

  test('longer signatures, of keys of 2048 bits, pass only where the settings allow them', () => {
    const bytes = Buffer.concat([Buffer.from('000212', 'hex'), Buffer.from([0, 0, 4, 0]), Buffer.alloc(1024, 0xfe), Buffer.alloc(20)])
    const body = `?OTR:${bytes.toString('base64')}.`
    assert.equal(classify(body).kind, 'malformed')
    assert.equal(classify(body, { ...DEFAULT_SETTINGS, maximumSignature: 1700 }).kind, 'encoded')
  })

  test('never throws', () => {
    const start = fc.constantFrom('', '?OTR', '?OTR:', '?OTR:AAMD', '?OTR:AAIC', '?OTRv', '?OTR?v', '?OTR,', '?OTR|', '?OTR|1234|5678,1,2,', '?OTR Error:')
    fc.assert(fc.property(start, fc.string({ unit: 'binary' }), (prefix, rest) => { classify(prefix + rest) }), { numRuns: 5000 })
    const bytes = fc.uint8Array({ maxLength: 700 })
    fc.assert(fc.property(bytes, (rest) => { classify(`?OTR:${Buffer.from(rest).toString('base64')}.`) }), { numRuns: 2000 })
    const header = fc.constantFrom('000203', '000303', '000202', '000302', '00020a', '000211', '000312')
    fc.assert(fc.property(header, bytes, (begin, rest) => {
      classify(`?OTR:${Buffer.concat([Buffer.from(begin, 'hex'), rest]).toString('base64')}.`)
    }), { numRuns: 2000 })
  })

  const shapes: Readonly<Record<string, (length: number) => string>> = {
    'plain text': (length) => 'hello '.repeat(length / 6),
    'half whitespace tags': (length) => ' \t  \t\t\t\t \t \t \t '.repeat(length / 16),
    'a query': (length) => `?OTRv${'a'.repeat(length)}`,
    'an error': (length) => `?OTR Error:${"wasn't not i".repeat(length / 12)}`,
    base64: (length) => `?OTR:${'AAMD'.repeat(length / 4)}.`,
    padding: (length) => `?OTR,2,3,${'='.repeat(length)},`,
    'commas': (length) => `?OTR,1,2,${','.repeat(length)}`,
    'zeros': (length) => `?OTR|${'0'.repeat(length)}`,
    colons: (length) => `?OTR,2,3,${':'.repeat(length)},`,
    stops: (length) => `?OTR,3,3,${'A.'.repeat(length / 2)},`,
  }
  for (const [name, shape] of Object.entries(shapes)) {
    test(`takes time linear in the length of ${name}`, () => {
      const settings = { ...DEFAULT_SETTINGS, maximumBody: 2 ** 24 }
      const [short, long] = [fastest(shape(2 ** 17), settings), fastest(shape(2 ** 20), settings)]
      // Eight times the length; a quadratic reader would take 64 times as long. The constant forgives a busy machine.
      assert.ok(long < 24 * short + 3, `${short} ms, then ${long} ms`)
    })
  }
})

/** Milliseconds, the least of some runs. */
function fastest(body: string, settings: typeof DEFAULT_SETTINGS): number {
  let least = Infinity
  for (let run = 0; run < 5; run++) {
    const start = performance.now()
    classify(body, settings)
    least = Math.min(least, performance.now() - start)
  }
  return least
}
