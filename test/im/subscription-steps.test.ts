import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SUBSCRIPTION_STATES, SUBSCRIPTION_TYPES, type SubscriptionState } from '../../src/im/subscription.ts'
import { TestHouse, type TestClient } from '../house.ts'
import { BALCONY, JULIET, MERCUTIO, standing, stored } from './standing.ts'

const SEES_US: readonly SubscriptionState[] = ['from', 'from+out', 'both']
const SEEN: readonly SubscriptionState[] = ['to', 'to+in', 'both']
const ASKED: readonly SubscriptionState[] = ['none+out', 'none+out+in', 'from+out']
const ASKED_US: readonly SubscriptionState[] = ['none+in', 'none+out+in', 'to+in']
const STREET = `${MERCUTIO}/street`

const others = (...states: readonly (readonly SubscriptionState[])[]): SubscriptionState[] =>
  SUBSCRIPTION_STATES.filter((state) => !states.flat().includes(state))

function push(client: TestClient, attributes: string): string {
  return `<iq to='${client.jid}' id='*' type='set'><query xmlns='jabber:iq:roster' ver='*'><item jid='${MERCUTIO}' ${attributes}/></query></iq>`
}

/** Juliet with a second available resource, one that only asked for the roster, and one that did neither. */
async function home(state: SubscriptionState, approved = false, listed = true) {
  const { house, juliet: balcony } = await standing(state, approved, listed)
  const chamber = await house.login(`${JULIET}/chamber`, '<presence><show>away</show></presence>')
  const orchard = house.connect(`${JULIET}/orchard`)
  orchard.says("<iq id='g1' type='get'><query xmlns='jabber:iq:roster'/></iq>")
  const tomb = house.connect(`${JULIET}/tomb`)
  for (const client of [balcony, orchard]) client.forget()
  house.departed.length = 0
  return { house, balcony, chamber, orchard, tomb, says: (type: string) => balcony.says(`<presence to='${MERCUTIO}' id='s1' type='${type}'/>`) }
}

const comesIn = (house: TestHouse, type: string): void => house.remoteSays(`<presence from='${MERCUTIO}' to='${JULIET}' id='s1' type='${type}'/>`)
const shown = (type: string): string => `<presence from='${MERCUTIO}' to='${JULIET}' id='s1' type='${type}'/>`
const leaves = (type: string): string => `<presence from='${JULIET}' to='${MERCUTIO}' id='s1' type='${type}'/>`

describe('what an account says', () => {
  test('RFC 6121 §3: all four types leave with the bare JID of the account, to a bare JID', async () => {
    const from = { subscribe: 'none', subscribed: 'none+in', unsubscribe: 'to', unsubscribed: 'none+in' } as const
    for (const type of SUBSCRIPTION_TYPES) {
      const { house, juliet } = await standing(from[type])
      juliet.says(`<presence to='${STREET}' id='s1' type='${type}'/>`)
      assert.deepEqual(house.departed.filter(({ attrs }) => attrs['type'] === type).map(({ attrs }) => [attrs['from'], attrs['to']]), [[JULIET, MERCUTIO]])
    }
  })

  test('RFC 6121 §3.1.1: a roster set and a request have the same outcome in either order', async () => {
    const set = `<iq id='r1' type='set'><query xmlns='jabber:iq:roster'><item jid='${MERCUTIO}' name='Queen Mab'><group>Friends</group></item></query></iq>`
    const request = `<presence to='${MERCUTIO}' id='s1' type='subscribe'/>`
    for (const both of [set + request, request + set]) {
      const house = new TestHouse()
      const juliet = await house.login(BALCONY)
      juliet.says(both)
      house.departs(leaves('subscribe'))
      await house.settled()
      juliet.forget()
      juliet.says("<iq id='g1' type='get'><query xmlns='jabber:iq:roster'/></iq>")
      juliet.hears(`<iq from='${JULIET}' to='${BALCONY}' id='g1' type='result'><query xmlns='jabber:iq:roster' ver='*'>`
        + `<item jid='${MERCUTIO}' name='Queen Mab' subscription='none' ask='subscribe'><group>Friends</group></item></query></iq>`)
    }
  })

  test('RFC 6121 §3.1.2: a request is routed to the other server, and all interested resources are pushed "none" and "ask"', async () => {
    const { house, balcony, chamber, orchard, tomb, says } = await home('none', false, false)
    says('subscribe')
    house.departs(leaves('subscribe'))
    for (const client of [balcony, chamber, orchard]) client.hears(push(client, "subscription='none' ask='subscribe'"))
    tomb.hears()
  })

  test('RFC 6121 §3.1.5: an approval is routed with the bare JID and pushed; then the presence of each available resource follows', async () => {
    for (const state of ASKED_US) {
      const { house, balcony, chamber, orchard, tomb, says } = await home(state)
      says('subscribed')
      house.departs(
        leaves('subscribed'),
        `<presence from='${BALCONY}' to='${MERCUTIO}'/>`, `<presence from='${JULIET}/chamber' to='${MERCUTIO}'><show>away</show></presence>`,
      )
      const attributes = { 'none+in': "subscription='from'", 'none+out+in': "subscription='from' ask='subscribe'", 'to+in': "subscription='both'" }[state as 'to+in']
      for (const client of [balcony, chamber, orchard]) client.hears(push(client, attributes))
      tomb.hears()
    }
  })

  test('RFC 6121 §3.2.2: each available resource is unavailable for whom the account cancels, then the cancellation follows; it is pushed', async () => {
    for (const state of SEES_US) {
      const { house, balcony, chamber, orchard, tomb, says } = await home(state)
      says('unsubscribed')
      house.departs(
        `<presence from='${BALCONY}' to='${MERCUTIO}' type='unavailable'/>`, `<presence from='${JULIET}/chamber' to='${MERCUTIO}' type='unavailable'/>`,
        leaves('unsubscribed'),
      )
      const attributes = { 'from': "subscription='none'", 'from+out': "subscription='none' ask='subscribe'", 'both': "subscription='to'" }[state as 'both']
      for (const client of [balcony, chamber, orchard]) client.hears(push(client, attributes))
      tomb.hears()
    }
  })

  test('RFC 6121 §3.2.2: who did not see the account is not told that it is unavailable, nor of a pre-approval that is taken back', async () => {
    for (const approved of [false, true]) {
      for (const state of others(SEES_US)) {
        const { house, balcony, says } = await home(state, approved)
        says('unsubscribed')
        house.departs(...ASKED_US.includes(state) ? [leaves('unsubscribed')] : [])
        await house.settled()
        balcony.forget()
        balcony.says("<iq id='g1' type='get'><query xmlns='jabber:iq:roster'/></iq>")
        assert.equal(balcony.heard()[0]?.elements()[0]?.elements()[0]?.attrs['approved'], undefined, state)
      }
    }
  })

  test('RFC 6121 §3.3.2: an unsubscribe is routed with the bare JID, and pushed: "none", or "from" where the contact sees the account', async () => {
    for (const state of [...SEEN, ...ASKED]) {
      const { house, balcony, chamber, orchard, says } = await home(state)
      says('unsubscribe')
      house.departs(leaves('unsubscribe'))
      for (const client of [balcony, chamber, orchard]) client.hears(push(client, `subscription='${SEES_US.includes(state) ? 'from' : 'none'}'`))
    }
  })
})

describe('what an account hears', () => {
  test('RFC 6121 §3.1.3: a request goes to all available resources, and nobody approves it for them', async () => {
    for (const state of ['none', 'none+out', 'to'] as const) {
      const { house, balcony, chamber, orchard, tomb } = await home(state)
      comesIn(house, 'subscribe')
      for (const client of [balcony, chamber]) client.hears(shown('subscribe'))
      for (const client of [orchard, tomb]) client.hears()
      house.departs()
      assert.equal(stored(house), { 'none': 'none+in', 'none+out': 'none+out+in', 'to': 'to+in' }[state])
    }
  })

  test('RFC 6121 §3.1.6: an approval that was asked for goes to all interested resources, then the push, which says "to" or "both"', async () => {
    for (const state of ASKED) {
      const { house, balcony, chamber, orchard, tomb } = await home(state)
      comesIn(house, 'subscribed')
      for (const client of [balcony, chamber, orchard]) client.hears(shown('subscribed'), push(client, `subscription='${state === 'from+out' ? 'both' : 'to'}'`))
      tomb.hears()
    }
  })

  test('RFC 6121 §3.1.6: the presence that follows it goes to all available resources', async () => {
    const { house, balcony, chamber, orchard } = await home('none+out')
    comesIn(house, 'subscribed')
    for (const client of [balcony, chamber, orchard]) client.forget()
    const presences = [`<presence from='${STREET}' to='${JULIET}' id='p1'/>`, `<presence from='${MERCUTIO}/alley' to='${JULIET}' id='p2'/>`]
    house.remoteSays(presences.join(''))
    for (const client of [balcony, chamber]) client.hears(...presences)
    orchard.hears()
  })

  test('RFC 6121 §3.1.6: any other approval is not shown, not pushed, and changes nothing', async () => {
    await ignored('subscribed', others(ASKED))
  })

  test('RFC 6121 §3.2.3: a cancellation of what there was goes to all interested resources, then the push', async () => {
    for (const state of [...SEEN, ...ASKED]) {
      const { house, balcony, chamber, orchard, tomb } = await home(state)
      comesIn(house, 'unsubscribed')
      for (const client of [balcony, chamber, orchard]) {
        client.hears(shown('unsubscribed'), push(client, `subscription='${SEES_US.includes(state) ? 'from' : 'none'}'`))
      }
      tomb.hears()
    }
  })

  test('RFC 6121 §3.2.3: the unavailable presence that comes before it is delivered', async () => {
    const { house, balcony, chamber } = await home('to')
    const farewell = `<presence from='${STREET}' to='${JULIET}' type='unavailable'/>`
    house.remoteSays(farewell)
    for (const client of [balcony, chamber]) client.hears(farewell)
  })

  test('RFC 6121 §3.2.3: any other cancellation is not shown, not pushed, and changes nothing', async () => {
    await ignored('unsubscribed', others(SEEN, ASKED))
  })

  test('RFC 6121 §3.3.3: an unsubscribe of a subscriber goes to all interested resources, then the push', async () => {
    for (const state of SEES_US) {
      const { house, balcony, chamber, orchard, tomb } = await home(state)
      comesIn(house, 'unsubscribe')
      const attributes = { 'from': "subscription='none'", 'from+out': "subscription='none' ask='subscribe'", 'both': "subscription='to'" }[state as 'both']
      for (const client of [balcony, chamber, orchard]) client.hears(shown('unsubscribe'), push(client, attributes))
      tomb.hears()
    }
  })

  test('RFC 6121 §3.3.3: any other unsubscribe is not shown, not pushed, and changes nothing', async () => {
    await ignored('unsubscribe', others(SEES_US, ASKED_US))
  })

  async function ignored(type: string, states: readonly SubscriptionState[]): Promise<void> {
    for (const state of states) {
      const { house, balcony, chamber, orchard } = await home(state)
      comesIn(house, type)
      for (const client of [balcony, chamber, orchard]) client.hears()
      house.departs()
      assert.equal(stored(house), state)
    }
  }
})

describe('pre-approval', () => {
  test('RFC 6121 §3.4.2: "subscribed" to one who sees the account already is ignored', async () => {
    for (const state of SEES_US) {
      const { house, balcony, says } = await home(state)
      says('subscribed')
      assert.deepEqual(house.departed.filter(({ attrs }) => attrs['type'] === 'subscribed'), [])
      balcony.hears()
      assert.equal(stored(house), state)
    }
  })

  test('RFC 6121 §3.4.2: to one who asked it is an approval, and no pre-approval', async () => {
    for (const state of ASKED_US) {
      const { house, balcony, says } = await home(state)
      says('subscribed')
      assert.deepEqual(house.departed[0]?.attrs['type'], 'subscribed')
      assert.equal(balcony.heard()[0]?.elements()[0]?.elements()[0]?.attrs['approved'], undefined)
      assert.equal(stored(house), { 'none+in': 'from', 'none+out+in': 'from+out', 'to+in': 'both' }[state as 'to+in'])
    }
  })

  test('RFC 6121 §3.4.2: to another contact it is noted and pushed, and not routed', async () => {
    for (const state of others(SEES_US, ASKED_US)) {
      const { house, balcony, chamber, orchard, says } = await home(state)
      says('subscribed')
      house.departs()
      const ask = ASKED.includes(state) ? " ask='subscribe'" : ''
      for (const client of [balcony, chamber, orchard]) client.hears(push(client, `subscription='${SEEN.includes(state) ? 'to' : 'none'}'${ask} approved='true'`))
      assert.equal(stored(house), state)
    }
  })

  test('RFC 6121 §3.4.2: who is not in the roster gets an item that says so; nothing is routed', async () => {
    const house = new TestHouse()
    const juliet = await house.login(BALCONY)
    juliet.says(`<presence to='${MERCUTIO}' type='subscribed'/>`)
    juliet.hears(push(juliet, "subscription='none' approved='true'"))
    house.departs()
    assert.equal(stored(house), 'none')
  })
})

test('RFC 6121 §2.5.2: whoever is removed hears as much as there was: unsubscribe, unsubscribed, both or nothing', async () => {
  for (const state of SUBSCRIPTION_STATES) {
    const { house, juliet } = await standing(state)
    juliet.says(`<iq id='r1' type='set'><query xmlns='jabber:iq:roster'><item jid='${MERCUTIO}' subscription='remove'/></query></iq>`)
    const types = house.departed.map(({ attrs }) => attrs['type'])
    assert.equal(types.includes('unsubscribe'), SEEN.includes(state) || ASKED.includes(state), state)
    assert.equal(types.includes('unsubscribed'), SEES_US.includes(state) || ASKED_US.includes(state), state)
  }
})
