/**
 * The subscription states of RFC 6121, Appendix A, as seen from one account towards one contact: nine states, and
 * what each of the four types of stanza does to them in either direction. All of it is a table or a look into one.
 *
 * 'to' means that the account sees the contact's presence, 'from' that the contact sees the account's; '+out' and
 * '+in' are requests that wait for an answer.
 */
export const SUBSCRIPTION_STATES = [
  'none', 'none+out', 'none+in', 'none+out+in', 'to', 'to+in', 'from', 'from+out', 'both',
] as const
export type SubscriptionState = (typeof SUBSCRIPTION_STATES)[number]

export const SUBSCRIPTION_TYPES = ['subscribe', 'unsubscribe', 'subscribed', 'unsubscribed'] as const
export type SubscriptionType = (typeof SUBSCRIPTION_TYPES)[number]

/** The state, and whether a request by the contact is approved at once (§3.4, pre-approval). */
export interface Standing {
  readonly state: SubscriptionState
  readonly approved: boolean
}

export interface Leaving {
  /** Whether the stanza goes on to the contact. */
  readonly route: boolean
  readonly next: Standing
}

export interface Arriving {
  /** Whether the stanza is shown to the account's resources. */
  readonly deliver: boolean
  readonly next: Standing
  /** What the server answers in the account's name. */
  readonly reply: 'subscribed' | 'unsubscribed' | undefined
}

/** What becomes of a subscription stanza that the account sends (A.2). */
export function leaving({ state, approved }: Standing, type: SubscriptionType): Leaving {
  const next = OUTBOUND[type][state]
  switch (type) {
    case 'subscribed':
      if (next !== undefined) return { route: true, next: { state: next, approved } }
      // A.2.3 [1]: where nobody asked yet it is a pre-approval; a subscriber needs none (§3.4.2).
      return { route: false, next: { state, approved: approved || !seesAccount(state) } }
    case 'unsubscribed':
      // §3.2.2: it ends the pre-approval, too, and is not routed where the contact has nothing to lose.
      return { route: next !== undefined, next: { state: next ?? state, approved: false } }
    default:
      return { route: true, next: { state: next ?? state, approved } }
  }
}

/** What becomes of a subscription stanza that the contact sends (A.3). */
export function arriving(standing: Standing, type: SubscriptionType): Arriving {
  const { state, approved } = standing
  if (type === 'subscribe') {
    if (seesAccount(state)) return { deliver: false, next: standing, reply: 'subscribed' }
    // §3.4.2: "the user's server MUST NOT deliver a presence stanza of type "subscribe" from the contact to the user,
    // but instead MUST automatically respond".
    if (approved) return { deliver: false, next: { state: GRANTED[state], approved }, reply: 'subscribed' }
  }
  const next = INBOUND[type][state]
  // DEVIATION: RFC 6121 A.3.2 wants `unsubscribed` also for one who takes back a request that nobody answered yet; it
  // would tell every stranger which accounts exist.
  const reply = type === 'unsubscribe' && seesAccount(state) ? 'unsubscribed' : undefined
  return { deliver: next !== undefined, next: { state: next ?? state, approved }, reply }
}

/** Does the account see the contact's presence ('to' or 'both')? */
export function seesContact(state: SubscriptionState): boolean {
  return state === 'to' || state === 'to+in' || state === 'both'
}

/** Does the contact see the account's presence ('from' or 'both')? */
export function seesAccount(state: SubscriptionState): boolean {
  return state === 'from' || state === 'from+out' || state === 'both'
}

/** Did the account ask, without an answer so far (`ask='subscribe'`)? */
export function awaitsContact(state: SubscriptionState): boolean {
  return state === 'none+out' || state === 'none+out+in' || state === 'from+out'
}

/** Did the contact ask, without an answer so far? */
export function awaitsAccount(state: SubscriptionState): boolean {
  return state === 'none+in' || state === 'none+out+in' || state === 'to+in'
}

/** The value of a roster item's `subscription` attribute (§2.1.2.5). */
export function subscriptionAttribute(state: SubscriptionState): 'none' | 'to' | 'from' | 'both' {
  if (state === 'both') return 'both'
  if (seesContact(state)) return 'to'
  return seesAccount(state) ? 'from' : 'none'
}

type Changes = Readonly<Record<SubscriptionType, Readonly<Partial<Record<SubscriptionState, SubscriptionState>>>>>

/** Tables 2 to 5: the next state; where there is no entry the state does not change. */
const OUTBOUND: Changes = {
  subscribe: { 'none': 'none+out', 'none+in': 'none+out+in', 'from': 'from+out' },
  unsubscribe: {
    'none+out': 'none', 'none+out+in': 'none+in', 'to': 'none', 'to+in': 'none+in', 'from+out': 'from', 'both': 'from',
  },
  subscribed: { 'none+in': 'from', 'none+out+in': 'from+out', 'to+in': 'both' },
  unsubscribed: {
    'none+in': 'none', 'none+out+in': 'none+out', 'to+in': 'to', 'from': 'none', 'from+out': 'none+out', 'both': 'to',
  },
}

/** Tables 6 to 9: the next state; where there is no entry the state does not change and nothing is delivered. */
const INBOUND: Changes = {
  subscribe: { 'none': 'none+in', 'none+out': 'none+out+in', 'to': 'to+in' },
  unsubscribe: {
    'none+in': 'none', 'none+out+in': 'none+out', 'to+in': 'to', 'from': 'none', 'from+out': 'none+out', 'both': 'to',
  },
  subscribed: { 'none+out': 'to', 'none+out+in': 'to+in', 'from+out': 'both' },
  unsubscribed: {
    'none+out': 'none', 'none+out+in': 'none+in', 'to': 'none', 'to+in': 'none+in', 'from+out': 'from', 'both': 'from',
  },
}

/** The state once the contact's request is approved, whether or not it was ever shown. */
const GRANTED: Readonly<Record<SubscriptionState, SubscriptionState>> = {
  'none': 'from', 'none+in': 'from', 'none+out': 'from+out', 'none+out+in': 'from+out', 'to': 'both', 'to+in': 'both',
  'from': 'from', 'from+out': 'from+out', 'both': 'both',
}
