import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { element, Element, type Node } from '../../src/xml/element.ts'
import { serialize } from '../../src/xml/serialize.ts'
import { HEADER, LIMITS, plain, Recorder } from './recorder.ts'

const NS_STREAM = 'http://etherx.jabber.org/streams'
const NS_DIALBACK = 'jabber:server:dialback'

describe('how an element is written', () => {
  const cases: [string, Element, string, string][] = [
    ['without its namespace where that is the context',
      element('jabber:client', 'message', { to: 'a@b' }, element('jabber:client', 'body', {}, 'hi')), 'jabber:client',
      '<message to=\'a@b\'><body>hi</body></message>'],
    ['RFC 6120 §4.8.3: re-scoped to the stream it goes to',
      element('jabber:client', 'message', {}, element('jabber:client', 'body')), 'jabber:server',
      '<message><body/></message>'],
    ['with its namespace where it changes, there and back',
      element('jabber:client', 'iq', {}, element('urn:a', 'b', {}, element('urn:a', 'c'), element('jabber:client', 'd'))), 'jabber:client',
      '<iq><b xmlns=\'urn:a\'><c/><d xmlns=\'jabber:client\'/></b></iq>'],
    ['with no namespace in one', element('urn:a', 'b', {}, element('', 'c')), 'jabber:client', '<b xmlns=\'urn:a\'><c xmlns=\'\'/></b>'],
    ['with all it needs where nothing is declared', element('jabber:client', 'message'), '', '<message xmlns=\'jabber:client\'/>'],
    ['RFC 6120 §4.8.5: with the prefix of the stream namespace, first-level only',
      element(NS_STREAM, 'features', {}, element('urn:a', 'b'), element(NS_STREAM, 'c')), 'jabber:client',
      `<stream:features><b xmlns='urn:a'/><c xmlns='${NS_STREAM}'/></stream:features>`],
    ['RFC 7395 §3.3.3: with that prefix declared where it stands alone',
      element(NS_STREAM, 'error'), '', `<stream:error xmlns:stream='${NS_STREAM}'/>`],
    ['without that prefix where it means something else',
      element(NS_STREAM, 'error', { 'xmlns:stream': 'urn:a', 'stream:b': '1' }), 'jabber:client',
      `<error xmlns='${NS_STREAM}' xmlns:stream='urn:a' stream:b='1'/>`],
    ['XEP-0220 §2: with the prefix of dialback between servers, what is in it as in any stanza there',
      element(NS_DIALBACK, 'result', {}, element('jabber:server', 'error')), 'jabber:server', '<db:result><error/></db:result>'],
    ['with the namespace of dialback elsewhere', element(NS_DIALBACK, 'result'), 'jabber:client', `<result xmlns='${NS_DIALBACK}'/>`],
    ['with the prefix xml in the namespace of xml', element('http://www.w3.org/XML/1998/namespace', 'a'), '', '<xml:a/>'],
    ['escaped in text', element('', 'a', {}, '<&>"\'\t\n\r]]>'), '', '<a>&lt;&amp;&gt;"\'\t\n&#13;]]&gt;</a>'],
    ['escaped in attributes', element('', 'a', { b: '<&>"\'\t\n\r' }), '', '<a b=\'&lt;&amp;&gt;&quot;&apos;&#9;&#10;&#13;\'/>'],
    ['escaped in a namespace', element('urn:\'&', 'a'), '', '<a xmlns=\'urn:&apos;&amp;\'/>'],
    ['with a sole text child that looks like markup', element('', 'body', {}, '</body><evil/>'), '', '<body>&lt;/body&gt;&lt;evil/&gt;</body>'],
    ['with whole characters beyond the first plane', element('', 'a', { b: '\u{1f600}' }, '\u{1f600}'), '', '<a b=\'\u{1f600}\'>\u{1f600}</a>'],
  ]
  for (const [title, tree, context, expected] of cases) {
    test(title, () => { assert.equal(serialize(tree, context), expected) })
  }
})

describe('what cannot be written is our mistake and throws', () => {
  const cases: [string, Element][] = [
    ['an element whose name is markup', element('', 'b><evil/')],
    ['an element with a prefix in its name', element('', 'a:b')],
    ['an element without a name', element('', '')],
    ['an attribute whose name is markup', element('', 'a', { 'b=\'\' c': '' })],
    ['an attribute without a name', element('', 'a', { '': '' })],
    ['an attribute called xmlns', element('', 'a', { xmlns: 'urn:a' })],
    ['an attribute whose prefix is not declared with it', element('', 'a', { 'b:c': '' })],
    ['an attribute with two colons', element('', 'a', { 'xmlns:b': 'urn:b', 'b:c:d': '' })],
    ['a control character in text', element('', 'a', {}, '\u0001')],
    ['NUL in an attribute', element('', 'a', { b: '\0' })],
    ['half of a surrogate pair', element('', 'a', {}, 'x\ud83d')],
    ['the other half', element('', 'a', { b: '\ude00x' })],
    ['U+FFFE', element('', 'a', {}, '\ufffe')],
    ['a control character in a namespace', element('urn:\u0007', 'a')],
  ]
  for (const [title, tree] of cases) test(title, () => { assert.throws(() => serialize(tree, ''), TypeError) })
})

const namespace = fc.constantFrom('jabber:client', '', 'urn:a', 'urn:b', 'http://etherx.jabber.org/streams', 'urn:\'"&<>\u20ac')
const name = fc.constantFrom('a', 'message', 'b-1.c', '_x', '\u00e9', 'constructor')
const text = fc.string({ unit: fc.oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  fc.constantFrom('<', '&', '>', '"', '\'', '\r', '\n', '\t', ']]>', '\u0085', '\u2028', '\ufeff', '\u{10ffff}')), minLength: 1 })
  .filter((value) => /^[\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]+$/u.test(value))
const attributes = fc.dictionary(fc.constantFrom('to', 'from', 'id', 'xml:lang', 'toString', '\u00e9'), text)
  .chain((own) => fc.boolean().map((more) => more ? { ...own, 'xmlns:p': 'urn:p', 'p:q': '1' } : own))

const { tree } = fc.letrec<{ tree: Element, node: Node }>((tie) => ({
  tree: fc.tuple(namespace, name, attributes, fc.array(tie('node'), { maxLength: 4 })).map(([uri, local, attrs, children]) =>
    // Two texts side by side are one when they are read.
    element(uri, local, attrs, ...children.filter((child, at) => typeof child !== 'string' || typeof children[at - 1] !== 'string'))),
  node: fc.oneof({ maxDepth: 5 }, text, tie('tree')),
}))

describe('what is written is read as the same', () => {
  test('any tree, on a stream of clients', () => {
    fc.assert(fc.property(tree, (written) => {
      const recorder = new Recorder().write(Buffer.from(HEADER + serialize(written, 'jabber:client')))
      assert.equal(recorder.failure, undefined)
      assert.deepEqual(recorder.elements.map(plain), [plain(written)])
    }), { numRuns: 2000 })
  })

  test('any tree, standing alone', () => {
    fc.assert(fc.property(tree, (written) => {
      const root = `<root>${serialize(written, '')}</root>`
      const recorder = new Recorder({ ...LIMITS, header: 100 }).write(Buffer.from(root))
      assert.equal(recorder.failure, undefined)
      assert.deepEqual(recorder.elements.map(plain), [plain(written)])
    }), { numRuns: 1000 })
  })
})
