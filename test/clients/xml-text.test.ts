import assert from 'node:assert/strict'
import { test } from 'node:test'
import { element, type Element } from '../../src/xml/element.ts'
import { XmlReader, text } from './xml-text.ts'

const STREAM = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"

function read(...chunks: readonly Buffer[]): string[] {
  const seen: string[] = []
  const keep = (kind: string) => (element: Element) => { seen.push(`${kind} ${text(element)}`) }
  const closed = () => { seen.push('closed') }
  const reader = new XmlReader({ opened: keep('opened'), element: keep('element'), closed })
  for (const chunk of chunks) reader.read(chunk)
  return seen
}

test('the test reader understands what the test writer writes, however the bytes are cut', () => {
  const message = element('jabber:client', 'message', { to: 'nurse@capulet.lit', 'xml:lang': 'en' },
    element('jabber:client', 'body', {}, 'Ünd <so> & "weiter" ☃'), element('urn:xmpp:receipts', 'request'))
  const bytes = Buffer.from(`${STREAM}${text(message, 'jabber:client')}</stream:stream>`)
  const whole = read(bytes)
  const header = "<stream xmlns='http://etherx.jabber.org/streams'/>"
  assert.deepEqual(whole, [`opened ${header}`, `element ${text(message)}`, 'closed'])
  assert.deepEqual(read(...Array.from(bytes, (byte) => Buffer.of(byte))), whole)
})

test('the test reader refuses what is not well-formed', () => {
  assert.throws(() => read(Buffer.from(`${STREAM}<a></b>`)))
})
