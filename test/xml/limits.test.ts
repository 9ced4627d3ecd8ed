import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { XmlLimits } from '../../src/xml/limits.ts'
import { cuts, HEADER, LIMITS, Recorder } from './recorder.ts'

function failureOf(stream: string, limits: Partial<XmlLimits>): string | undefined {
  const bytes = Buffer.from(stream)
  const failures = [...cuts(bytes)].map((chunks) => new Recorder({ ...LIMITS, ...limits }).write(...chunks).failure)
  assert.equal(new Set(failures).size, 1, 'the cuts make a difference')
  return failures[0]
}

describe('RFC 6120 §4.9.3.14: what exceeds a limit is a policy violation, however it is cut', () => {
  const bound = (title: string, before: string, xml: string, limits: (size: number) => Partial<XmlLimits>): void => {
    test(title, () => {
      const size = Buffer.byteLength(xml)
      assert.equal(failureOf(before + xml, limits(size)), undefined)
      assert.equal(failureOf(before + xml, limits(size - 1)), 'policy-violation')
    })
  }
  bound('the header, with its declaration and white space', '', HEADER.replace('?>', '?>\r\n  '), (header) => ({ header }))
  bound('a stanza in ASCII', HEADER, '<a b="1">text<c/><![CDATA[x]]></a >', (stanza) => ({ stanza }))
  bound('a stanza in bytes, not in characters', HEADER, '<a b="\u20ac">\u00e9\u{1f600}</a>', (stanza) => ({ stanza }))
  bound('a stanza after another', `${HEADER}<a/>\n`, '<bb>text</bb>', (stanza) => ({ stanza }))
  bound('a stanza whose namespaces must be written out', `${HEADER.replace(' to', ' xmlns:p=\'urn:p\' to')}`,
    `<p:a/>${' '.repeat(' xmlns:="urn:p"'.length)}`, (stanza) => ({ stanza }))
  bound('a start tag', HEADER, `<a b="${'\u20ac'.repeat(100)}" />`, (startTag) => ({ startTag }))

  test('the depth', () => {
    assert.equal(failureOf(`${HEADER}<a><b><c/></b><b/></a>`, { depth: 3 }), undefined)
    assert.equal(failureOf(`${HEADER}<a><b><c/></b><b/></a>`, { depth: 2 }), 'policy-violation')
  })
  test('the elements of a stanza', () => {
    assert.equal(failureOf(`${HEADER}<a><b/><b/></a><a><b/><b/></a>`, { elements: 3 }), undefined)
    assert.equal(failureOf(`${HEADER}<a><b/><b/></a>`, { elements: 2 }), 'policy-violation')
  })
  test('the attributes of an element', () => {
    assert.equal(failureOf(`${HEADER}<a b="" c="" xmlns=""/>`, { attributes: 4 }), undefined)
    assert.equal(failureOf(`${HEADER}<a b="" c="" d="" e="" f=""/>`, { attributes: 4 }), 'policy-violation')
  })
  test('the length of a name', () => {
    assert.equal(failureOf(`${HEADER}<${'a'.repeat(20)}/>`, { name: 20 }), undefined)
    assert.equal(failureOf(`${HEADER}<${'a'.repeat(21)}/>`, { name: 20 }), 'policy-violation')
    assert.equal(failureOf(`${HEADER}<a ${'a'.repeat(21)}=""/>`, { name: 20 }), 'policy-violation')
  })
})

describe('limits hold before anything is complete', () => {
  const endless: [string, string, number][] = [
    ['a name', '<a', LIMITS.startTag],
    ['a value', '<a b="', LIMITS.startTag],
    ['space in a tag', '<a ', LIMITS.startTag],
    ['a text', '<a>', LIMITS.stanza],
    ['a CDATA section', '<a><![CDATA[', LIMITS.stanza],
    ['an end tag', '<a></a ', LIMITS.stanza],
    ['a reference', '<a>&', LIMITS.stanza],
  ]
  for (const [title, opening, limit] of endless) {
    test(title, () => {
      const recorder = new Recorder().write(Buffer.from(HEADER + opening))
      const chunk = Buffer.alloc(1000, opening.endsWith(' ') ? ' ' : 'x')
      let bytes = opening.length
      while (recorder.failure === undefined && bytes <= 2 * limit) {
        recorder.write(chunk)
        bytes += chunk.length
      }
      assert.equal(recorder.failure, 'policy-violation')
      assert.ok(bytes > limit && bytes <= limit + 1000 + opening.length)
    })
  }

  test('white space before the header counts', () => {
    const recorder = new Recorder()
    for (let bytes = 0; bytes <= LIMITS.header; bytes += 64) recorder.write(Buffer.alloc(64, ' '))
    assert.equal(recorder.failure, 'policy-violation')
  })

  test('RFC 6120 §4.6.1: white space between stanzas is free', () => {
    const recorder = new Recorder({ ...LIMITS, stanza: 100 }).write(Buffer.from(HEADER))
    for (let times = 0; times < 100; times++) recorder.write(Buffer.alloc(1000, ' '))
    assert.equal(recorder.write(Buffer.from('<a/>')).elements.length, 1)
  })

  test('one long namespace does not make a large tree of a small stanza', () => {
    const children = '<p:b/><c p:d=""/>'.repeat(400)
    const stanza = `<a xmlns:p="urn:${'x'.repeat(2000)}">${children}</a>`
    assert.equal(new Recorder().write(Buffer.from(HEADER + stanza)).failure, 'policy-violation')
    assert.equal(new Recorder().write(Buffer.from(HEADER + stanza.replace(/x{9,}/, 'x'))).failure, undefined)
  })

  test('setLimits() counts from now on', () => {
    const recorder = new Recorder({ ...LIMITS, stanza: 10 }).write(Buffer.from(HEADER))
    recorder.parser.setLimits(LIMITS)
    assert.equal(recorder.write(Buffer.from('<message><body/></message>')).elements.length, 1)
    recorder.parser.setLimits({ ...LIMITS, stanza: 10 })
    assert.equal(recorder.write(Buffer.from('<message><body/></message>')).failure, 'policy-violation')
  })
})

describe('a peer that sends byte by byte costs no more than its bytes', () => {
  const limits = { ...LIMITS, header: 1e9, stanza: 1e9, startTag: 1e9, attributes: 1e9, elements: 1e9 }
  const drip = (opening: string, piece: string, size: number): number => {
    const bytes = Buffer.from(piece.repeat(Math.ceil(size / piece.length)))
    const recorder = new Recorder(limits).write(Buffer.from(HEADER + opening))
    const start = process.cpuUsage()
    for (let at = 0; at < bytes.length; at++) recorder.parser.write(bytes.subarray(at, at + 1))
    const { user, system } = process.cpuUsage(start) // Linux divides a tick between the two by guess
    assert.equal(recorder.failure, undefined)
    return user + system
  }
  const kinds: [string, string, string][] = [
    ['text', '<a>', 'x'],
    ['text of brackets', '<a>', ']'],
    ['text of references', '<a>', '&amp;'],
    ['text beyond ASCII', '<a>', '\u20ac'],
    ['an attribute', '<a b="', '>'],
    ['attributes', '<a', ' x="\'>"'],
    ['CDATA', '<a><![CDATA[', ']>'],
    ['an end tag', '<a></a', ' '],
    ['elements', '<a>', '<b c="1"/>'],
  ]
  for (const [title, opening, piece] of kinds) {
    test(title, () => {
      const best = (size: number): number => Math.min(...[1, 2, 3].map(() => drip(opening, piece, size)))
      best(4096)
      const once = best(16_384)
      const eightfold = best(131_072)
      // Linear is 8, quadratic 64; between them lies the noise of a busy machine. Half of 131,072 squared is 8.6e9 bytes, and
      // nobody reads so many in 100 ms.
      assert.ok(eightfold < 24 * once + 100_000, `${once} µs, then ${eightfold} µs`)
    })
  }
})
