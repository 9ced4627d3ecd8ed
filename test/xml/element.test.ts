import assert from 'node:assert/strict'
import { test } from 'node:test'
import { element } from '../../src/xml/element.ts'

const message = element('jabber:client', 'message', { to: 'juliet@capulet.lit', id: undefined },
  'a', element('jabber:client', 'body', {}, 'x'), undefined, 'b', element('urn:a', 'body', {}, 'y'))

test('what is undefined is left out', () => {
  assert.deepEqual([message.attrs, message.children.length], [{ to: 'juliet@capulet.lit' }, 4])
})

test('a child is found by its name and its namespace', () => {
  assert.equal(message.childContent('body', 'urn:a'), 'y')
  assert.equal(message.childContent('body', 'jabber:client'), 'x')
  assert.equal(message.child('body', 'urn:b'), undefined)
})

test('content is the text of an element alone', () => {
  assert.equal(message.content(), 'ab')
  assert.equal(element('', 'a').content(), '')
})

test('a changed copy leaves the element as it was', () => {
  const changed = message.with({ to: undefined, from: 'romeo@montague.lit' })
  assert.deepEqual([message.attrs, changed.attrs], [{ to: 'juliet@capulet.lit' }, { from: 'romeo@montague.lit' }])
  assert.equal(changed.children, message.children)
})

test('a copy keeps attributes that are named as what every object has', () => {
  assert.deepEqual({ ...element('', 'a', { constructor: '1' }).with({ to: 'b' }).attrs }, { constructor: '1', to: 'b' })
})
