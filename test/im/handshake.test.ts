import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { StanzaError } from '../../src/xmpp/stanza-error.ts'
import { TestHouse, type TestClient } from '../house.ts'

const JULIET = 'juliet@capulet.lit'
const ROMEO = 'romeo@montague.lit'

function push(client: TestClient, item: string): string {
  return `<iq to='${client.jid}' id='*' type='set'><query xmlns='jabber:iq:roster' ver='*'>${item}</query></iq>`
}

async function lovers(options?: ConstructorParameters<typeof TestHouse>[0]) {
  const house = new TestHouse(options)
  const romeo = await house.login(`${ROMEO}/orchard`)
  const juliet = await house.login(`${JULIET}/balcony`)
  return { house, romeo, juliet }
}

describe('the subscription handshake', () => {
  test('RFC 6121 §3.1: request, approval, and the approver\'s presence, each pushed to the rosters', async () => {
    const { romeo, juliet } = await lovers()
    romeo.says(`<presence to='${JULIET}' id='xk3h1v69' type='subscribe'/>`)
    romeo.hears(push(romeo, `<item jid='${JULIET}' subscription='none' ask='subscribe'/>`))
    juliet.hears(`<presence from='${ROMEO}' to='${JULIET}' id='xk3h1v69' type='subscribe'/>`)
    juliet.says(`<presence to='${ROMEO}' id='h4v1c4kj' type='subscribed'/>`)
    juliet.hears(push(juliet, `<item jid='${ROMEO}' subscription='from'/>`))
    romeo.hears(
      `<presence from='${JULIET}' to='${ROMEO}' id='h4v1c4kj' type='subscribed'/>`,
      push(romeo, `<item jid='${JULIET}' subscription='to'/>`),
      `<presence from='${JULIET}/balcony' to='${ROMEO}'/>`,
    )
    juliet.says(`<presence to='${ROMEO}' type='subscribe'/>`)
    romeo.says(`<presence to='${JULIET}' type='subscribed'/>`)
    assert.deepEqual(juliet.heard().map((stanza) => stanza.elements()[0]?.elements()[0]?.attrs['subscription'] ?? stanza.attrs['type'] ?? 'presence'),
      ['from', 'subscribed', 'both', 'presence'])
  })

  test('the name and groups of a contact are for the account alone', async () => {
    const { house, romeo } = await lovers()
    romeo.says("<iq id='s1' type='set'><query xmlns='jabber:iq:roster'><item jid='mercutio@verona.lit' name='Mad one'><group>Friends</group></item></query></iq>")
    await house.settled()
    romeo.says("<presence to='mercutio@verona.lit' id='p1' type='subscribe'/>")
    house.departs(`<presence from='${ROMEO}' to='mercutio@verona.lit' id='p1' type='subscribe'/>`)
    romeo.says("<iq id='s2' type='set'><query xmlns='jabber:iq:roster'><item jid='mercutio@verona.lit' subscription='remove'/></query></iq>")
    house.departs(`<presence from='${ROMEO}' to='mercutio@verona.lit' id='*' type='unsubscribe'/>`)
  })

  test('RFC 6121 §3.1.2: an address with a resource is made a bare one, on both sides', async () => {
    const { romeo, juliet } = await lovers()
    romeo.says(`<presence to='${JULIET}/balcony' type='subscribe'/>`)
    juliet.hears(`<presence from='${ROMEO}' to='${JULIET}' type='subscribe'/>`)
  })

  test('RFC 6121 §3.1.2: what cannot be routed is answered, and the request stays pending', async () => {
    const { house, romeo } = await lovers()
    house.remoteRefusal = new StanzaError('remote-server-not-found')
    romeo.says("<presence to='mercutio@verona.lit' id='s1' type='subscribe'/>")
    romeo.hears(
      push(romeo, "<item jid='mercutio@verona.lit' subscription='none' ask='subscribe'/>"),
      `<presence from='mercutio@verona.lit' to='${ROMEO}' id='s1' type='error'><error type='cancel'>`
        + "<remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>",
    )
  })

  test('RFC 6121 §3.1.3: a request waits for the next available resource, once, and for the next, until it is answered', async () => {
    const house = new TestHouse()
    const romeo = await house.login(`${ROMEO}/orchard`)
    romeo.says(`<presence to='${JULIET}' id='first' type='subscribe'/><presence to='${JULIET}' id='second' type='subscribe'/>`)
    for (const resource of ['balcony', 'chamber']) {
      const juliet = house.connect(`${JULIET}/${resource}`)
      juliet.hears()
      juliet.says('<presence/>')
      assert.deepEqual(juliet.heard().filter(({ attrs }) => attrs['type'] === 'subscribe').map(({ attrs }) => attrs['id']), ['first'])
      if (resource === 'chamber') juliet.says(`<presence to='${ROMEO}' type='unsubscribed'/>`)
      juliet.leaves()
    }
    const juliet = house.connect(`${JULIET}/balcony`)
    juliet.says('<presence/>')
    assert.deepEqual(juliet.heard().filter(({ attrs }) => attrs['type'] === 'subscribe'), [])
  })

  test('RFC 6121 §3.1.3, Security Warning: a request alone adds nothing to the roster', async () => {
    const { romeo, juliet } = await lovers()
    romeo.says(`<presence to='${JULIET}' type='subscribe'/>`)
    juliet.forget()
    juliet.says("<iq id='g1' type='get'><query xmlns='jabber:iq:roster'/></iq>")
    assert.deepEqual(juliet.heard()[0]?.elements()[0]?.elements(), [])
  })

  test('RFC 6121 §3.1.3: one who is subscribed already is answered by the server', async () => {
    const { house, romeo, juliet } = await lovers()
    await house.befriend(JULIET, ROMEO)
    romeo.forget()
    juliet.forget()
    romeo.says(`<presence to='${JULIET}' id='again' type='subscribe'/>`)
    juliet.hears()
    romeo.hears(`<presence from='${JULIET}/balcony' to='${ROMEO}'/>`) // its own server knows the answer to be no news
    house.remoteSays(`<presence from='mercutio@verona.lit' to='${JULIET}' type='subscribe'/>`)
    juliet.says("<presence to='mercutio@verona.lit' type='subscribed'/>")
    house.departed.length = 0
    house.remoteSays(`<presence from='mercutio@verona.lit' to='${JULIET}' id='again' type='subscribe'/>`)
    house.departs(
      `<presence from='${JULIET}' to='mercutio@verona.lit' id='again' type='subscribed'/>`,
      `<presence from='${JULIET}/balcony' to='mercutio@verona.lit'/>`,
    )
  })

  test('RFC 6121 §3.1.6: an approval that nobody asked for is ignored', async () => {
    const { romeo, juliet } = await lovers()
    romeo.says(`<presence to='${JULIET}' type='subscribed'/>`)
    juliet.hears()
    romeo.hears(push(romeo, `<item jid='${JULIET}' subscription='none' approved='true'/>`)) // §3.4.2: a pre-approval
  })

  test('RFC 6121 §3.4.2: a pre-approved request is approved by the server, and never shown', async () => {
    const { romeo, juliet } = await lovers()
    juliet.says(`<presence to='${ROMEO}' type='subscribed'/>`)
    juliet.forget()
    romeo.says(`<presence to='${JULIET}' id='s1' type='subscribe'/>`)
    juliet.hears(push(juliet, `<item jid='${ROMEO}' subscription='from' approved='true'/>`))
    romeo.hears(
      push(romeo, `<item jid='${JULIET}' subscription='none' ask='subscribe'/>`),
      `<presence from='${JULIET}' to='${ROMEO}' id='s1' type='subscribed'/>`,
      push(romeo, `<item jid='${JULIET}' subscription='to'/>`),
      `<presence from='${JULIET}/balcony' to='${ROMEO}'/>`,
    )
  })

  test('RFC 6121 §3.2.2: unavailable presence goes before the cancellation', async () => {
    const { house, romeo, juliet } = await lovers()
    await house.befriend(JULIET, ROMEO)
    romeo.forget()
    juliet.forget()
    juliet.says(`<presence to='${ROMEO}' id='ij5b1v7g' type='unsubscribed'/>`)
    juliet.hears(push(juliet, `<item jid='${ROMEO}' subscription='to'/>`))
    romeo.hears(
      `<presence from='${JULIET}/balcony' to='${ROMEO}' type='unavailable'/>`,
      `<presence from='${JULIET}' to='${ROMEO}' id='ij5b1v7g' type='unsubscribed'/>`,
      push(romeo, `<item jid='${JULIET}' subscription='from'/>`),
    )
  })

  test('RFC 6121 §3.3.3: unsubscribe is delivered, pushed, and answered with unavailable presence', async () => {
    const { house, romeo, juliet } = await lovers()
    await house.befriend(JULIET, ROMEO)
    romeo.forget()
    juliet.forget()
    romeo.says(`<presence to='${JULIET}' id='ul4bs71n' type='unsubscribe'/>`)
    juliet.hears(
      `<presence from='${ROMEO}' to='${JULIET}' id='ul4bs71n' type='unsubscribe'/>`,
      push(juliet, `<item jid='${ROMEO}' subscription='to'/>`),
    )
    romeo.hears(
      push(romeo, `<item jid='${JULIET}' subscription='from'/>`),
      `<presence from='${JULIET}/balcony' to='${ROMEO}' type='unavailable'/>`,
    )
  })

  test('RFC 6121 §8.5.1: an account that is not there is silent, like one that never answers', async () => {
    const { house, romeo } = await lovers()
    for (const name of ['nurse@capulet.lit', 'nobody@capulet.lit']) {
      for (const type of ['subscribe', 'unsubscribe', 'subscribed', 'unsubscribed']) {
        house.remoteSays(`<presence from='mercutio@verona.lit' to='${name}' type='${type}'/>`)
      }
      house.departs()
      romeo.says(`<presence to='${name}' type='subscribe'/>`)
      romeo.hears(push(romeo, `<item jid='${name}' subscription='none' ask='subscribe'/>`))
    }
  })

  test('RFC 6121 §8.5.1: nothing is kept for an account that is not there', async () => {
    const house = new TestHouse()
    house.remoteSays("<presence from='mercutio@verona.lit' to='nobody@capulet.lit' type='subscribe'/>")
    await house.settled()
    assert.deepEqual(house.database.statement('SELECT * FROM roster_item').all(), [])
  })

  test('RFC 6121 §8.5.3.2.2: an approval for a resource that is gone is ignored, a request is not', async () => {
    const { house, romeo, juliet } = await lovers()
    romeo.says("<presence to='mercutio@verona.lit' type='subscribe'/>")
    romeo.forget()
    house.remoteSays(`<presence from='mercutio@verona.lit' to='${ROMEO}/gone' type='subscribed'/>`)
    romeo.hears()
    house.remoteSays(`<presence from='mercutio@verona.lit' to='${ROMEO}/orchard' type='subscribed'/>`)
    assert.equal(romeo.heard().length, 2)
    house.remoteSays(`<presence from='mercutio@verona.lit' to='${JULIET}/gone' type='subscribe'/>`)
    juliet.hears(`<presence from='mercutio@verona.lit' to='${JULIET}' type='subscribe'/>`)
  })

  test('RFC 6121 §2.6.3: a request by a listed contact changes nothing that the roster shows, so it is not pushed', async () => {
    const { house, juliet } = await lovers()
    juliet.says("<iq id='s1' type='set'><query xmlns='jabber:iq:roster'><item jid='mercutio@verona.lit'/></query></iq>")
    await house.settled()
    juliet.forget()
    house.remoteSays(`<presence from='mercutio@verona.lit' to='${JULIET}' id='r1' type='subscribe'/>`)
    juliet.hears(`<presence from='mercutio@verona.lit' to='${JULIET}' id='r1' type='subscribe'/>`)
  })

  test('RFC 6121 §3.3.3: a request that is taken back is forgotten, and the stranger learns nothing by it', async () => {
    const house = new TestHouse()
    house.remoteSays(`<presence from='mercutio@verona.lit' to='${JULIET}' type='subscribe'/>`)
    house.remoteSays(`<presence from='mercutio@verona.lit' to='${JULIET}' type='unsubscribe'/>`)
    house.departs()
    await house.settled()
    assert.deepEqual(house.database.statement('SELECT * FROM roster_item').all(), [])
  })

  test('an account does not subscribe to itself', async () => {
    const { juliet } = await lovers()
    juliet.says(`<presence to='${JULIET}' id='x' type='subscribe'/>`)
    assert.equal(juliet.heard()[0]?.elements()[0]?.elements()[0]?.name, 'not-allowed')
  })

  test('RFC 6121 §3.1.2: a request to a remote contact is sent again with the next initial presence', async () => {
    const { house, romeo } = await lovers()
    romeo.says("<presence to='mercutio@verona.lit' type='subscribe'/>")
    house.departed.length = 0
    romeo.leaves()
    await house.login(`${ROMEO}/orchard`)
    house.departs(`<presence from='${ROMEO}' to='mercutio@verona.lit' id='*' type='subscribe'/>`)
  })
})
