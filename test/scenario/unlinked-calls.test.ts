import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { onionAddress } from '../../src/tor/onion-address.ts'
import { createOnionKey } from '../../src/tor/onion-key.ts'
import { address, answer, dnsServer, srv, type DnsServer } from '../net/dns-server.ts'
import type { RawStream } from './scenario.ts'
import type { Errand } from './tor-stand-in.ts'
import { header, QUERY, receive, RESOLVER, UnlinkedHouse, type Received } from './unlinked-house.ts'

const message = (to: string): string => `<message to='${to}' type='chat' id='m'><body>${QUERY}</body></message>`

describe('unlinked domains: the streams that one process opens for them', () => {
  let house: UnlinkedHouse
  let resolver: DnsServer
  let veronaPort = 0
  const ends: (() => unknown)[] = []
  /** Connections from this machine, in order. */
  const direct: Socket[] = []
  let directly: (socket: Socket) => void = () => {}

  before(async () => {
    const verona = createServer((socket) => {
      direct.push(socket.on('error', () => {}))
      directly(socket)
    }).listen(0, '127.0.0.1')
    await once(verona, 'listening')
    const bound = verona.address()
    veronaPort = typeof bound === 'object' && bound !== null ? bound.port : 0
    resolver = await dnsServer({ after: (end) => void ends.push(end) }, (asked) => {
      const question = asked.questions.map(({ name, type }) => `${name} ${type}`).join()
      return answer(asked, question === '_xmpp-server._tcp.verona.lit SRV' ? [srv('_xmpp-server._tcp.verona.lit', 'xmpp.verona.lit', { port: veronaPort })]
        : question === 'xmpp.verona.lit A' ? [address('xmpp.verona.lit', '127.0.0.1')] : [])
    })
    house = await UnlinkedHouse.start(resolver.port)
    ends.push(() => verona.close(), () => direct.forEach((socket) => socket.destroy()))
  })
  after(async () => {
    await house.stop()
    for (const end of ends) end()
  })

  /** Juliet of that domain writes to Romeo there; `called` is the connection that comes of it. */
  async function write(local: string, remote: string, called: Promise<{ socket: Socket, errand?: Errand }>): Promise<Received & { errand: Errand | undefined }> {
    const juliet = await house.login(local)
    juliet.send(message(`romeo@${remote}`))
    const { socket, errand } = await called
    return { ...await receive(socket, remote, house.verona), errand }
  }

  /** Our server proves itself by dialback, and says what it has to say; its key. */
  async function takeByDialback({ stream }: Received, local: string, remote: string): Promise<string> {
    const [, key = ''] = await stream.expect(new RegExp(`<bidi [^>]*/><db:result [^>]*from='${local}' to='${remote}'>([^<]+)</db:result>`))
    stream.send(`<db:result from='${remote}' to='${local}' type='valid'/>`)
    await finish(stream, local, remote)
    return key
  }

  /** The stanza itself comes, from the domain that the stream is for. */
  async function finish(stream: RawStream, local: string, remote: string): Promise<void> {
    await stream.expect(/<enable xmlns='urn:xmpp:sm:3'\/>/)
    stream.send(`<enabled xmlns='urn:xmpp:sm:3'/>`)
    await stream.expect(new RegExp(`<message [^>]*from='juliet@${local}/balcony'[^>]*>.*?</message>`))
    stream.send(`<message from='romeo@${remote}' to='nobody@${local}' type='chat' id='x'><body>${QUERY}</body></message>`)
    await stream.expect(/<message [^>]*type='error'.*?<\/message>/)
    stream.send(`<iq from='${remote}' to='${local}' type='get' id='i'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
    await stream.expect(/<iq [^>]*type='result'.*?<\/iq>/)
    stream.send('</stream:stream>')
    await stream.rest()
  }

  function assertOnePair(received: Received, local: string, remote: string): void {
    house.assertClean(local, received.heard())
    for (const [opened] of received.heard().matchAll(/<stream:stream [^>]*>/g)) {
      assert.match(opened, new RegExp(` from='${local}'`))
      assert.match(opened, new RegExp(` to='${remote}'`))
    }
    for (const [, from = ''] of received.heard().matchAll(/ from='([^']*)'/g)) assert.match(from, new RegExp(`(^|@)${local}(/|$)`))
    assert.equal((received.tls as { servername?: string | false }).servername || remote, remote) // in the hello, for whoever is between
  }

  test('one onion, called by both: two circuits, two streams, two keys', async () => {
    const verona = onionAddress(createOnionKey().publicKey)
    const keys: Record<string, string> = {}
    const errands: Errand[] = []
    for (const local of ['capulet.lit', house.onion]) {
      const received = await write(local, verona, house.tor.visited(verona))
      assert.deepEqual(received.tls.getPeerCertificate(), {})
      keys[local] = await takeByDialback(received, local, verona)
      assertOnePair(received, local, verona)
      if (received.errand !== undefined) errands.push(received.errand)
    }
    const [one, other] = errands
    assert.ok(one !== undefined && other !== undefined)
    assert.notEqual(one.user, other.user)
    for (const { user } of errands) assert.match(user, /^[0-9a-f]{64}$/)
    assert.notEqual(keys['capulet.lit'], keys[house.onion])
    for (const key of Object.values(keys)) assert.match(key, /^[0-9a-f]{64}$/)
    // The stream's id was the same, so a secret that both had would make each one's key valid at one of them.
    for (const claimed of ['capulet.lit', house.onion]) {
      for (const [maker, key] of Object.entries(keys)) {
        const stream = (await house.scenario.rawOnion(0, 's2s')).send(header({ to: house.onion, from: verona }))
        await stream.expect(/<\/stream:features>/)
        stream.send(`<db:verify from='${verona}' to='${claimed}' id='same'>${key}</db:verify>`)
        const [said] = await stream.expect(/<db:verify [^>]*type='(valid|invalid|error)'/)
        const type = claimed !== house.onion ? 'error' : maker === house.onion ? 'valid' : 'invalid'
        assert.match(said, new RegExp(`type='${type}'`), `${maker} at ${claimed}`)
        stream.destroy()
      }
    }
  })

  test('the same DNS name is looked up and called on two circuits: capulet.lit shows its own certificate, the onion none', async () => {
    const asked = house.resolve((question) => (
      question.startsWith('_xmpp-server') ? [srv('_xmpp-server._tcp.verona.lit', 'xmpp.verona.lit')] : []))
    const before = house.tor.errands.length
    const capulet = await write('capulet.lit', 'verona.lit', house.tor.visited('xmpp.verona.lit'))
    const shown = capulet.tls.getPeerCertificate()
    assert.deepEqual([shown.subject.CN, shown.subjectaltname?.includes('DNS:capulet.lit')], ['capulet.lit', true])
    house.assertClean('capulet.lit', JSON.stringify({ ...shown, raw: '', pubkey: '' }) + shown.raw.toString('latin1'))
    await capulet.stream.expect(/<auth [^>]*mechanism='EXTERNAL'>=<\/auth>/)
    capulet.stream.send(`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`)
    await capulet.stream.expect(/<stream:stream [^>]*>/)
    capulet.stream.send(`${header({ from: 'verona.lit', id: 'third' })}<stream:features><sm xmlns='urn:xmpp:sm:3'/></stream:features>`)
    await finish(capulet.stream, 'capulet.lit', 'verona.lit')
    assertOnePair(capulet, 'capulet.lit', 'verona.lit')
    const middle = house.tor.errands.length
    const onion = await write(house.onion, 'verona.lit', house.tor.visited('xmpp.verona.lit'))
    assert.deepEqual(onion.tls.getPeerCertificate(), {})
    await takeByDialback(onion, house.onion, 'verona.lit')
    assertOnePair(onion, house.onion, 'verona.lit')

    const users = (errands: readonly Errand[]): readonly string[] => [...new Set(errands.map(({ user }) => user))]
    const [forCapulet, forOnion] = [users(house.tor.errands.slice(before, middle)), users(house.tor.errands.slice(middle))]
    assert.deepEqual([forCapulet.length, forOnion.length], [1, 1])
    assert.notEqual(forCapulet[0], forOnion[0])
    assert.deepEqual([...new Set(asked.map(({ question }) => question))].toSorted(),
      ['_xmpp-server._tcp.verona.lit SRV', '_xmpps-server._tcp.verona.lit SRV'])
    assert.deepEqual([...new Set(asked.map(({ user }) => user))], [forCapulet[0], forOnion[0]])
    assert.equal(direct.length, 0)
  })

  test('a domain that calls directly asks other resolvers, and tells them and who is called nothing of the onion', async () => {
    const before = house.tor.errands.length
    const called = new Promise<{ socket: Socket }>((resolve) => { directly = (socket) => resolve({ socket }) })
    const received = await write('montague.lit', 'verona.lit', called)
    const shown = received.tls.getPeerCertificate()
    assert.equal(shown.subject.CN, 'montague.lit')
    house.assertClean('montague.lit', JSON.stringify({ ...shown, raw: '', pubkey: '' }) + shown.raw.toString('latin1'))
    await received.stream.expect(/<auth [^>]*mechanism='EXTERNAL'>=<\/auth>/)
    received.stream.send(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>`)
    const [, key = ''] = await received.stream.expect(/<db:result [^>]*>([^<]+)<\/db:result>/)
    assert.match(key, /^[0-9a-f]{64}$/)
    received.stream.send(`<db:result from='verona.lit' to='montague.lit' type='valid'/>`)
    await finish(received.stream, 'montague.lit', 'verona.lit')
    assertOnePair(received, 'montague.lit', 'verona.lit')
    assert.ok(resolver.asked.length > 0)
    assert.deepEqual(resolver.asked.filter((question) => !/(^|[._a-z-]+\.)verona\.lit (SRV|A|AAAA)$/.test(question)), [])
    assert.equal(house.tor.errands.length, before)
  })

  test('the two are other servers to each other: all between them goes out and comes in, once, and so does each answer', async () => {
    house.joinBoth()
    house.resolve(() => [])
    const [ofOnion, ofCapulet] = [await house.login(house.onion), await house.login('capulet.lit')]
    const before = house.tor.errands.length
    const [here, there] = [`juliet@${house.onion}/balcony`, 'juliet@capulet.lit/balcony']
    ofOnion.send(message(there) + `<presence to='${there}'/>`)
    await ofCapulet.expect(new RegExp(`<presence [^>]*from='${here}'`))
    // Of the other server, and of a client that has shown its presence.
    ofOnion.send(`<iq to='capulet.lit' type='get' id='server'><ping xmlns='urn:xmpp:ping'/></iq>`)
    assert.match((await ofOnion.expect(/<iq [^>]*id='server'[^>]*>/))[0], /type='result'/)
    ofCapulet.send(`<iq to='${here}' type='get' id='client'><ping xmlns='urn:xmpp:ping'/></iq>`)
    assert.match((await ofOnion.expect(/<iq [^>]*id='client'[^>]*>/))[0], /type='get'/)
    ofOnion.send(`<iq to='${there}' type='result' id='client'/>`)
    assert.match((await ofCapulet.expect(/<iq [^>]*id='client'[^>]*>/))[0], /type='result'/)
    assert.equal(ofCapulet.heard.split('<message').length, 2)
    const hosts = house.tor.errands.slice(before).map(({ host }) => host).filter((host) => host !== RESOLVER)
    assert.deepEqual(hosts.toSorted(), ['capulet.lit', house.onion].toSorted())
    assert.equal(new Set(house.tor.errands.slice(before).map(({ user }) => user)).size, 2)
    ofOnion.destroy()
    ofCapulet.destroy()
  })
})
