import assert from 'node:assert/strict'
import { test } from 'node:test'
import { element } from '../../src/xml/element.ts'
import { Jid } from '../../src/xmpp/jid.ts'
import { NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import { StanzaError, errorReply } from '../../src/xmpp/stanza-error.ts'

const JULIET = Jid.of('juliet', 'capulet.lit', 'balcony')
const ROMEO = Jid.of('romeo', 'montague.lit', 'orchard')
assert.ok(JULIET !== undefined && ROMEO !== undefined)
const MESSAGE = element(NS_CLIENT, 'message', { type: 'chat', id: 'm1' }, element(NS_CLIENT, 'body', {}, 'O Romeo'))

test('RFC 6120 §8.3.1: an error has the id of its stanza, comes from the address written to, and echoes nothing', () => {
  const error = errorReply(MESSAGE, new StanzaError('service-unavailable'), ROMEO, JULIET)
  assert.deepEqual(error.attrs, { type: 'error', id: 'm1', from: 'romeo@montague.lit/orchard', to: 'juliet@capulet.lit/balcony' })
  assert.deepEqual(error.elements().map(({ name }) => name), ['error'])
})

test('an error that the user is to read comes from the bare JID, as Profanity shows it in the conversation only then', () => {
  const error = errorReply(MESSAGE, new StanzaError('policy-violation', { body: '[not sent]' }), ROMEO, JULIET)
  assert.equal(error.attrs['from'], 'romeo@montague.lit')
  assert.equal(error.attrs['id'], 'm1')
  assert.equal(error.childContent('body', NS_CLIENT), '[not sent]')
})
