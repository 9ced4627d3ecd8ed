import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onionAddress } from '../../src/tor/onion-address.ts'
import { answer, SERVFAIL, srv, type Reply } from '../net/dns-server.ts'
import { told, world } from './whereabouts.ts'

const ONION = onionAddress(Buffer.alloc(32, 1))

const honest: Reply = (asked) => {
  const name = asked.questions[0]?.name ?? ''
  return answer(asked, name.startsWith('_xmpps') ? [srv(name, 'tls.montague.lit', { port: 443, priority: 5 })] : [srv(name, 'xmpp.montague.lit', { priority: 10 })])
}
const QUESTIONS = ['_xmpp-server._tcp.montague.lit SRV', '_xmpps-server._tcp.montague.lit SRV']

test('policy tor: both services are asked for through Tor, on the circuit of the pair, and this machine\'s resolver hears nothing', async (t) => {
  const { machine, distant, isolations, find } = await world(t, honest)
  assert.equal(told(await find({})), 'tor tls.montague.lit:443 direct, tor xmpp.montague.lit:5269 starttls')
  assert.deepEqual(distant.asked.toSorted(), QUESTIONS)
  assert.deepEqual(isolations, ['capulet.lit montague.lit', 'capulet.lit montague.lit'])
  assert.deepEqual(machine.asked, [])
})

test('policy direct: this machine\'s resolver is asked, and nobody through Tor', async (t) => {
  const { machine, distant, find } = await world(t, honest)
  assert.equal(told(await find({ policy: 'direct' })), 'direct tls.montague.lit:443 direct, direct xmpp.montague.lit:5269 starttls')
  assert.deepEqual(machine.asked.toSorted(), QUESTIONS)
  assert.deepEqual(distant.asked, [])
})

test('an onion, a refusal and an onion of ours that somebody calls direct ask this machine\'s resolver nothing', async (t) => {
  const { machine, distant, find } = await world(t, honest)
  assert.equal(told(await find({ policy: 'direct', remote: ONION })), `tor ${ONION}:5269 starttls`)
  assert.equal(told(await find({ policy: 'refuse' })), 'policy')
  assert.deepEqual(distant.asked, [])
  assert.equal(told(await find({ policy: 'direct', local: ONION })), 'tor tls.montague.lit:443 direct, tor xmpp.montague.lit:5269 starttls')
  assert.deepEqual(machine.asked, [])
})

test('one service without an answer leaves the other; both leave nothing, for now', async (t) => {
  const half = await world(t, (asked) => asked.questions[0]?.name.startsWith('_xmpps') === true ? answer(asked, [], { flags: SERVFAIL }) : honest(asked))
  assert.equal(told(await half.find({})), 'tor xmpp.montague.lit:5269 starttls')
  const silent = await world(t, (asked) => answer(asked, [], { flags: SERVFAIL }))
  assert.deepEqual(await silent.find({}), { state: 'refused', reason: 'no-answer', temporary: true })
})
