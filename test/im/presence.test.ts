import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { extensions } from '../../src/extensions.ts'
import { DIRECTED_PRESENCES } from '../../src/im/directed.ts'
import { SUBSCRIPTION_STATES } from '../../src/im/subscription.ts'
import { StanzaError } from '../../src/xmpp/stanza-error.ts'
import { jid, TestHouse } from '../house.ts'
import { standing } from './standing.ts'

const JULIET = 'juliet@capulet.lit'
const ROMEO = 'romeo@montague.lit'
const MERCUTIO = 'mercutio@verona.lit'

/** Juliet and Romeo see each other; Mercutio, of another server, and Juliet do as well. */
async function friends(): Promise<TestHouse> {
  const house = new TestHouse()
  await house.befriend(JULIET, ROMEO)
  const juliet = await house.login(`${JULIET}/befriend`)
  house.remoteSays(`<presence from='${MERCUTIO}' to='${JULIET}' type='subscribe'/>`)
  juliet.says(`<presence to='${MERCUTIO}' type='subscribed'/><presence to='${MERCUTIO}' type='subscribe'/>`)
  house.remoteSays(`<presence from='${MERCUTIO}' to='${JULIET}' type='subscribed'/>`)
  juliet.leaves()
  await house.settled()
  house.departed.length = 0
  return house
}

describe('broadcast presence', () => {
  test('RFC 6121 §4.2.2: exactly those are probed whose presence the account sees', async () => {
    for (const state of SUBSCRIPTION_STATES) {
      const { house, juliet } = await standing(state)
      juliet.leaves()
      house.departed.length = 0
      await house.login(`${JULIET}/balcony`)
      const probed = house.departed.filter(({ attrs }) => attrs['type'] === 'probe')
      assert.equal(probed.length, ['to', 'to+in', 'both'].includes(state) ? 1 : 0, state)
    }
  })

  test('RFC 6121 §4.3: a probe is from the bare JID of the account to that of the contact', async () => {
    const { house, juliet } = await standing('to')
    juliet.leaves()
    house.departed.length = 0
    await house.login(`${JULIET}/balcony`)
    house.departs(`<presence from='${JULIET}' to='${MERCUTIO}' id='*' type='probe'/>`)
  })

  test('RFC 6121 §4.5.2: presence after it is initial presence again', async () => {
    const house = await friends()
    const romeo = await house.login(`${ROMEO}/orchard`)
    const juliet = await house.login(`${JULIET}/balcony`)
    juliet.says("<presence type='unavailable'/>")
    for (const client of [romeo, juliet]) client.forget()
    house.departed.length = 0
    juliet.says('<presence/>')
    romeo.hears(`<presence from='${JULIET}/balcony' to='${ROMEO}'/>`)
    juliet.hears(`<presence from='${JULIET}/balcony' to='${JULIET}'/>`, `<presence from='${ROMEO}/orchard' to='${JULIET}/balcony'/>`)
    house.departs(`<presence from='${JULIET}/balcony' to='${MERCUTIO}'/>`, `<presence from='${JULIET}' to='${MERCUTIO}' id='*' type='probe'/>`)
  })

  test('RFC 6121 §4.2.2: initial presence goes to subscribers here and elsewhere and to all own resources; contacts are probed', async () => {
    const house = await friends()
    const romeo = await house.login(`${ROMEO}/orchard`, '<presence><show>dnd</show></presence>')
    const chamber = await house.login(`${JULIET}/chamber`)
    house.departed.length = 0
    romeo.forget()
    const balcony = house.connect(`${JULIET}/balcony`)
    balcony.says("<presence id='p1'><show>away</show></presence>")
    romeo.hears(`<presence id='p1' from='${JULIET}/balcony' to='${ROMEO}'><show>away</show></presence>`)
    chamber.hears(`<presence id='p1' from='${JULIET}/balcony' to='${JULIET}'><show>away</show></presence>`)
    balcony.hears(
      `<presence id='p1' from='${JULIET}/balcony' to='${JULIET}'><show>away</show></presence>`,
      `<presence from='${JULIET}/chamber' to='${JULIET}'/>`,
      `<presence from='${ROMEO}/orchard' to='${JULIET}/balcony'><show>dnd</show></presence>`,
    )
    house.departs(
      `<presence id='p1' from='${JULIET}/balcony' to='${MERCUTIO}'><show>away</show></presence>`,
      `<presence from='${JULIET}' to='${MERCUTIO}' id='*' type='probe'/>`,
    )
  })

  test('RFC 6121 §4.4.2: later presence is broadcast, but probes nobody', async () => {
    const house = await friends()
    const romeo = await house.login(`${ROMEO}/orchard`)
    const juliet = await house.login(`${JULIET}/balcony`)
    house.departed.length = 0
    romeo.forget()
    juliet.says('<presence><show>xa</show></presence>')
    romeo.hears(`<presence from='${JULIET}/balcony' to='${ROMEO}'><show>xa</show></presence>`)
    juliet.hears(`<presence from='${JULIET}/balcony' to='${JULIET}'><show>xa</show></presence>`)
    house.departs(`<presence from='${JULIET}/balcony' to='${MERCUTIO}'><show>xa</show></presence>`)
  })

  test('RFC 6121 §4.5.2: unavailable presence goes to all who saw the other, its sender included, and is said once', async () => {
    const house = await friends()
    const romeo = await house.login(`${ROMEO}/orchard`)
    const juliet = await house.login(`${JULIET}/balcony`)
    romeo.forget()
    house.departed.length = 0
    juliet.says("<presence type='unavailable'><status>good night</status></presence>")
    const farewell = (to: string) => `<presence from='${JULIET}/balcony' to='${to}' type='unavailable'><status>good night</status></presence>`
    romeo.hears(farewell(ROMEO))
    juliet.hears(farewell(JULIET))
    house.departs(farewell(MERCUTIO))
    juliet.leaves()
    romeo.hears()
  })

  test('RFC 6121 §4.5.2: for one who goes without a word the server speaks', async () => {
    const house = await friends()
    const romeo = await house.login(`${ROMEO}/orchard`)
    const chamber = await house.login(`${JULIET}/chamber`)
    const balcony = await house.login(`${JULIET}/balcony`)
    romeo.forget()
    chamber.forget()
    balcony.leaves()
    romeo.hears(`<presence from='${JULIET}/balcony' to='${ROMEO}' type='unavailable'/>`)
    chamber.hears(`<presence from='${JULIET}/balcony' to='${JULIET}' type='unavailable'/>`)
  })

  test('RFC 6121 §11: who is not subscribed gets nothing of it', async () => {
    const house = new TestHouse()
    const tybalt = await house.login('tybalt@capulet.lit/street')
    const juliet = await house.login(`${JULIET}/balcony`)
    tybalt.says(`<presence to='${JULIET}' type='subscribe'/>`)
    tybalt.forget()
    juliet.says('<presence><show>chat</show></presence>')
    tybalt.hears()
    juliet.leaves()
    tybalt.hears()
  })

  const priorities: readonly (readonly [xml: string, priority: number | undefined])[] = [
    ['', 0], ['<priority>5</priority>', 5], ['<priority>-128</priority>', -128], ['<priority>+127</priority>', 127],
    ['<priority> 1 </priority>', 1], ['<priority>128</priority>', undefined], ['<priority>-129</priority>', undefined],
    ['<priority/>', undefined], ['<priority>high</priority>', undefined], ['<priority>1.5</priority>', undefined],
    ['<priority>1</priority><priority>2</priority>', undefined],
  ]
  for (const [xml, priority] of priorities) {
    test(`RFC 6121 §4.7.2.3: ${xml === '' ? 'no priority' : xml} is ${priority ?? 'a bad request'}`, () => {
      const juliet = new TestHouse().connect(`${JULIET}/balcony`)
      juliet.says(`<presence>${xml}</presence>`)
      if (priority === undefined) assert.equal(juliet.heard()[0]?.elements()[0]?.elements()[0]?.name, 'bad-request')
      else assert.equal(juliet.priority, priority)
      assert.equal(juliet.presence !== undefined, priority !== undefined)
    })
  }

  test('RFC 6121 §4.7.1: a broadcast of another type is a bad request', () => {
    const juliet = new TestHouse().connect(`${JULIET}/balcony`)
    for (const type of ['subscribe', 'probe', 'invisible']) {
      juliet.says(`<presence type='${type}'/>`)
      assert.equal(juliet.heard()[0]?.elements()[0]?.elements()[0]?.name, 'bad-request')
    }
    juliet.says("<presence type='error'/>")
    juliet.hears()
  })

  test('a client learns that its presence does not reach a remote contact', async () => {
    const house = await friends()
    house.remoteRefusal = new StanzaError('remote-server-not-found')
    const juliet = house.connect(`${JULIET}/balcony`)
    juliet.says('<presence/>')
    assert.deepEqual(juliet.heard().filter(({ attrs }) => attrs['type'] === 'error').map(({ attrs }) => attrs['from']), [MERCUTIO])
  })
})

describe('presence probes', () => {
  test('RFC 6121 §4.3.2: a subscriber gets the last presence of each available resource', async () => {
    const house = await friends()
    await house.login(`${JULIET}/balcony`, "<presence id='p1'/>")
    await house.login(`${JULIET}/chamber`, "<presence id='p2'><show>away</show></presence>")
    house.connect(`${JULIET}/street`) // connected, not available
    house.departed.length = 0
    house.remoteSays(`<presence from='${MERCUTIO}' to='${JULIET}' id='probe' type='probe'/>`)
    house.departs(
      `<presence from='${JULIET}/balcony' to='${MERCUTIO}' id='p1'/>`,
      `<presence from='${JULIET}/chamber' to='${MERCUTIO}' id='p2'><show>away</show></presence>`,
    )
  })

  test('RFC 6121 §4.3.2: with no available resource the bare JID is unavailable, with the id of the probe', async () => {
    const house = await friends()
    house.remoteSays(`<presence from='${MERCUTIO}' to='${JULIET}' id='probe' type='probe'/>`)
    house.departs(`<presence from='${JULIET}' to='${MERCUTIO}' id='probe' type='unavailable'/>`)
  })

  test('RFC 6121 §4.3.2: strangers and the account that is not there get unsubscribed alike', async () => {
    const house = await friends()
    await house.login(`${JULIET}/balcony`)
    house.departed.length = 0
    for (const account of [JULIET, 'nobody@capulet.lit']) {
      house.remoteSays(`<presence from='paris@verona.lit' to='${account}' id='probe' type='probe'/>`)
      house.departs(`<presence from='${account}' to='paris@verona.lit' id='probe' type='unsubscribed'/>`)
    }
  })

  test('RFC 6121 §11: who may not see the account is answered the same whether it is there or not', async () => {
    const house = await friends()
    const probes = [JULIET, `${JULIET}/balcony`].map((to) => `<presence from='paris@verona.lit/tomb' to='${to}' id='probe' type='probe'/>`).join('')
    const answers = (): string[] => {
      house.departed.length = 0
      house.remoteSays(probes)
      return house.departed.map(({ attrs }) => `${attrs['from']} ${attrs['type']}`)
    }
    const absent = answers()
    await house.login(`${JULIET}/balcony`)
    assert.deepEqual(answers(), absent)
    assert.deepEqual(absent, [`${JULIET} unsubscribed`, `${JULIET} unsubscribed`])
  })

  test('RFC 6121 §8.5.1: of an account that is not there, bare or full JID, it is "unsubscribed"', async () => {
    const house = await friends()
    for (const to of ['nobody@capulet.lit', 'nobody@capulet.lit/there']) {
      house.remoteSays(`<presence from='${MERCUTIO}' to='${to}' id='probe' type='probe'/>`)
      house.departs(`<presence from='nobody@capulet.lit' to='${MERCUTIO}' id='probe' type='unsubscribed'/>`)
    }
  })

  test('RFC 6121 §4.3.2: two rosters here that disagree agree again when the one that hopes logs in', async () => {
    const house = await friends()
    house.database.statement("DELETE FROM roster_item WHERE account = 'romeo@montague.lit'").run()
    const again = new TestHouse({ database: house.database })
    const juliet = again.connect(`${JULIET}/balcony`)
    juliet.says("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
    juliet.forget()
    juliet.says('<presence/>')
    juliet.hears(
      `<presence from='${JULIET}/balcony' to='${JULIET}'/>`,
      `<presence from='${ROMEO}' to='${JULIET}' type='unsubscribed'/>`,
      `<iq to='${JULIET}/balcony' id='*' type='set'><query xmlns='jabber:iq:roster' ver='*'><item jid='${ROMEO}' subscription='from'/></query></iq>`,
    )
  })

  test('RFC 6121 §4.3.2: a probe of a full JID tells only that it is there', async () => {
    const house = await friends()
    await house.login(`${JULIET}/balcony`, '<presence><show>away</show></presence>')
    house.departed.length = 0
    house.remoteSays(`<presence from='${MERCUTIO}' to='${JULIET}/balcony' type='probe'/><presence from='${MERCUTIO}' to='${JULIET}/gone' type='probe'/>`)
    house.departs(
      `<presence from='${JULIET}/balcony' to='${MERCUTIO}'/>`,
      `<presence from='${JULIET}/gone' to='${MERCUTIO}' type='unavailable'/>`,
    )
  })
})

describe('probes by a client', () => {
  test('RFC 6121 §4.3: nobody is refused for them: they are answered here, and routed elsewhere', async () => {
    const house = await friends()
    await house.login(`${ROMEO}/orchard`, '<presence><show>dnd</show></presence>')
    const juliet = await house.login(`${JULIET}/balcony`)
    house.departed.length = 0
    for (const to of [ROMEO, MERCUTIO, 'tybalt@capulet.lit', 'nobody@capulet.lit']) juliet.says(`<presence to='${to}' id='p1' type='probe'/>`)
    // The denials of the others say nothing to her, who has no subscription to them (§3.2.3).
    assert.deepEqual(juliet.heard().map(({ attrs }) => [attrs['from'], attrs['type']]), [[`${ROMEO}/orchard`, undefined]])
    assert.deepEqual(house.departed.map(({ attrs }) => [attrs['to'], attrs['type']]), [[MERCUTIO, 'probe']])
  })
})

describe('directed presence', () => {
  test('RFC 6121 §4.6.3: a subscriber gets it whole, and the broadcasts after it as before', async () => {
    const house = await friends()
    const romeo = await house.login(`${ROMEO}/orchard`)
    const juliet = await house.login(`${JULIET}/balcony`)
    romeo.forget()
    for (const type of ['', " type='unavailable'"]) {
      juliet.says(`<presence to='${ROMEO}' id='d1'${type}><show>chat</show><x xmlns='urn:example:verse'/></presence>`)
      romeo.hears(`<presence from='${JULIET}/balcony' to='${ROMEO}' id='d1'${type}><show>chat</show><x xmlns='urn:example:verse'/></presence>`)
      juliet.says('<presence><show>away</show></presence>')
      romeo.hears(`<presence from='${JULIET}/balcony' to='${ROMEO}'><show>away</show></presence>`)
    }
  })

  test('RFC 6121 §4.6.1: who got it and is subscribed then is a subscriber like any other', async () => {
    const house = new TestHouse()
    const juliet = await house.login(`${JULIET}/balcony`)
    juliet.says(`<presence to='${MERCUTIO}'/>`)
    house.remoteSays(`<presence from='${MERCUTIO}' to='${JULIET}' type='subscribe'/>`)
    juliet.says(`<presence to='${MERCUTIO}' type='subscribed'/>`)
    house.departed.length = 0
    juliet.says('<presence><show>away</show></presence>')
    house.departs(`<presence from='${JULIET}/balcony' to='${MERCUTIO}'><show>away</show></presence>`)
    juliet.leaves()
    house.departs(`<presence from='${JULIET}/balcony' to='${MERCUTIO}' type='unavailable'/>`)
  })

  test('RFC 6121 §4.6.1: whose subscription is cancelled is told that it is unavailable, directed presence or not', async () => {
    const house = await friends()
    const juliet = await house.login(`${JULIET}/balcony`)
    juliet.says(`<presence to='${MERCUTIO}'><show>chat</show></presence>`)
    house.departed.length = 0
    juliet.says(`<presence to='${MERCUTIO}' id='c1' type='unsubscribed'/>`)
    house.departs(
      `<presence from='${JULIET}/balcony' to='${MERCUTIO}' type='unavailable'/>`,
      `<presence from='${JULIET}' to='${MERCUTIO}' id='c1' type='unsubscribed'/>`,
    )
  })

  test('RFC 6121 §4.6.3: who got it, and no subscription, is told of the end, but not of what is between', async () => {
    const house = new TestHouse()
    const tybalt = await house.login('tybalt@capulet.lit/street')
    const juliet = await house.login(`${JULIET}/balcony`)
    juliet.says("<presence to='tybalt@capulet.lit/street' id='d1'/>")
    tybalt.hears(`<presence from='${JULIET}/balcony' to='tybalt@capulet.lit/street' id='d1'/>`)
    juliet.says('<presence><show>away</show></presence>')
    tybalt.hears()
    juliet.leaves()
    tybalt.hears(`<presence from='${JULIET}/balcony' to='tybalt@capulet.lit/street' type='unavailable'/>`)
  })

  test('RFC 6121 §4.6.1: nobody is told twice, and who was told already is not told again', async () => {
    const house = await friends()
    const romeo = await house.login(`${ROMEO}/orchard`)
    const tybalt = await house.login('tybalt@capulet.lit/street')
    const juliet = await house.login(`${JULIET}/balcony`)
    juliet.says(`<presence to='${ROMEO}'/><presence to='tybalt@capulet.lit'/><presence to='tybalt@capulet.lit' type='unavailable'/>`)
    romeo.forget()
    tybalt.forget()
    juliet.leaves()
    romeo.hears(`<presence from='${JULIET}/balcony' to='${ROMEO}' type='unavailable'/>`)
    tybalt.hears()
  })

  test('RFC 6121 §4.6.3: a subscriber who got it before the broadcast is told once, and so is one who is told of the end twice', async () => {
    const house = await friends()
    const romeo = await house.login(`${ROMEO}/orchard`)
    const tybalt = await house.login('tybalt@capulet.lit/street')
    const juliet = house.connect(`${JULIET}/balcony`)
    juliet.says(`<presence to='${ROMEO}'/><presence to='tybalt@capulet.lit'/><presence/>`)
    romeo.forget()
    tybalt.forget()
    juliet.says("<presence type='unavailable'/>")
    juliet.leaves()
    romeo.hears(`<presence from='${JULIET}/balcony' to='${ROMEO}' type='unavailable'/>`)
    tybalt.hears(`<presence from='${JULIET}/balcony' to='tybalt@capulet.lit' type='unavailable'/>`)
  })

  test('RFC 6121 §4.6.6: who got it may probe that resource, and no other', async () => {
    const house = new TestHouse()
    const juliet = await house.login(`${JULIET}/balcony`, '<presence><show>away</show></presence>')
    await house.login(`${JULIET}/chamber`)
    juliet.says(`<presence to='${MERCUTIO}'/>`)
    house.departed.length = 0
    house.remoteSays(`<presence from='${MERCUTIO}' to='${JULIET}/balcony' type='probe'/><presence from='${MERCUTIO}' to='${JULIET}/chamber' id='x' type='probe'/>`)
    house.departs(
      `<presence from='${JULIET}/balcony' to='${MERCUTIO}'/>`,
      `<presence from='${JULIET}' to='${MERCUTIO}' id='x' type='unsubscribed'/>`,
    )
  })

  test('the list of who got it is bounded', async () => {
    const juliet = await new TestHouse().login(`${JULIET}/balcony`)
    for (let count = 0; count < DIRECTED_PRESENCES; count++) juliet.says(`<presence to='${count}@verona.lit'/>`)
    juliet.hears()
    juliet.says("<presence to='one-more@verona.lit' id='x'/>")
    assert.equal(juliet.heard()[0]?.elements()[0]?.elements()[0]?.name, 'resource-constraint')
  })
})

describe('presence that comes in', () => {
  test('RFC 6121 §8.5.2.1.2: to a bare JID it is for all available resources, and its address stays as it is', async () => {
    const house = new TestHouse()
    const balcony = await house.login(`${JULIET}/balcony`, '<presence><priority>-1</priority></presence>')
    const chamber = await house.login(`${JULIET}/chamber`)
    const street = house.connect(`${JULIET}/street`)
    balcony.forget()
    for (const type of ['', " type='unavailable'"]) {
      house.remoteSays(`<presence from='${MERCUTIO}/a' to='${JULIET}'${type}/>`)
      for (const client of [balcony, chamber]) client.hears(`<presence from='${MERCUTIO}/a' to='${JULIET}'${type}/>`)
      street.hears()
    }
  })

  test('RFC 6121 §8.5.3.1: to a full JID it is for that resource, available or not, and for no other', async () => {
    const house = new TestHouse()
    const balcony = await house.login(`${JULIET}/balcony`)
    const street = house.connect(`${JULIET}/street`)
    for (const type of ['', " type='unavailable'"]) {
      house.remoteSays(`<presence from='${MERCUTIO}/a' to='${JULIET}/street'${type}/>`)
      street.hears(`<presence from='${MERCUTIO}/a' to='${JULIET}/street'${type}/>`)
      balcony.hears()
    }
  })

  for (const type of ['', " type='unavailable'", " type='error'"]) {
    test(`RFC 6121 §8.5.1: for an account that is not there${type} it is ignored`, () => {
      const house = new TestHouse()
      for (const to of ['nobody@capulet.lit', 'nobody@capulet.lit/there', 'capulet.lit']) house.remoteSays(`<presence from='${MERCUTIO}/a' to='${to}'${type}/>`)
      house.departs()
    })

    test(`RFC 6121 §8.5.3.2.2: for a resource that is gone${type} it is ignored`, async () => {
      const house = new TestHouse()
      const juliet = await house.login(`${JULIET}/balcony`)
      house.remoteSays(`<presence from='${MERCUTIO}/a' to='${JULIET}/gone'${type}/>`)
      juliet.hears()
      house.departs()
    })
  }

  test('the server itself sees nobody\'s presence, and has none', () => {
    const house = new TestHouse()
    house.remoteSays(`<presence from='${MERCUTIO}' to='capulet.lit' type='probe'/>`)
    house.departs()
  })

  test('RFC 6121 §4.7.1: a type that is none is a bad request', () => {
    const house = new TestHouse()
    house.remoteSays(`<presence from='${MERCUTIO}/a' to='${JULIET}' id='x' type='invisible'/>`)
    assert.equal(house.departed[0]?.elements()[0]?.elements()[0]?.name, 'bad-request')
  })
})

describe('whose presence an account follows', () => {
  const said = (to: string): string => `<presence from='romeo@verona.lit/garden' to='${to}'><status>in the orchard</status></presence>`

  test('is told by its own roster, wherever the contact is: the status of one it follows is a broadcast, and passes', async () => {
    const house = new TestHouse({ extensions })
    const juliet = await house.login('juliet@capulet.lit/balcony')
    const strangers = said('juliet@capulet.lit').replace(/<status>.*<\/status>/, '')
    house.remoteSays(said('juliet@capulet.lit'))
    juliet.hears(strangers)
    juliet.says("<presence to='romeo@verona.lit' type='subscribe'/>")
    house.remoteSays("<presence from='romeo@verona.lit' to='juliet@capulet.lit' type='subscribed'/>")
    await house.settled()
    juliet.forget()
    house.remoteSays(said('juliet@capulet.lit'))
    juliet.hears(said('juliet@capulet.lit'))
    house.remoteSays(said('juliet@capulet.lit/balcony'))
    juliet.hears(said('juliet@capulet.lit/balcony').replace(/<status>.*<\/status>/, ''))
  })

  test('is not the same as who may see it', async () => {
    const house = new TestHouse({ extensions })
    const juliet = await house.login('juliet@capulet.lit/balcony')
    house.remoteSays("<presence from='romeo@verona.lit' to='juliet@capulet.lit' type='subscribe'/>")
    juliet.says("<presence to='romeo@verona.lit' type='subscribed'/>")
    await house.settled()
    const { audience } = house.installation.host
    const [account, contact] = [jid('juliet@capulet.lit'), jid('romeo@verona.lit')]
    assert.deepEqual([audience.sees(contact, account), audience.follows(account, contact)], [true, false])
  })
})
