import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { systemClock } from '../../src/clock.ts'
import { connectThroughTor, type SocksRequest } from '../../src/tor/socks5.ts'
import { TestClock } from '../clock.ts'
import { temporaryFolder } from './installed.ts'

/** What a client said in one connection: user name and password, and the request from its address type on. */
interface Attempt {
  readonly user: string
  readonly password: string
  readonly target: string
}

/** A SOCKS server that answers the n-th request with the n-th bytes, or with silence where there are none. */
async function proxy(t: TestContext, ...answers: readonly (Buffer | undefined)[]) {
  const path = join(temporaryFolder(t), 'socks.sock')
  const attempts: Attempt[] = []
  const sockets: Socket[] = []
  const server = createServer(async (socket) => {
    sockets.push(socket.on('error', () => {}))
    const next = async () => (await once(socket, 'data'))[0] as Buffer
    assert.deepEqual(await next(), Buffer.of(5, 1, 2))
    socket.write(Buffer.of(5, 2))
    const credentials = await next()
    const [, length = 0] = credentials
    socket.write(Buffer.of(1, 0))
    const request = await next()
    assert.deepEqual(request.subarray(0, 3), Buffer.of(5, 1, 0))
    attempts.push({
      user: credentials.toString('latin1', 2, 2 + length), password: credentials.toString('latin1', 3 + length), target: request.toString('hex', 3),
    })
    const answer = answers[attempts.length - 1]
    if (answer !== undefined) socket.write(answer)
  }).listen(path)
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const request: SocksRequest = { proxy: { path }, host: 'montague.lit', port: 5269, isolation: 'capulet.lit montague.lit', milliseconds: 30_000 }
  return { attempts, request }
}

const reply = (code: number) => Buffer.of(5, code, 0, 1, 0, 0, 0, 0, 0, 0)

test('RFC 1928 §4: a name is sent as a name, and what follows the reply is the peer\'s', async (t) => {
  const { attempts, request } = await proxy(t, Buffer.concat([reply(0), Buffer.from('hello')]))
  const socket = await connectThroughTor(request, systemClock)
  t.after(() => socket.destroy())
  const [first] = await once(socket, 'data') as [Buffer]
  assert.equal(first.toString(), 'hello')
  assert.equal(attempts[0]?.target, `030c${Buffer.from('montague.lit').toString('hex')}1495`)
})

test('a reply that comes byte by byte, with a name in it, is the same reply', async (t) => {
  const { request } = await proxy(t)
  const server = createServer(async (socket) => {
    socket.on('error', () => {})
    for (const bytes of [[5, 2], [1, 0], [5, 0, 0, 3, 2, 97, 98, 0, 80]]) {
      await once(socket, 'data')
      for (const byte of bytes) {
        socket.write(Buffer.of(byte))
        await turn()
      }
    }
    socket.end('hello')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const socket = await connectThroughTor({ ...request, proxy: { host: '127.0.0.1', port: address.port } }, systemClock)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  assert.equal(text, 'hello')
})

for (const [host, target] of [
  ['192.0.2.1', '01c0000201'],
  ['2001:db8::1', '0420010db8000000000000000000000001'],
  ['::', `04${'00'.repeat(16)}`],
  ['1:2:3:4:5:6:7:8', '0400010002000300040005000600070008'],
  ['::ffff:192.0.2.1', '0400000000000000000000ffffc0000201'],
] as const) {
  test(`RFC 1928 §5: ${host} is sent as an address`, async (t) => {
    const { attempts, request } = await proxy(t, reply(0))
    const socket = await connectThroughTor({ ...request, host, port: 53 }, systemClock)
    socket.destroy()
    assert.equal(attempts[0]?.target, `${target}0035`)
  })
}

for (const host of ['', 'a b', 'münchen.lit', 'a\r\nb', 'x'.repeat(256)]) {
  test(`a host name that is none is not sent: ${JSON.stringify(host.slice(0, 20))}`, async (t) => {
    const { attempts, request } = await proxy(t, reply(0))
    await assert.rejects(connectThroughTor({ ...request, host }, systemClock), { condition: 'host-name-invalid', temporary: false })
    assert.equal(attempts.length, 0)
  })
}

/** Code, condition, whether later may be better, whether a fresh circuit is tried at once. */
for (const [code, condition, temporary, again] of [
  [0x01, 'general-failure', true, true],
  [0x02, 'not-allowed', false, false],
  [0x03, 'network-unreachable', true, false],
  [0x04, 'host-unreachable', true, false],
  [0x05, 'connection-refused', true, false],
  [0x06, 'ttl-expired', true, true],
  [0x07, 'command-not-supported', false, false],
  [0x08, 'address-type-not-supported', false, false],
  [0xf0, 'onion-descriptor-not-found', true, false],
  [0xf1, 'onion-descriptor-invalid', true, false],
  [0xf2, 'onion-introduction-failed', true, true],
  [0xf3, 'onion-rendezvous-failed', true, true],
  [0xf4, 'onion-authorization-missing', false, false],
  [0xf5, 'onion-authorization-wrong', false, false],
  [0xf6, 'onion-address-invalid', false, false],
  [0xf7, 'onion-introduction-timed-out', true, true],
  [0x63, 'reply-99', true, false],
] as const) {
  test(`reply ${code.toString(16).padStart(2, '0')}: ${condition}, ${temporary ? 'temporary' : 'for good'}`, async (t) => {
    const { attempts, request } = await proxy(t, reply(code), reply(code))
    await assert.rejects(connectThroughTor(request, systemClock), { name: 'SocksError', condition, temporary })
    assert.equal(attempts.length, again ? 2 : 1)
  })
}

test('the same isolation has the same user name, another has another; neither says what it isolates', async (t) => {
  const { attempts, request } = await proxy(t, reply(0), reply(0), reply(0))
  for (const isolation of ['capulet.lit montague.lit', 'capulet.lit montague.lit', 'capulet.lit verona.lit']) {
    (await connectThroughTor({ ...request, isolation }, systemClock)).destroy()
  }
  const [first, second, third] = attempts
  assert.deepEqual(first, second)
  assert.notEqual(first?.user, third?.user)
  assert.match(first?.user ?? '', /^[0-9a-f]{64}$/)
})

test('a dead circuit is left for a fresh one: the second attempt isolates anew and may succeed', async (t) => {
  const { attempts, request } = await proxy(t, reply(0xf2), reply(0))
  const socket = await connectThroughTor(request, systemClock)
  socket.destroy()
  const [first, second] = attempts
  assert.notDeepEqual([first?.user, first?.password], [second?.user, second?.password])
})

test('a proxy that says nothing is given up after the deadline, twice', async (t) => {
  const clock = new TestClock()
  const { attempts, request } = await proxy(t)
  const ended = assert.rejects(connectThroughTor(request, clock), { condition: 'timed-out', temporary: true })
  while (attempts.length < 1) await turn()
  clock.advance(30_000)
  while (attempts.length < 2) await turn()
  clock.advance(30_000)
  await ended
})

test('an attempt that nobody wants any longer ends at once and is not repeated', async (t) => {
  const { attempts, request } = await proxy(t)
  const unwanted = new AbortController()
  const ended = assert.rejects(connectThroughTor({ ...request, signal: unwanted.signal }, systemClock), { condition: 'aborted' })
  while (attempts.length < 1) await turn()
  unwanted.abort()
  await ended
  await assert.rejects(connectThroughTor({ ...request, signal: unwanted.signal }, systemClock), { condition: 'aborted' })
  assert.equal(attempts.length, 1)
})

test('no proxy, and a proxy without user names, are failures of our own tor', async (t) => {
  const { request } = await proxy(t)
  await assert.rejects(connectThroughTor({ ...request, proxy: { path: join(temporaryFolder(t), 'none') } }, systemClock), { condition: 'proxy-unreachable', temporary: true })
  const server = createServer((socket) => socket.on('error', () => {}).end(Buffer.of(5, 255))).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  await assert.rejects(connectThroughTor({ ...request, proxy: { host: '127.0.0.1', port: address.port } }, systemClock), { condition: 'not-a-tor-socks-port' })
})
