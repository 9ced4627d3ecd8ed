import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import { connect, createServer, Socket } from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { dial, DialError, type DialSettings } from '../../src/net/dial.ts'
import { DnsError, type Resolver } from '../../src/net/resolver.ts'
import { TestClock } from '../clock.ts'

const REQUEST = { host: 'montague.lit', port: 5269, milliseconds: 30_000 }

/** Addresses of each family, or why there are none, told when the test says so. */
class Names implements Resolver {
  readonly #found: Readonly<Record<4 | 6, Promise<readonly string[]>>>

  constructor(v6: readonly string[] | Promise<readonly string[]>, v4: readonly string[] | Promise<readonly string[]>) {
    this.#found = { 4: Promise.resolve(v4), 6: Promise.resolve(v6) }
    for (const answer of Object.values(this.#found)) answer.catch(() => {})
  }

  services = (): Promise<never> => assert.fail('asked for services')

  addresses = (_host: string, family: 4 | 6): Promise<readonly string[]> => this.#found[family]
}

/** Connections that the test makes succeed or fail; each socket is a real one that nobody has connected yet. */
function stage(resolver: Resolver) {
  const clock = new TestClock()
  const tried: string[] = []
  const sockets: Socket[] = []
  const settings: DialSettings = {
    clock, resolver,
    connect: (address, port) => {
      tried.push(`${address} ${port}`)
      const socket = new Socket()
      sockets.push(socket)
      return socket
    },
  }
  const fail = (index: number, code: string) => sockets[index]?.destroy(Object.assign(new Error(code), { code }))
  return { clock, tried, sockets, settings, fail }
}

/** Lets everything happen that only waits for promises and events. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
}

async function failure(dialled: Promise<Socket>): Promise<string> {
  const error = await dialled.then(() => undefined, (reason: unknown) => reason)
  assert.ok(error instanceof DialError, String(error))
  return `${error.condition}${error.temporary ? ' for now' : ''}`
}

async function listening(t: TestContext, host: string): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {}).end('hello')).listen(0, host)
  await once(server, 'listening')
  t.after(() => server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

describe('over real sockets', () => {
  test('an address that refuses is followed at once by the next one, which has the connection', async (t) => {
    const port = await listening(t, '127.0.0.2')
    // Nobody listens at 127.0.0.1; time stands still, so nothing waits for a delay.
    const settings = { clock: new TestClock(), resolver: new Names([], ['127.0.0.1', '127.0.0.2']) }
    const socket = await dial({ ...REQUEST, port }, settings)
    t.after(() => socket.destroy())
    assert.equal(socket.remoteAddress, '127.0.0.2')
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    assert.equal(text, 'hello')
    assert.equal(settings.clock.waiting, 0)
  })

  test('where all refuse it may be better later', async (t) => {
    const port = await listening(t, '127.0.0.2')
    const settings = { clock: systemClock, resolver: new Names([], ['127.0.0.1', '127.0.0.3']) }
    assert.equal(await failure(dial({ ...REQUEST, port }, settings)), 'connection-refused for now')
  })

  test('an error after the connection was handed over ends nobody but the connection', async (t) => {
    const port = await listening(t, '127.0.0.1')
    const socket = await dial({ ...REQUEST, port }, { clock: systemClock, resolver: new Names([], ['127.0.0.1']) })
    socket.destroy(new Error('reset'))
    await new Promise((resolve) => socket.once('close', resolve))
  })

  test('the one that answers first wins, and the others are ended', async (t) => {
    const port = await listening(t, '127.0.0.1')
    const { clock, sockets, settings } = stage(new Names(['2001:db8::1'], ['127.0.0.1']))
    const stalled = settings.connect
    const dialled = dial({ ...REQUEST, port }, {
      ...settings, connect: (address, to) => address === '127.0.0.1' ? connect(to, address) : stalled?.(address, to) ?? assert.fail(),
    })
    await settle()
    clock.advance(250)
    const socket = await dialled
    t.after(() => socket.destroy())
    assert.deepEqual([socket.remoteAddress, sockets.map((one) => one.destroyed)], ['127.0.0.1', [true]])
  })
})

describe('RFC 8305, happy eyeballs', () => {
  test('§4, §5: IPv6 and IPv4 by turns, IPv6 first, 250 ms apart', async () => {
    const { clock, tried, sockets, settings } = stage(new Names(['2001:db8::1', '2001:db8::2', '2001:db8::3'], ['192.0.2.1', '192.0.2.2']))
    const dialled = dial(REQUEST, settings)
    await settle()
    const order = ['2001:db8::1', '192.0.2.1', '2001:db8::2', '192.0.2.2', '2001:db8::3'].map((address) => `${address} 5269`)
    for (let count = 1; count <= order.length; count++) {
      assert.deepEqual(tried, order.slice(0, count))
      clock.advance(249)
      assert.equal(tried.length, count)
      clock.advance(1)
    }
    sockets[2]?.emit('connect')
    assert.equal(await dialled, sockets[2])
    assert.deepEqual(sockets.map((socket) => socket.destroyed), [true, true, false, true, true])
    assert.equal(clock.waiting, 0)
  })

  test('§5: one that fails does not make the next one wait', async () => {
    const { tried, settings, fail, sockets } = stage(new Names(['2001:db8::1'], ['192.0.2.1']))
    const dialled = dial(REQUEST, settings)
    await settle()
    fail(0, 'ENETUNREACH')
    await settle()
    assert.deepEqual(tried, ['2001:db8::1 5269', '192.0.2.1 5269'])
    sockets[1]?.emit('connect')
    assert.equal(await dialled, sockets[1])
  })

  test('§3: IPv4 waits 50 ms for addresses of IPv6, then goes ahead', async () => {
    const { clock, tried, settings, sockets } = stage(new Names(new Promise(() => {}), ['192.0.2.1']))
    const dialled = dial(REQUEST, settings)
    await settle()
    clock.advance(49)
    assert.deepEqual(tried, [])
    clock.advance(1)
    assert.deepEqual(tried, ['192.0.2.1 5269'])
    sockets[0]?.emit('connect')
    await dialled
  })

  test('§3: IPv6 that comes within that time is first', async () => {
    const late = withResolvers<readonly string[]>()
    const { clock, tried, settings } = stage(new Names(late.promise, ['192.0.2.1']))
    const dialled = failure(dial(REQUEST, settings))
    await settle()
    clock.advance(30)
    late.resolve(['2001:db8::1'])
    await settle()
    assert.deepEqual(tried, ['2001:db8::1 5269'])
    clock.advance(250)
    assert.deepEqual(tried, ['2001:db8::1 5269', '192.0.2.1 5269'])
    clock.advance(30_000)
    await dialled
  })

  test('§3: addresses that come while others are tried take their turn', async () => {
    const late = withResolvers<readonly string[]>()
    const { clock, tried, settings } = stage(new Names(['2001:db8::1'], late.promise))
    const dialled = failure(dial(REQUEST, settings))
    await settle()
    clock.advance(100)
    late.resolve(['192.0.2.1'])
    await settle()
    assert.deepEqual(tried, ['2001:db8::1 5269'])
    clock.advance(150)
    assert.deepEqual(tried, ['2001:db8::1 5269', '192.0.2.1 5269'])
    clock.advance(30_000)
    await dialled
  })

  test('§3: addresses that come when the others have waited long enough are tried at once', async () => {
    const late = withResolvers<readonly string[]>()
    const { clock, tried, settings } = stage(new Names(['2001:db8::1'], late.promise))
    const dialled = failure(dial(REQUEST, settings))
    await settle()
    clock.advance(1000)
    late.resolve(['192.0.2.1'])
    await settle()
    assert.deepEqual(tried, ['2001:db8::1 5269', '192.0.2.1 5269'])
    clock.advance(30_000)
    await dialled
  })
})

describe('an end', () => {
  test('the deadline ends every attempt, and asking DNS', async () => {
    const { clock, sockets, settings } = stage(new Names(['2001:db8::1'], ['192.0.2.1']))
    const dialled = failure(dial(REQUEST, settings))
    await settle()
    clock.advance(29_999)
    assert.deepEqual(sockets.map((socket) => socket.destroyed), [false, false])
    clock.advance(1)
    assert.equal(await dialled, 'timed-out for now')
    assert.deepEqual(sockets.map((socket) => socket.destroyed), [true, true])
    assert.equal(clock.waiting, 0)

    const silent = stage(new Names(new Promise(() => {}), new Promise(() => {})))
    const asking = failure(dial(REQUEST, silent.settings))
    silent.clock.advance(30_000)
    assert.equal(await asking, 'timed-out for now')
  })

  test('whoever called may stop it, before or while it runs', async () => {
    const { clock, sockets, settings, tried } = stage(new Names(['2001:db8::1'], []))
    assert.equal(await failure(dial({ ...REQUEST, signal: AbortSignal.abort() }, settings)), 'aborted for now')
    await settle()
    assert.deepEqual(tried, [])
    const stop = new AbortController()
    const dialled = failure(dial({ ...REQUEST, signal: stop.signal }, settings))
    await settle()
    stop.abort()
    assert.equal(await dialled, 'aborted for now')
    assert.equal(sockets[0]?.destroyed, true)
    assert.equal(clock.waiting, 0)
    assert.equal(getEventListeners(stop.signal, 'abort').length, 0)
  })

  test('addresses that come after it are of no use any more', async () => {
    const [late, later] = [withResolvers<readonly string[]>(), withResolvers<readonly string[]>()]
    const { clock, settings, tried } = stage(new Names(later.promise, late.promise))
    const dialled = failure(dial(REQUEST, settings))
    clock.advance(30_000)
    assert.equal(await dialled, 'timed-out for now')
    late.resolve(['192.0.2.1'])
    await settle()
    later.resolve(['2001:db8::1'])
    await settle()
    assert.deepEqual([tried, clock.waiting], [[], 0])
  })

  test('a host without addresses is not there, now or later', async () => {
    assert.equal(await failure(dial(REQUEST, stage(new Names([], [])).settings)), 'no-address')
  })

  test('without an answer for one family, and none in the other, it may be there later', async () => {
    const unknown = (temporary: boolean) => Promise.reject(new DnsError('dns-servfail', temporary))
    assert.equal(await failure(dial(REQUEST, stage(new Names([], unknown(true))).settings)), 'dns-servfail for now')
    assert.equal(await failure(dial(REQUEST, stage(new Names(unknown(true), [])).settings)), 'dns-servfail for now')
    assert.equal(await failure(dial(REQUEST, stage(new Names(unknown(false), unknown(false))).settings)), 'dns-servfail')
  })

  const failures: readonly (readonly [code: string, told: string])[] = [
    ['ECONNREFUSED', 'connection-refused for now'], ['ECONNRESET', 'connection-reset for now'], ['EHOSTUNREACH', 'host-unreachable for now'],
    ['ENETUNREACH', 'network-unreachable for now'], ['ETIMEDOUT', 'timed-out for now'], ['EMFILE', 'out-of-sockets for now'],
    ['EACCES', 'not-possible-here'], ['EADDRNOTAVAIL', 'not-possible-here'], ['EINVAL', 'not-possible-here'],
  ]
  for (const [code, told] of failures) {
    test(`${code} is told as: ${told}`, async () => {
      const { settings, fail } = stage(new Names([], ['192.0.2.1']))
      const dialled = failure(dial(REQUEST, settings))
      await settle()
      fail(0, code)
      assert.equal(await dialled, told)
    })
  }

  test('of several failures one that may pass is told', async () => {
    const { settings, fail } = stage(new Names(['2001:db8::1'], ['192.0.2.1', '192.0.2.2']))
    const dialled = failure(dial(REQUEST, settings))
    for (const [index, code] of ['EINVAL', 'ECONNREFUSED', 'EINVAL'].entries()) {
      await settle()
      fail(index, code)
    }
    assert.equal(await dialled, 'connection-refused for now')
  })

  test('of hundreds of addresses 16 are tried', async () => {
    const many = Array.from({ length: 300 }, (_, index) => `192.0.2.${index}`)
    const { clock, tried, settings } = stage(new Names([], many))
    const dialled = failure(dial(REQUEST, settings))
    await settle()
    clock.advance(30_000)
    await dialled
    assert.equal(tried.length, 16)
  })
})

function withResolvers<T>(): { readonly promise: Promise<T>, readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((settled) => { resolve = settled })
  return { promise, resolve }
}
