import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { StreamParser } from '../../src/xml/parser.ts'
import { cuts, HEADER, LIMITS, plain, Recorder, type Plain } from './recorder.ts'

const C = 'jabber:client'

function bytesOf(stream: string | Uint8Array): Uint8Array {
  return typeof stream === 'string' ? Buffer.from(stream) : stream
}

/** Reads the bytes in all their cuts, sees that this makes no difference, and returns what one of them gave. */
function read(stream: string | Uint8Array): Recorder {
  const bytes = bytesOf(stream)
  const whole = new Recorder().write(bytes)
  for (const chunks of cuts(bytes)) {
    assert.deepEqual(new Recorder().write(...chunks).outcome, whole.outcome, `cut into ${chunks.length}, ${chunks[0]?.length}`)
  }
  return whole
}

describe('what is read', () => {
  const cases: [string, string, Plain][] = [
    ['a stanza in the content namespace', '<message to="romeo@montague.lit"><body>Art thou</body></message>',
      [C, 'message', { to: 'romeo@montague.lit' }, [C, 'body', {}, 'Art thou']]],
    ['an empty element', '<presence />', [C, 'presence', {}]],
    ['white space wherever it may stand', '<a\n\tb =\r\n "1"\tc= \'2\' ><d\n/></a \n>', [C, 'a', { b: '1', c: '2' }, [C, 'd', {}]]],
    ['another default namespace', '<iq><query xmlns="jabber:iq:roster"><item/></query></iq>',
      [C, 'iq', {}, ['jabber:iq:roster', 'query', {}, ['jabber:iq:roster', 'item', {}]]]],
    ['no namespace', '<a><b xmlns=""><c/></b><d/></a>', [C, 'a', {}, ['', 'b', {}, ['', 'c', {}]], [C, 'd', {}]]],
    ['a prefix of the header', '<stream:features/>', ['http://etherx.jabber.org/streams', 'features', {}]],
    ['a prefix declared after its use', '<p:a xmlns:p="urn:p"><p:b/></p:a>', ['urn:p', 'a', {}, ['urn:p', 'b', {}]]],
    ['a prefix declared anew', '<p:a xmlns:p="urn:p"><p:b xmlns:p="urn:q"/><p:c/></p:a>',
      ['urn:p', 'a', {}, ['urn:q', 'b', {}], ['urn:p', 'c', {}]]],
    ['an attribute in a namespace, with its declaration', '<a xmlns:p="urn:p"><b p:c="1" c="2"/></a>',
      [C, 'a', {}, [C, 'b', { 'xmlns:p': 'urn:p', 'p:c': '1', c: '2' }]]],
    ['xml:lang, without a declaration', '<a xml:lang="en"/>', [C, 'a', { 'xml:lang': 'en' }]],
    ['the prefix xml declared as what it is', '<a xmlns:xml="http://www.w3.org/XML/1998/namespace"/>', [C, 'a', {}]],
    ['attributes named as what every object has', '<a constructor="1" toString="2" hasOwnProperty="3"/>',
      [C, 'a', { constructor: '1', toString: '2', hasOwnProperty: '3' } as unknown as Record<string, string>]],
    ['the five entities', '<a b="&lt;&gt;&amp;&quot;&apos;">&lt;&gt;&amp;&quot;&apos;</a>', [C, 'a', { b: '<>&"\'' }, '<>&"\'']],
    ['character references', '<a b="&#9;&#xA;">&#65;&#x1F600;&#x10FFFF;&#013;</a>', [C, 'a', { b: '\t\n' }, 'A\u{1f600}\u{10ffff}\r']],
    ['CDATA and the text around it, as one text', '<a>x<![CDATA[<&]] >]]>]<![CDATA[]]>&amp;</a>', [C, 'a', {}, 'x<&]] >]&']],
    ['brackets at the end of CDATA', '<a><![CDATA[]]]]></a>', [C, 'a', {}, ']]']],
    ['line ends in text as line feeds', '<a>1\r\n2\r3\n4\r\r\n5<![CDATA[\r\n\r]]></a>', [C, 'a', {}, '1\n2\n3\n4\n\n5\n\n']],
    ['line ends and tabs in attributes as spaces', '<a b="1\r\n2\r3\n4\t5"/>', [C, 'a', { b: '1 2 3 4 5' }]],
    ['both quotes, and > in them', '<a b=\'"\' c="\'>/>"/>', [C, 'a', { b: '"', c: '\'>/>' }]],
    ['white space between children', '<a> <b/>\n</a>', [C, 'a', {}, ' ', [C, 'b', {}], '\n']],
    ['RFC 6120 §11.6: U+FEFF as a character', '<a>\ufeff</a>', [C, 'a', {}, '\ufeff']],
    ['names with dots, digits and hyphens', '<a-1.b _c="1"/>', [C, 'a-1.b', { _c: '1' }]],
  ]
  for (const [title, xml, expected] of cases) {
    test(title, () => {
      const { elements, failure } = read(`${HEADER}${xml}`)
      assert.equal(failure, undefined)
      assert.deepEqual(elements.map(plain), [expected])
    })
  }

  test('characters of two, three and four bytes, also in names', () => {
    const { elements } = read(`${HEADER}<\u00e9 \u20ac="\u{1f600}">\u00e9\u20ac\u{1f600}\u007f\u0085\ufffd</\u00e9>`)
    assert.deepEqual(elements.map(plain), [[C, '\u00e9', { '\u20ac': '\u{1f600}' }, '\u00e9\u20ac\u{1f600}\u007f\u0085\ufffd']])
  })

  test('RFC 6120 §11.7: white space between stanzas, and the end of the stream', () => {
    const { elements, closed, failure } = read(`${HEADER} \n<a/>\r\n\t<b></b> </stream:stream> \n`)
    assert.deepEqual([elements.map((element) => element.name), closed, failure], [['a', 'b'], true, undefined])
  })

  test('RFC 6120 §4.8.2: the header with its content namespace', () => {
    const { header } = read('<?xml version="1.0" encoding="utf-8" standalone=\'yes\' ?>\n<stream:stream xml:lang="en" ' +
      'xmlns:stream="http://etherx.jabber.org/streams" xmlns="jabber:server" xmlns:db="jabber:server:dialback" from="a">')
    assert.deepEqual(header && plain(header), ['http://etherx.jabber.org/streams', 'stream', { 'xml:lang': 'en', from: 'a' }])
    assert.equal(header?.contentNamespace, 'jabber:server')
    assert.deepEqual(header?.prefixed, ['http://etherx.jabber.org/streams', 'jabber:server:dialback'])
  })

  test('RFC 6120 §4.8.2: a header without a prefix, whose stanzas name their namespace', () => {
    const { header, elements } = read('<stream xmlns="http://etherx.jabber.org/streams"><a xmlns="jabber:client"/></stream>')
    assert.equal(header?.contentNamespace, 'http://etherx.jabber.org/streams')
    assert.deepEqual(elements.map(plain), [[C, 'a', {}]])
  })
})

describe('what is refused', () => {
  const NOT = 'not-well-formed'
  const RESTRICTED = 'restricted-xml'
  const within: [string, string, string][] = [
    ['a comment', '<a><!-- --></a>', RESTRICTED],
    ['a comment between stanzas', '<!---->', RESTRICTED],
    ['a declaration that hides a stanza', '<a><!ELEMENT b></a>', RESTRICTED],
    ['a processing instruction', '<a><?b?></a>', RESTRICTED],
    ['a second XML declaration', '<?xml version="1.0"?>', RESTRICTED],
    ['an entity of its own', '<a>&nbsp;</a>', RESTRICTED],
    ['an entity of its own in an attribute', '<a b="&c;"/>', RESTRICTED],
    ['CDATA in small letters', '<a><![cdata[]]></a>', RESTRICTED],
    ['a lone ampersand', '<a>b & c</a>', NOT],
    ['a reference without its end', '<a>&lt b;</a>', NOT],
    ['a reference that the next tag ends', '<a>&lt<b c=";"/></a>', NOT],
    ['an empty reference', '<a>&;</a>', NOT],
    ['an empty character reference', '<a>&#;</a>', NOT],
    ['a character reference with junk', '<a>&#38junk;</a>', NOT],
    ['a character reference with a large X', '<a>&#X41;</a>', NOT],
    ['a character reference of hexadecimal digits alone', '<a>&#A;</a>', NOT],
    ['a reference to NUL', '<a>&#0;</a>', NOT],
    ['a reference to a control character', '<a b="&#1;"/>', NOT],
    ['a reference to half of a surrogate pair', '<a>&#xD800;</a>', NOT],
    ['a reference to U+FFFE', '<a>&#xFFFE;</a>', NOT],
    ['a reference beyond Unicode', '<a>&#x110000;</a>', NOT],
    ['a reference that never ends', `<a>&#${'0'.repeat(40)}65;</a>`, NOT],
    ['a control character in text', '<a>\u0001</a>', NOT],
    ['NUL in an attribute', '<a b="\0"/>', NOT],
    ['NUL between stanzas', '\0', NOT],
    ['U+FFFE in text', '<a>\ufffe</a>', NOT],
    ['U+FFFF in CDATA', '<a><![CDATA[\uffff]]></a>', NOT],
    [']]> in text', '<a>]]></a>', NOT],
    ['< in an attribute', '<a b="<"/>', NOT],
    ['< in a tag', '<a <b/>', NOT],
    ['an attribute without quotes', '<a b=c/>', NOT],
    ['an attribute without a value', '<a b/>', NOT],
    ['an attribute without a name', '<a ="b"/>', NOT],
    ['attributes without space between', '<a b="1"c="2"/>', NOT],
    ['a slash in a tag', '<a / b="1">', NOT],
    ['two slashes in a tag', '<a //>', NOT],
    ['an attribute twice', '<a b="1" b="1"/>', NOT],
    ['an attribute twice among prefixes', '<a xmlns:p="urn:p" p:b="1" p:b="1"/>', NOT],
    ['an attribute twice by two prefixes of one namespace', '<a xmlns:p="urn:p" xmlns:q="urn:p" p:b="1" q:b="1"/>', NOT],
    ['a declaration twice', '<a xmlns="urn:p" xmlns="urn:p"/>', NOT],
    ['a declaration twice, with a prefix', '<a xmlns:p="urn:p" xmlns:p="urn:p"/>', NOT],
    ['a declaration twice beside prefixes', '<a xmlns="urn:p" p:b="" xmlns="urn:p" xmlns:p="urn:p"/>', NOT],
    ['a name that begins with a digit', '<1a/>', NOT],
    ['a name that begins with a hyphen', '<-a/>', NOT],
    ['a name that begins with a combining character', '<\u0301a/>', NOT],
    ['a name with a symbol', '<a\u00d7/>', NOT],
    ['a name with a quote', '<a\'b/>', NOT],
    ['two colons', '<a:b:c xmlns:a="urn:a"/>', NOT],
    ['a colon at the front', '<:a/>', NOT],
    ['a colon at the end', '<a: xmlns:a="urn:a"/>', NOT],
    ['a local name that begins with a digit', '<p:1 xmlns:p="urn:p"/>', NOT],
    ['an attribute with two colons', '<a b:c:d="1"/>', NOT],
    ['a space before the name', '< a/>', NOT],
    ['an empty tag', '<>', NOT],
    ['a quote in a tag without an attribute', '<a b="1""2"/>', NOT],
    ['RFC 6120 §4.9.3.13: a prefix without a namespace', '<message><foo:body>What is this foo?</foo:body></message>', NOT],
    ['an attribute\'s prefix without a namespace', '<a p:b="1"/>', NOT],
    ['a prefix out of its scope', '<a><b xmlns:p="urn:p"/><p:c/></a>', NOT],
    ['a prefix for no namespace', '<a xmlns:p=""/>', NOT],
    ['the prefix xml for another namespace', '<a xmlns:xml="urn:p"/>', NOT],
    ['another prefix for the namespace of xml', '<a xmlns:p="http://www.w3.org/XML/1998/namespace"/>', NOT],
    ['the namespace of xml as the default', '<a xmlns="http://www.w3.org/XML/1998/namespace"/>', NOT],
    ['the prefix xmlns declared', '<a xmlns:xmlns="http://www.w3.org/2000/xmlns/"/>', NOT],
    ['the namespace of xmlns as the default', '<a xmlns="http://www.w3.org/2000/xmlns/"/>', NOT],
    ['the namespace of xmlns for a prefix', '<a xmlns:p="http://www.w3.org/2000/xmlns/"/>', NOT],
    ['an element with the prefix xmlns', '<xmlns:a/>', NOT],
    ['an end tag of another name', '<a></b>', NOT],
    ['an end tag of a longer name', '<a></ab>', NOT],
    ['an end tag of a shorter name', '<ab></a>', NOT],
    ['an end tag of another prefix for the same namespace', '<p:a xmlns:p="urn:p" xmlns:q="urn:p"></q:a>', NOT],
    ['an end tag in another order', '<a><b></a></b>', NOT],
    ['an end tag with an attribute', '<a></a b="1">', NOT],
    ['an end tag with a slash', '<a></a/>', NOT],
    ['an end tag with a space in front', '<a></ a>', NOT],
    ['an end tag too many', '</a>', NOT],
    ['RFC 6120 §4.8.5: a prefix for the content namespace', '<foo:message xmlns:foo="jabber:client"/>', 'bad-namespace-prefix'],
    ['text between stanzas', 'text', 'bad-format'],
    ['a reference to white space between stanzas', '&#32;', 'bad-format'],
    ['CDATA between stanzas', '<![CDATA[ ]]>', 'bad-format'],
    ['U+FEFF between stanzas', '\ufeff', 'bad-format'],
    ['an attribute which JavaScript would lose', '<a __proto__="1"/>', 'policy-violation'],
    ['a second root', '</stream:stream><stream:stream>', NOT],
    ['text after the end', '</stream:stream>x', NOT],
    ['a comment after the end', '</stream:stream><!-- -->', NOT],
  ]
  for (const [title, xml, condition] of within) {
    test(title, () => {
      const { elements, failure, header } = read(`${HEADER}<before/>${xml}`)
      assert.equal(failure, condition)
      assert.notEqual(header, undefined)
      assert.deepEqual(elements.map((element) => element.name), ['before'])
    })
  }

  const atStart: [string, string, string][] = [
    ['a document type', '<!DOCTYPE stream><stream>', RESTRICTED],
    ['a billion laughs', '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">]><lolz>&lol;</lolz>', RESTRICTED],
    ['an instruction', '<?xml-stylesheet href="a"?><stream>', RESTRICTED],
    ['XML 1.1', '<?xml version="1.1"?><stream>', RESTRICTED],
    ['a declaration without a version', '<?xml encoding="UTF-8"?><stream>', NOT],
    ['a declaration in the wrong order', '<?xml encoding="UTF-8" version="1.0"?><stream>', NOT],
    ['a declaration without its question mark', '<?xml version="1.0"><stream>', NOT],
    ['an endless declaration', `<?xml version="1.0"${' '.repeat(300)}?><stream>`, NOT],
    ['a declaration after white space', ' <?xml version="1.0"?><stream>', RESTRICTED],
    ['RFC 6120 §4.9.3.22: another encoding', '<?xml version="1.0" encoding="UTF-16"?><stream>', 'unsupported-encoding'],
    ['text before the header', 'GET / HTTP/1.1\r\n', NOT],
    ['U+FEFF before the header', '\ufeff<stream>', NOT],
    ['an end tag first', '</stream>', NOT],
    ['CDATA first', '<![CDATA[]]>', NOT],
    ['a header that closes itself', '<stream/>', 'bad-format'],
    ['a header with a prefix of no namespace', '<stream:stream>', NOT],
  ]
  for (const [title, xml, condition] of atStart) {
    test(`${title}, at the start`, () => { assert.equal(read(xml).failure, condition) })
  }

  const encodings: [string, number[]][] = [
    ['a lone continuation byte', [0x80]],
    ['an overlong NUL', [0xc0, 0x80]],
    ['an overlong slash', [0xe0, 0x80, 0xaf]],
    ['half of a surrogate pair', [0xed, 0xa0, 0x80]],
    ['a code point beyond Unicode', [0xf4, 0x90, 0x80, 0x80]],
    ['a byte that never occurs', [0xff]],
    ['a character cut short by another', [0xe2, 0x82, 0x41]],
    ['a character cut short by a tag', [0xf0, 0x9f, 0x98, 0x3c]],
  ]
  for (const [title, bytes] of encodings) {
    test(`RFC 6120 §4.9.3.22: ${title} is no UTF-8`, () => {
      const { failure, elements } = read(Buffer.concat([
        Buffer.from(`${HEADER}<before>\u20ac</before><a>\u00e9`), Buffer.from(bytes), Buffer.from('</a><after/>')]))
      assert.equal(failure, 'unsupported-encoding')
      assert.deepEqual(elements.map((element) => element.name), ['before'])
    })
  }

  test('UTF-16 is refused at its first bytes', () => {
    assert.equal(read(Buffer.from('\ufeff<stream>', 'utf16le')).failure, 'unsupported-encoding')
  })
})

describe('the life of a parser', () => {
  test('nothing is read after a fault', () => {
    const recorder = new Recorder().write(Buffer.from(`${HEADER}<a b/>`))
    recorder.parser.write(Buffer.from('<c/>'))
    assert.deepEqual([recorder.failure, recorder.elements], ['not-well-formed', []])
  })

  test('what the owner throws comes out of write, and nothing is read afterwards', () => {
    let calls = 0
    const parser = new StreamParser({
      streamOpened: () => undefined,
      received: () => { calls++; throw new RangeError('mine') },
      streamClosed: () => undefined,
    }, LIMITS)
    assert.throws(() => { parser.write(Buffer.from(`${HEADER}<a/><b/>`)) }, RangeError)
    parser.write(Buffer.from('<c/>'))
    assert.equal(calls, 1)
  })

  const starttls = Buffer.from(`${HEADER}<starttls/>`)
  const behind: [string, Uint8Array][] = [
    ['nothing', Buffer.alloc(0)],
    ['a byte', Buffer.from(' ')],
    ['a stanza', Buffer.from('<iq type="set"/>')],
    ['characters of several bytes', Buffer.from('<a>\u20ac\u{1f600}')],
    ['half a character', Buffer.from([0x3c, 0xe2, 0x82])],
    ['bytes that are no UTF-8', Buffer.from([0x16, 0x03, 0x01, 0xff, 0x20, 0x80])],
  ]
  for (const [title, bytes] of behind) {
    test(`stop() counts exactly the bytes behind the element: ${title}`, () => {
      for (const chunks of cuts(Buffer.concat([starttls, bytes]))) {
        let stopped = -1
        let elements = 0
        const parser: StreamParser = new StreamParser({
          streamOpened: () => undefined,
          received: () => { elements++; stopped = parser.stop() },
          streamClosed: () => undefined,
        }, LIMITS)
        for (const chunk of chunks) parser.write(chunk)
        assert.equal(elements, 1)
        assert.equal(parser.unread, bytes.length)
        if (chunks.length === 1) assert.equal(stopped, bytes.length)
      }
    })
  }

  test('stop() counts an unfinished token, too', () => {
    const recorder = new Recorder().write(Buffer.from(`${HEADER}<a>\u20ac</a><b c='\u20ac`), Buffer.from([0xe2]))
    assert.equal(recorder.parser.stop(), Buffer.byteLength('<b c=\'\u20ac') + 1)
  })

  test('idle is said only between elements', () => {
    const recorder = new Recorder().write(Buffer.from(`${HEADER} `))
    const said = Array.from(Buffer.from('<a>\u20ac</a> '), (byte) => recorder.write(Buffer.of(byte)).parser.idle)
    assert.deepEqual(said, [...Array.from({ length: 9 }, () => false), true, true])
  })

  test('an element received is not tied to the one before it', () => {
    const { elements } = read(`${HEADER}<a b="1"/><a c="2"/>`)
    assert.deepEqual(elements.map((element) => element.attrs), [{ b: '1' }, { c: '2' }])
    assert.deepEqual(elements.map((element) => element.parent), [null, null])
  })
})
