import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { configSchema } from '../../src/config/schema.ts'
import { TestHouse } from '../house.ts'

function served(contacts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { domains: [{ name: 'capulet.lit', contacts }, { name: 'montague.lit' }] }
}

function ask(house: TestHouse, domain: string): string {
  const juliet = house.connect('juliet@capulet.lit/chamber')
  juliet.says(`<iq type='get' id='d' to='${domain}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
  return juliet.heard().map((stanza) => stanza.toString()).join('')
}

describe('XEP-0157: Contact Addresses', () => {
  test('XEP-0157 §3: a domain tells its own addresses, in a form that is named after them', () => {
    const house = new TestHouse({ config: served({ abuse: ['xmpp:nurse@capulet.lit', 'mailto:abuse@capulet.lit'], status: ['https://status.capulet.lit'] }) })
    const said = ask(house, 'capulet.lit')
    assert.match(said, /<value>http:\/\/jabber\.org\/network\/serverinfo<\/value>/)
    assert.match(said, /<field var="abuse-addresses" type="list-multi"><value>xmpp:nurse@capulet\.lit<\/value><value>mailto:abuse@capulet\.lit<\/value><\/field>/)
    assert.match(said, /<field var="status-addresses"[^>]*><value>https:\/\/status\.capulet\.lit<\/value>/)
    assert.doesNotMatch(said, /sales-addresses/)
    assert.doesNotMatch(ask(house, 'montague.lit'), /serverinfo|nurse/, 'another domain tells nothing of them')
  })

  test('XEP-0157 §3: what is no URI is refused when the configuration is read', () => {
    for (const contacts of [{ abuse: ['nurse@capulet.lit'] }, { abuse: ['javascript:alert(1)'] }, { nurse: ['xmpp:nurse@capulet.lit'] }, { abuse: ['xmpp:a b'] }]) {
      assert.equal(configSchema.safeParse(served(contacts)).success, false, JSON.stringify(contacts))
    }
  })
})
