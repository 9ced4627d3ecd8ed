import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { DnsError, SystemResolver } from '../../src/net/resolver.ts'
import { TestClock } from '../clock.ts'
import { address, alias, answer, dnsServer, NXDOMAIN, SERVFAIL, srv, type Reply } from './dns-server.ts'

const SRV = '_xmpp-server._tcp.montague.lit'

async function asking(t: TestContext, reply: Reply, clock = systemClock) {
  const server = await dnsServer(t, reply)
  const resolver = new SystemResolver({ clock, milliseconds: 30_000, servers: [`127.0.0.1:${server.port}`] })
  return { server, resolver }
}

async function failure(question: Promise<unknown>): Promise<string> {
  const error = await question.then(() => undefined, (reason: unknown) => reason)
  assert.ok(error instanceof DnsError, String(error))
  return `${error.condition}${error.temporary ? ' for now' : ''}`
}

describe('the resolvers of this machine', () => {
  test('RFC 2782: tell the records of a service, the lowest priority first', async (t) => {
    const { resolver } = await asking(t, (asked) => answer(asked, [
      srv(SRV, 'B.montague.lit', { priority: 20, weight: 5, port: 5270 }), srv(SRV, 'a.montague.lit', { priority: 10 }),
    ]))
    assert.deepEqual(await resolver.services('xmpp-server', 'montague.lit'), [
      { priority: 10, weight: 0, port: 5269, target: 'a.montague.lit' }, { priority: 20, weight: 5, port: 5270, target: 'b.montague.lit' },
    ])
  })

  test('RFC 2782: a service that is not there has the target "."', async (t) => {
    const { resolver } = await asking(t, (asked) => answer(asked, [srv(SRV, '.', { port: 0 })]))
    assert.deepEqual((await resolver.services('xmpp-server', 'montague.lit')).map(({ target }) => target), ['.'])
  })

  test('tell addresses of both families, by aliases, too', async (t) => {
    const { resolver } = await asking(t, (asked) => answer(asked, asked.questions[0]?.type === 'A'
      ? [alias('montague.lit', 'b.lit'), address('b.lit', '192.0.2.1')] : [address('montague.lit', '2001:db8::1')]))
    assert.deepEqual(await resolver.addresses('montague.lit', 4), ['192.0.2.1'])
    assert.deepEqual(await resolver.addresses('montague.lit', 6), ['2001:db8::1'])
  })

  test('RFC 2308 §2: a name that does not exist, or has no such records, has none', async (t) => {
    for (const flags of [0, NXDOMAIN]) {
      const { resolver } = await asking(t, (asked) => answer(asked, [], { flags }))
      assert.deepEqual(await resolver.services('xmpp-server', 'montague.lit'), [])
      assert.deepEqual(await resolver.addresses('montague.lit', 4), [])
    }
  })

  test('that fail give no answer for now', async (t) => {
    const { resolver } = await asking(t, (asked) => answer(asked, [], { flags: SERVFAIL }))
    assert.equal(await failure(resolver.services('xmpp-server', 'montague.lit')), 'dns-servfail for now')
  })

  test('that tell hundreds of targets are heard to the 32nd, by priority', async (t) => {
    // UDP cuts it short, and the same question comes again over TCP.
    const { resolver } = await asking(t, (asked) => answer(asked, Array.from({ length: 250 }, (_, index) => (
      srv(SRV, `x${index}.lit`, { priority: 250 - index })))))
    const services = await resolver.services('xmpp-server', 'montague.lit')
    assert.deepEqual([services.length, services[0]?.target], [32, 'x249.lit'])
  })

  test('that stay silent are waited for until the deadline, and no longer', async (t) => {
    const clock = new TestClock()
    const { resolver } = await asking(t, () => {
      setImmediate(() => clock.advance(30_000))
      return undefined
    }, clock)
    assert.equal(await failure(resolver.addresses('montague.lit', 6)), 'dns-timed-out for now')
    assert.equal(clock.waiting, 0)
  })
})
