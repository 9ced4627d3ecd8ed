import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { SystemResolver } from '../../src/net/resolver.ts'
import { TcpResolver } from '../../src/net/tcp-resolver.ts'
import type { DestinationQuestion } from '../../src/s2s/destination.ts'
import { locate, type Location } from '../../src/s2s/location.ts'
import { onionAddress } from '../../src/tor/onion-address.ts'
import { answer, dnsServer, SERVFAIL, srv, type Reply } from '../net/dns-server.ts'

const ONION = onionAddress(Buffer.alloc(32, 1))

/** Two DNS servers on loopback: the machine's, and one that is reached by what stands for Tor here. */
async function world(t: TestContext, reply: Reply) {
  const machine = await dnsServer(t, reply)
  const distant = await dnsServer(t, reply)
  const isolations: string[] = []
  const resolvers = {
    direct: new SystemResolver({ clock: systemClock, milliseconds: 10_000, servers: [`127.0.0.1:${machine.port}`] }),
    tor: (isolation: string) => new TcpResolver({
      clock: systemClock, milliseconds: 10_000, isolation, servers: [{ host: '127.0.0.1', port: distant.port }],
      connect: async (host, port, by) => {
        isolations.push(by)
        const socket = connect(port, host)
        await once(socket, 'connect')
        return socket
      },
    }),
  }
  const find = (changes: Partial<DestinationQuestion>): Promise<Location> => locate({
    local: 'capulet.lit', remote: 'montague.lit', policy: 'tor', settings: { tor: true, resolvers: true, onionMap: {} }, random: () => 0, ...changes,
  }, resolvers)
  return { machine, distant, isolations, find }
}

const told = (location: Location): string => location.state === 'refused' ? location.reason
  : location.routes.map(({ via, host, port, tls }) => `${via} ${host}:${port} ${tls}`).join(', ')

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
