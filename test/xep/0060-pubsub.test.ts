import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TestHouse, type TestClient } from '../house.ts'
import {
  answerTo, AVATAR_DATA, AVATAR_METADATA, dataItem, eventsOf, FACE, imageOf, interested, items, metadataItem, OTHER_FACE, outcomeOf, payloadOf, publish,
  publishFace, pubsub, submittedForm,
} from './people.ts'

const BOOKMARKS = 'urn:xmpp:bookmarks:1'
const PRIVATE = { access_model: 'whitelist' }
const SECRET = 'urn:example:secret'

function note(id: string, text: string): string {
  return `<item id='${id}'><note xmlns='urn:example:note'>${text}</note></item>`
}

function owner(inner: string): string {
  return pubsub(inner, '#owner')
}

async function scene(config = {}): Promise<{ readonly house: TestHouse, readonly juliet: TestClient, ask(type: 'get' | 'set', payload: string): Promise<string>, give(payload: string): Promise<string> }> {
  const house = new TestHouse({ config })
  const juliet = await house.login('juliet@capulet.lit/balcony')
  return {
    house, juliet,
    ask: (type, payload) => outcomeOf(house, juliet, type, payload),
    give: (payload) => payloadOf(house, juliet, 'get', payload),
  }
}

describe('XEP-0060: Publish-Subscribe, of an account', () => {
  test('§7.1.2: the result tells node and id; an item without one gets one', async () => {
    const { house, juliet, give } = await scene()
    assert.equal(await payloadOf(house, juliet, 'set', publish(BOOKMARKS, note('n1', 'a'))),
      pubsub(`<publish node='${BOOKMARKS}'><item id='n1'/></publish>`))
    const answer = await answerTo(house, juliet, 'set', publish(BOOKMARKS, "<item><note xmlns='urn:example:note'>b</note></item>"))
    const id = answer.elements()[0]?.elements()[0]?.elements()[0]?.attrs['id'] ?? ''
    assert.ok(id.length > 16)
    assert.equal(await give(items(BOOKMARKS)), items(BOOKMARKS, note('n1', 'a') + note(id, 'b')))
  })

  test('XEP-0060 §7.1.2: an item with the id of another takes its place, and is the last one', async () => {
    const { give, ask } = await scene()
    for (const [id, text] of [['n1', 'a'], ['n2', 'b'], ['n1', 'c']] as const) await ask('set', publish(BOOKMARKS, note(id, text)))
    assert.equal(await give(items(BOOKMARKS)), items(BOOKMARKS, note('n2', 'b') + note('n1', 'c')))
  })

  test('§6.5: all items, the last ones, or those of an id', async () => {
    const { give, ask } = await scene()
    for (const id of ['n1', 'n2', 'n3']) await ask('set', publish(BOOKMARKS, note(id, id)))
    assert.equal(await give(items(BOOKMARKS, '', " max_items='2'")), items(BOOKMARKS, note('n2', 'n2') + note('n3', 'n3')))
    assert.equal(await give(items(BOOKMARKS, "<item id='n2'/><item id='n9'/>")), items(BOOKMARKS, note('n2', 'n2')))
  })

  test('XEP-0060 §6.5.9: what is not there, or not for who asks, has its error', async () => {
    const { house, ask } = await scene()
    await ask('set', publish(BOOKMARKS, note('n1', 'a')))
    await ask('set', "<vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard>")
    await ask('set', "<query xmlns='jabber:iq:private'><x xmlns='urn:x'>note</x></query>")
    for (const [request, outcome] of [
      [items('urn:example:nothing'), 'cancel item-not-found'],
      [items(BOOKMARKS, "<item id='n9'/>"), 'cancel item-not-found'],
      [items(BOOKMARKS, '', " max_items='0'"), 'modify bad-request'],
      [items(BOOKMARKS, '', " max_items='1e3'"), 'modify bad-request'],
      [pubsub('<items/>'), 'modify bad-request nodeid-required'],
      [items('jabber:iq:private'), 'cancel item-not-found'],
      [items('vcard-temp'), 'cancel item-not-found'],
    ] as const) assert.equal(await ask('get', request), outcome, request)
    await house.befriend('juliet@capulet.lit', 'nurse@capulet.lit')
    const nurse = await house.login('nurse@capulet.lit/kitchen')
    const tybalt = await house.login('tybalt@capulet.lit/street')
    assert.equal(await outcomeOf(house, nurse, 'get', items(AVATAR_DATA), 'juliet@capulet.lit'), 'cancel item-not-found')
    // What is for nobody else is not there, as what is not there.
    for (const node of [BOOKMARKS, 'jabber:iq:private', 'vcard-temp', SECRET]) {
      assert.equal(await outcomeOf(house, nurse, 'get', items(node), 'juliet@capulet.lit'), 'cancel item-not-found')
      assert.equal(await outcomeOf(house, tybalt, 'get', items(node), 'juliet@capulet.lit'), 'cancel service-unavailable')
    }
    assert.equal(await outcomeOf(house, tybalt, 'get', items(AVATAR_DATA), 'juliet@capulet.lit'), 'cancel service-unavailable')
    assert.equal(await outcomeOf(house, tybalt, 'get', items(AVATAR_DATA), 'nobody@capulet.lit'), 'cancel service-unavailable')
  })

  for (const [what, request, outcome] of [
    ['no node', pubsub("<publish><item/></publish>"), 'modify bad-request nodeid-required'],
    ['no item', publish(BOOKMARKS, ''), 'modify bad-request item-required'],
    ['two items', publish(BOOKMARKS, note('a', 'a') + note('b', 'b')), 'modify bad-request invalid-payload'],
    ['something else than an item', publish(BOOKMARKS, "<note xmlns='urn:example:note'/>"), 'modify bad-request invalid-payload'],
    ['no payload', publish(BOOKMARKS, "<item id='a'/>"), 'modify bad-request payload-required'],
    ['two payloads', publish(BOOKMARKS, "<item id='a'><a xmlns='urn:x'/><b xmlns='urn:x'/></item>"), 'modify bad-request invalid-payload'],
    ['text beside the payload', publish(BOOKMARKS, "<item id='a'>text<a xmlns='urn:x'/></item>"), 'modify bad-request invalid-payload'],
    ['a payload in the namespace of stanzas', publish(BOOKMARKS, "<item id='a'><message xmlns='jabber:client'/></item>"), 'modify bad-request invalid-payload'],
    ['a payload in no namespace', publish(BOOKMARKS, "<item id='a'><note xmlns=''/></item>"), 'modify bad-request invalid-payload'],
    ['an id that is too long', publish(BOOKMARKS, note('a'.repeat(513), 'a')), 'modify bad-request invalid-payload'],
    ['a node that is kept for something else', publish('jabber:iq:private', note('a', 'a'), PRIVATE), 'cancel feature-not-implemented'],
    ['a name that is too long', publish('n'.repeat(257), note('a', 'a'), PRIVATE), 'cancel feature-not-implemented'],
    ['an empty name', publish('', note('a', 'a'), PRIVATE), 'cancel feature-not-implemented'],
    ['a request that is none', pubsub('<dance/>'), 'modify bad-request'],
    ['nothing', pubsub(''), 'modify bad-request'],
    ['what others know and this service does not', pubsub("<subscribe node='x' jid='juliet@capulet.lit'/>"), 'cancel feature-not-implemented unsupported'],
  ] as const) {
    test(`XEP-0060 §7.1.3: what cannot be published has its error: ${what}`, async () => {
      const { ask, give } = await scene()
      assert.equal(await ask('set', request), outcome)
      assert.equal(await give(pubsub('<affiliations/>')), pubsub('<affiliations/>'), 'nothing was made')
    })
  }

  test('§7.1.3.6, quotas: a payload that is too big, nodes and items that are too many, an account that is full', async () => {
    const { ask, give } = await scene({ pep: { item: '8kB', items: 2, nodes: 4, account: '16kB' } })
    const big = (id: string, kilobytes: number): string => publish(SECRET, note(id, 'x'.repeat(kilobytes * 1024 - 64)), PRIVATE)
    assert.equal(await ask('set', big('a', 9)), 'modify not-acceptable payload-too-big')
    assert.equal(await ask('set', big('a', 8)), 'result')
    assert.equal(await ask('set', big('b', 7)), 'result')
    for (const node of ['urn:x:1', 'urn:x:2']) assert.equal(await ask('set', publish(node, note('a', 'a'), PRIVATE)), 'result')
    assert.equal(await ask('set', publish('urn:x:1', note('b', 'x'.repeat(1500)))), 'wait resource-constraint')
    assert.equal(await ask('set', big('c', 7)), 'result', 'the oldest makes room')
    assert.equal(await ask('set', publish('urn:x:3', note('a', 'a'), PRIVATE)), 'result')
    assert.equal(await ask('set', publish('urn:x:4', note('a', 'a'), PRIVATE)), 'wait resource-constraint')
    assert.equal(await ask('set', pubsub(`<create node='urn:x:4'/><configure>${submittedForm('node_config', PRIVATE)}</configure>`)), 'wait resource-constraint')
    await ask('set', owner(`<delete node='${SECRET}'/>`))
    assert.equal(await ask('set', publish('urn:x:1', note('b', 'x'.repeat(1500)))), 'result', 'what was deleted takes no room')
    assert.equal(await give(items('urn:x:1', "<item id='a'/>")), items('urn:x:1', note('a', 'a')))
  })

  test('XEP-0060 §7.1.5: a precondition that is not met is a conflict, and so is one that nobody knows', async () => {
    const { ask, give } = await scene()
    assert.equal(await ask('set', publish(BOOKMARKS, note('a', 'a'), { ...PRIVATE, persist_items: 'true', max_items: 'max', send_last_published_item: 'never' })), 'result')
    const conflict = 'cancel conflict precondition-not-met'
    for (const [options, outcome] of [
      [{ access_model: 'open' }, conflict], [{ persist_items: 'false' }, conflict], [{ max_items: '1' }, conflict], [{ send_last_published_item: 'on_sub' }, conflict],
      [{ constructor: '1' }, conflict], [{ title: 'x' }, conflict], [{ max_items: '200' }, 'result'], [{ persist_items: '1', deliver_payloads: 'true' }, 'result'],
    ] as const) assert.equal(await ask('set', publish(BOOKMARKS, note('b', 'b'), options)), outcome, JSON.stringify(options))
    assert.equal(await ask('set', publish(AVATAR_DATA, dataItem(), { access_model: 'roster' })), conflict)
    assert.equal(await ask('get', items(AVATAR_DATA)), 'cancel item-not-found', 'the node was not made')
    assert.equal(await ask('set', publish(SECRET, note('b', 'b'), { access_model: 'open' })), 'cancel feature-not-implemented')
    assert.equal(await give(items(BOOKMARKS)), items(BOOKMARKS, note('a', 'a') + note('b', 'b')))
  })

  for (const [what, options] of Object.entries({
    'no form': '<publish-options/>',
    'a form of another type': `<publish-options>${submittedForm('node_config', PRIVATE)}</publish-options>`,
    'a form that is not submitted': `<publish-options>${submittedForm('publish-options', PRIVATE).replace('submit', 'form')}</publish-options>`,
    'a field twice': `<publish-options>${submittedForm('publish-options', PRIVATE).replace('</x>', "<field var='pubsub#access_model'><value>open</value></field></x>")}</publish-options>`,
    'a field without a name': `<publish-options>${submittedForm('publish-options', PRIVATE).replace('</x>', '<field/></x>')}</publish-options>`,
  })) {
    test(`§7.1.5: publish options with ${what} are a bad request`, async () => {
      const { ask } = await scene()
      assert.equal(await ask('set', pubsub(`<publish node='${BOOKMARKS}'>${note('a', 'a')}</publish>${options}`)), 'modify bad-request')
      assert.equal(await ask('get', items(BOOKMARKS)), 'cancel item-not-found')
    })
  }

  test('XEP-0060 §7.2: an item is retracted, and what is not there is not found', async () => {
    const { house, ask, give } = await scene()
    const chamber = await interested(house, 'juliet@capulet.lit/chamber', BOOKMARKS)
    for (const id of ['n1', 'n2']) await ask('set', publish(BOOKMARKS, note(id, id)))
    chamber.forget()
    const retract = (inner: string, node = BOOKMARKS): string => pubsub(`<retract node='${node}' notify='true'>${inner}</retract>`)
    assert.equal(await ask('set', retract("<item id='n1'/>")), 'result')
    assert.deepEqual(eventsOf(chamber), [`juliet@capulet.lit > juliet@capulet.lit/chamber: <items node='${BOOKMARKS}'><retract id='n1'/></items>`])
    assert.equal(await give(items(BOOKMARKS)), items(BOOKMARKS, note('n2', 'n2')))
    for (const [request, outcome] of [
      [retract("<item id='n1'/>"), 'cancel item-not-found'], [retract("<item id='n1'/>", 'urn:x'), 'cancel item-not-found'],
      [retract('<item/>'), 'modify bad-request item-required'], [retract(''), 'modify bad-request item-required'],
      [retract("<item id='n1'/><item id='n2'/>"), 'modify bad-request item-required'],
      [pubsub("<retract><item id='n1'/></retract>"), 'modify bad-request nodeid-required'],
    ] as const) assert.equal(await ask('set', request), outcome, request)
  })

  test('XEP-0060 §8.1: a node is made once, as it is or as it is asked for', async () => {
    const { ask, give } = await scene()
    const create = (node: string, fields?: Readonly<Record<string, string>>): string =>
      pubsub(`<create node='${node}'/>${fields === undefined ? '' : `<configure>${submittedForm('node_config', fields)}</configure>`}`)
    assert.equal(await ask('set', create(BOOKMARKS)), 'result')
    assert.equal(await ask('set', create(BOOKMARKS)), 'cancel conflict')
    assert.equal(await ask('set', create(SECRET)), 'cancel feature-not-implemented', 'what nobody looks at is for nobody')
    assert.equal(await ask('set', create(SECRET, { access_model: 'presence' })), 'cancel feature-not-implemented')
    assert.equal(await ask('set', create(AVATAR_DATA, { access_model: 'authorize' })), 'modify not-acceptable')
    assert.equal(await ask('set', create(SECRET, PRIVATE)), 'result')
    assert.equal(await ask('set', pubsub('<create/>')), 'modify not-acceptable nodeid-required')
    assert.equal(await give(items(SECRET)), items(SECRET))
    assert.equal(await give(pubsub('<affiliations/>')),
      pubsub(`<affiliations><affiliation node='${BOOKMARKS}' affiliation='owner'/><affiliation node='${SECRET}' affiliation='owner'/></affiliations>`))
    assert.equal(await give(pubsub('<subscriptions/>')), pubsub('<subscriptions/>'))
  })

  test('XEP-0060 §8.2: the configuration is shown as it is, and changed', async () => {
    const { house, juliet, ask, give } = await scene()
    await publishFace(house, juliet)
    const configuration = await give(owner(`<configure node='${AVATAR_DATA}'/>`))
    assert.match(configuration, /<field var='pubsub#access_model' type='list-single'><value>presence<\/value>/)
    assert.match(configuration, /<field var='pubsub#max_items' type='text-single'><value>1<\/value>/)
    const configure = (fields: Readonly<Record<string, string>>, node = AVATAR_DATA): string =>
      owner(`<configure node='${node}'>${submittedForm('node_config', fields)}</configure>`)
    assert.equal(await ask('set', configure({ access_model: 'open', max_items: '2', persist_items: '1' })), 'result')
    assert.match(await give(owner(`<configure node='${AVATAR_DATA}'/>`)), /<value>open<\/value>/)
    await ask('set', publish(AVATAR_DATA, dataItem(OTHER_FACE)))
    assert.equal(await give(items(AVATAR_DATA)), items(AVATAR_DATA, dataItem() + dataItem(OTHER_FACE)))
    assert.equal(await ask('set', configure({ max_items: '1' })), 'result')
    assert.equal(await give(items(AVATAR_DATA)), items(AVATAR_DATA, dataItem(OTHER_FACE)), 'the oldest left')
    for (const fields of [{ access_model: 'roster' }, { max_items: '0' }, { max_items: 'x' }, { persist_items: '0' }, { nothing: '1' }]) {
      assert.equal(await ask('set', configure(fields)), 'modify not-acceptable', JSON.stringify(fields))
    }
    assert.equal(await ask('set', configure({}, 'urn:x')), 'cancel item-not-found')
    assert.equal(await ask('get', owner("<configure node='urn:x'/>")), 'cancel item-not-found')
    assert.equal(await ask('get', owner('<configure/>')), 'modify bad-request nodeid-required')
    assert.equal(await ask('set', owner('<delete/>')), 'modify bad-request nodeid-required')
    assert.equal(await ask('set', owner(`<configure node='${AVATAR_DATA}'/>`)), 'modify bad-request')
    assert.equal(await ask('set', owner(`<configure node='${AVATAR_DATA}'><x xmlns='jabber:x:data' type='cancel'/></configure>`)), 'result')
    assert.equal(await ask('set', owner("<affiliations node='x'/>")), 'cancel feature-not-implemented unsupported')
    assert.equal(await ask('set', owner('')), 'modify bad-request')
  })

  test('§8.3: the default configuration', async () => {
    const { give } = await scene()
    assert.match(await give(owner('<default/>')), /<value>whitelist<\/value>/)
    assert.match(await give(owner(`<default node='${AVATAR_METADATA}'/>`)), /<value>presence<\/value>/)
  })

  test('XEP-0060 §8.4: a node is deleted with all that is in it; §8.5: or emptied', async () => {
    const { house, ask } = await scene()
    const chamber = await interested(house, 'juliet@capulet.lit/chamber', BOOKMARKS)
    await ask('set', publish(BOOKMARKS, note('a', 'a')))
    chamber.forget()
    assert.equal(await ask('set', owner(`<purge node='${BOOKMARKS}'/>`)), 'result')
    assert.equal(await ask('get', items(BOOKMARKS)), 'result')
    assert.deepEqual(house.database.statement('SELECT * FROM pep_item').all(), [])
    await ask('set', publish(BOOKMARKS, note('a', 'a')))
    assert.equal(await ask('set', owner(`<delete node='${BOOKMARKS}'/>`)), 'result')
    assert.equal(await ask('get', items(BOOKMARKS)), 'cancel item-not-found')
    assert.deepEqual(house.database.statement('SELECT * FROM pep_item').all(), [])
    const own = 'juliet@capulet.lit > juliet@capulet.lit/chamber: '
    assert.deepEqual(eventsOf(chamber), [
      `${own}<purge node='${BOOKMARKS}'/>`, `${own}<items node='${BOOKMARKS}'>${note('a', 'a')}</items>`, `${own}<delete node='${BOOKMARKS}'/>`,
    ])
    assert.equal(await ask('set', owner(`<delete node='${BOOKMARKS}'/>`)), 'cancel item-not-found')
  })

  test('nobody else changes or configures anything', async () => {
    const { house, juliet } = await scene()
    await publishFace(house, juliet)
    await house.befriend('juliet@capulet.lit', 'nurse@capulet.lit')
    const nurse = await house.login('nurse@capulet.lit/kitchen')
    for (const request of [publish(AVATAR_DATA, dataItem()), pubsub(`<retract node='${AVATAR_DATA}'><item id='${FACE.id}'/></retract>`), owner(`<delete node='${AVATAR_DATA}'/>`)]) {
      assert.equal(await outcomeOf(house, nurse, 'set', request, 'juliet@capulet.lit'), 'auth forbidden')
    }
    assert.equal(await outcomeOf(house, nurse, 'get', owner(`<configure node='${AVATAR_DATA}'/>`), 'juliet@capulet.lit'), 'auth forbidden')
    assert.equal(await outcomeOf(house, nurse, 'get', pubsub('<affiliations/>'), 'juliet@capulet.lit'), 'cancel service-unavailable')
  })

  test('of an avatar nothing is kept that is not one', async () => {
    const { ask, give } = await scene()
    const invalid = 'modify bad-request invalid-payload'
    const text = Buffer.from('meet me in the orchard').toString('base64')
    for (const item of [
      `<item id='${FACE.id}'><data xmlns='${AVATAR_DATA}'>${text}</data></item>`, `<item id='${FACE.id}'><data xmlns='urn:x'>${FACE.base64}</data></item>`,
      dataItem({ ...FACE, id: OTHER_FACE.id }), `<item><data xmlns='${AVATAR_DATA}'>${FACE.base64}</data></item>`,
    ]) assert.equal(await ask('set', publish(AVATAR_DATA, item)), invalid, item)
    for (const change of [['image/png', 'text/plain'], [`'${FACE.id}' type`, "'orchard' type"], [`'${FACE.bytes}'`, "'many'"]] as const) {
      assert.equal(await ask('set', publish(AVATAR_METADATA, metadataItem().replace(change[0], change[1]))), invalid, change[1])
    }
    await ask('set', publish(AVATAR_METADATA, metadataItem().replace('/></metadata>', " url='http://x' note='y'/><pointer>text</pointer></metadata>")))
    assert.equal(await give(items(AVATAR_METADATA)), items(AVATAR_METADATA, metadataItem()))
  })

  test('what is kept survives a restart, sealed, ids and payloads', async () => {
    const first = await scene()
    await first.ask('set', publish(BOOKMARKS, note('orchard@rooms.example', 'by the moon')))
    await publishFace(first.house, first.juliet, imageOf('face', 5000))
    const rows = JSON.stringify(first.house.database.statement<{ id: Buffer, payload: Buffer }>('SELECT id, payload FROM pep_item').all()
      .map(({ id, payload }) => [id.toString('latin1'), payload.toString('latin1')]))
    for (const word of ['orchard', 'moon', AVATAR_DATA, FACE.id]) assert.ok(!rows.includes(word), word)
    const house = new TestHouse({ database: first.house.database })
    const juliet = await house.login('juliet@capulet.lit/balcony')
    assert.equal(await payloadOf(house, juliet, 'get', items(BOOKMARKS)), items(BOOKMARKS, note('orchard@rooms.example', 'by the moon')))
    assert.equal(await payloadOf(house, juliet, 'get', items(AVATAR_DATA)), items(AVATAR_DATA, dataItem(imageOf('face', 5000))))
  })

  test('attributes and namespaces of a payload come back as they were', async () => {
    const { ask, give } = await scene()
    const item = "<item id='a'><x xmlns='urn:x' a='1' xml:lang='en'><y xmlns='urn:y'>&lt;&amp;]]&gt;</y><z xmlns=''/></x></item>"
    await ask('set', publish(BOOKMARKS, item))
    assert.equal(await give(items(BOOKMARKS)), items(BOOKMARKS, item))
    await ask('set', publish(BOOKMARKS, "<item id='b'><x xmlns='urn:x' xmlns:p='urn:p' p:q='1'/></item>"))
    assert.match(await give(items(BOOKMARKS, "<item id='b'/>")), /<x xmlns='urn:x' xmlns:p='urn:p' p:q='1'\/>/)
  })
})
