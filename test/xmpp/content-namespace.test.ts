import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inClientNamespace } from '../../src/xmpp/content-namespace.ts'
import { element } from '../../src/xml/element.ts'
import { NS_CLIENT, NS_SERVER } from '../../src/xmpp/namespaces.ts'

describe('RFC 6120 §4.8.3: a stanza from another server is re-scoped', () => {
  test('at every depth, below elements of other namespaces too: no second body hides', () => {
    const inner = element(NS_SERVER, 'body', {}, 'hidden')
    const stanza = element(NS_SERVER, 'message', { id: '1' }, element(NS_SERVER, 'body', {}, 'text'), element('urn:x', 'x', {}, inner), 'tail')
    const expected = element(NS_CLIENT, 'message', { id: '1' }, element(NS_CLIENT, 'body', {}, 'text'),
      element('urn:x', 'x', {}, element(NS_CLIENT, 'body', {}, 'hidden')), 'tail')
    assert.deepEqual(inClientNamespace(stanza), expected)
  })

  test('what needs no change is shared', () => {
    const payload = element('urn:x', 'x', {}, element('urn:y', 'y'))
    assert.equal(inClientNamespace(element(NS_SERVER, 'iq', {}, payload)).children[0], payload)
  })
})
