import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { extensions } from '../../src/extensions.ts'
import { TestHouse, type TestClient } from '../house.ts'
import { eventsOf, interested, items, outcomeOf, payloadOf, publish, pubsub } from './people.ts'

const JULIET = 'juliet@capulet.lit'
const query = (inner: string): string => `<query xmlns='jabber:iq:private'>${inner}</query>`
const empty = "<query xmlns='jabber:iq:private'/>"
const PREFERENCES = "<exodus xmlns='exodus:prefs'><defaultnick>Juliet</defaultnick></exodus>"
const BOOKMARKS = "<storage xmlns='storage:bookmarks'><conference jid='x@y.example' name='z'/></storage>"

async function scene(config = {}): Promise<{ readonly house: TestHouse, readonly juliet: TestClient, set(inner: string): Promise<string>, get(inner: string): Promise<string> }> {
  const house = new TestHouse({ extensions, config })
  const juliet = await house.login(`${JULIET}/balcony`)
  return {
    house, juliet,
    set: (inner) => outcomeOf(house, juliet, 'set', inner === '' ? empty : query(inner)),
    get: async (inner) => {
      const outcome = await outcomeOf(house, juliet, 'get', inner === '' ? empty : query(inner))
      return outcome === 'result' ? await payloadOf(house, juliet, 'get', query(inner)) : outcome
    },
  }
}

describe('XEP-0049: Private XML Storage', () => {
  test('§2.2: what is set is returned, by its root element; what was never set is empty', async () => {
    const { set, get } = await scene()
    assert.equal(await get("<exodus xmlns='exodus:prefs'/>"), query("<exodus xmlns='exodus:prefs'/>"))
    assert.equal(await set(PREFERENCES + "<exodus xmlns='urn:other'><a/></exodus>"), 'result')
    assert.equal(await get("<exodus xmlns='exodus:prefs'/>"), query(PREFERENCES))
    assert.equal(await get("<exodus xmlns='urn:other'/>"), query("<exodus xmlns='urn:other'><a/></exodus>"))
    assert.equal(await set("<exodus xmlns='exodus:prefs'/>"), 'result')
    assert.equal(await get("<exodus xmlns='exodus:prefs'/>"), query("<exodus xmlns='exodus:prefs'/>"))
  })

  for (const [what, inner, outcome] of [
    ['no child', '', 'modify not-acceptable'],
    ['a namespace of Jabber', "<x xmlns='jabber:x:data'><y/></x>", 'modify not-acceptable'],
    ['another one', "<x xmlns='http://jabber.org/protocol/disco#info'><y/></x>", 'modify not-acceptable'],
    ['that of vCards', "<vCard xmlns='vcard-temp'><FN>x</FN></vCard>", 'modify not-acceptable'],
    ['none', "<x xmlns=''><y/></x>", 'modify not-acceptable'],
    ['the same element twice', "<x xmlns='urn:x'><y/></x><x xmlns='urn:x'><z/></x>", 'modify bad-request'],
  ] as const) {
    test(`XEP-0049 §2.3: no child, or a reserved namespace, is not acceptable; another's data are forbidden: ${what}`, async () => {
      const { set, get } = await scene()
      assert.equal(await set(inner), outcome)
      assert.equal(await get(inner), outcome)
    })
  }

  test('§2.3: two namespaces are not asked for at once', async () => {
    const { get } = await scene()
    assert.equal(await get("<x xmlns='urn:x'/><x xmlns='urn:y'/>"), 'modify bad-request')
  })

  test('XEP-0049 §4: nobody else reads or changes it, whether or not there is such an account', async () => {
    const { house, set, get } = await scene()
    await house.befriend(JULIET, 'nurse@capulet.lit')
    await set(PREFERENCES)
    const nurse = await house.login('nurse@capulet.lit/kitchen')
    const open = new TestHouse({ database: house.database })
    const intruder = await open.login('nurse@capulet.lit/hall')
    for (const to of [JULIET, 'nobody@capulet.lit']) {
      for (const type of ['get', 'set'] as const) {
        assert.equal(await outcomeOf(house, nurse, type, query(PREFERENCES), to), 'cancel service-unavailable')
        assert.equal(await outcomeOf(open, intruder, type, query(PREFERENCES), to), 'auth forbidden')
      }
    }
    assert.equal(await get("<exodus xmlns='exodus:prefs'/>"), query(PREFERENCES))
  })

  test('quotas: elements that are too many or too large are refused, and what was there stays', async () => {
    const { set, get } = await scene({ pep: { items: 1, item: '8kB' } })
    await set(PREFERENCES)
    assert.equal(await set("<x xmlns='urn:x'><y/></x>"), 'wait resource-constraint')
    assert.equal(await set(`<exodus xmlns='exodus:prefs'>${'x'.repeat(9000)}</exodus>`), 'modify not-acceptable payload-too-big')
    assert.equal(await get("<exodus xmlns='exodus:prefs'/>"), query(PREFERENCES))
  })

  test('it lies on disk sealed', async () => {
    const { house, set } = await scene()
    await set(PREFERENCES)
    const rows = house.database.statement<{ id: Buffer, payload: Buffer }>('SELECT id, payload FROM pep_item').all()
    assert.equal(rows.length, 1)
    for (const { id, payload } of rows) assert.ok(!id.includes('exodus') && !payload.includes('Juliet'))
  })
})

describe('XEP-0411: Bookmarks Conversion', () => {
  test('XEP-0411 §2: the account has the feature', async () => {
    const { house } = await scene()
    assert.ok(house.installation.host.features.account.includes('urn:xmpp:bookmarks-conversion:0'))
  })

  test('XEP-0411 §3: bookmarks in one are bookmarks in the other, and subscribers of the node hear of it', async () => {
    const { house, juliet, set, get } = await scene()
    const chamber = await interested(house, `${JULIET}/chamber`, 'storage:bookmarks')
    chamber.forget()
    assert.equal(await get("<storage xmlns='storage:bookmarks'/>"), query("<storage xmlns='storage:bookmarks'/>"))
    assert.equal(await set(BOOKMARKS), 'result')
    const item = `<item id='current'>${BOOKMARKS}</item>`
    assert.equal(await payloadOf(house, juliet, 'get', items('storage:bookmarks')), items('storage:bookmarks', item))
    assert.deepEqual(eventsOf(chamber), [`${JULIET} > ${JULIET}/chamber: <items node='storage:bookmarks'>${item}</items>`])
    const changed = BOOKMARKS.replace("'z'", "'other'")
    await outcomeOf(house, juliet, 'set', publish('storage:bookmarks', `<item id='a1'>${changed}</item>`, { access_model: 'whitelist', persist_items: 'true' }))
    assert.equal(await get("<storage xmlns='storage:bookmarks'/>"), query(changed))
  })

  test('§5: the node is for its owner alone, and cannot be made another', async () => {
    const { house, juliet, set } = await scene()
    await set(BOOKMARKS)
    for (const access of ['open', 'presence']) {
      assert.equal(await outcomeOf(house, juliet, 'set', publish('storage:bookmarks', `<item id='current'>${BOOKMARKS}</item>`, { access_model: access })), 'cancel conflict precondition-not-met')
    }
  })
})

describe('bookmarks at a login: rooms cannot be entered here, and no client is shown an error for having none', () => {
  const NODE = 'urn:xmpp:bookmarks:1'
  const BOOKMARK = `<conference xmlns='${NODE}' name='Orchard' autojoin='false'><nick>Juliet</nick></conference>`
  const OPTIONS = { persist_items: 'true', max_items: 'max', send_last_published_item: 'never', access_model: 'whitelist' }

  test('private XML is empty, whatever a client asks for at its start', async () => {
    const { get } = await scene()
    for (const asked of ['storage xmlns=\'storage:bookmarks\'', 'storage xmlns=\'storage:rosternotes\'', 'storage xmlns=\'storage:metacontacts\'', 'roster xmlns=\'roster:delimiter\'']) {
      assert.equal(await get(`<${asked}/>`), query(`<${asked}/>`))
    }
  })

  test('XEP-0060 §6.5.9: both nodes are not found, which is how a client learns that there are none', async () => {
    const { house, juliet } = await scene()
    const { account } = house.installation.host.features
    for (const node of ['storage:bookmarks', NODE]) assert.equal(await outcomeOf(house, juliet, 'get', items(node)), 'cancel item-not-found')
    assert.ok(!account.some((feature) => feature.startsWith(NODE)), 'XEP-0402: what is not converted is not said to be')
  })

  test('a client that wants to hear of either hears nothing', async () => {
    const { house } = await scene()
    const chamber = await interested(house, `${JULIET}/chamber`, 'storage:bookmarks', NODE)
    assert.deepEqual(eventsOf(chamber), [])
  })

  test('XEP-0402 §3: what one client adds with the options of the specification its others hear of, read, and remove', async () => {
    const { house, juliet } = await scene()
    const chamber = await interested(house, `${JULIET}/chamber`, NODE)
    const item = `<item id='orchard@rooms.example'>${BOOKMARK}</item>`
    assert.equal(await outcomeOf(house, juliet, 'set', publish(NODE, item, OPTIONS)), 'result')
    assert.deepEqual(eventsOf(chamber), [`${JULIET} > ${JULIET}/chamber: <items node='${NODE}'>${item}</items>`])
    assert.equal(await payloadOf(house, chamber, 'get', items(NODE)), items(NODE, item))
    assert.equal(await outcomeOf(house, juliet, 'set', pubsub(`<retract node='${NODE}' notify='true'><item id='orchard@rooms.example'/></retract>`)), 'result')
    assert.deepEqual(eventsOf(chamber), [`${JULIET} > ${JULIET}/chamber: <items node='${NODE}'><retract id='orchard@rooms.example'/></items>`])
    assert.equal(await payloadOf(house, juliet, 'get', items(NODE)), items(NODE))
  })
})
