import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { StorageKey } from '../../src/auth/sealing.ts'
import { extensions } from '../../src/extensions.ts'
import { NS_DISCO_INFO } from '../../src/xmpp/namespaces.ts'
import { serialize } from '../../src/xml/serialize.ts'
import { jid, TestHouse } from '../house.ts'
import {
  answerTo, AVATAR_DATA, AVATAR_METADATA, capable, dataItem, event, eventsIn, eventsOf, FACE, interested, isQuestion, items, metadata, metadataItem,
  OTHER_FACE, outcomeOf, payloadOf, publish, publishFace, pubsub, submittedForm,
} from './people.ts'

const JULIET = 'juliet@capulet.lit'
const ROMEO = 'romeo@montague.lit'
const FAR = 'benvolio@verona.example'
const NICK = 'http://jabber.org/protocol/nick'
const BOOKMARKS = 'storage:bookmarks'
const DISCO = `<query xmlns='${NS_DISCO_INFO}'/>`
const bookmarks = (text: string): string => `<item id='current'><storage xmlns='${BOOKMARKS}'><conference jid='x@y.example' name='${text}'/></storage></item>`

/** With the policy, as everything that goes to others goes by it. */
async function scene(): Promise<TestHouse> {
  const house = new TestHouse({ extensions })
  await house.befriend(JULIET, ROMEO)
  await house.befriend(JULIET, 'nurse@capulet.lit')
  return house
}

/** A contact elsewhere, each of the two seeing the other. */
async function befriendFar(house: TestHouse): Promise<void> {
  const juliet = house.connect(`${JULIET}/far`)
  juliet.says(`<presence to='${FAR}' type='subscribe'/>`)
  house.remoteSays(`<presence from='${FAR}' to='${JULIET}' type='subscribed'/><presence from='${FAR}' to='${JULIET}' type='subscribe'/>`)
  juliet.says(`<presence to='${FAR}' type='subscribed'/>`)
  juliet.leaves()
  await house.settled()
  house.departed.length = 0
}

function farSays(house: TestHouse, presence: string, resource = 'street'): void {
  house.remoteSays(presence.replace('<presence', `<presence from='${FAR}/${resource}' to='${JULIET}'`))
}

/** The contact elsewhere answers what it was asked; anything else that left is thrown away. */
function farAnswers(house: TestHouse, ...nodes: readonly string[]): void {
  const question = house.departed.splice(0).find(isQuestion)
  assert.ok(question, 'it was asked')
  const { attrs } = question
  house.remoteSays(`<iq type='result' id='${attrs['id']}' from='${attrs['to']}' to='${attrs['from']}'>${serialize(capable(...nodes).info, 'jabber:client')}</iq>`)
}

describe('XEP-0163: Personal Eventing Protocol', () => {
  test('XEP-0163 §3: a node that is not there is made, with the defaults', async () => {
    const house = await scene()
    const juliet = await house.login(`${JULIET}/balcony`)
    await publishFace(house, juliet)
    assert.equal(await payloadOf(house, juliet, 'get', items(AVATAR_METADATA)), items(AVATAR_METADATA, metadataItem()))
  })

  test('XEP-0163 §4.1: who sees the account\'s presence may read its nodes, and nobody else', async () => {
    const house = await scene()
    const juliet = await house.login(`${JULIET}/balcony`)
    await publishFace(house, juliet)
    const romeo = await house.login(`${ROMEO}/orchard`)
    assert.equal(await payloadOf(house, romeo, 'get', items(AVATAR_DATA, `<item id='${FACE.id}'/>`), JULIET), items(AVATAR_DATA, dataItem()))
    const tybalt = await house.login('tybalt@capulet.lit/street')
    assert.equal(await outcomeOf(house, tybalt, 'get', items(AVATAR_DATA, `<item id='${FACE.id}'/>`), JULIET), 'cancel service-unavailable')
    await outcomeOf(house, juliet, 'set', pubsub(`<configure node='${AVATAR_DATA}'>${submittedForm('node_config', { access_model: 'open' })}</configure>`, '#owner'))
    assert.equal(await payloadOf(house, tybalt, 'get', items(AVATAR_DATA, `<item id='${FACE.id}'/>`), JULIET), items(AVATAR_DATA, dataItem()), 'an open node is for all')
  })

  test('XEP-0163 §4.2: a client hears of what it asks for, and of nothing else', async () => {
    const house = await scene()
    const wanting = await interested(house, `${ROMEO}/orchard`, AVATAR_METADATA)
    const other = await interested(house, `${ROMEO}/street`, NICK)
    const mute = await house.login(`${ROMEO}/hall`)
    for (const client of [wanting, other, mute]) client.forget()
    const juliet = await house.login(`${JULIET}/balcony`)
    await publishFace(house, juliet)
    assert.deepEqual([wanting, other, mute].map(eventsOf), [[event(JULIET, `${ROMEO}/orchard`)], [], []])
  })

  test('XEP-0163 §4.3.1: a notification is from the account, to the very resource', async () => {
    const house = await scene()
    const romeo = await interested(house, `${ROMEO}/orchard`, AVATAR_METADATA)
    await publishFace(house, await house.login(`${JULIET}/balcony`))
    const message = romeo.heard().find(({ name }) => name === 'message')
    assert.deepEqual([message?.attrs['from'], message?.attrs['to'], message?.attrs['type']], [JULIET, `${ROMEO}/orchard`, 'headline'])
    assert.ok((message?.attrs['id']?.length ?? 0) > 8)
  })

  test('XEP-0163 §4.3.2: one for each available resource that is interested, of contacts and of the account itself', async () => {
    const house = await scene()
    const clients = [
      await interested(house, `${ROMEO}/orchard`, AVATAR_METADATA), await interested(house, `${ROMEO}/street`, AVATAR_METADATA),
      await interested(house, 'nurse@capulet.lit/kitchen', AVATAR_METADATA), await interested(house, `${JULIET}/balcony`, AVATAR_METADATA),
    ]
    const gone = await interested(house, `${ROMEO}/hall`, AVATAR_METADATA)
    gone.says("<presence type='unavailable'/>")
    for (const client of [...clients, gone]) client.forget()
    const juliet = await house.login(`${JULIET}/chamber`)
    await publishFace(house, juliet)
    assert.deepEqual(clients.map(eventsOf), clients.map(({ jid: address }) => [event(JULIET, address.toString())]))
    assert.deepEqual(eventsOf(gone), [])
  })

  test('§4.3.2: a contact whose presence the account does not see hears nothing, here as from afar', async () => {
    const house = new TestHouse({ extensions })
    const juliet = await house.login(`${JULIET}/balcony`)
    const romeo = await interested(house, `${ROMEO}/orchard`, AVATAR_METADATA)
    romeo.says(`<presence to='${JULIET}' type='subscribe'/>`)
    juliet.says(`<presence to='${ROMEO}' type='subscribed'/>`)
    await publishFace(house, juliet)
    assert.deepEqual(eventsOf(romeo), [])
    assert.equal(await outcomeOf(house, romeo, 'get', items(AVATAR_METADATA), JULIET), 'result', 'it may ask')
  })

  test('XEP-0163 §4.3.3: at a new item, and at initial presence; not to who is blocked, nor at any later presence', async () => {
    const house = await scene()
    const juliet = await house.login(`${JULIET}/balcony`)
    await publishFace(house, juliet)
    const romeo = await interested(house, `${ROMEO}/orchard`, AVATAR_METADATA)
    assert.deepEqual(eventsOf(romeo), [event(JULIET, `${ROMEO}/orchard`)])
    romeo.says(capable(AVATAR_METADATA).presence.replace('<c', '<show>away</show><c'))
    assert.deepEqual(eventsOf(romeo), [])
    await publishFace(house, juliet, OTHER_FACE)
    assert.deepEqual(eventsOf(romeo), [event(JULIET, `${ROMEO}/orchard`, OTHER_FACE)])
    juliet.says(`<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='${ROMEO}'/></block></iq>`)
    await house.settled()
    romeo.forget()
    await publishFace(house, juliet)
    romeo.says("<presence type='unavailable'/>")
    romeo.says(capable(AVATAR_METADATA).presence)
    assert.deepEqual(eventsOf(romeo), [])
  })

  test('XEP-0163 §4.3.4: the last item goes to each newly available resource, the account\'s own included', async () => {
    const house = await scene()
    const juliet = await house.login(`${JULIET}/balcony`)
    await publishFace(house, juliet, OTHER_FACE)
    await publishFace(house, juliet)
    await outcomeOf(house, juliet, 'set', publish(BOOKMARKS, bookmarks('one')))
    const chamber = await interested(house, `${JULIET}/chamber`, BOOKMARKS, AVATAR_METADATA)
    assert.deepEqual(eventsOf(chamber).sort(), [
      `${JULIET} > ${JULIET}/chamber: <items node='${BOOKMARKS}'>${bookmarks('one')}</items>`, event(JULIET, `${JULIET}/chamber`),
    ].sort())
    juliet.says("<iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard></iq>")
    assert.deepEqual(eventsOf(await interested(house, `${JULIET}/hall`, 'vcard-temp')), [], 'a vCard is no node')
    const romeo = await interested(house, `${ROMEO}/orchard`, BOOKMARKS, AVATAR_METADATA)
    assert.deepEqual(eventsOf(romeo), [event(JULIET, `${ROMEO}/orchard`)])
    romeo.says("<presence type='unavailable'/>")
    romeo.says(capable(BOOKMARKS, AVATAR_METADATA).presence)
    assert.deepEqual(eventsOf(romeo), [event(JULIET, `${ROMEO}/orchard`)], 'and once more when it is back')
  })

  test('an avatar that is for its owner alone is told to its own clients alone, new or last', async () => {
    const house = await scene()
    const romeo = await interested(house, `${ROMEO}/orchard`, AVATAR_METADATA)
    const own = await interested(house, `${JULIET}/chamber`, AVATAR_METADATA)
    await publishFace(house, own, FACE, { access_model: 'whitelist' })
    assert.deepEqual(eventsOf(own), [event(JULIET, `${JULIET}/chamber`)])
    assert.deepEqual(eventsOf(romeo), [])
    assert.deepEqual(eventsOf(await interested(house, `${ROMEO}/street`, AVATAR_METADATA)), [])
  })

  test('§4.3.4: a node that is not to send its last item does not; and a capability said later than the first presence counts', async () => {
    const house = await scene()
    const juliet = await house.login(`${JULIET}/balcony`)
    await publishFace(house, juliet, FACE, { send_last_published_item: 'never' })
    assert.deepEqual(eventsOf(await interested(house, `${ROMEO}/orchard`, AVATAR_METADATA)), [])
    await outcomeOf(house, juliet, 'set', pubsub(`<configure node='${AVATAR_METADATA}'>${submittedForm('node_config', { send_last_published_item: 'on_sub_and_presence' })}</configure>`, '#owner'))
    const late = await house.login(`${ROMEO}/hall`)
    late.says(capable(AVATAR_METADATA).presence)
    assert.deepEqual(eventsOf(late), [event(JULIET, `${ROMEO}/hall`)])
  })

  test('§4.3.4: who is let see the presence from now on gets the last item', async () => {
    const house = new TestHouse({ extensions })
    const juliet = await house.login(`${JULIET}/balcony`)
    await publishFace(house, juliet)
    const romeo = await interested(house, `${ROMEO}/orchard`, AVATAR_METADATA)
    juliet.says(`<presence to='${ROMEO}' type='subscribe'/>`)
    romeo.says(`<presence to='${JULIET}' type='subscribed'/><presence to='${JULIET}' type='subscribe'/>`)
    assert.deepEqual(eventsOf(romeo), [])
    juliet.says(`<presence to='${ROMEO}' type='subscribed'/>`)
    await house.settled()
    assert.deepEqual(eventsOf(romeo), [event(JULIET, `${ROMEO}/orchard`)])
  })

  test('XEP-0163 §5: the defaults: presence, and the last item on presence', async () => {
    const house = await scene()
    const juliet = await house.login(`${JULIET}/balcony`)
    await publishFace(house, juliet)
    const form = await payloadOf(house, juliet, 'get', pubsub(`<configure node='${AVATAR_METADATA}'/>`, '#owner'))
    for (const [name, value] of [['access_model', 'presence'], ['send_last_published_item', 'on_sub_and_presence'], ['deliver_notifications', '1'], ['persist_items', '1']]) {
      assert.match(form, new RegExp(`var='pubsub#${name}' type='[a-z-]+'><value>${value}<`))
    }
  })

  test('XEP-0163 §6.1: the account has the identity pubsub/pep, and the features of pubsub', async () => {
    const house = await scene()
    const info = await answerTo(house, await house.login(`${JULIET}/balcony`), 'get', DISCO, JULIET)
    const said = info.elements()[0]?.elements().map(({ attrs }) => attrs['var'] ?? `${attrs['category']}/${attrs['type']}`) ?? []
    for (const one of ['account/registered', 'pubsub/pep', ...['access-presence', 'auto-create', 'auto-subscribe', 'config-node', 'create-nodes', 'filtered-notifications', 'persistent-items', 'publish', 'publish-options', 'retrieve-items'].map((name) => `http://jabber.org/protocol/pubsub#${name}`)]) {
      assert.ok(said.includes(one), one)
    }
  })

  test('XEP-0163 §6.2: who asks for its items sees those that may be read', async () => {
    const house = await scene()
    const juliet = await house.login(`${JULIET}/balcony`)
    await publishFace(house, juliet)
    await outcomeOf(house, juliet, 'set', publish(BOOKMARKS, bookmarks('x')))
    juliet.says("<iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard></iq>")
    const list = (...nodes: readonly string[]): string => `<query xmlns='http://jabber.org/protocol/disco#items'>${nodes.map((node) => `<item jid='${JULIET}' node='${node}'/>`).join('')}</query>`
    const ask = "<query xmlns='http://jabber.org/protocol/disco#items'/>"
    assert.equal(await payloadOf(house, juliet, 'get', ask, JULIET), list(AVATAR_DATA, AVATAR_METADATA, BOOKMARKS))
    assert.equal(await payloadOf(house, await house.login(`${ROMEO}/orchard`), 'get', ask, JULIET), list(AVATAR_DATA, AVATAR_METADATA))
    const tybalt = await house.login('tybalt@capulet.lit/street')
    assert.equal(await outcomeOf(house, tybalt, 'get', ask, JULIET), 'cancel service-unavailable')
    const node = (name: string): string => `<query xmlns='${NS_DISCO_INFO}' node='${name}'/>`
    assert.match(await payloadOf(house, juliet, 'get', node(BOOKMARKS), JULIET), /<identity category='pubsub' type='leaf'\/>/)
    assert.equal(await outcomeOf(house, juliet, 'get', node('vcard-temp'), JULIET), 'cancel item-not-found')
  })

  test('XEP-0163 §7.1: who sees the presence no longer hears no more, and may read no more', async () => {
    const house = await scene()
    const juliet = await house.login(`${JULIET}/balcony`)
    const romeo = await interested(house, `${ROMEO}/orchard`, AVATAR_METADATA)
    juliet.says(`<presence to='${ROMEO}' type='unsubscribed'/>`)
    await publishFace(house, juliet)
    assert.deepEqual(eventsOf(romeo), [])
    assert.equal(await outcomeOf(house, romeo, 'get', items(AVATAR_METADATA), JULIET), 'cancel service-unavailable')
  })

  test('XEP-0223 §3: what is private is for its owner alone: other clients hear of it, contacts do not', async () => {
    const house = await scene()
    const chamber = await interested(house, `${JULIET}/chamber`, BOOKMARKS, 'urn:example:mine')
    const romeo = await interested(house, `${ROMEO}/orchard`, BOOKMARKS, 'urn:example:mine')
    const juliet = await house.login(`${JULIET}/balcony`)
    await outcomeOf(house, juliet, 'set', publish(BOOKMARKS, bookmarks('a')))
    await outcomeOf(house, juliet, 'set', publish('urn:example:mine', "<item id='a'><x xmlns='urn:x'>words</x></item>", { access_model: 'whitelist', persist_items: 'true' }))
    assert.equal(eventsOf(chamber).length, 2)
    assert.deepEqual(eventsOf(romeo), [])
    for (const [node, outcome] of [[BOOKMARKS, 'cancel item-not-found'], ['urn:example:mine', 'cancel item-not-found']] as const) {
      assert.equal(await outcomeOf(house, romeo, 'get', items(node), JULIET), outcome)
      assert.equal(await outcomeOf(house, juliet, 'set', pubsub(`<configure node='${node}'>${submittedForm('node_config', { access_model: 'open' })}</configure>`, '#owner')), 'modify not-acceptable')
    }
  })

  test('XEP-0223 §5: the domain has the identity pubsub/pep, and publish-options', async () => {
    const house = await scene()
    const info = await payloadOf(house, await house.login(`${JULIET}/balcony`), 'get', DISCO, 'capulet.lit')
    assert.match(info, /<identity category='pubsub' type='pep'\/>/)
    assert.match(info, /pubsub#publish-options/)
  })

  for (const node of ['http://jabber.org/protocol/tune', 'http://jabber.org/protocol/mood', 'http://jabber.org/protocol/geoloc', 'urn:xmpp:microblog:0',
    'urn:xmpp:omemo:2:devices', 'eu.siacs.conversations.axolotl.devicelist', 'urn:xmpp:openpgp:0:public-keys', 'urn:example:unknown']) {
    test(`what is text, or of another encryption, is not published: ${node}`, async () => {
      const house = await scene()
      const romeo = await interested(house, `${ROMEO}/orchard`, node)
      const juliet = await house.login(`${JULIET}/balcony`)
      const item = "<item id='current'><x xmlns='urn:x'>words</x></item>"
      for (const options of [undefined, { access_model: 'open' }, { access_model: 'presence' }, ...node.startsWith('urn:example') ? [] : [{ access_model: 'whitelist' }]]) {
        assert.equal(await outcomeOf(house, juliet, 'set', publish(node, item, options)), 'cancel feature-not-implemented')
      }
      assert.deepEqual(eventsOf(romeo), [])
      assert.equal(await outcomeOf(house, juliet, 'get', items(node)), 'cancel item-not-found')
    })
  }

  test('XEP-0172 §4: a nickname is one short line, and contacts are not told of it', async () => {
    const house = await scene()
    const own = await interested(house, `${JULIET}/chamber`, NICK)
    const romeo = await interested(house, `${ROMEO}/orchard`, NICK)
    const nick = (text: string): string => publish(NICK, `<item><nick xmlns='${NICK}'>${text}</nick></item>`)
    assert.equal(await outcomeOf(house, own, 'set', nick('Jule')), 'result')
    await interested(house, `${ROMEO}/street`, NICK)
    assert.deepEqual(eventsOf(romeo), [])
    for (const text of ['', 'a'.repeat(65), 'two\nlines']) assert.equal(await outcomeOf(house, own, 'set', nick(text)), 'modify bad-request invalid-payload')
    assert.equal(await payloadOf(house, own, 'get', items(NICK)), items(NICK, `<item id='current'><nick xmlns='${NICK}'>Jule</nick></item>`))
  })
})

describe('contacts on other servers', () => {
  test('are asked what they can do, and get the last item at their first presence, and new ones', async () => {
    const house = await scene()
    await befriendFar(house)
    const juliet = await house.login(`${JULIET}/balcony`)
    await publishFace(house, juliet)
    house.departed.length = 0
    farSays(house, capable(AVATAR_METADATA).presence)
    farAnswers(house, AVATAR_METADATA)
    assert.deepEqual(eventsIn(house.departed.splice(0)), [event(JULIET, `${FAR}/street`)])
    farSays(house, capable(AVATAR_METADATA).presence.replace('<c', '<show>away</show><c'))
    assert.deepEqual(eventsIn(house.departed.splice(0)), [])
    await publishFace(house, juliet, OTHER_FACE)
    assert.deepEqual(eventsIn(house.departed.splice(0)), [event(JULIET, `${FAR}/street`, OTHER_FACE)])
    farSays(house, "<presence type='unavailable'/>")
    await publishFace(house, juliet)
    assert.deepEqual(eventsIn(house.departed.splice(0)), [])
    farSays(house, capable(AVATAR_METADATA).presence)
    assert.deepEqual(eventsIn(house.departed.splice(0)), [event(JULIET, `${FAR}/street`)], 'it is back, and known')
  })

  test('whom the account follows and who does not see it hear nothing', async () => {
    const house = await scene()
    const juliet = await house.login(`${JULIET}/balcony`)
    juliet.says(`<presence to='${FAR}' type='subscribe'/>`)
    house.remoteSays(`<presence from='${FAR}' to='${JULIET}' type='subscribed'/>`)
    await interested(house, 'nurse@capulet.lit/kitchen', AVATAR_METADATA) // what such a client can do is known from now on
    farSays(house, capable(AVATAR_METADATA).presence)
    await publishFace(house, juliet)
    assert.deepEqual(eventsIn(house.departed), [])
  })

  test('whose server was lost are greeted anew', async () => {
    const house = await scene()
    await befriendFar(house)
    await publishFace(house, await house.login(`${JULIET}/balcony`))
    farSays(house, capable(AVATAR_METADATA).presence)
    farAnswers(house, AVATAR_METADATA)
    house.departed.length = 0
    house.installation.host.servers.lost('capulet.lit', 'verona.example')
    farSays(house, capable(AVATAR_METADATA).presence)
    assert.deepEqual(eventsIn(house.departed), [event(JULIET, `${FAR}/street`)])
  })

  test('who are none hear nothing: strangers, and who sees our presence and does not show its own', async () => {
    const house = await scene()
    await publishFace(house, await house.login(`${JULIET}/balcony`))
    farSays(house, capable(AVATAR_METADATA).presence)
    house.departs()
  })

  test('of whom 17 resources are there: the last one is not remembered', async () => {
    const house = await scene()
    await befriendFar(house)
    const juliet = await house.login(`${JULIET}/balcony`)
    house.departed.length = 0
    farSays(house, capable(AVATAR_METADATA).presence, 'r0')
    farAnswers(house, AVATAR_METADATA)
    for (let number = 1; number < 17; number++) farSays(house, capable(AVATAR_METADATA).presence, `r${number}`)
    house.departed.length = 0
    await publishFace(house, juliet)
    assert.equal(eventsIn(house.departed).length, 16)
  })

  for (const [what, stanza] of Object.entries({
    'an event from a resource': `<message from='${FAR}/street' to='${JULIET}/balcony' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='${AVATAR_METADATA}'>${metadataItem()}</items></event></message>`,
    'an event from a stranger': `<message from='paris@verona.example' to='${JULIET}/balcony' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='${AVATAR_METADATA}'>${metadataItem()}</items></event></message>`,
    'an event that says to be our own': `<message from='${FAR}' to='${JULIET}/balcony' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='${BOOKMARKS}'>${bookmarks('words')}</items></event></message>`,
    'an event of another node': `<message from='${FAR}' to='${JULIET}/balcony' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='${NICK}'><item><nick xmlns='${NICK}'>words</nick></item></items></event></message>`,
    'a push of the roster': `<iq type='set' id='p' from='${FAR}' to='${JULIET}/balcony'><query xmlns='jabber:iq:roster'><item jid='paris@verona.example'/></query></iq>`,
  })) {
    test(`${what} is not delivered`, async () => {
      const house = await scene()
      await befriendFar(house)
      const juliet = await interested(house, `${JULIET}/balcony`, AVATAR_METADATA)
      juliet.forget()
      house.remoteSays(stanza)
      juliet.hears()
    })
  }

  test('no client of ours sends an event to anybody, nor to its own account', async () => {
    const house = await scene()
    const juliet = await interested(house, `${JULIET}/chamber`, AVATAR_METADATA)
    const romeo = await interested(house, `${ROMEO}/orchard`, AVATAR_METADATA)
    juliet.forget()
    for (const to of [`${JULIET}/chamber`, JULIET, `${ROMEO}`]) {
      romeo.says(`<message to='${to}' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='${AVATAR_METADATA}'>${metadataItem()}</items></event></message>`)
    }
    juliet.hears()
  })

  test('their events of a new avatar pass, and those that there is none', async () => {
    const house = await scene()
    await befriendFar(house)
    const juliet = await house.login(`${JULIET}/balcony`)
    const far = (item: string): string => `<message from='${FAR}' to='${JULIET}/balcony' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='${AVATAR_METADATA}'>${item}</items></event></message>`
    for (const item of [metadataItem(), `<item><metadata xmlns='${AVATAR_METADATA}'/></item>`]) {
      house.remoteSays(far(item))
      juliet.hears(far(item))
    }
    house.remoteSays(far(`<item id='words'>${metadata()}</item>`))
    juliet.hears(far('').replace('></items>', '/>'))
  })
})

describe('an account and what it has published', () => {
  async function full(): Promise<TestHouse> {
    const house = await scene()
    const juliet = await house.login(`${JULIET}/balcony`)
    await publishFace(house, juliet)
    await outcomeOf(house, juliet, 'set', publish(BOOKMARKS, bookmarks('a')))
    await outcomeOf(house, juliet, 'set', "<vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard>")
    await outcomeOf(house, juliet, 'set', "<query xmlns='jabber:iq:private'><x xmlns='urn:x'>note</x></query>")
    return house
  }

  test('its owner gets all of it, each item', async () => {
    const house = await full()
    const { pep } = house.installation.tables.account.exported(jid(JULIET)) as { readonly pep: { readonly pep_node: readonly { readonly node: string, readonly items: readonly { readonly payload: string }[] }[] } }
    const text = JSON.stringify(pep)
    assert.deepEqual(pep.pep_node.map(({ node }) => node).sort(), ['http://jabber.org/protocol/nick', AVATAR_DATA, AVATAR_METADATA, BOOKMARKS, 'jabber:iq:private', 'vcard-temp'].sort().slice(1))
    for (const word of [FACE.base64, FACE.id, 'x@y.example', 'Juliet', 'note']) assert.ok(text.includes(word), word)
  })

  test('it is gone with the account, from memory and from disk', async () => {
    const house = await full()
    await house.database.write(() => house.installation.tables.account.deleted(jid(JULIET)))
    for (const sql of ['SELECT * FROM pep_item', 'SELECT * FROM pep_node']) assert.deepEqual(house.database.statement(sql).all(), [])
    const juliet = await house.login(`${JULIET}/balcony`)
    assert.equal(await outcomeOf(house, juliet, 'get', items(AVATAR_DATA)), 'cancel item-not-found')
  })

  test('a new storage key opens all of it, and the old one nothing', async () => {
    const house = await full()
    const next = new StorageKey(Buffer.alloc(32, 9))
    const { key } = house.installation.host
    assert.ok(key instanceof StorageKey)
    await house.database.write(() => {
      house.installation.tables.seals.resealed(key.copy(), next)
      key.become(next)
    })
    house.clock.advance(1)
    const juliet = await house.login(`${JULIET}/chamber`)
    assert.equal(await payloadOf(house, juliet, 'get', items(AVATAR_DATA)), items(AVATAR_DATA, dataItem()))
    const old = new TestHouse({ extensions, database: house.database })
    const again = await old.login(`${JULIET}/hall`)
    assert.equal(await outcomeOf(old, again, 'get', items(AVATAR_DATA)), 'cancel internal-server-error')
  })

  test('what never gets to disk is not there afterwards, and nobody is told that it is', async () => {
    const house = await scene()
    const juliet = await house.login(`${JULIET}/balcony`)
    house.database.statement('DROP TABLE pep_item').run()
    assert.equal(await outcomeOf(house, juliet, 'set', publish(AVATAR_DATA, dataItem())), 'cancel internal-server-error')
    assert.equal(house.log.lines[0]?.event, 'pep.write-failed')
  })
})
