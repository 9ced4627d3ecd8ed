import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { SaxesParser } from 'saxes'
import { serialize } from '../../src/xml/serialize.ts'
import { HEADER, plain, Recorder, type Plain } from './recorder.ts'

/*
 * Our parser beside saxes, a strict one of other hands: both take the same streams and make the same trees.
 *
 * Where ours refuses what saxes takes, and why:
 * - an attribute named __proto__, which JavaScript would lose (policy-violation)
 * - a prefix for a content namespace (RFC 6120 §4.8.5, bad-namespace-prefix)
 * - white space between stanzas that is written as a reference (bad-format)
 * - references of more than 12 characters, which are leading zeros (not-well-formed)
 * - local names behind a prefix that begin with a digit, a point or a hyphen: saxes is wrong (not-well-formed)
 * And saxes trims the names of namespaces, which Namespaces in XML 1.0 does not know; `trimmed` does as it does.
 */
function differs(failure: string, stream: string): boolean {
  switch (failure) {
    case 'policy-violation': return stream.includes('__proto__')
    case 'bad-namespace-prefix': return /xmlns:\w+\s*=\s*["']jabber:/.test(stream)
    case 'bad-format': return stream.includes('&#')
    case 'not-well-formed': return /&#x?0{5,}|:[-.0-9\u0301]/.test(stream)
    default: return false
  }
}

interface Outcome {
  readonly elements: Plain[]
  readonly verdict: 'well-formed' | 'unfinished' | 'failed'
}

/** What saxes makes of it, with what RFC 6120 §11.1 prohibits refused here. */
function bySaxes(stream: string): Outcome {
  const elements: Plain[] = []
  const open: Plain[] = []
  let depth = 0
  let completed = false
  const parser = new SaxesParser({ xmlns: true, forceXMLVersion: true, defaultXMLVersion: '1.0' })
  const prohibited = (): never => { throw new Error('restricted') }
  parser.on('doctype', prohibited)
  parser.on('comment', prohibited)
  parser.on('processinginstruction', prohibited)
  parser.on('error', (error) => { throw error })
  parser.on('xmldecl', ({ version, encoding }) => {
    if (version !== '1.0' || (encoding ?? 'utf-8').toLowerCase() !== 'utf-8') prohibited()
  })
  parser.on('opentag', (tag) => {
    if (depth++ === 0) {
      if (tag.isSelfClosing) prohibited()
      return
    }
    const attributes: Record<string, string> = {}
    for (const { name, prefix, uri, value } of Object.values(tag.attributes)) {
      if (name === 'xmlns' || prefix === 'xmlns') continue
      if (prefix !== '' && prefix !== 'xml') attributes[`xmlns:${prefix}`] = uri
      attributes[name] = value
    }
    const element: Plain = [tag.uri, tag.local, attributes]
    open.at(-1)?.push(element)
    open.push(element)
  })
  parser.on('closetag', () => {
    depth--
    const element = open.pop()
    completed = element !== undefined && open.length === 0
    if (element !== undefined && completed) elements.push(element)
  })
  const text = (piece: string): void => {
    const element = open.at(-1)
    if (element === undefined) {
      if (/[^ \t\r\n]/.test(piece)) prohibited()
    } else if (piece !== '') {
      const last = element.at(-1)
      if (element.length > 3 && typeof last === 'string') element[element.length - 1] = last + piece
      else element.push(piece)
    }
  }
  parser.on('text', text)
  parser.on('cdata', (piece) => { if (open.length === 0) prohibited(); text(piece) })
  try {
    parser.write(stream)
  } catch (error) {
    // saxes closes an element for any end tag, and complains afterwards.
    if (completed && String(error).includes('unexpected close tag')) elements.pop()
    return { elements, verdict: 'failed' }
  }
  try {
    parser.close()
    return { elements, verdict: 'well-formed' }
  } catch {
    return { elements, verdict: 'unfinished' }
  }
}

function trimmed([namespace, name, attributes, ...children]: Plain): Plain {
  const own = Object.entries(attributes).map(([key, value]) => [key, key.startsWith('xmlns:') ? value.trim() : value])
  return [namespace.trim(), name, Object.fromEntries(own) as Record<string, string>,
    ...children.map((child) => typeof child === 'string' ? child : trimmed(child))]
}

function compare(text: string, seed: number): void {
  const bytes = Buffer.from(text)
  // Both read the same, also where a pair of surrogates was cut.
  const stream = bytes.toString()
  const ours = new Recorder()
  // Chunks of 1 to 31 bytes, or all at once.
  for (let at = 0, size = seed; at < bytes.length; at += size) {
    size = seed === 0 ? bytes.length : 1 + (size * 7 + seed) % 31
    ours.write(bytes.subarray(at, at + size))
  }
  const theirs = bySaxes(stream)
  const elements = ours.elements.map((element) => trimmed(plain(element)))
  if (ours.failure !== undefined && differs(ours.failure, stream)) {
    assert.deepEqual(elements, theirs.elements.slice(0, elements.length))
    return
  }
  assert.deepEqual(elements, theirs.elements)
  assert.equal(ours.closed && ours.failure === undefined, theirs.verdict === 'well-formed')
  // One of them may see earlier than the other that an unfinished token comes to nothing; never more than that.
  if (theirs.verdict === 'failed' && ours.failure === undefined) assert.equal(ours.parser.idle, false)
}

const token = fc.constantFrom(
  '<a', '<b', '<p:a', '<xml:a', '</a>', '</b>', '</p:a>', '</a', '>', '/>', '<a>', '<b>', '<a/>', '<p:a xmlns:p="urn:p">',
  ' b="1"', ' b=\'2\'', ' c', '="', '"', '\'', '=', ' ', '\n', '\r\n', '\t', ' xmlns="urn:a"', ' xmlns=""', ' xmlns:p="urn:p"',
  ' xmlns:q="urn:p"', ' xmlns:q="jabber:client"', ' p:b="1"', ' q:b="1"', ' xml:lang="en"', ' xmlns:xml="urn:x"', ' xmlns:p=""',
  ' constructor="1"', ' __proto__="1"', 'text', '&amp;', '&lt;', '&#65;', '&#x1F600;', '&#0;', '&#32;', '&', ';', '&c;',
  '<![CDATA[', ']]>', ']', '<!--', '-->', '<?', '?>', '<!', '</stream:stream>', '\u00e9', '\u20ac', '\u{1f600}', '\ufeff',
  '\u0001', '\ufffe', '1', ':', '-', '/', '<', '\u0301', '&#000000000000065;')

/** A stream that is well-formed, written in no particular style. */
const { element: wellFormed } = fc.letrec<{ element: string, node: string }>((tie) => ({
  element: fc.record({
    name: fc.constantFrom('a', 'p:b', 'c-1', '\u00e9'),
    attributes: fc.uniqueArray(fc.constantFrom('d="1"', 'e = \'&lt;\t\r\n2\'', 'p:d="\u20ac"', 'xml:lang="en"', 'f="\'>"', 'xmlns="urn:e"'), { maxLength: 4 }),
    children: fc.array(tie('node'), { maxLength: 4 }),
    space: fc.constantFrom('', ' ', '\n'),
  }).map(({ name, attributes, children, space }) =>
    `<${name} xmlns:p='urn:p' ${attributes.join(' ')}${space}` + (children.length === 0 ? '/>' : `>${children.join('')}</${name}${space}>`)),
  node: fc.oneof({ maxDepth: 4 }, fc.constantFrom('text', ' ', '&amp;&#x9;', '\r\n', '<![CDATA[<&]]]>', '\u00e9\u{1f600}', ']]'), tie('element')),
}))

describe('our parser and saxes', () => {
  test('agree on what is and what is not well-formed, and on the tree', () => {
    fc.assert(fc.property(fc.array(token, { maxLength: 14 }), fc.nat(30), (tokens, seed) => {
      compare(`${HEADER}${tokens.join('')}</stream:stream>`, seed)
    }), { numRuns: 6000 })
  })

  test('agree on streams that are well-formed', () => {
    fc.assert(fc.property(fc.array(wellFormed, { maxLength: 3 }), fc.nat(30), (elements, seed) => {
      const stream = `${HEADER}${elements.join(' \n')}</stream:stream>\n`
      const theirs = bySaxes(stream)
      assert.equal(theirs.verdict, 'well-formed')
      assert.equal(theirs.elements.length, elements.length)
      assert.equal(new Recorder().write(Buffer.from(stream)).failure, undefined)
      compare(stream, seed)
    }), { numRuns: 1000 })
  })

  test('agree on what ours has read and written again', () => {
    fc.assert(fc.property(wellFormed, (element) => {
      const { elements } = new Recorder().write(Buffer.from(HEADER + element))
      const written = elements.map((one) => serialize(one, 'jabber:client')).join('')
      assert.deepEqual(bySaxes(`${HEADER}${written}</stream:stream>`), { elements: elements.map(plain), verdict: 'well-formed' })
    }), { numRuns: 1000 })
  })

  test('agree on streams that are nearly well-formed', () => {
    fc.assert(fc.property(wellFormed, fc.nat(), fc.nat(3), token, fc.nat(30), (element, position, cut, inserted, seed) => {
      const at = position % (element.length + 1)
      compare(`${HEADER}${element.slice(0, at)}${inserted}${element.slice(at + cut)}</stream:stream>`, seed)
    }), { numRuns: 4000 })
  })

  test('agree on what stands before the root', () => {
    const prolog = fc.constantFrom('<?xml version="1.0"?>', '<?xml version=\'1.0\' encoding=\'utf-8\'?>', '<?xml', ' version="1.0"', '?>', ' ',
      '\n', '<?xml version="1.1"?>', ' encoding="UTF-8"', ' standalone="yes"', ' standalone="maybe"', '<!DOCTYPE a>', 'x', '<![CDATA[]]>')
    fc.assert(fc.property(fc.array(prolog, { maxLength: 6 }), fc.nat(30), (parts, seed) => {
      compare(`${parts.join('')}<a><b/></a>`, seed)
    }), { numRuns: 2000 })
  })
})
