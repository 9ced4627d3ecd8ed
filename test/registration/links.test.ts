import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { invitationLinks } from '../../src/registration/links.ts'
import type { ServedDomain } from '../../src/routing/domains.ts'
import { Jid } from '../../src/xmpp/jid.ts'

const ONION = `${'v'.repeat(56)}.onion`
const served = (name: string, onionAddress?: string): ServedDomain => ({
  name, label: name, onionAddress, config: {} as ServedDomain['config'], // nothing of it is read
})

describe('links of an invitation', () => {
  test('XEP-0401 \u00a73.2: with a name and without', () => {
    assert.equal(invitationLinks(served('capulet.lit'), 'TOKEN', { name: 'juliet' }).xmpp, 'xmpp:juliet@capulet.lit?register;preauth=TOKEN')
    assert.equal(invitationLinks(served('capulet.lit'), 'TOKEN').xmpp, 'xmpp:capulet.lit?register;preauth=TOKEN')
  })

  test('XEP-0401 \u00a73.1: from a contact, who can be added by an account elsewhere as well', () => {
    const inviter = Jid.of('romeo', 'capulet.lit')
    assert.equal(invitationLinks(served('capulet.lit'), 'TOKEN', { inviter }).xmpp, 'xmpp:romeo@capulet.lit?roster;preauth=TOKEN;ibr=y')
    assert.equal(invitationLinks(served('capulet.lit'), 'TOKEN', { inviter, name: 'juliet' }).xmpp, 'xmpp:juliet@capulet.lit?register;preauth=TOKEN')
  })

  test('RFC 5122 \u00a72.3: a domain that is not ASCII is percent-encoded', () => {
    assert.equal(invitationLinks(served('b\u00fccher.lit'), 'TOKEN').xmpp, 'xmpp:b%C3%BCcher.lit?register;preauth=TOKEN')
  })

  test('each page is told that the domain has', () => {
    const pages = ['https://chat.capulet.lit', `http://${ONION}`]
    assert.deepEqual(invitationLinks(served('capulet.lit'), 'TOKEN', {}, pages).web, ['https://chat.capulet.lit/invite/TOKEN', `http://${ONION}/invite/TOKEN`])
    assert.deepEqual(invitationLinks(served('capulet.lit'), 'TOKEN').web, [])
  })
})
