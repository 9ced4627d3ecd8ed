import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { Element } from '../../src/xml/element.ts'
import { NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import type { TestClient } from '../house.ts'
import { RawStream } from '../scenario/scenario.ts'
import { FakePeer, header, Network, TestServer, until } from './verona.ts'

const [CAPULET, MONTAGUE, VERONA] = ['capulet.lit', 'montague.lit', 'verona.lit']
/** In shape what passes: a query of OTR. */
const QUERY = '?OTRv23?'

describe('servers that exchange stanzas', () => {
  let network: Network
  let ends: (() => unknown)[] = []

  beforeEach(() => { network = new Network() })
  afterEach(async () => {
    for (const end of ends) await end()
    ends = []
    network.remove()
  })

  async function serve(domain: string, s2s: Readonly<Record<string, unknown>> = {}): Promise<TestServer> {
    const server = await TestServer.start(network, domain, s2s)
    ends.push(() => server.stop())
    return server
  }

  async function fake(domain: string): Promise<FakePeer> {
    const peer = await FakePeer.listen(network, domain)
    ends.unshift(() => peer.stop())
    return peer
  }

  /** Collects what a client hears. */
  function listen(client: TestClient): (isIt: (stanza: Element) => boolean, what: string) => Promise<Element> {
    const heard: Element[] = []
    return async (isIt, what) => {
      await until(() => {
        heard.push(...client.heard())
        return heard.some(isIt)
      }, what)
      return heard.splice(heard.findIndex(isIt), 1)[0] ?? assert.fail()
    }
  }

  const isMessage = (body: string) => (stanza: Element) => stanza.childContent('body', NS_CLIENT) === body
  const isError = (condition: string) => (stanza: Element) =>
    stanza.attrs['type'] === 'error' && stanza.child('error', NS_CLIENT)?.elements()[0]?.name === condition

  describe('both are ours', () => {
    test('XEP-0220 §2.1: both prove themselves by dialback, and messages go both ways, each pair of domains by one stream', async () => {
      const [capulet, montague] = [await serve(CAPULET), await serve(MONTAGUE)]
      const juliet = await capulet.house.login(`juliet@${CAPULET}/balcony`)
      const romeo = await montague.house.login(`romeo@${MONTAGUE}/orchard`)
      const [toJuliet, toRomeo] = [listen(juliet), listen(romeo)]
      juliet.says(`<message to='romeo@${MONTAGUE}' type='chat' id='1'><body>${QUERY}</body></message>`)
      const message = await toRomeo(isMessage(QUERY), 'what Juliet said')
      assert.deepEqual([message.namespace, message.attrs['from'], message.attrs['to']], [NS_CLIENT, `juliet@${CAPULET}/balcony`, `romeo@${MONTAGUE}`])
      for (const id of ['2', '3', '4']) {
        romeo.says(`<message to='juliet@${CAPULET}/balcony' type='chat' id='${id}'><body>${QUERY}</body></message>`)
        assert.equal((await toJuliet(isMessage(QUERY), 'what Romeo said')).attrs['id'], id)
      }
      assert.deepEqual(network.called.toSorted(), [`${CAPULET} ${MONTAGUE}`, `${MONTAGUE} ${CAPULET}`])
    })

    test('RFC 6121 §3: a subscription across servers, and the presence that follows it', async () => {
      const [capulet, montague] = [await serve(CAPULET), await serve(MONTAGUE)]
      const juliet = await capulet.house.login(`juliet@${CAPULET}/balcony`)
      const romeo = await montague.house.login(`romeo@${MONTAGUE}/orchard`)
      const [toJuliet, toRomeo] = [listen(juliet), listen(romeo)]
      const isPresence = (type: string | undefined) => (stanza: Element) => stanza.name === 'presence' && stanza.attrs['type'] === type
        && stanza.attrs['from'] !== stanza.attrs['to'] && !stanza.attrs['from']?.startsWith(stanza.attrs['to'] ?? '')
      romeo.says(`<presence to='juliet@${CAPULET}' type='subscribe'/>`)
      await toJuliet(isPresence('subscribe'), 'the request')
      juliet.says(`<presence to='romeo@${MONTAGUE}' type='subscribed'/>`)
      await toRomeo(isPresence('subscribed'), 'the answer')
      const presence = await toRomeo(isPresence(undefined), 'her presence')
      assert.equal(presence.attrs['from'], `juliet@${CAPULET}/balcony`)
      juliet.says("<presence type='unavailable'/>")
      await toRomeo(isPresence('unavailable'), 'her farewell')
    })

    test('plain text reaches the other server no more than it leaves: its sender is told once', async () => {
      const [capulet, montague] = [await serve(CAPULET), await serve(MONTAGUE)]
      const juliet = await capulet.house.login(`juliet@${CAPULET}/balcony`)
      const romeo = await montague.house.login(`romeo@${MONTAGUE}/orchard`)
      juliet.says(`<message to='romeo@${MONTAGUE}' type='chat' id='1'><body>wherefore art thou</body></message>`)
      assert.deepEqual(juliet.heard().map(({ attrs }) => [attrs['type'], attrs['id']]), [['error', '1']])
      assert.deepEqual(network.called, [])
      assert.deepEqual(romeo.heard(), [])
    })

    test('s2s.idle_close: a stream that nobody uses is ended, and opened again when there is something to say', async () => {
      const [capulet, montague] = [await serve(CAPULET), await serve(MONTAGUE)]
      const juliet = await capulet.house.login(`juliet@${CAPULET}/balcony`)
      const toRomeo = listen(await montague.house.login(`romeo@${MONTAGUE}/orchard`))
      const say = async (id: string): Promise<void> => {
        juliet.says(`<message to='romeo@${MONTAGUE}' type='chat' id='${id}'><body>${QUERY}</body></message>`)
        assert.equal((await toRomeo(isMessage(QUERY), `message ${id}`)).attrs['id'], id)
      }
      await say('1')
      capulet.clock.advance(9 * 60_000)
      await say('2')
      capulet.clock.advance(9 * 60_000)
      await say('3')
      const before = network.called.length
      capulet.clock.advance(11 * 60_000)
      await say('4')
      assert.equal(network.called.slice(before).filter((pair) => pair === `${CAPULET} ${MONTAGUE}`).length, 1)
    })
  })

  describe('what does not reach the other server', () => {
    const message = (id: string, more = '') => `<message to='romeo@${MONTAGUE}' type='chat' id='${id}'${more}><body>${QUERY}</body></message>`

    test('each queued stanza is bounced once, in order, with remote-server-timeout; an error or a result never', async () => {
      const montague = await fake(MONTAGUE)
      const juliet = await (await serve(CAPULET)).house.login(`juliet@${CAPULET}/balcony`)
      const called = montague.called()
      juliet.says(message('1') + message('2'))
      juliet.says(`<iq to='romeo@${MONTAGUE}/x' type='result' id='3'/><iq to='romeo@${MONTAGUE}/x' type='error' id='4'><error type='cancel'/></iq>`)
      const stream = await called
      assert.deepEqual(juliet.heard(), [])
      stream.destroy()
      const told: (string | undefined)[] = []
      await until(() => {
        told.push(...juliet.heard().filter(isError('remote-server-timeout')).map(({ attrs }) => attrs['id']))
        return told.length >= 2
      }, 'both are bounced')
      assert.deepEqual(told, ['1', '2'])
      juliet.says(message('5')) // too soon: nobody is called
      assert.deepEqual(juliet.heard().filter(isError('remote-server-timeout')).map(({ attrs }) => attrs['id']), ['5'])
      assert.equal(network.called.length, 1)
    })

    test('RFC 6120 §10.4: a name that leads nowhere is remote-server-not-found', async () => {
      const juliet = await (await serve(CAPULET)).house.login(`juliet@${CAPULET}/balcony`)
      const toJuliet = listen(juliet)
      juliet.says(`<message to='romeo@nowhere.lit' type='chat' id='1'><body>${QUERY}</body></message>`)
      await toJuliet(isError('remote-server-not-found'), 'after the call')
      juliet.says(`<message to='romeo@example.org' type='chat' id='2'><body>${QUERY}</body></message>`)
      await toJuliet(isError('remote-server-not-found'), 'by the name alone')
      assert.deepEqual(network.called, [`${CAPULET} nowhere.lit`])
    })

    test('s2s.queue_stanzas, queue_bytes: what finds no room is refused at once', async () => {
      const montague = await fake(MONTAGUE)
      const juliet = await (await serve(CAPULET, { queue_stanzas: 2 })).house.login(`juliet@${CAPULET}/balcony`)
      const called = montague.called()
      for (const id of ['1', '2', '3']) juliet.says(message(id))
      assert.deepEqual(juliet.heard().filter(isError('resource-constraint')).map(({ attrs }) => attrs['id']), ['3'])
      await called
    })

    test('s2s.streams: one more domain than there is room for is refused, and the others go on', async () => {
      const montague = await fake(MONTAGUE)
      const juliet = await (await serve(CAPULET, { streams: 1 })).house.login(`juliet@${CAPULET}/balcony`)
      const called = montague.called()
      juliet.says(message('1'))
      juliet.says(`<message to='romeo@${VERONA}' type='chat' id='2'><body>${QUERY}</body></message>`)
      assert.deepEqual(juliet.heard().filter(isError('resource-constraint')).map(({ attrs }) => attrs['id']), ['2'])
      await called
    })

    const stalls: readonly (readonly [string, (stream: Awaited<ReturnType<FakePeer['called']>>) => unknown])[] = [
      ['nothing', () => {}],
      ['a header alone', (stream) => stream.send(header({ from: MONTAGUE, id: 'x' }))],
      ['features, and never a result', (stream) => stream.send(`${header({ from: MONTAGUE, id: 'x' })}<stream:features/>`)],
      ['<proceed/>, and no handshake', (stream) => stream.send(`${header({ from: MONTAGUE, id: 'x' })}<stream:features>`
        + `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`)],
    ]
    for (const [what, say] of stalls) {
      test(`s2s.time_to_connect: a server that says ${what}`, async () => {
        const montague = await fake(MONTAGUE)
        const capulet = await serve(CAPULET)
        const juliet = await capulet.house.login(`juliet@${CAPULET}/balcony`)
        const called = montague.called()
        juliet.says(message('1'))
        const stream = await called
        await stream.expect(/<stream:stream /)
        say(stream)
        await new Promise((resolve) => { setTimeout(resolve, 50) })
        assert.deepEqual(juliet.heard(), [])
        capulet.clock.advance(121_000)
        assert.deepEqual(juliet.heard().filter(isError('remote-server-timeout')).map(({ attrs }) => attrs['id']), ['1'])
      })
    }

    const lies: readonly (readonly [string, string, string])[] = [
      ['an error for an answer', `<db:result from='${MONTAGUE}' to='${CAPULET}' type='error'/>`, 'remote-server-timeout'],
      ['an invalid key', `<db:result from='${MONTAGUE}' to='${CAPULET}' type='invalid'/>`, 'internal-server-error'],
      ['a result of another domain', `<db:result from='${VERONA}' to='${CAPULET}' type='valid'/>`, 'remote-server-timeout'],
      ['a result for another domain', `<db:result from='${MONTAGUE}' to='${VERONA}' type='valid'/>`, 'remote-server-timeout'],
      ['host-unknown', `<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`, 'remote-server-not-found'],
      ['a stanza', `<message from='romeo@${MONTAGUE}' to='juliet@${CAPULET}'><body>${QUERY}</body></message>`, 'remote-server-timeout'],
    ]
    for (const [what, words, condition] of lies) {
      test(`XEP-0220 §2.1.1: a server that answers a key with ${what} is sent nothing`, async () => {
        const montague = await fake(MONTAGUE)
        const juliet = await (await serve(CAPULET)).house.login(`juliet@${CAPULET}/balcony`)
        const toJuliet = listen(juliet)
        const opened = montague.opened(MONTAGUE)
        juliet.says(message('1'))
        const stream = await opened
        await stream.expect(/<db:result [^>]*>[0-9a-f]{64}<\/db:result>/)
        stream.send(words)
        await toJuliet(isError(condition), 'it is bounced')
        assert.ok(!(await stream.rest()).includes('<message'))
      })
    }

    test('XEP-0220 §2.1.1: a result that nobody asked for yet ends the stream, and proves nothing', async () => {
      const montague = await fake(MONTAGUE)
      const juliet = await (await serve(CAPULET)).house.login(`juliet@${CAPULET}/balcony`)
      const opened = montague.called()
      juliet.says(message('1'))
      const stream = await opened
      await stream.expect(/<stream:stream /)
      stream.send(`${header({ from: MONTAGUE, id: 'x' })}<db:result from='${MONTAGUE}' to='${CAPULET}' type='valid'/>`)
      assert.match(await stream.rest(), /unsupported-stanza-type/)
    })

    test('the stream belongs to the domain that was called: another one in its header ends it', async () => {
      const montague = await fake(MONTAGUE)
      const juliet = await (await serve(CAPULET)).house.login(`juliet@${CAPULET}/balcony`)
      const opened = montague.opened(VERONA)
      juliet.says(message('1'))
      assert.match(await (await opened).rest(), /<invalid-from /)
    })

    test('the server stops: what waits is bounced', async () => {
      const montague = await fake(MONTAGUE)
      const capulet = await serve(CAPULET)
      const juliet = await capulet.house.login(`juliet@${CAPULET}/balcony`)
      const called = montague.called()
      juliet.says(message('1'))
      await called
      await capulet.stop()
      assert.deepEqual(juliet.heard().filter(isError('remote-server-timeout')).map(({ attrs }) => attrs['id']), ['1'])
    })
  })

  describe('what a server may say that comes in', () => {
    test('XEP-0220 §2.2.1: a domain that was proved speaks, to its end', async () => {
      const verona = await fake(VERONA)
      const toJuliet = listen(await (await serve(CAPULET)).house.login(`juliet@${CAPULET}/balcony`))
      const { stream } = await verona.proved(network, VERONA, CAPULET)
      stream.send(`<message from='mercutio@${VERONA}/x' to='juliet@${CAPULET}' type='chat' id='1'><body>${QUERY}</body></message>`)
      assert.equal((await toJuliet(isMessage(QUERY), 'a message')).attrs['from'], `mercutio@${VERONA}/x`)
    })

    test('plain text from there is refused, with an answer by a stream of our own', async () => {
      const verona = await fake(VERONA)
      const juliet = await (await serve(CAPULET)).house.login(`juliet@${CAPULET}/balcony`)
      const { stream, asked } = await verona.proved(network, VERONA, CAPULET)
      stream.send(`<message from='mercutio@${VERONA}/x' to='juliet@${CAPULET}' type='chat' id='1'><body>a plague</body></message>`)
      await asked.expect(/<db:result [^>]*>[0-9a-f]{64}<\/db:result>/)
      asked.send(`<db:result from='${VERONA}' to='${CAPULET}' type='valid'/>`)
      const [error] = await asked.expect(/<message [^>]*type='error'.*?<\/message>/)
      assert.match(error, new RegExp(`to='mercutio@${VERONA}/x'`))
      assert.ok(!error.includes('a plague'))
      assert.deepEqual(juliet.heard(), [])
    })

    const spoofs: readonly (readonly [string, string, string])[] = [
      ['another domain', `<message from='romeo@${MONTAGUE}/x' to='juliet@${CAPULET}'/>`, 'invalid-from'],
      ['a domain below its own', `<message from='romeo@sub.${VERONA}/x' to='juliet@${CAPULET}'/>`, 'invalid-from'],
      ['our own domain', `<presence from='nurse@${CAPULET}/x' to='juliet@${CAPULET}'/>`, 'invalid-from'],
      ['nobody', `<message to='juliet@${CAPULET}'/>`, 'improper-addressing'],
      ['no JID', `<message from='@' to='juliet@${CAPULET}'/>`, 'invalid-from'],
      ['itself, to nobody', `<iq from='${VERONA}' type='get' id='1'/>`, 'improper-addressing'],
      ['itself, to another server', `<message from='mercutio@${VERONA}/x' to='romeo@${MONTAGUE}'/>`, 'host-unknown'],
      ['itself, in another namespace', `<message xmlns='jabber:client' from='mercutio@${VERONA}/x' to='juliet@${CAPULET}'/>`, 'unsupported-stanza-type'],
    ]
    for (const [what, words, condition] of spoofs) {
      test(`RFC 6120 §8.1.2.2: a stanza from ${what} ends the stream: ${condition}`, async () => {
        const verona = await fake(VERONA)
        const juliet = await (await serve(CAPULET)).house.login(`juliet@${CAPULET}/balcony`)
        const { stream } = await verona.proved(network, VERONA, CAPULET)
        stream.send(words)
        assert.match(await stream.rest(), new RegExp(`<stream:error><${condition} `))
        assert.deepEqual(juliet.heard(), [])
      })
    }

    test('XEP-0220 §2.2.1: nothing is taken from a domain that was not proved', async () => {
      const verona = await fake(VERONA)
      const juliet = await (await serve(CAPULET)).house.login(`juliet@${CAPULET}/balcony`)
      const { stream } = await verona.call(network, VERONA, CAPULET)
      stream.send(`<message from='mercutio@${VERONA}/x' to='juliet@${CAPULET}' type='chat'><body>${QUERY}</body></message>`)
      assert.match(await stream.rest(), /<not-authorized /)
      assert.deepEqual(juliet.heard(), [])
    })

    test('RFC 6120 §4.9.3.14: a domain that the operator has ruled out is cut off, and not called because of its claim', async () => {
      network.blocked.add(VERONA)
      const verona = await fake(VERONA)
      const { house } = await serve(CAPULET)
      const byName = await verona.knock(network, VERONA, CAPULET)
      assert.match(await byName.rest(), /<policy-violation /)
      const { stream: byClaim } = await verona.call(network, MONTAGUE, CAPULET)
      byClaim.send(`<db:result from='${VERONA}' to='${CAPULET}'>${'a'.repeat(64)}</db:result>`)
      assert.match(await byClaim.rest(), /<policy-violation /)
      const juliet = await house.login(`juliet@${CAPULET}/balcony`)
      juliet.says(`<message to='mercutio@${VERONA}' type='chat' id='1'><body>${QUERY}</body></message>`)
      assert.ok(juliet.heard().some(isError('not-allowed')))
      assert.deepEqual(network.called, [])
    })

    test('XEP-0220 §2.2.1: the domain is asked where it is, and a key that it did not make ends the stream', async () => {
      const [capulet] = [await serve(CAPULET), await serve(MONTAGUE)]
      const juliet = await capulet.house.login(`juliet@${CAPULET}/balcony`)
      const tybalt = await fake(VERONA)
      const { stream } = await tybalt.call(network, MONTAGUE, CAPULET) // says that it is Romeo's server
      stream.send(`<db:result from='${MONTAGUE}' to='${CAPULET}'>${'a'.repeat(64)}</db:result>`)
      stream.send(`<message from='romeo@${MONTAGUE}/x' to='juliet@${CAPULET}' type='chat'><body>${QUERY}</body></message>`)
      assert.match(await stream.rest(), /<not-authorized /)
      const { stream: patient } = await tybalt.call(network, MONTAGUE, CAPULET)
      patient.send(`<db:result from='${MONTAGUE}' to='${CAPULET}'>${'a'.repeat(64)}</db:result>`)
      assert.match(await patient.rest(), /<db:result [^>]*type='invalid'\/><\/stream:stream>$/)
      assert.deepEqual(juliet.heard(), [])
      assert.ok(network.called.includes(`${CAPULET} ${MONTAGUE}`))
    })

    test('XEP-0220 §2.1.2: an answer counts on the stream on which was asked, and for the id that was asked about', async () => {
      const verona = await fake(VERONA)
      await serve(CAPULET)
      const { stream, id } = await verona.call(network, VERONA, CAPULET)
      const opened = verona.opened(VERONA)
      stream.send(`<db:result from='${VERONA}' to='${CAPULET}'>key</db:result>`)
      const asked = await opened
      await asked.expect(/<db:verify /)
      asked.send(`<db:verify from='${VERONA}' to='${CAPULET}' id='another' type='valid'/>`)
      stream.send(`<db:verify from='${VERONA}' to='${CAPULET}' id='${id}' type='valid'/>`)
      const rest = await stream.rest()
      assert.match(rest, /<policy-violation /)
      assert.ok(!rest.includes('valid\''))
    })

    test('XEP-0220 §2.5: a domain that cannot be asked is refused with an error, and the stream lives', async () => {
      const verona = await fake(VERONA)
      await serve(CAPULET)
      const { stream } = await verona.call(network, 'example.org', CAPULET)
      for (const [from, to, condition] of [
        ['example.org', CAPULET, 'remote-server-not-found'], [VERONA, MONTAGUE, 'item-not-found'], [CAPULET, CAPULET, 'not-allowed'],
      ]) {
        stream.send(`<db:result from='${from}' to='${to}'>key</db:result>`)
        const [answer] = await stream.expect(/<db:result .*?<\/db:result>/)
        assert.match(answer, new RegExp(`type='error'><error type='cancel'><${condition} `))
      }
      stream.destroy()
    })

    test('XEP-0220 §2.2.2: whoever asks, and before it proved anything, is told whether a key is ours', async () => {
      const verona = await fake(VERONA)
      await serve(CAPULET)
      const { stream } = await verona.call(network, VERONA, CAPULET)
      stream.send(`<db:verify from='${VERONA}' to='${CAPULET}' id='x'>${'a'.repeat(64)}</db:verify>`)
      await stream.expect(/<db:verify [^>]*id='x' type='invalid'\/>/)
      stream.destroy()
    })

    test('a stream restarted in another one\'s name, or for another domain, ends', async () => {
      const verona = await fake(VERONA)
      await serve(CAPULET)
      const { stream } = await verona.call(network, VERONA, CAPULET)
      stream.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`)
      await stream.expect(/<proceed[^>]*>/)
      await stream.upgrade(CAPULET)
      stream.send(header({ from: MONTAGUE, to: CAPULET }))
      assert.match(await stream.rest(), /<invalid-from /)
    })

    test('a stream for a domain that is not ours is host-unknown', async () => {
      await serve(CAPULET)
      for (const to of [MONTAGUE, 'example.org', `juliet@${CAPULET}`]) {
        const stream = await RawStream.open({ path: network.path(CAPULET) })
        assert.match(await stream.send(header({ from: VERONA, to })).rest(), /<host-unknown /)
      }
    })

    test('RFC 6120 §8.3.3.8: an address that is none is answered, and the stream lives', async () => {
      const verona = await fake(VERONA)
      const toJuliet = listen(await (await serve(CAPULET)).house.login(`juliet@${CAPULET}/balcony`))
      const { stream, asked } = await verona.proved(network, VERONA, CAPULET)
      stream.send(`<message from='mercutio@${VERONA}/x' to='@${CAPULET}' id='1'/>`)
      await asked.expect(/<db:result [^>]*>[0-9a-f]{64}<\/db:result>/)
      asked.send(`<db:result from='${VERONA}' to='${CAPULET}' type='valid'/>`)
      await asked.expect(/<jid-malformed /)
      stream.send(`<message from='mercutio@${VERONA}/x' to='juliet@${CAPULET}' type='chat'><body>${QUERY}</body></message>`)
      await toJuliet(isMessage(QUERY), 'a message')
    })
  })
})
