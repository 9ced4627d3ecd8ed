import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { WAITING_REQUESTS } from '../../src/im/handshake.ts'
import { TestHouse, type TestClient } from '../house.ts'

const GET = "<iq id='g1' type='get'><query xmlns='jabber:iq:roster'/></iq>"

function set(item: string): string {
  return `<iq id='s1' type='set'><query xmlns='jabber:iq:roster'>${item}</query></iq>`
}

function roster(client: TestClient): string[] {
  client.forget()
  client.says(GET)
  const query = client.heard().find((stanza) => stanza.attrs['id'] === 'g1')?.elements()[0]
  return query?.elements().map(({ attrs }) => `${attrs['jid']} ${attrs['subscription']}${attrs['ask'] === undefined ? '' : ' ask'}`) ?? []
}

function error(client: TestClient, type: string, condition: string): string {
  return `<iq from='juliet@capulet.lit' to='${client.jid}' id='s1' type='error'><error type='${type}'>`
    + `<${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`
}

describe('the roster', () => {
  test('RFC 6121 §2.1.4: an empty roster is an empty query', () => {
    const juliet = new TestHouse().connect('juliet@capulet.lit/balcony')
    juliet.says(GET)
    juliet.hears("<iq from='juliet@capulet.lit' to='juliet@capulet.lit/balcony' id='g1' type='result'><query xmlns='jabber:iq:roster' ver='0'/></iq>")
  })

  test('RFC 6121 §2.3.2: an item is pushed to all interested resources; the result leaves once it is on disk', async () => {
    const house = new TestHouse()
    const balcony = await house.login('juliet@capulet.lit/balcony')
    const chamber = await house.login('juliet@capulet.lit/chamber')
    const street = house.connect('juliet@capulet.lit/street') // never asked for the roster
    balcony.forget()
    balcony.says(set("<item jid='nurse@capulet.lit' name='Nurse'><group>Servants</group></item>"))
    for (const client of [balcony, chamber]) {
      client.hears(`<iq to='${client.jid}' id='*' type='set'><query xmlns='jabber:iq:roster' ver='*'>`
        + "<item jid='nurse@capulet.lit' name='Nurse' subscription='none'><group>Servants</group></item></query></iq>")
    }
    street.hears()
    await house.settled()
    balcony.hears("<iq from='juliet@capulet.lit' to='juliet@capulet.lit/balcony' id='s1' type='result'/>")
    assert.equal(house.database.statement('SELECT * FROM roster_item').all().length, 1)
  })

  test('RFC 6121 §2.3.3: a roster set that cannot be written is an error, and the roster is what is on disk', async () => {
    const house = new TestHouse()
    const juliet = await house.login('juliet@capulet.lit/balcony')
    house.database.statement("CREATE TRIGGER full BEFORE INSERT ON roster_item BEGIN SELECT raise(ABORT, 'disk full'); END").run()
    juliet.says(set("<item jid='nurse@capulet.lit'/>"))
    await house.settled()
    assert.equal(juliet.heard().at(-1)?.attrs['type'], 'error')
    assert.equal(house.log.lines[0]?.event, 'roster.write-failed')
    assert.deepEqual(roster(juliet), [])
  })

  test('RFC 6121 §2.3.2: what is set again unchanged is pushed again', async () => {
    const juliet = await new TestHouse().login('juliet@capulet.lit/balcony')
    juliet.says(set("<item jid='nurse@capulet.lit'/>") + set("<item jid='nurse@capulet.lit'/>"))
    assert.deepEqual(juliet.heard().map(({ attrs }) => attrs['type']), ['set', 'set'])
  })

  test('RFC 6121 §2.4.1: an item is replaced as a whole', async () => {
    const house = new TestHouse()
    const juliet = await house.login('juliet@capulet.lit/balcony')
    juliet.says(set("<item jid='nurse@capulet.lit' name='Nurse'><group>Servants</group></item>"))
    juliet.says(set("<item jid='nurse@capulet.lit' name=''/>"))
    await house.settled()
    juliet.forget()
    juliet.says(GET)
    juliet.hears("<iq from='juliet@capulet.lit' to='juliet@capulet.lit/balcony' id='g1' type='result'>"
      + "<query xmlns='jabber:iq:roster' ver='*'><item jid='nurse@capulet.lit' subscription='none'/></query></iq>")
  })

  async function refuses(condition: string, type: string, items: readonly string[]): Promise<void> {
    const juliet = await new TestHouse().login('juliet@capulet.lit/balcony')
    for (const item of items) {
      juliet.says(set(item))
      juliet.hears(error(juliet, type, condition))
    }
    assert.deepEqual(roster(juliet), [])
  }

  test('RFC 6121 §2.1.5: a roster set without an item, or with something else, is a bad request', async () => {
    await refuses('bad-request', 'modify', ['', "<group/>"])
  })

  test('RFC 6121 §2.1.2.3: an item without a jid is a bad request, one with no address in it is jid-malformed', async () => {
    await refuses('bad-request', 'modify', ['<item/>', "<item name='Nurse'/>"])
    await refuses('jid-malformed', 'modify', ["<item jid='@verona.lit'/>"])
  })

  test('RFC 6121 §2.3.3: two items, or a group twice, are a bad request', async () => {
    await refuses('bad-request', 'modify', [
      "<item jid='a@verona.lit'/><item jid='b@verona.lit'/>",
      "<item jid='a@verona.lit'><group>A</group><group>B</group><group>A</group></item>",
    ])
  })

  test('RFC 6121 §2.3.3: a long name, a long group, an empty one, and many groups are not acceptable', async () => {
    await refuses('not-acceptable', 'modify', [
      `<item jid='a@verona.lit' name='${'a'.repeat(1024)}'/>`,
      `<item jid='a@verona.lit'><group>${'a'.repeat(1024)}</group></item>`,
      "<item jid='a@verona.lit'><group>A</group><group/></item>",
      `<item jid='a@verona.lit'>${Array.from({ length: 51 }, (_, number) => `<group>${number}</group>`).join('')}</item>`,
    ])
  })

  test('RFC 6121 §2.5.3: removal of what is not there is item-not-found', async () => {
    await refuses('item-not-found', 'modify', ["<item jid='a@verona.lit' subscription='remove'/>"])
  })

  test('the account itself is no contact of its own', async () => {
    await refuses('not-allowed', 'cancel', ["<item jid='juliet@capulet.lit'/>"])
  })

  test('RFC 6121 §2.1.2.5: of a roster set no other subscription counts than "remove"', async () => {
    const house = new TestHouse()
    const juliet = await house.login('juliet@capulet.lit/balcony')
    for (const value of ['both', 'from', 'to', 'none', 'Remove', '']) {
      juliet.says(set(`<item jid='nurse@capulet.lit' subscription='${value}' ask='subscribe' approved='true'/>`))
      assert.deepEqual(roster(juliet), ['nurse@capulet.lit none'])
    }
    juliet.says("<presence to='nurse@capulet.lit' type='subscribe'/>")
    juliet.says(set("<item jid='nurse@capulet.lit' subscription='none'/>"))
    assert.deepEqual(roster(juliet), ['nurse@capulet.lit none ask'], 'nor does it undo anything')
  })

  test('RFC 6121 §2.1.1: a version that a client makes up is none', async () => {
    const house = new TestHouse()
    const juliet = await house.login('juliet@capulet.lit/balcony')
    juliet.says("<iq id='s1' type='set'><query xmlns='jabber:iq:roster' ver='made-up'><item jid='nurse@capulet.lit' ver='made-up'/></query></iq>")
    await house.settled()
    const [pushed] = juliet.heard()[0]?.elements() ?? []
    assert.match(pushed?.attrs['ver'] ?? '', /^\d+$/)
    juliet.says("<iq id='g1' type='get'><query xmlns='jabber:iq:roster' ver='made-up'/></iq>")
    const [whole] = juliet.heard()[0]?.elements() ?? []
    assert.deepEqual([whole?.attrs['ver'], whole?.elements().length], [pushed?.attrs['ver'], 1])
  })

  test('RFC 6121 §2.1.6: a push has one item, whatever happens, and no address but the resource\'s', async () => {
    const house = new TestHouse()
    const juliet = await house.login('juliet@capulet.lit/balcony')
    juliet.says(set("<item jid='nurse@capulet.lit'/>") + set("<item jid='tybalt@capulet.lit'/>") + "<presence to='nurse@capulet.lit' type='subscribe'/>")
    const nurse = await house.login('nurse@capulet.lit/kitchen')
    nurse.says("<presence to='juliet@capulet.lit' type='subscribed'/>")
    await house.remove('nurse@capulet.lit')
    juliet.says(set("<item jid='tybalt@capulet.lit' subscription='remove'/>"))
    const pushes = juliet.heard().filter(({ name, attrs }) => name === 'iq' && attrs['type'] === 'set')
    assert.equal(pushes.length, 6)
    for (const { attrs, ...push } of pushes) {
      assert.deepEqual([attrs['from'], attrs['to']], [undefined, 'juliet@capulet.lit/balcony'])
      assert.deepEqual(push.children.flatMap((query) => typeof query === 'string' ? [query] : query.elements().map(({ name }) => name)), ['item'])
    }
  })

  test('RFC 6121 §2.2: whoever asked for the roster is pushed to, available or not, and until it goes', async () => {
    const house = new TestHouse()
    const balcony = await house.login('juliet@capulet.lit/balcony')
    const chamber = house.connect('juliet@capulet.lit/chamber')
    chamber.says(GET)
    const street = house.connect('juliet@capulet.lit/street')
    street.says('<presence/>')
    for (const client of [balcony, chamber, street]) client.forget()
    balcony.says(set("<item jid='nurse@capulet.lit'/>"))
    assert.deepEqual([balcony, chamber, street].map((client) => client.heard().length), [1, 1, 0])
    await house.settled()
    balcony.says("<presence type='unavailable'/>")
    balcony.forget()
    chamber.says(set("<item jid='tybalt@capulet.lit'/>"))
    assert.equal(balcony.heard().length, 1)
  })

  test('RFC 6121 §2.2: a roster get that cannot be processed is an error', () => {
    const house = new TestHouse()
    const juliet = house.connect('juliet@capulet.lit/balcony')
    house.database.statement('DROP TABLE roster_item').run()
    juliet.says(GET)
    assert.deepEqual(juliet.heard().map(({ attrs }) => [attrs['id'], attrs['type']]), [['g1', 'error']])
  })

  test('RFC 6121 §2.4.2: an item that is changed is pushed to all interested resources, and a result answers', async () => {
    const house = new TestHouse()
    const balcony = await house.login('juliet@capulet.lit/balcony')
    const chamber = await house.login('juliet@capulet.lit/chamber')
    balcony.says(set("<item jid='nurse@capulet.lit' name='Nurse'/>"))
    await house.settled()
    for (const client of [balcony, chamber]) client.forget()
    balcony.says(set("<item jid='nurse@capulet.lit' name='Angelica'><group>Servants</group></item>"))
    for (const client of [balcony, chamber]) {
      client.hears(`<iq to='${client.jid}' id='*' type='set'><query xmlns='jabber:iq:roster' ver='*'>`
        + "<item jid='nurse@capulet.lit' name='Angelica' subscription='none'><group>Servants</group></item></query></iq>")
    }
    await house.settled()
    balcony.hears("<iq from='juliet@capulet.lit' to='juliet@capulet.lit/balcony' id='s1' type='result'/>")
  })

  test('RFC 6121 §2.6.3: pushes come in the order of the changes, each with a version above the last', async () => {
    const house = new TestHouse()
    const balcony = await house.login('juliet@capulet.lit/balcony')
    const chamber = await house.login('juliet@capulet.lit/chamber')
    const names = ['nurse', 'tybalt', 'angelica', 'peter', 'samson', 'gregory']
    // From two resources, and without waiting for the disk.
    names.forEach((name, index) => (index % 2 === 0 ? balcony : chamber).says(set(`<item jid='${name}@capulet.lit'/>`)))
    const pushed = chamber.heard().flatMap((stanza) => stanza.elements())
    assert.deepEqual(pushed.map((query) => query.elements()[0]?.attrs['jid']), names.map((name) => `${name}@capulet.lit`))
    const versions = pushed.map((query) => Number(query.attrs['ver']))
    assert.deepEqual(versions, [...new Set(versions)].sort((one, other) => one - other))
  })

  test('RFC 6121 §2.1.3: a roster get with an item is a bad request', () => {
    const juliet = new TestHouse().connect('juliet@capulet.lit/balcony')
    juliet.says("<iq id='s1' type='get'><query xmlns='jabber:iq:roster'><item jid='nurse@capulet.lit'/></query></iq>")
    juliet.hears(error(juliet, 'modify', 'bad-request'))
  })

  test('RFC 6121 §2: another one\'s roster is neither read nor changed, not by a contact either', async () => {
    const house = new TestHouse()
    await house.befriend('juliet@capulet.lit', 'romeo@montague.lit')
    const romeo = house.connect('romeo@montague.lit/orchard')
    for (const [type, item] of [['get', ''], ['set', "<item jid='nurse@capulet.lit'/>"]]) {
      romeo.says(`<iq to='juliet@capulet.lit' id='x' type='${type}'><query xmlns='jabber:iq:roster'>${item}</query></iq>`)
      romeo.hears("<iq from='juliet@capulet.lit' to='romeo@montague.lit/orchard' id='x' type='error'><error type='auth'>"
        + "<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>")
    }
  })

  test('the roster holds limits.roster_items contacts', async () => {
    const house = new TestHouse({ config: { limits: { roster_items: 1 } } })
    const juliet = await house.login('juliet@capulet.lit/balcony')
    juliet.says(set("<item jid='nurse@capulet.lit'/>"))
    await house.settled()
    juliet.forget()
    for (const stanza of [set("<item jid='tybalt@capulet.lit'/>"), "<presence to='mercutio@verona.lit' type='subscribe'/>", "<presence to='mercutio@verona.lit' type='subscribed'/>"]) {
      juliet.says(stanza)
      assert.equal(juliet.heard()[0]?.elements()[0]?.elements()[0]?.name, 'resource-constraint', stanza)
    }
    juliet.says(set("<item jid='nurse@capulet.lit' name='Angelica'/>"))
    assert.equal(juliet.heard()[0]?.attrs['type'], 'set')
  })

  test('RFC 6121 §3.1.3, Security Warning: requests of strangers are bounded, and take no room from contacts', async () => {
    const house = new TestHouse({ config: { limits: { roster_items: 1 } } })
    const juliet = await house.login('juliet@capulet.lit/balcony')
    for (let count = 0; count <= WAITING_REQUESTS; count++) {
      house.remoteSays(`<presence from='paris${count}@verona.lit' to='juliet@capulet.lit' type='subscribe'/>`)
    }
    await house.settled()
    assert.equal(juliet.heard().length, WAITING_REQUESTS)
    assert.equal(house.database.statement('SELECT contact FROM roster_item').all().length, WAITING_REQUESTS)
    juliet.says("<presence to='paris7@verona.lit' type='subscribed'/>")
    juliet.hears("<iq to='juliet@capulet.lit/balcony' id='*' type='set'><query xmlns='jabber:iq:roster' ver='*'>"
      + "<item jid='paris7@verona.lit' subscription='from'/></query></iq>")
  })

  test('RFC 6121 §2.5.2: whoever is removed is unsubscribed from and unsubscribed', async () => {
    const house = new TestHouse()
    const juliet = await house.login('juliet@capulet.lit/balcony')
    house.remoteSays("<presence from='romeo@verona.lit' to='juliet@capulet.lit' type='subscribe'/>")
    juliet.says("<presence to='romeo@verona.lit' type='subscribed'/><presence to='romeo@verona.lit' type='subscribe'/>")
    house.remoteSays("<presence from='romeo@verona.lit' to='juliet@capulet.lit' type='subscribed'/>")
    house.departed.length = 0
    juliet.forget()
    juliet.says(set("<item jid='romeo@verona.lit' subscription='remove'/>"))
    house.departs(
      "<presence from='juliet@capulet.lit' to='romeo@verona.lit' id='*' type='unsubscribe'/>",
      "<presence from='juliet@capulet.lit/balcony' to='romeo@verona.lit' type='unavailable'/>",
      "<presence from='juliet@capulet.lit' to='romeo@verona.lit' id='*' type='unsubscribed'/>",
    )
    juliet.hears("<iq to='juliet@capulet.lit/balcony' id='*' type='set'><query xmlns='jabber:iq:roster' ver='*'>"
      + "<item jid='romeo@verona.lit' subscription='remove'/></query></iq>")
    await house.settled()
    juliet.hears("<iq from='juliet@capulet.lit' to='juliet@capulet.lit/balcony' id='s1' type='result'/>")
    assert.deepEqual(roster(juliet), [])
  })

  test('RFC 6121 §2.6.3: an unchanged roster is an empty result, a changed one is sent whole; versions only grow', async () => {
    const house = new TestHouse()
    const juliet = await house.login('juliet@capulet.lit/balcony')
    const versions: number[] = []
    for (const name of ['nurse', 'tybalt']) {
      juliet.says(set(`<item jid='${name}@capulet.lit'/>`))
      versions.push(Number(juliet.heard()[0]?.elements()[0]?.attrs['ver']))
    }
    const [first = NaN, second = NaN] = versions
    assert.ok(second > first)
    juliet.says(`<iq id='g1' type='get'><query xmlns='jabber:iq:roster' ver='${second}'/></iq>`)
    juliet.hears("<iq from='juliet@capulet.lit' to='juliet@capulet.lit/balcony' id='g1' type='result'/>")
    for (const known of ['', String(first)]) {
      juliet.says(`<iq id='g1' type='get'><query xmlns='jabber:iq:roster' ver='${known}'/></iq>`)
      const query = juliet.heard()[0]?.elements()[0]
      assert.deepEqual([query?.attrs['ver'], query?.elements().length], [String(second), 2])
    }
  })

  test('RFC 6121 §2: the roster is returned as it was stored, also after a restart: names, groups, states and version', async () => {
    const first = new TestHouse()
    const juliet = await first.login('juliet@capulet.lit/balcony')
    juliet.says(set("<item jid='nurse@capulet.lit' name='&lt;&amp;&quot;'><group>A</group><group>B, &quot;</group></item>"))
    juliet.says("<presence to='romeo@verona.lit' type='subscribe'/>")
    await first.settled()
    juliet.forget()
    juliet.says(GET)
    const before = juliet.heard()[0]?.elements()[0]
    const again = new TestHouse({ database: first.database }).connect('juliet@capulet.lit/balcony')
    again.says(GET)
    const after = again.heard()[0]?.elements()[0]
    assert.deepEqual(after?.attrs, before?.attrs)
    assert.deepEqual(new Set(after?.elements().map(({ attrs }) => JSON.stringify(attrs))), new Set(before?.elements().map(({ attrs }) => JSON.stringify(attrs))))
    assert.deepEqual(after?.elements().find(({ attrs }) => attrs['jid'] === 'nurse@capulet.lit')?.elements().map((group) => group.content()), ['A', 'B, "'])
  })

  test('log.roster: each change names account, contact and what was done', async () => {
    const house = new TestHouse()
    const juliet = await house.login('juliet@capulet.lit/balcony')
    juliet.says(set("<item jid='nurse@capulet.lit'/>"))
    juliet.says("<presence to='nurse@capulet.lit' type='subscribe'/>")
    juliet.says(set("<item jid='nurse@capulet.lit' subscription='remove'/>"))
    assert.deepEqual(house.log.rosterChanges.filter(({ account }) => account === 'juliet@capulet.lit').map(({ contact, action }) => `${action} ${contact}`),
      ['add nurse@capulet.lit', 'subscribe nurse@capulet.lit', 'remove nurse@capulet.lit'])
  })

  test('RFC 6121 §2.6.3: no version comes back, also where an account is made anew', async () => {
    const house = new TestHouse()
    const version = async (): Promise<number> => {
      const juliet = await house.login('juliet@capulet.lit/balcony')
      juliet.says(set("<item jid='nurse@capulet.lit'/>"))
      const pushed = Number(juliet.heard()[0]?.elements()[0]?.attrs['ver'])
      juliet.leaves()
      return pushed
    }
    const before = await version()
    await house.remove('juliet@capulet.lit')
    house.accounts.add('juliet@capulet.lit')
    house.clock.advance(1)
    assert.ok(await version() > before)
  })

  test('an account that is deleted leaves nothing behind, and its contacts are told', async () => {
    const house = new TestHouse()
    await house.befriend('juliet@capulet.lit', 'romeo@montague.lit')
    const romeo = await house.login('romeo@montague.lit/orchard')
    assert.deepEqual(roster(romeo), ['juliet@capulet.lit both'])
    await house.login('juliet@capulet.lit/balcony')
    romeo.forget()
    await house.remove('juliet@capulet.lit')
    assert.deepEqual(romeo.heard().filter(({ name }) => name === 'presence').map(({ attrs }) => `${attrs['from']} ${attrs['type']}`),
      ['juliet@capulet.lit/balcony unavailable', 'juliet@capulet.lit unsubscribe', 'juliet@capulet.lit unsubscribed'])
    assert.deepEqual(roster(romeo), ['juliet@capulet.lit none'])
    for (const table of ['roster_item', 'roster_version']) {
      assert.deepEqual(house.database.statement(`SELECT account FROM ${table} WHERE account LIKE 'juliet%'`).all(), [])
    }
  })
})
