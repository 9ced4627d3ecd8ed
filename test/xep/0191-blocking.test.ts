import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TestHouse, type TestClient } from '../house.ts'

const NS = "xmlns='urn:xmpp:blocking'"

async function block(house: TestHouse, client: TestClient, ...jids: readonly string[]): Promise<void> {
  client.says(`<iq id='block1' type='set'><block ${NS}>${jids.map((jid) => `<item jid='${jid}'/>`).join('')}</block></iq>`)
  await house.settled()
}

async function unblock(house: TestHouse, client: TestClient, ...jids: readonly string[]): Promise<void> {
  client.says(`<iq id='unblock1' type='set'><unblock ${NS}>${jids.map((jid) => `<item jid='${jid}'/>`).join('')}</unblock></iq>`)
  await house.settled()
}

function result(client: TestClient, id: string): string {
  return `<iq from='${client.account}' to='${client.jid}' id='${id}' type='result'/>`
}

function error(stanza: string, from: string, to: string, id: string, type: string, conditions: string): string {
  return `<${stanza} from='${from}' to='${to}' id='${id}' type='error'><error type='${type}'>${conditions}</error></${stanza}>`
}

const UNAVAILABLE = "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
const BLOCKED = "<not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><blocked xmlns='urn:xmpp:blocking:errors'/>"

describe('XEP-0191: Blocking Command', () => {
  test('XEP-0191 §3.1: a server tells that it knows the command', () => {
    const juliet = new TestHouse().connect('juliet@capulet.lit/chamber')
    juliet.says(`<iq id='d' type='get' to='capulet.lit'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
    assert.match(juliet.heard().join(''), /<feature var="urn:xmpp:blocking"\/>/)
  })

  test('XEP-0191 §3.2: the block list is returned, also where it is empty', async () => {
    const house = new TestHouse()
    const juliet = house.connect('juliet@capulet.lit/chamber')
    juliet.says(`<iq id='list1' type='get'><blocklist ${NS}/></iq>`)
    juliet.hears(`<iq from='juliet@capulet.lit' to='juliet@capulet.lit/chamber' id='list1' type='result'><blocklist ${NS}/></iq>`)
    await block(house, juliet, 'romeo@montague.lit', 'iago@shakespeare.lit')
    juliet.forget()
    juliet.says(`<iq id='list2' type='get'><blocklist ${NS}/></iq>`)
    juliet.hears(`<iq from='juliet@capulet.lit' to='juliet@capulet.lit/chamber' id='list2' type='result'>`
      + `<blocklist ${NS}><item jid='romeo@montague.lit'/><item jid='iago@shakespeare.lit'/></blocklist></iq>`)
  })

  test('XEP-0191 §3.3: the result leaves once the block is on disk, the push goes to all that asked for the list', async () => {
    const house = new TestHouse()
    const chamber = house.connect('juliet@capulet.lit/chamber')
    const balcony = house.connect('juliet@capulet.lit/balcony')
    balcony.says(`<iq id='list1' type='get'><blocklist ${NS}/></iq>`)
    balcony.forget()
    chamber.says(`<iq id='block1' type='set'><block ${NS}><item jid='romeo@montague.lit'/></block></iq>`)
    chamber.hears()
    balcony.hears(`<iq to='juliet@capulet.lit/balcony' id='*' type='set'><block ${NS}><item jid='romeo@montague.lit'/></block></iq>`)
    await house.settled()
    chamber.hears(result(chamber, 'block1'))
    assert.deepEqual(house.database.statement('SELECT jid FROM blocked_jid').all(), [{ jid: 'romeo@montague.lit' }])
  })

  test('XEP-0191 §3.3: without an item it is a bad request', async () => {
    const house = new TestHouse()
    const juliet = house.connect('juliet@capulet.lit/chamber')
    await block(house, juliet)
    juliet.hears(error('iq', 'juliet@capulet.lit', 'juliet@capulet.lit/chamber', 'block1', 'modify',
      "<bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"))
  })

  test('XEP-0191 §3.3: the user goes offline for the blocked JID, and stays so', async () => {
    const house = new TestHouse()
    await house.befriend('juliet@capulet.lit', 'romeo@montague.lit')
    const juliet = await house.login('juliet@capulet.lit/chamber')
    const romeo = await house.login('romeo@montague.lit/orchard')
    await block(house, juliet, 'romeo@montague.lit')
    romeo.hears("<presence from='juliet@capulet.lit/chamber' to='romeo@montague.lit' type='unavailable'/>")
    juliet.forget()
    juliet.says('<presence><show>away</show></presence>')
    juliet.hears("<presence from='juliet@capulet.lit/chamber' to='juliet@capulet.lit'><show>away</show></presence>")
    romeo.says("<presence to='juliet@capulet.lit' type='probe'/>")
    romeo.hears()
  })

  test('XEP-0191 §3.3: presence from the blocked JID is dropped, messages and IQ requests are answered as if nobody was there', async () => {
    const house = new TestHouse()
    await house.befriend('juliet@capulet.lit', 'romeo@montague.lit')
    const juliet = await house.login('juliet@capulet.lit/chamber')
    const romeo = await house.login('romeo@montague.lit/orchard')
    await block(house, juliet, 'romeo@montague.lit')
    juliet.forget()
    romeo.forget()
    romeo.says("<presence to='juliet@capulet.lit'/><presence to='juliet@capulet.lit' type='subscribe'/>")
    romeo.says("<iq to='juliet@capulet.lit/chamber' id='r1' type='result'/>")
    romeo.says("<message to='juliet@capulet.lit' id='h1' type='headline'><body>?OTRv23?</body></message>")
    romeo.hears()
    romeo.says("<message to='juliet@capulet.lit/chamber' id='m1' type='chat'><body>?OTRv23?</body></message>")
    romeo.says("<iq to='juliet@capulet.lit/chamber' id='q1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
    romeo.hears(
      error('message', 'juliet@capulet.lit/chamber', 'romeo@montague.lit/orchard', 'm1', 'cancel', UNAVAILABLE),
      error('iq', 'juliet@capulet.lit/chamber', 'romeo@montague.lit/orchard', 'q1', 'cancel', UNAVAILABLE),
    )
    juliet.hears()
  })

  test('XEP-0191 §3.3: what the user sends to the blocked JID is refused with <blocked/>', async () => {
    const house = new TestHouse()
    const juliet = await house.login('juliet@capulet.lit/chamber')
    await block(house, juliet, 'romeo@montague.lit')
    juliet.forget()
    juliet.says("<message to='romeo@montague.lit' id='m1' type='chat'><body>?OTRv23?</body></message>")
    juliet.hears(error('message', 'romeo@montague.lit', 'juliet@capulet.lit/chamber', 'm1', 'cancel', BLOCKED))
  })

  test('XEP-0191 §3.4: unblocked, the JID gets current presence and is heard again', async () => {
    const house = new TestHouse()
    await house.befriend('juliet@capulet.lit', 'romeo@montague.lit')
    const juliet = await house.login('juliet@capulet.lit/chamber', '<presence><show>dnd</show></presence>')
    const romeo = await house.login('romeo@montague.lit/orchard')
    await block(house, juliet, 'romeo@montague.lit')
    romeo.forget()
    await unblock(house, juliet, 'romeo@montague.lit')
    romeo.hears("<presence from='juliet@capulet.lit/chamber' to='romeo@montague.lit'><show>dnd</show></presence>")
    juliet.forget()
    romeo.says("<message to='juliet@capulet.lit' id='m1' type='chat'><body>?OTRv23?</body></message>")
    juliet.hears("<message from='romeo@montague.lit/orchard' to='juliet@capulet.lit' id='m1' type='chat'><body>?OTRv23?</body></message>")
  })

  test('XEP-0191 §3.5: an empty <unblock/> unblocks all', async () => {
    const house = new TestHouse()
    const juliet = house.connect('juliet@capulet.lit/chamber')
    await block(house, juliet, 'romeo@montague.lit', 'iago@shakespeare.lit')
    await unblock(house, juliet)
    juliet.forget()
    juliet.says(`<iq id='list1' type='get'><blocklist ${NS}/></iq>`)
    juliet.hears(`<iq from='juliet@capulet.lit' to='juliet@capulet.lit/chamber' id='list1' type='result'><blocklist ${NS}/></iq>`)
    assert.deepEqual(house.database.statement('SELECT jid FROM blocked_jid').all(), [])
  })

  test('XEP-0191 §5: a full JID, a bare JID, a resource of a domain or a whole domain is matched', async () => {
    const cases: readonly (readonly [blocked: string, from: string, isBlocked: boolean])[] = [
      ['mercutio@verona.lit/tomb', 'mercutio@verona.lit/tomb', true],
      ['mercutio@verona.lit/tomb', 'mercutio@verona.lit/street', false],
      ['mercutio@verona.lit', 'mercutio@verona.lit/street', true],
      ['verona.lit/bot', 'verona.lit/bot', true],
      ['verona.lit/bot', 'verona.lit', false],
      ['verona.lit', 'mercutio@verona.lit/street', true],
      ['verona.lit', 'mercutio@north.verona.lit/street', false],
    ]
    for (const [blocked, from, isBlocked] of cases) {
      const house = new TestHouse()
      const juliet = await house.login('juliet@capulet.lit/chamber')
      await block(house, juliet, blocked)
      juliet.forget()
      house.remoteSays(`<message from='${from}' to='juliet@capulet.lit' type='chat'><body>?OTRv23?</body></message>`)
      assert.equal(juliet.heard().length, isBlocked ? 0 : 1, `${blocked} blocks ${from}`)
    }
  })

  test('the block holds across sessions and restarts, and goes with the account', async () => {
    const first = new TestHouse()
    await block(first, first.connect('juliet@capulet.lit/chamber'), 'verona.lit')
    const second = new TestHouse({ database: first.database })
    const juliet = await second.login('juliet@capulet.lit/chamber')
    second.remoteSays("<message from='mercutio@verona.lit' to='juliet@capulet.lit' type='chat'><body>?OTRv23?</body></message>")
    juliet.hears()
    assert.deepEqual(second.installation.tables.account.exported(juliet.account)['blocking'], { blocked_jid: [{ account: 'juliet@capulet.lit', jid: 'verona.lit' }] })
    await second.remove('juliet@capulet.lit')
    assert.deepEqual(second.database.statement('SELECT jid FROM blocked_jid').all(), [])
    second.installation.tables.account.created(juliet.account)
    assert.deepEqual(second.installation.tables.account.exported(juliet.account)['blocking'], { blocked_jid: [] })
  })

  describe('with contacts on other servers', () => {
    const MERCUTIO = 'mercutio@verona.lit'
    const gone = (to: string) => `<presence from='juliet@capulet.lit/chamber' to='${to}' type='unavailable'/>`
    const there = (to: string) => `<presence from='juliet@capulet.lit/chamber' to='${to}'><show>dnd</show></presence>`
    const probe = (to: string) => `<presence from='juliet@capulet.lit' to='${to}' id='*' type='probe'/>`

    /** Juliet and Mercutio see each other, Benvolio sees her, and Paris was told that she is there. */
    async function stage() {
      const house = new TestHouse()
      const juliet = await house.login('juliet@capulet.lit/chamber', '<presence><show>dnd</show></presence>')
      juliet.says(`<presence to='${MERCUTIO}' type='subscribe'/>`)
      house.remoteSays(`<presence from='${MERCUTIO}' to='juliet@capulet.lit' type='subscribed'/>`)
      for (const name of [MERCUTIO, 'benvolio@verona.lit']) {
        house.remoteSays(`<presence from='${name}' to='juliet@capulet.lit' type='subscribe'/>`)
        juliet.says(`<presence to='${name}' type='subscribed'/>`)
      }
      juliet.says("<presence to='paris@verona.lit/tomb'/>")
      await house.settled()
      house.departed.length = 0
      juliet.forget()
      return { house, juliet }
    }

    for (const [blocked, hidden, shown] of [
      ['verona.lit', [MERCUTIO, 'benvolio@verona.lit', 'paris@verona.lit/tomb'], [MERCUTIO, 'benvolio@verona.lit']],
      [MERCUTIO, [MERCUTIO], [MERCUTIO]],
      [`${MERCUTIO}/street`, [`${MERCUTIO}/street`], [`${MERCUTIO}/street`]],
      ['paris@verona.lit', ['paris@verona.lit/tomb'], []],
      ['verona.lit/tomb', ['paris@verona.lit/tomb'], []],
      ['stranger@verona.lit', [], []],
      ['mantua.lit', [], []],
    ] as const) {
      test(`§3.3, §3.4: whoever ${blocked} covers sees the user go, and contacts see the user come back`, async () => {
        const { house, juliet } = await stage()
        await block(house, juliet, blocked)
        house.departs(...hidden.map(gone))
        await unblock(house, juliet, blocked)
        const probed = shown.some((one) => one === MERCUTIO) ? [probe(MERCUTIO)] : []
        house.departs(...shown.map(there), ...probed)
      })
    }

    test('XEP-0191 §3.3: nothing is shown to a blocked domain, nor answered: presence, probes, requests, the end of the session', async () => {
      const { house, juliet } = await stage()
      await block(house, juliet, 'verona.lit')
      house.departed.length = 0
      juliet.forget()
      juliet.says('<presence><show>away</show></presence>')
      for (const type of ['probe', 'subscribe', 'unsubscribed', 'unavailable', 'error']) {
        house.remoteSays(`<presence from='${MERCUTIO}' to='juliet@capulet.lit' type='${type}'/>`)
      }
      house.remoteSays(`<presence from='${MERCUTIO}/street' to='juliet@capulet.lit/chamber'/><presence from='${MERCUTIO}/street' to='juliet@capulet.lit'/>`)
      juliet.hears("<presence from='juliet@capulet.lit/chamber' to='juliet@capulet.lit'><show>away</show></presence>")
      juliet.leaves()
      house.departs()
      await house.login('juliet@capulet.lit/balcony')
      house.departs()
    })

    test('XEP-0191 §3.4: what another item of the list still covers stays hidden', async () => {
      const { house, juliet } = await stage()
      await block(house, juliet, 'verona.lit', MERCUTIO)
      house.departed.length = 0
      await unblock(house, juliet, 'verona.lit')
      house.departs(there('benvolio@verona.lit'))
    })

    test('XEP-0191 §3.3: a blocked contact does not even see the account being deleted', async () => {
      const { house, juliet } = await stage()
      await block(house, juliet, MERCUTIO)
      house.departed.length = 0
      await house.remove('juliet@capulet.lit')
      assert.deepEqual(house.departed.filter(({ attrs }) => attrs['to'] === MERCUTIO), [])
      assert.equal(house.departed.some(({ attrs }) => attrs['to'] === 'benvolio@verona.lit'), true)
    })
  })

  test('XEP-0191 §5: a user never blocks the own account', async () => {
    const house = new TestHouse()
    const chamber = await house.login('juliet@capulet.lit/chamber')
    const balcony = await house.login('juliet@capulet.lit/balcony')
    await block(house, chamber, 'capulet.lit', 'juliet@capulet.lit')
    balcony.forget()
    chamber.says("<message to='juliet@capulet.lit/balcony' type='chat'><body>?OTRv23?</body></message>")
    assert.equal(balcony.heard().length, 1)
  })
})
