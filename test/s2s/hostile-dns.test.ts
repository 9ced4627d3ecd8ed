import assert from 'node:assert/strict'
import type { Answer } from 'dns-packet'
import { describe, test } from 'node:test'
import { configSchema } from '../../src/config/schema.ts'
import { ServedDomains } from '../../src/routing/domains.ts'
import { NetworkDial } from '../../src/s2s/dial.ts'
import { onionAddress } from '../../src/tor/onion-address.ts'
import { TestClock } from '../clock.ts'
import { alias, answer, dnsServer, NXDOMAIN, REFUSED, SERVFAIL, srv, TRUNCATED, type Reply } from '../net/dns-server.ts'
import { told, world } from './whereabouts.ts'

const ONION = onionAddress(Buffer.alloc(32, 1))
const FALLBACK = 'montague.lit:5269 starttls'

/** Records of the service for STARTTLS; the other one has none. */
const tells = (records: (name: string) => Answer[]): Reply => (asked) => {
  const name = asked.questions[0]?.name ?? ''
  return answer(asked, name.startsWith('_xmpp-server.') ? records(name) : [])
}

const table: readonly (readonly [string, Reply, string])[] = [
  ['an address', tells((name) => [srv(name, '127.0.0.1')]), 'no-service'],
  ['addresses as the world sees them', tells((name) => [srv(name, '192.0.2.1'), srv(name, '10.0.0.1')]), 'no-service'],
  ['this machine', tells((name) => [srv(name, 'localhost'), srv(name, 'a.localhost')]), 'no-service'],
  ['names of the network at home', tells((name) => [srv(name, 'printer.local'), srv(name, 'db.internal'), srv(name, 'router.home.arpa')]), 'no-service'],
  ['port 0', tells((name) => [srv(name, 'xmpp.montague.lit', { port: 0 })]), 'no-service'],
  ['an onion that is none', tells((name) => [srv(name, `${'a'.repeat(56)}.onion`), srv(name, 'montague.onion')]), 'no-service'],
  ['"."', tells((name) => [srv(name, '.', { port: 0 })]), 'no-service'],
  ['all of these, and one that may be called', tells((name) => [
    srv(name, '127.0.0.1'), srv(name, 'localhost'), srv(name, '.', { port: 0 }), srv(name, 'x.montague.lit', { port: 0 }),
    srv(name, 'xmpp.montague.lit', { priority: 9 }),
  ]), 'xmpp.montague.lit:5269 starttls'],
  ['the same one a hundred times', tells((name) => Array.from({ length: 100 }, (_, weight) => srv(name, 'xmpp.montague.lit', { weight }))),
    'xmpp.montague.lit:5269 starttls'],
  ['that nothing of that name is there', (asked) => answer(asked, [], { flags: NXDOMAIN }), FALLBACK],
  ['that it failed', (asked) => answer(asked, [], { flags: SERVFAIL }), 'no-answer'],
  ['that it will not say', (asked) => answer(asked, [], { flags: REFUSED }), 'no-answer'],
  ['nothing', () => undefined, 'no-answer'],
  ['an answer to another question', (asked) => answer({ ...asked, id: asked.id ^ 1 }, []), 'no-answer'],
  ['bytes that mean nothing', ({ id }) => Buffer.from([id >> 8, id & 255, ...Buffer.alloc(40, 0xff)]), 'no-answer'],
  ['half an answer', (asked) => answer(asked, [srv('_xmpp-server._tcp.montague.lit', 'xmpp.montague.lit')]).subarray(0, 50), 'no-answer'],
]

for (const policy of ['direct', 'tor'] as const) {
  describe(`what a hostile DNS says of a domain, asked by policy ${policy}`, () => {
    for (const [what, reply, expected] of table) {
      test(`${what}: ${expected}`, async (t) => {
        const { find } = await world(t, reply, 600)
        const location = await find({ policy })
        assert.equal(told(location), expected.includes(':') ? `${policy} ${expected}` : expected)
        assert.ok(location.state === 'routes' || location.temporary === (expected === 'no-answer'))
      })
    }

    test('hundreds of servers of both services: 32 are called, those of the lowest priorities', async (t) => {
      const { find } = await world(t, (asked) => {
        const name = asked.questions[0]?.name ?? ''
        return answer(asked, Array.from({ length: 200 }, (_, index) => srv(name, `x${index}.lit`, { priority: 200 - index, port: name.startsWith('_xmpps') ? 443 : 5269 })))
      })
      const location = await find({ policy })
      assert.ok(location.state === 'routes')
      assert.equal(location.routes.length, 32)
      assert.deepEqual([...new Set(location.routes.map(({ host }) => host))], Array.from({ length: 16 }, (_, index) => `x${199 - index}.lit`))
    })

    test('hundreds of names that may not be called leave no room for those behind them', async (t) => {
      const { find } = await world(t, tells((name) => [
        ...Array.from({ length: 200 }, () => srv(name, '127.0.0.1')), srv(name, 'xmpp.montague.lit', { priority: 9 }),
      ]))
      assert.equal(told(await find({ policy })), 'no-service')
    })

    test('an onion among the servers is called through Tor, proves nothing by itself, and is asked of nobody', async (t) => {
      const { find, machine, distant } = await world(t, tells((name) => [srv(name, ONION)]))
      const location = await find({ policy })
      assert.ok(location.state === 'routes')
      assert.deepEqual(location.routes.map(({ via, host, proof }) => [via, host, proof]), [['tor', ONION, 'certificate']])
      assert.ok(![...machine.asked, ...distant.asked].some((question) => question.includes('onion')))
    })
  })
}

describe('an answer that says nothing', () => {
  for (const [what, reply] of [
    ['aliases in a loop', (asked) => answer(asked, [
      alias(asked.questions[0]?.name ?? '', 'a.lit'), alias('a.lit', 'b.lit'), alias('b.lit', 'a.lit'),
    ])],
    ['an alias of itself', (asked) => answer(asked, [alias(asked.questions[0]?.name ?? '', asked.questions[0]?.name ?? '')])],
    ['cut off before the first record', (asked) => answer(asked, [], { flags: TRUNCATED })],
  ] as readonly (readonly [string, Reply])[]) {
    // This machine's resolver takes it for "no records"; then the domain itself is called, which must show its certificate.
    for (const [policy, expected] of [['tor', 'no-answer'], ['direct', `direct ${FALLBACK}`]] as const) {
      test(`${what}, by policy ${policy}: ${expected}, and nobody is asked for ever`, async (t) => {
        const { find, machine, distant } = await world(t, reply, 600)
        assert.equal(told(await find({ policy })), expected)
        assert.ok(machine.asked.length + distant.asked.length < 40)
      })
    }
  }
})

describe('a dialer whose DNS is hostile', () => {
  async function dialer(t: Parameters<typeof dnsServer>[0], reply: Reply) {
    const dns = await dnsServer(t, reply)
    const config = configSchema.parse({
      domains: [{ name: 'capulet.lit', onion_service: false }], s2s: { direct_resolvers: [`127.0.0.1:${dns.port}`] }, listeners: [],
    })
    const domains = new ServedDomains(config.domains.map((one) => ({ name: one.name, label: one.name, onionAddress: undefined, config: { ...one, federation: 'direct' } })))
    const clock = new TestClock()
    return { dns, clock, dial: new NetworkDial({ config, domains, socks: () => undefined, clock }), signal: new AbortController().signal }
  }

  test('an onion that it names is not looked up and not called where there is no tor', async (t) => {
    const { dns, dial, signal } = await dialer(t, tells((name) => [srv(name, ONION)]))
    const [route] = await dial.routes('capulet.lit', 'montague.lit', signal)
    assert.ok(route)
    await assert.rejects(dial.connect(route, 'montague.lit', undefined, signal), { name: 'Unreachable', temporary: true })
    assert.ok(!dns.asked.some((question) => question.includes('onion')))
  })

  test('a server whose name leads nowhere is not reached, now or later', async (t) => {
    const { dial, signal } = await dialer(t, (asked) => asked.questions[0]?.type === 'SRV'
      ? tells((name) => [srv(name, 'xmpp.montague.lit')])(asked) : answer(asked, [alias(asked.questions[0]?.name ?? '', 'a.lit')]))
    const [route] = await dial.routes('capulet.lit', 'montague.lit', signal)
    assert.ok(route)
    await assert.rejects(dial.connect(route, 'montague.lit', undefined, signal), { name: 'Unreachable', temporary: false })
  })

  test('a resolver that is silent is waited for until a third of s2s.time_to_connect', async (t) => {
    const { dns, clock, dial, signal } = await dialer(t, () => undefined)
    const routes = dial.routes('capulet.lit', 'montague.lit', signal)
    routes.catch(() => {})
    while (dns.asked.length < 2) await new Promise((resolve) => { setTimeout(resolve, 2) })
    clock.advance(40_001)
    await assert.rejects(routes, { name: 'Unreachable', temporary: true })
  })
})
