import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TestHouse, type TestClient } from '../house.ts'

const INFO = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
const ITEMS = "<query xmlns='http://jabber.org/protocol/disco#items'/>"

function ask(client: TestClient, to: string, query: string): void {
  client.says(`<iq to='${to}' id='info1' type='get'>${query}</iq>`)
}

function refusal(from: string, to: string, type: string, condition: string): string {
  return `<iq from='${from}' to='${to}' id='info1' type='error'><error type='${type}'>`
    + `<${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`
}

describe('XEP-0030: Service Discovery', () => {
  test('XEP-0030 §3.1: the server tells its identity and each feature of its extensions once', () => {
    const juliet = new TestHouse().connect('juliet@capulet.lit/balcony')
    ask(juliet, 'capulet.lit', INFO)
    const query = juliet.heard()[0]?.elements()[0]
    assert.deepEqual(query?.elements()[0]?.attrs, { category: 'server', type: 'im' })
    const features = query?.elements().filter(({ name }) => name === 'feature').map((feature) => feature.attrs['var']) ?? []
    assert.equal(new Set(features).size, features.length)
    for (const expected of ['http://jabber.org/protocol/disco#info', 'http://jabber.org/protocol/disco#items', 'urn:xmpp:ping', 'urn:xmpp:blocking']) {
      assert.ok(features.includes(expected), expected)
    }
  })

  test('XEP-0030 §4.1: the server hosts nothing else', () => {
    const juliet = new TestHouse().connect('juliet@capulet.lit/balcony')
    ask(juliet, 'capulet.lit', ITEMS)
    juliet.hears(`<iq from='capulet.lit' to='juliet@capulet.lit/balcony' id='info1' type='result'>${ITEMS}</iq>`)
  })

  test('XEP-0030 §7: a node that is not there is not found', () => {
    const juliet = new TestHouse().connect('juliet@capulet.lit/balcony')
    ask(juliet, 'capulet.lit', "<query xmlns='http://jabber.org/protocol/disco#info' node='secret'/>")
    juliet.hears(refusal('capulet.lit', 'juliet@capulet.lit/balcony', 'cancel', 'item-not-found'))
  })

  test('XEP-0030 §3.1: an account tells itself and its subscribers that it is a registered one', async () => {
    const house = new TestHouse()
    await house.befriend('juliet@capulet.lit', 'romeo@montague.lit')
    for (const address of ['juliet@capulet.lit/balcony', 'romeo@montague.lit/orchard']) {
      const client = house.connect(address)
      ask(client, 'juliet@capulet.lit', INFO)
      assert.deepEqual(client.heard()[0]?.elements()[0]?.elements()[0]?.attrs, { category: 'account', type: 'registered' })
    }
  })

  test('XEP-0030 §8: a stranger gets the same answer from an account, an account without presence and no account', async () => {
    const house = new TestHouse()
    await house.login('juliet@capulet.lit/balcony')
    const tybalt = await house.login('tybalt@capulet.lit/street')
    for (const query of [INFO, ITEMS]) {
      for (const account of ['juliet@capulet.lit', 'nurse@capulet.lit', 'nobody@capulet.lit']) {
        ask(tybalt, account, query)
        tybalt.hears(refusal(account, 'tybalt@capulet.lit/street', 'cancel', 'service-unavailable'))
      }
    }
  })
})
