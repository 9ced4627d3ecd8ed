import assert from 'node:assert/strict'
import type { Answer } from 'dns-packet'
import { createServer, type AddressInfo } from 'node:net'
import { after, afterEach, before, describe, test } from 'node:test'
import { NetworkDial } from '../../src/s2s/dial.ts'
import { address, answer, dnsServer, srv, type DnsServer } from '../net/dns-server.ts'
import type { RawStream } from '../scenario/scenario.ts'
import { CAPULET, Clearnet, VERONA } from './clearnet.ts'
import { WRONG, type Shown } from './notary.ts'
import { FakePeer, header, until, type TestServer } from './verona.ts'

const KEY = /<db:result [^>]*>[0-9a-f]{64}<\/db:result>/
const VALID = `<db:result from='${VERONA}' to='${CAPULET}' type='valid'/>`
const STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"

/** Servers of Verona by TCP on this machine, which the real DNS, dialer and TLS lead to. */
describe('a domain with several servers (RFC 6120 §3.2, XEP-0368)', () => {
  let clearnet: Clearnet
  let sound: Shown
  let ends: (() => unknown)[] = []
  let dns: DnsServer
  before(async () => {
    clearnet = await Clearnet.open()
    sound = await clearnet.notary.shown(VERONA)
  })
  afterEach(async () => {
    await clearnet.rest()
    for (const end of ends.splice(0)) end()
  })
  after(() => clearnet.network.remove())

  interface Place {
    readonly port: number
    readonly tls?: boolean
    readonly target?: string
  }

  /** Capulet, and a DNS that tells those places, in that order. */
  async function begin(places: readonly Place[], more: Readonly<Record<string, unknown>> = {}): Promise<TestServer> {
    const records = (name: string): Answer[] => places.flatMap(({ port, tls = false, target = 'xmpp.verona.lit' }, priority) =>
      name === `_xmpp${tls ? 's' : ''}-server._tcp.${VERONA}` ? [srv(name, target, { port, priority })] : [])
    dns = await dnsServer({ after: (end) => { ends.push(end) } }, (asked) => {
      const [{ name = '', type = '' } = {}] = asked.questions
      return answer(asked, type === 'SRV' ? records(name) : type === 'A' && name.endsWith('verona.lit') ? [address(name, '127.0.0.1')] : [])
    })
    return await clearnet.serve({ direct_resolvers: [`127.0.0.1:${dns.port}`], ...more }, {
      dial: (config, domains, clock) => new NetworkDial({ config, domains, socks: () => undefined, clock }),
    })
  }

  async function server(): Promise<FakePeer> {
    const peer = await FakePeer.at()
    ends.push(() => peer.stop())
    return peer
  }

  /** A port where nobody is. */
  async function nobody(): Promise<number> {
    const taken = createServer().listen(0, '127.0.0.1')
    await until(() => taken.listening, 'a port')
    const { port } = taken.address() as AddressInfo
    await new Promise((resolve) => { taken.close(resolve) })
    return port
  }

  async function arrives(opened: Promise<RawStream>): Promise<void> {
    const stream = await opened
    await stream.expect(KEY)
    await stream.send(VALID).expect(/<message [^>]*id='1'/)
    assert.deepEqual(clearnet.heard, [])
  }

  test('the first one by priority is called, and no other', async () => {
    const [first, second] = [await server(), await server()]
    await begin([first, second])
    const opened = first.openedInTls(VERONA, sound)
    clearnet.says('1')
    await arrives(opened)
    assert.equal(second.calls, 0)
  })

  test('one where nobody listens is followed by the next', async () => {
    const second = await server()
    await begin([{ port: await nobody() }, second])
    const opened = second.openedInTls(VERONA, sound)
    clearnet.says('1')
    await arrives(opened)
  })

  test('one whose name has no address is followed by the next', async () => {
    const second = await server()
    await begin([{ port: second.port, target: 'xmpp.mantua.lit' }, second])
    const opened = second.openedInTls(VERONA, sound)
    clearnet.says('1')
    await arrives(opened)
  })

  const refusals: readonly (readonly [string, (stream: RawStream) => unknown])[] = [
    ['closes at once', (stream) => stream.destroy()],
    ['ends its stream', (stream) => stream.send(`${header({ from: VERONA, id: 'x' })}</stream:stream>`)],
    ['has no room', (stream) => stream.send(`${header({ from: VERONA, id: 'x' })}<stream:error><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`)],
    ['offers no TLS', (stream) => stream.send(`${header({ from: VERONA, id: 'x' })}<stream:features/>`)],
    ['speaks another protocol', (stream) => stream.send('220 mail.verona.lit ESMTP\r\n')],
  ]
  for (const [what, refuse] of refusals) {
    test(`one that ${what} is followed by the next, and nothing was said to it`, async () => {
      const [first, second] = [await server(), await server()]
      await begin([first, second])
      const [called, opened] = [first.called(), second.openedInTls(VERONA, sound)]
      clearnet.says('1')
      const stream = await called
      await stream.expect(/<stream:stream /)
      refuse(stream)
      await arrives(opened)
      assert.ok(!stream.heard.includes('db:result'))
    })
  }

  test('one with a wrong certificate is followed by the next, and nothing was said to it', async () => {
    for (const tls of [false, true]) {
      const [first, second] = [await server(), await server()]
      await begin([{ port: first.port, tls }, second])
      const wrong = await (WRONG[0]?.[2] ?? assert.fail())(clearnet.notary, VERONA)
      const opened = second.openedInTls(VERONA, sound)
      const called = tls ? first.called() : first.openedInTls(VERONA, wrong)
      clearnet.says('1')
      const stream = await called
      if (tls) await stream.accept(wrong).catch(() => {}) // it is left as soon as it has shown it
      await arrives(opened)
      assert.ok(!stream.heard.includes('db:result'))
    }
  })

  test('s2s.time_to_connect: one that stalls has a third of the time, and the next one the rest', async () => {
    const [first, second] = [await server(), await server()]
    const capulet = await begin([first, second])
    const [called, opened] = [first.called(), second.openedInTls(VERONA, sound)]
    clearnet.says('1')
    await (await called).expect(/<stream:stream /)
    capulet.clock.advance(39_000)
    assert.equal(second.calls, 0)
    capulet.clock.advance(2000)
    await arrives(opened)
  })

  test('s2s.time_to_connect: where all stall it is over after that time, whoever is left; what waits is bounced once', async () => {
    const servers = [await server(), await server(), await server(), await server()]
    const capulet = await begin(servers)
    const calls = servers.map((one) => one.called())
    clearnet.says('1')
    for (const [index, call] of calls.slice(0, 3).entries()) {
      await (await call).expect(/<stream:stream /)
      assert.deepEqual([servers[index + 1]?.calls, clearnet.heard], [0, []])
      capulet.clock.advance(40_000)
    }
    assert.deepEqual(clearnet.heard, ['1 remote-server-timeout'])
    capulet.clock.advance(240_000)
    await until(() => servers[0]?.calls === 1, 'it was called')
    assert.equal(servers[3]?.calls, 0)
    assert.deepEqual(clearnet.heard, ['1 remote-server-timeout'])
  })

  test('where all are wrong, what waits is bounced once, and none was called twice', async () => {
    const servers = [await server(), await server()]
    await begin([...servers, { port: await nobody() }])
    const calls = servers.map((one) => one.called())
    clearnet.says('1')
    for (const call of calls) (await call).destroy()
    await clearnet.hears('1 remote-server-timeout')
    assert.deepEqual([servers.map((one) => one.calls), clearnet.heard], [[1, 1], ['1 remote-server-timeout']])
  })

  test('RFC 6120 §4.9.3.6: host-unknown of the first one is the word of the domain: remote-server-not-found, and no other is called', async () => {
    const [first, second] = [await server(), await server()]
    await begin([first, second])
    const called = first.called()
    clearnet.says('1')
    const stream = await called
    await stream.expect(/<stream:stream /)
    stream.send(`${header({ id: 'x' })}<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`)
    await clearnet.hears('1 remote-server-not-found')
    assert.equal(second.calls, 0)
  })

  describe('where TLS begins at once (XEP-0368)', () => {
    test('§3: it names the domain and the protocol, sees our certificate, and what is offered is taken without STARTTLS', async () => {
      const first = await server()
      await begin([{ port: first.port, tls: true }])
      const called = first.called()
      clearnet.says('1')
      const stream = await called
      const asked: unknown[] = []
      await stream.accept({ ...sound, ALPNProtocols: ['xmpp-server'], SNICallback: (name, done) => {
        asked.push(name)
        done(null)
      } })
      await stream.expect(/^<\?xml [^>]*><stream:stream [^>]*>/)
      const { socket } = stream as unknown as { socket: { alpnProtocol: unknown, getPeerCertificate(): { subjectaltname: string } } }
      assert.deepEqual([asked, socket.alpnProtocol, socket.getPeerCertificate().subjectaltname], [[VERONA], 'xmpp-server', `DNS:${CAPULET}`])
      stream.send(`${header({ from: VERONA, id: 'x' })}<stream:features>${STARTTLS}</stream:features>`)
      await stream.expect(KEY)
      assert.ok(!stream.heard.includes('<starttls'))
      await stream.send(VALID).expect(/<message [^>]*id='1'/)
    })

    test('a server that speaks no TLS there is followed by the next', async () => {
      const [first, second] = [await server(), await server()]
      await begin([{ port: first.port, tls: true }, second])
      const [called, opened] = [first.called(), second.openedInTls(VERONA, sound)]
      clearnet.says('1')
      const stream = await called
      await stream.expect(/\u0016/) // the hello
      stream.send(header({ from: VERONA, id: 'x' }))
      await arrives(opened)
      assert.ok(!stream.heard.includes('<stream:stream'))
    })

    test('a server that does not shake hands has a third of the time', async () => {
      const [first, second] = [await server(), await server()]
      const capulet = await begin([{ port: first.port, tls: true }, second])
      const [called, opened] = [first.called(), second.openedInTls(VERONA, sound)]
      clearnet.says('1')
      await (await called).expect(/\u0016/)
      capulet.clock.advance(41_000)
      await arrives(opened)
    })
  })
})
