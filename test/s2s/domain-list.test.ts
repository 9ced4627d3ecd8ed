import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DomainList } from '../../src/s2s/domain-list.ts'
import { openDatabase, type Database } from '../../src/store/database.ts'
import { TestHouse, WITHOUT_POLICY } from '../house.ts'

const NOT_ALLOWED = "<error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
  + "<text xml:lang='en' xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>This server has no contact with that domain.</text></error>"

function houseWith(list: DomainList, database?: Database): TestHouse {
  return new TestHouse({ extensions: [list.extension, ...WITHOUT_POLICY], ...database === undefined ? {} : { database } })
}

describe('the list of remote domains', () => {
  test('the ruling nearest to the full name counts; where there is none, there may be streams', async () => {
    const list = new DomainList()
    houseWith(list)
    assert.equal(list.mayConnect('verona.lit'), true)
    await list.rule(['verona.lit', 'onion'], 'block')
    await list.rule(['chat.verona.lit', 'friend.onion'], 'allow')
    for (const [domain, may] of [
      ['verona.lit', false], ['VERONA.lit.', false], ['spam.verona.lit', false], ['a.b.verona.lit', false],
      ['chat.verona.lit', true], ['room.chat.verona.lit', true], ['xverona.lit', true], ['lit', true], ['mantua.lit', true],
      ['stranger.onion', false], ['friend.onion', true], ['192.0.2.1', true], ['[2001:db8::1]', true],
    ] as const) assert.equal(list.mayConnect(domain), may, domain)
    for (const nobody of ['', '.', '*', 'a..b', 'romeo@verona.lit', 'x'.repeat(300)]) assert.equal(list.mayConnect(nobody), false, nobody)
  })

  test('who blocks all of them allows one by one', async () => {
    const list = new DomainList()
    houseWith(list)
    await list.rule(['*'], 'block')
    await list.rule(['onion', 'b\u00fccher.lit'], 'allow')
    for (const [domain, may] of [
      ['mantua.lit', false], ['192.0.2.1', false], ['[2001:db8::1]', false], ['any.onion', true], ['xn--bcher-kva.lit', true],
    ] as const) assert.equal(list.mayConnect(domain), may, domain)
    await list.rule(['*'], 'allow')
    assert.equal(list.mayConnect('mantua.lit'), true)
  })

  test('RFC 6120 §8.3.3.10: a client that writes to a blocked domain gets not-allowed, at once and until it is forgotten', async () => {
    const list = new DomainList()
    const house = houseWith(list)
    const juliet = house.connect('juliet@capulet.lit/balcony')
    const message = "<message to='romeo@verona.lit' id='m1' type='chat'><body>?OTRv23?</body></message>"
    const sent = "<message from='juliet@capulet.lit/balcony' to='romeo@verona.lit' id='m1' type='chat'><body>?OTRv23?</body></message>"
    juliet.says(message)
    house.departs(sent)
    void list.rule(['verona.lit'], 'block')
    juliet.says(message)
    house.departs()
    juliet.hears(`<message from='romeo@verona.lit' to='juliet@capulet.lit/balcony' id='m1' type='error'>${NOT_ALLOWED}</message>`)
    juliet.says("<iq to='verona.lit' id='q1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
    juliet.hears(`<iq from='verona.lit' to='juliet@capulet.lit/balcony' id='q1' type='error'>${NOT_ALLOWED}</iq>`)
    juliet.says("<iq to='romeo@verona.lit' id='q2' type='result'/>")
    juliet.hears()
    void list.rule(['verona.lit'], undefined)
    juliet.says(message)
    house.departs(sent)
    await house.settled()
  })

  test('the server sends nothing to a blocked domain in a client\'s name either: no presence, no probe', async () => {
    const list = new DomainList()
    const house = houseWith(list)
    const juliet = await house.login('juliet@capulet.lit/balcony')
    juliet.says("<presence to='romeo@verona.lit' type='subscribe'/>")
    house.remoteSays("<presence from='romeo@verona.lit' to='juliet@capulet.lit' type='subscribed'/>")
    house.remoteSays("<presence from='romeo@verona.lit' to='juliet@capulet.lit' type='subscribe'/>")
    juliet.says("<presence to='romeo@verona.lit' type='subscribed'/>")
    await house.settled()
    house.departed.length = 0
    juliet.says('<presence><show>away</show></presence>')
    house.departs("<presence from='juliet@capulet.lit/balcony' to='romeo@verona.lit'><show>away</show></presence>")
    await list.rule(['*'], 'block')
    juliet.forget()
    juliet.says('<presence/>')
    juliet.hears("<presence from='juliet@capulet.lit/balcony' to='juliet@capulet.lit'/>")
    await house.login('juliet@capulet.lit/chamber')
    house.departs()
  })

  test('what comes from a blocked domain is dropped before it changes anything, and nothing answers it', async () => {
    const list = new DomainList()
    const house = houseWith(list)
    const juliet = await house.login('juliet@capulet.lit/balcony')
    await list.rule(['verona.lit'], 'block')
    house.remoteSays("<message from='romeo@verona.lit' to='juliet@capulet.lit' id='m1' type='chat'><body>?OTRv23?</body></message>")
    house.remoteSays("<iq from='romeo@verona.lit' to='capulet.lit' id='q1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
    house.remoteSays("<presence from='romeo@verona.lit' to='juliet@capulet.lit' type='subscribe'/>")
    await house.settled()
    juliet.hears()
    house.departs()
    await list.rule(['verona.lit'], 'allow')
    juliet.leaves()
    const again = house.connect('juliet@capulet.lit/balcony')
    again.says('<presence/>')
    again.hears("<presence from='juliet@capulet.lit/balcony' to='juliet@capulet.lit'/>") // no request was kept for later
  })

  test('domains of this server are not remote: blocking all of them keeps nobody from anybody here', async () => {
    const list = new DomainList()
    const house = houseWith(list)
    await list.rule(['*', 'montague.lit'], 'block')
    const juliet = await house.login('juliet@capulet.lit/balcony')
    const romeo = house.connect('romeo@montague.lit/orchard')
    romeo.says("<message to='juliet@capulet.lit' id='m1' type='chat'><body>?OTRv23?</body></message>")
    juliet.hears("<message from='romeo@montague.lit/orchard' to='juliet@capulet.lit' id='m1' type='chat'><body>?OTRv23?</body></message>")
  })

  test('rulings are on disk once they are acknowledged, and there again after a restart', async () => {
    const database = openDatabase(':memory:')
    const list = new DomainList()
    houseWith(list, database)
    await list.rule(['verona.lit', 'mantua.lit'], 'block')
    await list.rule(['mantua.lit'], 'allow')
    await list.rule(['padua.lit'], undefined)
    const next = new DomainList()
    houseWith(next, database)
    assert.deepEqual(next.all(), [['mantua.lit', 'allow'], ['verona.lit', 'block']])
    assert.equal(next.mayConnect('verona.lit'), false)
  })

  test('whoever has streams is told of each change, and after the change', async () => {
    const list = new DomainList()
    houseWith(list)
    const seen: boolean[] = []
    list.onChange = () => { seen.push(list.mayConnect('verona.lit')) }
    await list.rule(['verona.lit'], 'block')
    await list.rule(['verona.lit'], undefined)
    assert.deepEqual(seen, [false, true])
  })
})
