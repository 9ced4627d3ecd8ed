import assert from 'node:assert/strict'
import { element, type Element } from '../../src/xml/element.ts'
import { NS_CLIENT, NS_ROSTER } from '../../src/xmpp/namespaces.ts'
import type { XmppClient } from '../clients/xmpp-client.ts'
import { readVectors } from '../otr/vectors.ts'
import { REFUSAL } from './chat-client.ts'
import type { TwoHouses } from './two-houses.ts'

const NS_PING = 'urn:xmpp:ping'
const QUERY = '?OTRv23?'
/** A whole message of a key exchange, as a client made it. */
const COMMIT = readVectors<{ readonly body: string }>('ping-pong.jsonl')[1]?.body ?? ''

/** All that two people of two servers do with each other; Juliet's is ours. */
export async function exchange(houses: TwoHouses, juliet: XmppClient, romeo: XmppClient): Promise<void> {
  assert.equal(await ping(juliet, domainOf(romeo)), 'result')
  assert.equal(await ping(romeo, domainOf(juliet)), 'result')
  for (const client of [juliet, romeo]) await client.appear()
  await subscribe(juliet, romeo)
  await subscribe(romeo, juliet)
  for (const [one, other] of [[juliet, romeo], [romeo, juliet]] as const) assert.equal(await subscription(one, bare(other)), 'both')
  await speakOtr(juliet, romeo)
  await speakPlainly(romeo, juliet)
  await comeAndGo(houses, juliet, romeo)
}

/** XEP-0199 of the other's server: 'result', or the condition of the error. */
export async function ping(client: XmppClient, domain: string): Promise<string> {
  const answer = await client.request(element(NS_CLIENT, 'iq', { type: 'get', to: domain }, element(NS_PING, 'ping')))
  return answer.attrs['type'] === 'result' ? 'result' : answer.child('error', NS_CLIENT)?.elements()[0]?.name ?? ''
}

/** `one` asks for the other's presence, is let, and sees it. */
export async function subscribe(one: XmppClient, other: XmppClient): Promise<void> {
  one.send(element(NS_CLIENT, 'presence', { type: 'subscribe', to: bare(other) }))
  await seen(other, 'subscribe', bare(one))
  other.send(element(NS_CLIENT, 'presence', { type: 'subscribed', to: bare(one) }))
  await seen(one, undefined, other.jid)
}

/** What the roster says of the contact. */
async function subscription(client: XmppClient, contact: string): Promise<string | undefined> {
  const items = (await client.roster()).child('query', NS_ROSTER)?.elements() ?? []
  return items.find(({ attrs }) => attrs['jid'] === contact)?.attrs['subscription']
}

async function speakOtr(juliet: XmppClient, romeo: XmppClient): Promise<void> {
  for (const [one, other] of [[juliet, romeo], [romeo, juliet]] as const) {
    for (const body of [QUERY, COMMIT]) {
      one.message(other.jid, body)
      assert.equal(await other.nextBody(one.jid), body)
    }
  }
}

/** Two lines in the clear are refused, and the sender is told once; what both say after that passes. */
async function speakPlainly(romeo: XmppClient, juliet: XmppClient): Promise<void> {
  for (const line of ['Wherefore art thou', 'in the clear?']) romeo.message(juliet.jid, line)
  const refusal = await romeo.stream.next(isRefusal, 'the refusal')
  const error = refusal.child('error', NS_CLIENT)
  assert.equal(refusal.attrs['from'], juliet.jid)
  assert.equal(error?.attrs['type'], 'modify')
  assert.deepEqual(error?.elements().map(({ name }) => name), ['policy-violation', 'text', 'otr-required'])
  assert.equal(error?.elements()[1]?.content(), REFUSAL.text)
  await speakOtr(juliet, romeo)
  // Streams keep the order: another refusal would have come before what Juliet said.
  assert.deepEqual(romeo.stream.takeUnread().filter(isRefusal), [])
}

/** RFC 6121 §4.4.2, §4.5.2: presence is sent on login and on logout, over both ways. */
async function comeAndGo(houses: TwoHouses, juliet: XmppClient, romeo: XmppClient): Promise<void> {
  await juliet.leave()
  await seen(romeo, 'unavailable', juliet.jid)
  const returned = await houses.again(juliet)
  await returned.appear()
  await seen(romeo, undefined, juliet.jid)
  await seen(returned, undefined, romeo.jid) // §4.3: her server has asked for it
  await romeo.leave()
  await seen(returned, 'unavailable', romeo.jid)
  await returned.leave()
}

/** Waits for presence of that type, or none, from that JID. */
export async function seen(client: XmppClient, type: string | undefined, from: string): Promise<void> {
  const isIt = ({ name, attrs }: Element) => name === 'presence' && attrs['type'] === type && attrs['from'] === from
  await client.stream.next(isIt, `presence of type ${type} from ${from}`)
}

function isRefusal({ name, attrs }: Element): boolean {
  return name === 'message' && attrs['type'] === 'error'
}

function bare({ jid }: XmppClient): string {
  return jid.split('/')[0] ?? ''
}

function domainOf(client: XmppClient): string {
  return bare(client).split('@')[1] ?? ''
}
