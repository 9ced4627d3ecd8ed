import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readMessage } from '../../src/xml/message.ts'
import { XmlError } from '../../src/xml/xml-error.ts'

const LIMITS = { header: 1000, stanza: 1000, depth: 5, attributes: 8, elements: 20, name: 50, startTag: 500 }

/** What is sent, and what it is read as: a name in braces, or why it is not read. */
const CASES: readonly (readonly [title: string, message: string, read: string])[] = [
  ['an element', '<a/>', '{}a'],
  ['an element with its namespace', `<presence xmlns='jabber:client'/>`, '{jabber:client}presence'],
  ['a prefix that it declares', `<s:features xmlns:s='urn:s'><a/></s:features>`, '{urn:s}features'],
  ['RFC 7395 §3.3.3: an XML declaration is not recommended, so it may be there', `<?xml version='1.0' encoding='utf-8'?>\n<a/>`, '{}a'],
  ['white space behind the element, as in any document', '<a/>\r\n ', '{}a'],
  ['RFC 7395 §3.3.3: white space before it', ' <a/>', 'bad-format'],
  ['nothing', '', 'bad-format'],
  ['a byte order mark', '\ufeff<a/>', 'bad-format'],
  ['text', 'But soft', 'bad-format'],
  ['text behind the element', '<a/>what light', 'bad-format'],
  ['RFC 7395 §3.3.3: two elements', '<a/><a/>', 'not-well-formed'],
  ['an element and the beginning of another', '<a/><a', 'not-well-formed'],
  ['half an element', '<a><b/>', 'not-well-formed'],
  ['half a tag', '<a b=', 'not-well-formed'],
  ['an end tag', '</a>', 'not-well-formed'],
  ['the end of what we put around it', '</message>', 'not-well-formed'],
  ['an element and the end of what we put around it', '<a/></message>', 'not-well-formed'],
  ['the end of what we put around it, and another beginning', '</message><message><a/>', 'not-well-formed'],
  ['a stream as by TCP', `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`, 'not-well-formed'],
  ['RFC 7395 §3.3.3: a prefix that an earlier message declared', '<stream:error/>', 'not-well-formed'],
  ['RFC 6120 §11.1: a comment before it', '<!-- a --><a/>', 'restricted-xml'],
  ['RFC 6120 §11.1: a comment in it', '<a><!-- a --></a>', 'restricted-xml'],
  ['RFC 6120 §11.1: an instruction', '<?a?><a/>', 'restricted-xml'],
  ['RFC 6120 §11.1: a document type', '<!DOCTYPE a><a/>', 'restricted-xml'],
  ['another version of XML', `<?xml version='1.1'?><a/>`, 'restricted-xml'],
  ['another encoding', `<?xml version='1.0' encoding='latin1'?><a/>`, 'unsupported-encoding'],
  ['a declaration without an end', `<?xml version='1.0'`, 'not-well-formed'],
  ['more than a stanza may have', `<a>${'b'.repeat(1000)}</a>`, 'policy-violation'],
  ['deeper than a stanza may be', '<a>'.repeat(6) + '</a>'.repeat(6), 'policy-violation'],
]

for (const [title, message, expected] of CASES) {
  test(`a message: ${title}`, () => { assert.equal(read(message), expected) })
}

function read(message: string): string {
  try {
    const { namespace, name } = readMessage(Buffer.from(message), LIMITS)
    return `{${namespace}}${name}`
  } catch (error) {
    assert.ok(error instanceof XmlError)
    return error.condition
  }
}
