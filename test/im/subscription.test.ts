import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  arriving, leaving, SUBSCRIPTION_STATES, subscriptionAttribute, type SubscriptionState, type SubscriptionType,
} from '../../src/im/subscription.ts'

/** Existing state, whether the stanza goes on, new state ('-' where it does not change), and for arrivals the reply. */
type Row = readonly [existing: SubscriptionState, passes: boolean, next: SubscriptionState | '-', reply?: 'subscribed' | 'unsubscribed']
type Tables = readonly (readonly [table: string, type: SubscriptionType, rows: readonly Row[]])[]

/** The tables of Appendix A, line by line. */
const OUTBOUND: Tables = [
  ['table 2', 'subscribe', [
    ['none', true, 'none+out'],
    ['none+out', true, '-'],
    ['none+in', true, 'none+out+in'],
    ['none+out+in', true, '-'],
    ['to', true, '-'],
    ['to+in', true, '-'],
    ['from', true, 'from+out'],
    ['from+out', true, '-'],
    ['both', true, '-'],
  ]],
  ['table 3', 'unsubscribe', [
    ['none', true, '-'],
    ['none+out', true, 'none'],
    ['none+in', true, '-'],
    ['none+out+in', true, 'none+in'],
    ['to', true, 'none'],
    ['to+in', true, 'none+in'],
    ['from', true, '-'],
    ['from+out', true, 'from'],
    ['both', true, 'from'],
  ]],
  ['table 4', 'subscribed', [
    ['none', false, '-'],
    ['none+out', false, '-'],
    ['none+in', true, 'from'],
    ['none+out+in', true, 'from+out'],
    ['to', false, '-'],
    ['to+in', true, 'both'],
    ['from', false, '-'],
    ['from+out', false, '-'],
    ['both', false, '-'],
  ]],
  ['table 5', 'unsubscribed', [
    ['none', false, '-'],
    ['none+out', false, '-'],
    ['none+in', true, 'none'],
    ['none+out+in', true, 'none+out'],
    ['to', false, '-'],
    ['to+in', true, 'to'],
    ['from', true, 'none'],
    ['from+out', true, 'none+out'],
    ['both', true, 'to'],
  ]],
]

const INBOUND: Tables = [
  ['table 6', 'subscribe', [
    ['none', true, 'none+in'],
    ['none+out', true, 'none+out+in'],
    ['none+in', false, '-'],
    ['none+out+in', false, '-'],
    ['to', true, 'to+in'],
    ['to+in', false, '-'],
    ['from', false, '-', 'subscribed'],
    ['from+out', false, '-', 'subscribed'],
    ['both', false, '-', 'subscribed'],
  ]],
  ['table 7, with no reply to a request that nobody answered yet: see the DEVIATION', 'unsubscribe', [
    ['none', false, '-'],
    ['none+out', false, '-'],
    ['none+in', true, 'none'],
    ['none+out+in', true, 'none+out'],
    ['to', false, '-'],
    ['to+in', true, 'to'],
    ['from', true, 'none', 'unsubscribed'],
    ['from+out', true, 'none+out', 'unsubscribed'],
    ['both', true, 'to', 'unsubscribed'],
  ]],
  ['table 8', 'subscribed', [
    ['none', false, '-'],
    ['none+out', true, 'to'],
    ['none+in', false, '-'],
    ['none+out+in', true, 'to+in'],
    ['to', false, '-'],
    ['to+in', false, '-'],
    ['from', false, '-'],
    ['from+out', true, 'both'],
    ['both', false, '-'],
  ]],
  ['table 9', 'unsubscribed', [
    ['none', false, '-'],
    ['none+out', true, 'none'],
    ['none+in', false, '-'],
    ['none+out+in', true, 'none+in'],
    ['to', true, 'none'],
    ['to+in', true, 'none+in'],
    ['from', false, '-'],
    ['from+out', true, 'from'],
    ['both', true, 'from'],
  ]],
]

describe('subscription states', () => {
  for (const [table, type, rows] of OUTBOUND) {
    test(`RFC 6121 A.2: "${type}" leaves (${table})`, () => {
      assert.deepEqual(rows.map(([existing]) => existing), SUBSCRIPTION_STATES)
      for (const [existing, route, next] of rows) {
        const { approved, ...outcome } = flat(leaving({ state: existing, approved: false }, type))
        assert.deepEqual({ existing, ...outcome }, { existing, route, state: next === '-' ? existing : next })
        const preApproves = type === 'subscribed' && ['none', 'none+out', 'to'].includes(existing)
        assert.equal(approved, preApproves, `${existing}: pre-approval`)
      }
    })
  }

  for (const [table, type, rows] of INBOUND) {
    test(`RFC 6121 A.3: "${type}" comes in (${table})`, () => {
      assert.deepEqual(rows.map(([existing]) => existing), SUBSCRIPTION_STATES)
      for (const [existing, deliver, next, reply] of rows) {
        assert.deepEqual({ existing, ...flat(arriving({ state: existing, approved: false }, type)) },
          { existing, deliver, state: next === '-' ? existing : next, approved: false, reply })
      }
    })
  }

  test('RFC 6121 §3.4.2: a pre-approved request is answered and never delivered', () => {
    const approved: readonly (readonly [SubscriptionState, SubscriptionState])[] = [
      ['none', 'from'], ['none+in', 'from'], ['none+out', 'from+out'], ['none+out+in', 'from+out'], ['to', 'both'], ['to+in', 'both'],
    ]
    for (const [existing, next] of approved) {
      assert.deepEqual(arriving({ state: existing, approved: true }, 'subscribe'),
        { deliver: false, next: { state: next, approved: true }, reply: 'subscribed' })
    }
  })

  test('RFC 6121 §3.2.2: "unsubscribed" ends a pre-approval and is not routed', () => {
    for (const state of ['none', 'none+out', 'to'] as const) {
      assert.deepEqual(leaving({ state, approved: true }, 'unsubscribed'), { route: false, next: { state, approved: false } })
    }
  })

  test('RFC 6121 §2.1.2.5: the roster shows none, to, from or both, whatever is pending', () => {
    assert.deepEqual(SUBSCRIPTION_STATES.map(subscriptionAttribute),
      ['none', 'none', 'none', 'none', 'to', 'to', 'from', 'from', 'both'])
  })
})

function flat<T extends { readonly next: object }>({ next, ...rest }: T): Omit<T, 'next'> & T['next'] {
  return { ...rest, ...next }
}
