import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SUBSCRIPTION_STATES, type SubscriptionState, type SubscriptionType } from '../../src/im/subscription.ts'
import type { Envelope } from '../../src/routing/envelope.ts'
import type { Extension } from '../../src/routing/extension.ts'
import { StanzaError } from '../../src/xmpp/stanza-error.ts'
import { TestHouse } from '../house.ts'
import { BALCONY, JULIET, MERCUTIO, standing, stored } from './standing.ts'

const presence = (from: string, to: string, type?: string): string =>
  `<presence from='${from}' to='${to}'${type === undefined ? '' : ` type='${type}'`}/>`
/** One that we made ourselves, or passed on, with an id. */
const identified = (from: string, to: string, type: string): string => `<presence from='${from}' to='${to}' id='*' type='${type}'/>`

type Next = Partial<Record<SubscriptionState, SubscriptionState>>
const SEES_US: readonly SubscriptionState[] = ['from', 'from+out', 'both']

/** What changes; a state that is not there stays, and the user is not told. */
const INBOUND: readonly (readonly [clause: string, type: SubscriptionType, next: Next, departs: (state: SubscriptionState) => string[]])[] = [
  ['A.3.1, §3.1.3', 'subscribe', { 'none': 'none+in', 'none+out': 'none+out+in', 'to': 'to+in' },
    (state) => SEES_US.includes(state) ? [identified(JULIET, MERCUTIO, 'subscribed'), presence(BALCONY, MERCUTIO)] : []],
  ['A.3.2, §3.3.3', 'unsubscribe', {
    'none+in': 'none', 'none+out+in': 'none+out', 'to+in': 'to', 'from': 'none', 'from+out': 'none+out', 'both': 'to',
  }, (state) => SEES_US.includes(state) ? [presence(BALCONY, MERCUTIO, 'unavailable'), identified(JULIET, MERCUTIO, 'unsubscribed')] : []],
  ['A.3.3, §3.1.6', 'subscribed', { 'none+out': 'to', 'none+out+in': 'to+in', 'from+out': 'both' }, () => []],
  ['A.3.4, §3.2.3', 'unsubscribed', {
    'none+out': 'none', 'none+out+in': 'none+in', 'to': 'none', 'to+in': 'none+in', 'from+out': 'from', 'both': 'from',
  }, () => []],
]

const ASKED_US: readonly SubscriptionState[] = ['none+in', 'none+out+in', 'to+in']

const OUTBOUND: readonly (readonly [clause: string, type: SubscriptionType, next: Next, departs: (state: SubscriptionState) => string[]])[] = [
  ['A.2.1, §3.1.2', 'subscribe', { 'none': 'none+out', 'none+in': 'none+out+in', 'from': 'from+out' },
    () => [identified(JULIET, MERCUTIO, 'subscribe')]],
  ['A.2.2, §3.3.2', 'unsubscribe', {
    'none+out': 'none', 'none+out+in': 'none+in', 'to': 'none', 'to+in': 'none+in', 'from+out': 'from', 'both': 'from',
  }, () => [identified(JULIET, MERCUTIO, 'unsubscribe')]],
  ['A.2.3, §3.1.5', 'subscribed', { 'none+in': 'from', 'none+out+in': 'from+out', 'to+in': 'both' },
    (state) => ASKED_US.includes(state) ? [identified(JULIET, MERCUTIO, 'subscribed'), presence(BALCONY, MERCUTIO)] : []],
  ['A.2.4, §3.2.2', 'unsubscribed', {
    'none+in': 'none', 'none+out+in': 'none+out', 'to+in': 'to', 'from': 'none', 'from+out': 'none+out', 'both': 'to',
  }, (state) => SEES_US.includes(state) ? [presence(BALCONY, MERCUTIO, 'unavailable'), identified(JULIET, MERCUTIO, 'unsubscribed')]
    : ASKED_US.includes(state) ? [identified(JULIET, MERCUTIO, 'unsubscribed')] : []],
]

describe('subscriptions with a contact on another server', () => {
  for (const [clause, type, changes, departs] of INBOUND) {
    test(`RFC 6121 ${clause}: "${type}" comes in, in every state`, async () => {
      for (const state of SUBSCRIPTION_STATES) {
        const { house, juliet } = await standing(state)
        house.remoteSays(`<presence from='${MERCUTIO}/street' to='${JULIET}' id='s1' type='${type}'/>`)
        house.departs(...departs(state))
        assert.equal(stored(house), changes[state] ?? state, `from ${state}`)
        const [first, ...further] = juliet.heard()
        const isTold = changes[state] !== undefined
        assert.deepEqual([first?.name, first?.attrs['type'], first?.attrs['from']], isTold ? ['presence', type, MERCUTIO] : [undefined, undefined, undefined], state)
        assert.ok(further.every(({ name }) => name === 'iq') && further.length <= 1, 'at the most a roster push follows (§3.1.6, §3.2.3, §3.3.3)')
      }
    })
  }

  for (const [clause, type, changes, departs] of OUTBOUND) {
    test(`RFC 6121 ${clause}: "${type}" goes out, in every state`, async () => {
      for (const state of SUBSCRIPTION_STATES) {
        const { house, juliet } = await standing(state)
        juliet.says(`<presence to='${MERCUTIO}/street' id='s1' type='${type}'/>`)
        house.departs(...departs(state))
        assert.equal(stored(house), changes[state] ?? state, `from ${state}`)
        assert.ok(juliet.heard().every(({ name }) => name === 'iq'))
      }
    })
  }

  test('RFC 6121 §4.3.2: the "unsubscribed" that answers a probe takes back no pre-approval', async () => {
    const { house } = await standing('to', true)
    house.remoteSays(presence(MERCUTIO, JULIET, 'unsubscribed'))
    house.remoteSays(`<presence from='${MERCUTIO}' to='${JULIET}' id='s1' type='subscribe'/>`)
    house.departs(`<presence from='${JULIET}' to='${MERCUTIO}' id='s1' type='subscribed'/>`, presence(BALCONY, MERCUTIO))
  })

  test('RFC 6121 §2.5.2: who is removed from the roster loses both subscriptions', async () => {
    const { house, juliet } = await standing('both')
    juliet.says(`<iq id='r1' type='set'><query xmlns='jabber:iq:roster'><item jid='${MERCUTIO}' subscription='remove'/></query></iq>`)
    house.departs(identified(JULIET, MERCUTIO, 'unsubscribe'), presence(BALCONY, MERCUTIO, 'unavailable'), identified(JULIET, MERCUTIO, 'unsubscribed'))
    house.remoteSays(presence(MERCUTIO, JULIET, 'probe'))
    house.departs(`<presence from='${JULIET}' to='${MERCUTIO}' type='unsubscribed'/>`)
  })
})

describe('probes by another server', () => {
  test('RFC 6121 §4.3.2: a contact is answered exactly where it has a subscription, else as by an account that is not there', async () => {
    for (const state of SUBSCRIPTION_STATES) {
      const { house } = await standing(state)
      house.remoteSays(`<presence from='${MERCUTIO}' to='${JULIET}' id='p1' type='probe'/>`)
      house.departs(SEES_US.includes(state) ? presence(BALCONY, MERCUTIO) : `<presence from='${JULIET}' to='${MERCUTIO}' id='p1' type='unsubscribed'/>`)
      assert.equal(stored(house), state)
    }
    const house = new TestHouse()
    house.remoteSays(`<presence from='${MERCUTIO}' to='nobody@capulet.lit' id='p1' type='probe'/>`)
    house.departs(`<presence from='nobody@capulet.lit' to='${MERCUTIO}' id='p1' type='unsubscribed'/>`)
  })

  test('RFC 6121 §4.3: one that comes from a full JID, as RFC 3921 had it, is answered there', async () => {
    const { house } = await standing('from')
    house.remoteSays(presence(`${MERCUTIO}/street`, JULIET, 'probe'))
    house.departs(presence(BALCONY, `${MERCUTIO}/street`))
  })

  test('RFC 6121 §4.3.2: "MUST NOT return presence information about any resource except the resource specified"; a denial is by the bare JID', async () => {
    const { house } = await standing('from')
    for (const id of ['p1', 'p2']) house.remoteSays(`<presence from='${MERCUTIO}' to='${JULIET}/gone' id='${id}' type='probe'/>`)
    house.departs(...['p1', 'p2'].map((id) => `<presence from='${JULIET}/gone' to='${MERCUTIO}' id='${id}' type='unavailable'/>`))
    house.remoteSays(`<presence from='paris@verona.lit' to='${BALCONY}' id='p3' type='probe'/>`)
    house.departs(`<presence from='${JULIET}' to='paris@verona.lit' id='p3' type='unsubscribed'/>`)
  })
})

describe('directed presence to another server', () => {
  test('RFC 6121 §4.6.3: who got it is told of the end, by bare and by full JID; who was told, or has left, is not', async () => {
    const house = new TestHouse()
    const juliet = await house.login(BALCONY)
    for (const to of [MERCUTIO, 'paris@verona.lit/tomb', 'benvolio@verona.lit', 'escalus@verona.lit/throne']) juliet.says(`<presence to='${to}'/>`)
    juliet.says("<presence to='benvolio@verona.lit' type='unavailable'/>")
    house.remoteSays(presence('escalus@verona.lit/throne', BALCONY, 'unavailable'))
    house.departed.length = 0
    juliet.leaves()
    house.departs(presence(BALCONY, MERCUTIO, 'unavailable'), presence(BALCONY, 'paris@verona.lit/tomb', 'unavailable'))
  })

  test('RFC 6121 §4.6.6: who got it before any initial presence may probe, too, until it ends', async () => {
    const house = new TestHouse()
    const juliet = house.connect(BALCONY)
    juliet.says(`<presence to='${MERCUTIO}/street'><show>away</show></presence>`)
    house.departed.length = 0
    house.remoteSays(presence(`${MERCUTIO}/street`, BALCONY, 'probe'))
    house.departs(presence(BALCONY, `${MERCUTIO}/street`))
    house.remoteSays(presence(`${MERCUTIO}/alley`, BALCONY, 'probe'))
    house.departs(presence(JULIET, MERCUTIO, 'unsubscribed'))
    juliet.says("<presence type='unavailable'/>")
    house.departed.length = 0
    house.remoteSays(presence(`${MERCUTIO}/street`, BALCONY, 'probe'))
    house.departs(presence(JULIET, MERCUTIO, 'unsubscribed'))
  })

  test('RFC 6121 §4.6.6: a subscriber who got it from a resource that is not available otherwise is answered by that resource', async () => {
    const { house } = await standing('from')
    const chamber = house.connect(`${JULIET}/chamber`)
    chamber.says(`<presence to='${MERCUTIO}'/>`)
    house.departed.length = 0
    house.remoteSays(presence(MERCUTIO, `${JULIET}/chamber`, 'probe'))
    house.departs(presence(`${JULIET}/chamber`, MERCUTIO))
  })
})

describe('errors that come back for presence', () => {
  const error = (from: string, to: string): string => `<presence from='${from}' to='${to}' id='s1' type='error'>`
    + "<error type='cancel'><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"

  /** A house whose stanzas to other servers are held, to be bounced later as s2s/ does. */
  function holding() {
    const held: Envelope[] = []
    const remote: Extension = { name: 'test-remote', implements: [], install: () => ({ remote: { send: (envelope) => { held.push(envelope); return undefined } } }) }
    const house = new TestHouse({ remote })
    const bounce = (): void => {
      for (const envelope of held.splice(0)) house.installation.host.router.bounce(envelope, new StanzaError('remote-server-not-found'))
    }
    return { house, held, bounce }
  }

  test('RFC 6121 §3.1.2: a request that is bounced later is answered to the user, and stays pending', async () => {
    const { house, bounce, held } = holding()
    const juliet = await house.login(BALCONY)
    juliet.says(`<presence to='${MERCUTIO}' id='s1' type='subscribe'/>`)
    juliet.forget()
    bounce()
    juliet.hears(error(MERCUTIO, JULIET))
    assert.equal(stored(house), 'none+out')
    assert.equal(held.length, 0)
  })

  test('RFC 6121 §3.1.2: so is one that the other server refuses; but an error that nobody waits for is nobody\'s', async () => {
    for (const state of SUBSCRIPTION_STATES) {
      const { house, juliet } = await standing(state)
      house.remoteSays(error(MERCUTIO, JULIET))
      juliet.hears(...state.includes('out') ? [error(MERCUTIO, JULIET)] : [])
      house.departs()
      assert.equal(stored(house), state)
    }
  })

  test('RFC 6120 §8.3.1: an error is not answered, whomever it is for, and changes nobody\'s presence', async () => {
    const { house, juliet } = await standing('both')
    for (const to of [BALCONY, `${JULIET}/gone`, JULIET, 'nobody@capulet.lit', 'capulet.lit']) house.remoteSays(error(MERCUTIO, to))
    house.departs()
    juliet.hears(error(MERCUTIO, BALCONY))
    juliet.says('<presence/>')
    house.departs(presence(BALCONY, MERCUTIO))
  })

  test('RFC 6121 §4.4.2: a probe that is bounced is nobody\'s; a broadcast that is bounced is told to the resource that made it', async () => {
    const { house, bounce, held } = holding()
    house.database.statement(`INSERT INTO roster_item (account, contact, name, groups, state, approved, listed)
      VALUES (?, ?, '', '[]', 'both', 0, 1)`).run(JULIET, MERCUTIO)
    const juliet = await house.login(BALCONY)
    assert.deepEqual(held.map(({ type }) => type), ['', 'probe'])
    bounce()
    assert.deepEqual(juliet.heard().map(({ attrs }) => [attrs['type'], attrs['from'], attrs['to']]), [['error', MERCUTIO, BALCONY]])
    juliet.leaves()
    bounce()
    assert.equal(held.length, 0)
  })
})
