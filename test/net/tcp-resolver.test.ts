import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { DnsError } from '../../src/net/resolver.ts'
import { TcpResolver, type TcpResolverSettings } from '../../src/net/tcp-resolver.ts'
import { TestClock } from '../clock.ts'
import { address, alias, answer, dnsServer, NXDOMAIN, REFUSED, SERVFAIL, srv, TRUNCATED, type Reply } from './dns-server.ts'

const SRV = '_xmpp-server._tcp.montague.lit'

/** As Tor would, but at once and on loopback. */
async function dial(host: string, port: number): Promise<Socket> {
  const socket = connect(port, host)
  await once(socket, 'connect')
  return socket
}

function over(ports: readonly number[], settings: Partial<TcpResolverSettings> = {}): TcpResolver {
  return new TcpResolver({
    clock: systemClock, connect: dial, isolation: 'capulet.lit montague.lit', milliseconds: 10_000,
    servers: ports.map((port) => ({ host: '127.0.0.1', port })), ...settings,
  })
}

async function asking(t: TestContext, reply: Reply) {
  const server = await dnsServer(t, reply)
  return { server, resolver: over([server.port]) }
}

/** How a question fails: the condition, and whether it may pass. */
async function failure(question: Promise<unknown>): Promise<string> {
  const error = await question.then(() => undefined, (reason: unknown) => reason)
  assert.ok(error instanceof DnsError, String(error))
  return `${error.condition}${error.temporary ? ' for now' : ''}`
}

describe('an honest answer', () => {
  test('RFC 2782: the records of a service, the lowest priority first', async (t) => {
    const { server, resolver } = await asking(t, (asked) => answer(asked, [
      srv(SRV, 'b.montague.lit', { priority: 20, weight: 5, port: 5270 }), srv(SRV, 'A.Montague.LIT.', { priority: 10 }),
    ]))
    assert.deepEqual(await resolver.services('xmpp-server', 'montague.lit'), [
      { priority: 10, weight: 0, port: 5269, target: 'a.montague.lit' }, { priority: 20, weight: 5, port: 5270, target: 'b.montague.lit' },
    ])
    assert.deepEqual(server.asked, [`${SRV} SRV`])
  })

  test('XEP-0368 §3: direct TLS has a service of its own', async (t) => {
    const { server, resolver } = await asking(t, (asked) => answer(asked, []))
    assert.deepEqual(await resolver.services('xmpps-server', 'montague.lit'), [])
    assert.deepEqual(server.asked, ['_xmpps-server._tcp.montague.lit SRV'])
  })

  test('RFC 2782: a service that is not there has the target "."', async (t) => {
    const { resolver } = await asking(t, (asked) => answer(asked, [srv(SRV, '.', { port: 0 })]))
    assert.deepEqual((await resolver.services('xmpp-server', 'montague.lit')).map(({ target }) => target), ['.'])
  })

  test('addresses of both families, each by itself', async (t) => {
    const { resolver } = await asking(t, (asked) => answer(asked, [
      address('montague.lit', '192.0.2.1'), address('montague.lit', '2001:db8::1'), address('montague.lit', '192.0.2.2'),
    ]))
    assert.deepEqual(await resolver.addresses('montague.lit', 4), ['192.0.2.1', '192.0.2.2'])
    assert.deepEqual(await resolver.addresses('montague.lit', 6), ['2001:db8::1'])
  })

  test('RFC 2308 §2: a name that does not exist has no records; that is an answer', async (t) => {
    const { resolver } = await asking(t, (asked) => answer(asked, [], { flags: NXDOMAIN }))
    assert.deepEqual(await resolver.services('xmpp-server', 'montague.lit'), [])
  })

  test('RFC 1035 §4.2.2: it may come byte by byte', async (t) => {
    const server = await dnsServer(t, (asked) => {
      const message = answer(asked, [address('montague.lit', '192.0.2.1')])
      const [socket] = server.connections
      socket?.setNoDelay(true)
      const bytes = [...Buffer.of(message.length >> 8, message.length & 255), ...message]
      const next = (): void => {
        const byte = bytes.shift()
        if (byte !== undefined) socket?.write(Buffer.of(byte), () => setImmediate(next))
      }
      next()
      return undefined
    })
    assert.deepEqual(await over([server.port]).addresses('montague.lit', 4), ['192.0.2.1'])
  })

  test('RFC 1034 §3.6.2: aliases are followed within it', async (t) => {
    const { server, resolver } = await asking(t, (asked) => answer(asked, [
      alias('montague.lit', 'B.lit'), address('c.lit', '192.0.2.3'), alias('b.lit', 'c.lit'), address('other.lit', '192.0.2.4'),
    ]))
    assert.deepEqual(await resolver.addresses('Montague.lit', 4), ['192.0.2.3'])
    assert.equal(server.asked.length, 1)
  })

  test('where it ends at an alias, that name is asked for', async (t) => {
    const { server, resolver } = await asking(t, (asked) => answer(asked, asked.questions[0]?.name === 'b.lit'
      ? [address('b.lit', '192.0.2.2')] : [alias('montague.lit', 'b.lit')]))
    assert.deepEqual(await resolver.addresses('montague.lit', 4), ['192.0.2.2'])
    assert.deepEqual(server.asked, ['montague.lit A', 'b.lit A'])
  })
})

describe('an answer that is refused', () => {
  const lies: readonly (readonly [string, Reply, string])[] = [
    ['the id of another question', (asked) => answer({ ...asked, id: asked.id ^ 1 }, []), 'dns-other-question'],
    ['another name', (asked) => answer(asked, [], { questions: [{ name: 'x.lit', type: 'A' }] }), 'dns-other-question'],
    ['another type', (asked) => answer(asked, [], { questions: [{ name: 'montague.lit', type: 'AAAA' }] }), 'dns-other-question'],
    ['another class', (asked) => answer(asked, [], { questions: [{ name: 'montague.lit', type: 'A', class: 'CH' }] }), 'dns-other-question'],
    ['no question', (asked) => answer(asked, [], { questions: [] }), 'dns-other-question'],
    ['two questions', (asked) => answer(asked, [], { questions: [...asked.questions, ...asked.questions] }), 'dns-other-question'],
    ['a question instead of an answer', (asked) => answer(asked, [], { type: 'query' }), 'dns-other-question'],
    ['another operation', (asked) => answer(asked, [], { flags: 4 << 11 }), 'dns-other-question'],
    ['cut short, as it says', (asked) => answer(asked, [address('montague.lit', '192.0.2.1')], { flags: TRUNCATED }), 'dns-truncated'],
    ['SERVFAIL', (asked) => answer(asked, [], { flags: SERVFAIL }), 'dns-servfail'],
    ['REFUSED', (asked) => answer(asked, [], { flags: REFUSED }), 'dns-refused'],
    ['nothing at all', () => Buffer.alloc(0), 'dns-malformed'],
    ['half a header', (asked) => answer(asked, []).subarray(0, 7), 'dns-malformed'],
    ['the half of a record', (asked) => answer(asked, [address('montague.lit', '192.0.2.1')]).subarray(0, -8), 'dns-malformed'],
    ['65535 records of each kind, promised in the header', (asked) => {
      const message = answer(asked, [])
      message.fill(0xff, 6, 12)
      return message
    }, 'dns-malformed'],
    ['a name that points to itself', (asked) => {
      const message = answer(asked, [])
      message.writeUInt16BE(1, 6)
      const end = message.length
      return Buffer.concat([message, Buffer.of(0xc0 | end >> 8, end & 255, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4)])
    }, 'dns-malformed'],
    ['an alias of itself', (asked) => answer(asked, [alias('montague.lit', 'montague.lit')]), 'dns-loop'],
    ['aliases in a circle', (asked) => answer(asked, [alias('montague.lit', 'b.lit'), alias('b.lit', 'montague.lit')]), 'dns-loop'],
    ['an endless row of aliases', (asked) => answer(asked, Array.from({ length: 40 }, (_, index) => (
      alias(index === 0 ? 'montague.lit' : `x${index}.lit`, `x${index + 1}.lit`)))), 'dns-loop'],
    ['an alias that is no name', (asked) => answer(asked, [alias('montague.lit', 'a b.lit')]), 'dns-malformed'],
  ]
  for (const [what, reply, condition] of lies) {
    test(what, async (t) => {
      const { resolver } = await asking(t, reply)
      assert.equal(await failure(resolver.addresses('montague.lit', 4)), `${condition} for now`)
    })
  }

  test('a row of aliases that each ask for one more question', async (t) => {
    const { server, resolver } = await asking(t, (asked) => {
      const name = asked.questions[0]?.name ?? ''
      return answer(asked, [alias(name, `x.${name}`)])
    })
    assert.equal(await failure(resolver.addresses('montague.lit', 4)), 'dns-loop for now')
    assert.equal(server.asked.length, 9)
  })

  test('more bytes than any sound answer has, as soon as the length says so', async (t) => {
    const server = await dnsServer(t, () => {
      server.connections[0]?.write(Buffer.of(0xff, 0xff))
      return undefined
    })
    assert.equal(await failure(over([server.port]).addresses('montague.lit', 4)), 'dns-too-long for now')
  })

  test('an end before the answer', async (t) => {
    const server = await dnsServer(t, () => {
      server.connections[0]?.end(Buffer.of(0, 40, 1, 2, 3))
      return undefined
    })
    assert.equal(await failure(over([server.port]).addresses('montague.lit', 4)), 'dns-truncated for now')
  })
})

test('hundreds of targets are cut down to the 32 of the lowest priorities', async (t) => {
  const { resolver } = await asking(t, (asked) => answer(asked, Array.from({ length: 250 }, (_, index) => (
    srv(SRV, `x${index}.lit`, { priority: 250 - index })))))
  const services = await resolver.services('xmpp-server', 'montague.lit')
  assert.deepEqual([services.length, services[0]?.target, services[31]?.target], [32, 'x249.lit', 'x218.lit'])
})

test('hundreds of addresses are cut down to 32', async (t) => {
  const { resolver } = await asking(t, (asked) => answer(asked, Array.from({ length: 250 }, (_, index) => address('montague.lit', `192.0.2.${index}`))))
  assert.equal((await resolver.addresses('montague.lit', 4)).length, 32)
})

test('records of other names, and targets that are no names, are left out', async (t) => {
  const { resolver } = await asking(t, (asked) => answer(asked, [
    srv('_xmpp-server._tcp.capulet.lit', 'capulet.lit'), srv(SRV, 'a b.lit'), srv(SRV, 'é.lit'), srv(SRV, 'x.lit'),
  ]))
  assert.deepEqual((await resolver.services('xmpp-server', 'montague.lit')).map(({ target }) => target), ['x.lit'])
})

test('a name that cannot be written in a question is refused before anybody is asked', async () => {
  for (const name of ['', 'a..b', `${'a'.repeat(64)}.lit`, `${'a.'.repeat(127)}lit`, 'é.lit', 'a b.lit', 'montague.lit.']) {
    const resolver = over([1], { connect: () => assert.fail('asked') })
    assert.equal(await failure(resolver.addresses(name, 4)), 'dns-name-invalid', name)
  }
})

describe('the resolvers', () => {
  test('are asked in order until one gives an answer', async (t) => {
    const first = await dnsServer(t, (asked) => answer(asked, [], { flags: SERVFAIL }))
    const second = await dnsServer(t, (asked) => answer({ ...asked, id: asked.id ^ 1 }, []))
    const third = await dnsServer(t, (asked) => answer(asked, [address('montague.lit', '192.0.2.1')]))
    const fourth = await dnsServer(t, () => assert.fail('asked'))
    const resolver = over([first.port, second.port, third.port, fourth.port])
    assert.deepEqual(await resolver.addresses('montague.lit', 4), ['192.0.2.1'])
  })

  test('must be named: there is no other one to ask', async () => {
    assert.equal(await failure(over([]).services('xmpp-server', 'montague.lit')), 'dns-no-resolver')
  })

  test('are called with the isolation of the pair of domains, and by nothing else', async (t) => {
    const server = await dnsServer(t, (asked) => answer(asked, []))
    const called: (readonly [string, number, string])[] = []
    const resolver = over([server.port], {
      connect: (host, port, isolation) => {
        called.push([host, port, isolation])
        return dial(host, port)
      },
    })
    await resolver.services('xmpp-server', 'montague.lit')
    assert.deepEqual(called, [['127.0.0.1', server.port, 'capulet.lit montague.lit']])
  })

  test('that cannot be reached give no answer for now', async () => {
    const resolver = over([1], { connect: () => Promise.reject(new Error('no way')) })
    assert.equal(await failure(resolver.addresses('montague.lit', 4)), 'dns-unreachable for now')
  })

  test('have an id each time that nobody can guess', async (t) => {
    const ids = new Set<number>()
    const { resolver } = await asking(t, (asked) => {
      ids.add(asked.id)
      return answer(asked, [])
    })
    for (let round = 0; round < 20; round++) await resolver.addresses('montague.lit', 4)
    assert.ok(ids.size > 15)
  })
})

describe('the deadline', () => {
  test('ends a question that a resolver leaves unanswered, and the next one is asked', async (t) => {
    const clock = new TestClock()
    const silent = await dnsServer(t, () => {
      setImmediate(() => clock.advance(10_000))
      return undefined
    })
    const other = await dnsServer(t, (asked) => answer(asked, [address('montague.lit', '192.0.2.1')]))
    assert.deepEqual(await over([silent.port, other.port], { clock }).addresses('montague.lit', 4), ['192.0.2.1'])
    const [connection] = silent.connections
    if (connection?.destroyed === false) await once(connection, 'close')
    assert.equal(clock.waiting, 0)
  })

  test('holds for connecting, too, whether or not that heeds the signal', async (t) => {
    const clock = new TestClock()
    const server = await dnsServer(t, () => undefined)
    const signals: AbortSignal[] = []
    const gate = new EventEmitter()
    const resolver = over([server.port], {
      clock,
      connect: async (host, port, _isolation, signal) => {
        signals.push(signal)
        await once(gate, 'open')
        return dial(host, port)
      },
    })
    const question = failure(resolver.addresses('montague.lit', 4))
    clock.advance(9_999)
    assert.equal(signals[0]?.aborted, false)
    clock.advance(1)
    assert.equal(signals[0]?.aborted, true)
    assert.equal(await question, 'dns-timed-out for now')
    // The connection that comes too late is ended all the same.
    gate.emit('open')
    while (server.connections.length === 0) await new Promise(setImmediate)
    const [connection] = server.connections
    if (connection?.destroyed === false) await once(connection, 'close')
    assert.equal(connection?.destroyed, true)
  })
})
