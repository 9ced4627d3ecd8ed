import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Stream } from '../../src/stream/stream.ts'
import { element } from '../../src/xml/element.ts'
import { TestHouse, type HouseOptions, type TestClient } from '../house.ts'

const [JULIET, ROMEO, NURSE] = ['juliet@capulet.lit', 'romeo@montague.lit', 'nurse@capulet.lit']
const BALCONY = `${JULIET}/balcony`
const NS_CSI = 'urn:xmpp:csi:0'
const STATES = 'http://jabber.org/protocol/chatstates'

/** Juliet is at the balcony and sees Romeo and her Nurse, who are there. */
async function begin(options: HouseOptions = {}) {
  const house = new TestHouse(options)
  await house.befriend(JULIET, ROMEO)
  await house.befriend(JULIET, NURSE)
  const [juliet, romeo, nurse] = [await house.login(BALCONY), await house.login(`${ROMEO}/orchard`), await house.login(`${NURSE}/hall`)]
  for (const client of [juliet, romeo, nurse]) client.forget()
  const indicate = (state: 'active' | 'inactive', client: TestClient = juliet): void => {
    const route = house.installation.tables.nonza('client', NS_CSI, state)
    assert.ok(route)
    route.handle({} as Stream, element(NS_CSI, state), client) // it says nothing on the stream
  }
  return { house, juliet, romeo, nurse, indicate }
}

const presence = (from: string, status: string): string => `<presence from='${from}' to='${JULIET}'><status>${status}</status></presence>`
const state = (name: string, from = `${ROMEO}/orchard`): string => `<message type='chat' from='${from}' to='${BALCONY}'><${name} xmlns='${STATES}'/></message>`

describe('XEP-0352: what waits while nobody looks at a client', () => {
  test('XEP-0352 §4.1: it is offered once the client has authenticated', () => {
    const offered = new TestHouse().installation.streamFeatures.client.filter(({ namespace }) => namespace === NS_CSI)
    assert.deepEqual(offered.map(({ needs }) => needs), [{ authenticated: true }])
    assert.deepEqual(offered.flatMap((feature) => feature.offer({} as Stream)), [element(NS_CSI, 'csi')])
  })

  test('XEP-0352 §5: a client is active until it says otherwise', async () => {
    const { juliet, romeo } = await begin()
    romeo.says('<presence><status>here</status></presence>')
    juliet.hears(presence(`${ROMEO}/orchard`, 'here'))
  })

  test('of each sender the newest presence, and of each its newest chat state, comes when the client is active again', async () => {
    const { juliet, romeo, nurse, indicate } = await begin()
    indicate('inactive')
    romeo.says(`<presence><status>one</status></presence><message type='chat' to='${BALCONY}'><composing xmlns='${STATES}'/></message>`)
    nurse.says('<presence><status>other</status></presence>')
    romeo.says(`<presence><status>two</status></presence><message type='chat' to='${BALCONY}'><paused xmlns='${STATES}'/></message>`)
    juliet.hears()
    indicate('active')
    juliet.hears(presence(`${NURSE}/hall`, 'other'), presence(`${ROMEO}/orchard`, 'two'), state('paused'))
    indicate('active')
    juliet.hears()
    romeo.says('<presence><status>three</status></presence>')
    juliet.hears(presence(`${ROMEO}/orchard`, 'three'))
  })

  for (const [what, said] of [
    ['a message', `<message type='chat' to='${BALCONY}' id='m'><body>anon</body></message>`],
    ['a message to the bare JID', `<message type='chat' to='${JULIET}' id='m'><body>anon</body></message>`],
    ['an IQ', `<iq type='get' to='${BALCONY}' id='m'><query xmlns='jabber:iq:version'/></iq>`],
    ['a message without a body that is no chat state', `<message to='${BALCONY}' id='m'><received xmlns='urn:xmpp:receipts' id='x'/></message>`],
    ['a chat state with more than that', `<message to='${BALCONY}' id='m'><active xmlns='${STATES}'/><x xmlns='urn:other'/></message>`],
    ['a subscription', `<presence from='mercutio@verona.lit' to='${JULIET}' type='subscribe' id='m'/>`],
  ] as const) {
    test(`${what} does not wait, and what came before it comes before it`, async () => {
      const { house, juliet, romeo, indicate } = await begin()
      indicate('inactive')
      romeo.says('<presence><status>before</status></presence>')
      juliet.hears()
      if (said.includes(' from=')) house.remoteSays(said)
      else romeo.says(said)
      romeo.says('<presence><status>after</status></presence>')
      const heard = juliet.heard().map((stanza) => `${stanza.name} ${stanza.attrs['id'] ?? stanza.childContent('status', 'jabber:client') ?? ''}`)
      assert.deepEqual(heard.slice(0, 2), ['presence before', `${/^<(\w+)/.exec(said)?.[1] ?? ''} m`])
      assert.ok(!heard.includes('presence after'))
    })
  }

  test('news of a PEP node waits, the newest of each item', async () => {
    const { house, juliet, indicate } = await begin()
    const event = (node: string, id: string, text: string): string => `<message type='headline' from='${ROMEO}' to='${BALCONY}'>`
      + `<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='${node}'><item id='${id}'><tune>${text}</tune></item></items></event></message>`
    indicate('inactive')
    house.remoteSays(event('tune', 'current', 'one') + event('mood', 'current', 'glad') + event('tune', 'current', 'two') + event('tune', 'other', 'three'))
    juliet.hears()
    indicate('active')
    juliet.hears(event('mood', 'current', 'glad'), event('tune', 'current', 'two'), event('tune', 'other', 'three'))
    indicate('inactive')
    const purge = `<message type='headline' from='${ROMEO}' to='${BALCONY}'><event xmlns='http://jabber.org/protocol/pubsub#event'><purge node='tune'/></event></message>`
    house.remoteSays(event('tune', 'current', 'four') + purge)
    juliet.hears(event('tune', 'current', 'four'), purge)
  })

  test('limits.held_back: with more the client gets all of them at once; 0 holds nothing back', async () => {
    for (const [most, heardAfter] of [[2, [0, 0, 3]], [0, [1, 2, 3]]] as const) {
      const { house, juliet, indicate } = await begin({ config: { limits: { held_back: most } } })
      indicate('inactive')
      let heard = 0
      const counts = ['a', 'b', 'c'].map((resource) => {
        house.remoteSays(`<presence from='mercutio@verona.lit/${resource}' to='${BALCONY}'/>`)
        return heard += juliet.heard().length
      })
      assert.deepEqual(counts, heardAfter)
    }
  })

  test('what waits is bounded by its size as well', async () => {
    const { house, juliet, indicate } = await begin()
    indicate('inactive')
    const long = (resource: string): string => `<presence from='mercutio@verona.lit/${resource}' to='${BALCONY}'><status>${'x'.repeat(100_000)}</status></presence>`
    house.remoteSays(long('a') + long('a') + long('a') + long('b'))
    juliet.hears()
    house.remoteSays(long('c'))
    assert.equal(juliet.heard().length, 3)
  })

  test('XEP-0352 §5: whether it is active has nothing to do with its presence', async () => {
    const { juliet, romeo, indicate } = await begin()
    indicate('inactive')
    romeo.hears()
    assert.equal(juliet.presence?.attrs['type'], undefined)
    juliet.says('<presence><show>away</show></presence>')
    romeo.hears(`<presence from='${BALCONY}' to='${ROMEO}'><show>away</show></presence>`)
    romeo.says('<presence><status>still</status></presence>')
    assert.ok(juliet.heard().every((stanza) => stanza.childContent('status', 'jabber:client') !== 'still')) // her own presence did not make her active
  })

  test('XEP-0352 §5.1: what <active/> brings is sent before anything that follows it is answered', async () => {
    const { juliet, romeo, indicate } = await begin()
    indicate('inactive')
    romeo.says('<presence><status>here</status></presence>')
    indicate('active')
    juliet.says("<iq type='get' id='p' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>")
    juliet.hears(presence(`${ROMEO}/orchard`, 'here'), `<iq type='result' id='p' from='capulet.lit' to='${BALCONY}'/>`)
  })

  test('XEP-0352 §5.2: a stream that was resumed is active, and gets what waited', async () => {
    const { house, juliet, romeo, indicate } = await begin()
    indicate('inactive')
    romeo.says('<presence><status>here</status></presence>')
    house.installation.tables.session.resumed(juliet)
    juliet.hears(presence(`${ROMEO}/orchard`, 'here'))
    romeo.says('<presence><status>there</status></presence>')
    juliet.hears(presence(`${ROMEO}/orchard`, 'there'))
  })

  test('XEP-0352 §6: nobody else learns of it: others hear nothing, and get the same answers', async () => {
    const { juliet, romeo, nurse, indicate } = await begin()
    const ask = (): unknown[] => {
      romeo.says(`<iq type='get' id='q' to='${JULIET}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq><presence to='${BALCONY}' type='probe'/>`)
      return romeo.heard().map(String)
    }
    const before = ask()
    indicate('inactive')
    assert.deepEqual(ask(), before)
    romeo.hears()
    nurse.hears()
    juliet.leaves()
  })

  test('XEP-0386 §4.1: a client may be inactive from the moment in which its resource is bound', async () => {
    const { house, juliet, romeo } = await begin()
    const inline = house.installation.tables.bindFeatures.find(({ feature, name }) => feature === NS_CSI && name === 'inactive')
    assert.equal(inline?.enable(juliet, {} as Stream, element(NS_CSI, 'inactive')), undefined)
    romeo.says('<presence><status>here</status></presence>')
    juliet.hears()
  })

  test('another resource of the account is not concerned', async () => {
    const { house, juliet, romeo, indicate } = await begin()
    const chamber = await house.login(`${JULIET}/chamber`)
    juliet.forget()
    indicate('inactive')
    romeo.says('<presence><status>here</status></presence>')
    juliet.hears()
    chamber.hears(presence(`${ROMEO}/orchard`, 'here'))
  })
})
