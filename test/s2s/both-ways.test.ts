import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { TestClient } from '../house.ts'
import { FakePeer, Network, TestServer, until } from './verona.ts'

const [CAPULET, MONTAGUE, VERONA] = ['capulet.lit', 'montague.lit', 'verona.lit']
const QUERY = '?OTRv23?'
const BIDI = "<bidi xmlns='urn:xmpp:bidi'/>"

describe('XEP-0288: one stream for both directions', () => {
  let network: Network
  let ends: (() => unknown)[] = []

  beforeEach(() => { network = new Network() })
  afterEach(async () => {
    for (const end of ends) await end()
    ends = []
    network.remove()
  })

  async function serve(domain: string): Promise<{ server: TestServer, client: TestClient }> {
    const server = await TestServer.start(network, domain)
    ends.push(() => server.stop())
    return { server, client: await server.house.login(`juliet@${domain}/balcony`) }
  }

  async function fake(domain: string): Promise<FakePeer> {
    const peer = await FakePeer.listen(network, domain)
    ends.unshift(() => peer.stop())
    return peer
  }

  const chat = (from: string, to: string, id: string): string => `<message from='${from}' to='${to}' type='chat' id='${id}'><body>${QUERY}</body></message>`
  const hears = async (client: TestClient, id: string): Promise<void> => {
    await until(() => client.heard().some(({ attrs }) => attrs['id'] === id && attrs['type'] === 'chat'), `message ${id}`)
  }

  test('two servers of ours speak by one stream: the answer goes by the one that the question came by', async () => {
    const [capulet, montague] = [await serve(CAPULET), await serve(MONTAGUE)]
    capulet.client.says(chat('', `juliet@${MONTAGUE}`, '1').replace("from='' ", ''))
    await hears(montague.client, '1')
    const calls = network.called.length
    montague.client.says(chat('', `juliet@${CAPULET}/balcony`, '2').replace("from='' ", ''))
    await hears(capulet.client, '2')
    // Montague called once, to ask Capulet whether the key was its own, and not to answer.
    assert.deepEqual([calls, network.called.length], [2, 2])
  })

  test('two servers that call each other at once lose nothing by it, and bounce nothing', async () => {
    const [capulet, montague] = [await serve(CAPULET), await serve(MONTAGUE)]
    const calls = [[capulet.client, MONTAGUE], [montague.client, CAPULET]] as const
    for (const [client, other] of calls) client.says(chat('', `juliet@${other}`, 'first').replace("from='' ", ''))
    for (const [client] of calls) await hears(client, 'first')
    for (const [client, other] of calls) client.says(chat('', `juliet@${other}`, 'later').replace("from='' ", ''))
    for (const [client] of calls) await hears(client, 'later')
    assert.deepEqual(calls.map(([client]) => client.heard()), [[], []])
  })

  describe('as the side that calls', () => {
    /** A stream of Capulet's own, proved, and asked for both directions where it was offered. */
    async function calling(features: string): Promise<{ stream: Awaited<ReturnType<FakePeer['called']>>, client: TestClient, said: string }> {
      const montague = await fake(MONTAGUE)
      const { client } = await serve(CAPULET)
      const opened = montague.opened(MONTAGUE, 'fake', features)
      client.says(chat('', `romeo@${MONTAGUE}`, '1').replace("from='' ", ''))
      const stream = await opened
      const [said] = await stream.expect(/.*<db:result [^>]*>[0-9a-f]{64}<\/db:result>/)
      stream.send(`<db:result from='${MONTAGUE}' to='${CAPULET}' type='valid'/>`)
      await stream.expect(/<message [^>]*id='1'/)
      return { stream, client, said }
    }

    test('XEP-0288 §2.2: it says so before it proves who it is, and then takes stanzas of the domain that it called', async () => {
      const { stream, client, said } = await calling("<bidi xmlns='urn:xmpp:features:bidi'/>")
      assert.match(said, /<bidi xmlns='urn:xmpp:bidi'\/><db:result /)
      stream.send(chat(`romeo@${MONTAGUE}/x`, `juliet@${CAPULET}`, '2'))
      await hears(client, '2')
    })

    const spoofs: readonly (readonly [string, string, string])[] = [
      ['another domain', chat(`romeo@${VERONA}/x`, `juliet@${CAPULET}`, '2'), 'invalid-from'],
      ['our own domain', chat(`nurse@${CAPULET}/x`, `juliet@${CAPULET}`, '2'), 'invalid-from'],
      ['it to another domain', chat(`romeo@${MONTAGUE}/x`, `juliet@${VERONA}`, '2'), 'host-unknown'],
    ]
    for (const [what, words, condition] of spoofs) {
      test(`a stanza from ${what} ends the stream: ${condition}`, async () => {
        const { stream, client } = await calling("<bidi xmlns='urn:xmpp:features:bidi'/>")
        assert.match(await stream.send(words).rest(), new RegExp(`<stream:error><${condition} `))
        assert.deepEqual(client.heard(), [])
      })
    }

    test('where it did not ask for both directions it takes nothing', async () => {
      const { stream, client, said } = await calling('')
      assert.ok(!said.includes('bidi'))
      assert.match(await stream.send(chat(`romeo@${MONTAGUE}/x`, `juliet@${CAPULET}`, '2')).rest(), /<unsupported-stanza-type /)
      assert.deepEqual(client.heard(), [])
    })

    test('the other side brings no more domains by it: each is refused with an error (XEP-0220 §2.4)', async () => {
      const { stream } = await calling("<bidi xmlns='urn:xmpp:features:bidi'/>")
      stream.send(`<db:result from='${MONTAGUE}' to='${CAPULET}'>key</db:result>`)
      await stream.expect(/<db:result [^>]*type='error'><error type='cancel'><not-allowed /)
    })
  })

  describe('as the side that is called', () => {
    test('XEP-0288 §2.2: the answer goes by the stream of the domain that proved itself there, and by no other', async () => {
      const montague = await fake(MONTAGUE)
      const { client } = await serve(CAPULET)
      const { stream, id } = await montague.call(network, MONTAGUE, CAPULET)
      const opened = montague.opened(MONTAGUE)
      stream.send(`${BIDI}<db:result from='${MONTAGUE}' to='${CAPULET}'>key</db:result>`)
      const asked = await opened
      await asked.expect(/<db:verify /)
      client.says(chat('', `romeo@${MONTAGUE}`, '1').replace("from='' ", '')) // it waits: nothing is proved yet
      asked.send(`<db:verify from='${MONTAGUE}' to='${CAPULET}' id='${id}' type='valid'/>`)
      stream.send(chat(`romeo@${MONTAGUE}`, `juliet@${CAPULET}`, '0'))
      await stream.expect(/<db:result [^>]*type='valid'\/><message [^>]*id='1'.*?<\/message>/)
      client.says(chat('', `romeo@${VERONA}`, '2').replace("from='' ", ''))
      client.says(chat('', `romeo@${MONTAGUE}`, '3').replace("from='' ", ''))
      await stream.expect(/^<message [^>]*id='3'/)
      assert.ok(network.called.includes(`${CAPULET} ${VERONA}`))
    })

    test('XEP-0198 §3: nothing is said by it before it is known whether that is counted', async () => {
      const montague = await fake(MONTAGUE)
      const { client } = await serve(CAPULET)
      const { stream, id } = await montague.call(network, MONTAGUE, CAPULET)
      const opened = montague.opened(MONTAGUE)
      stream.send(`${BIDI}<db:result from='${MONTAGUE}' to='${CAPULET}'>key</db:result>`)
      const asked = await opened
      await asked.expect(/<db:verify /)
      client.says(chat('', `romeo@${MONTAGUE}`, '1').replace("from='' ", ''))
      asked.send(`<db:verify from='${MONTAGUE}' to='${CAPULET}' id='${id}' type='valid'/>`)
      stream.send("<enable xmlns='urn:xmpp:sm:3'/>")
      await stream.expect(/<db:result [^>]*type='valid'\/><enabled [^>]*\/><message [^>]*id='1'.*?<\/message><r [^>]*\/>$/)
    })

    test('once that stream is over, a new one is opened for what is said next', async () => {
      const montague = await fake(MONTAGUE)
      const { client } = await serve(CAPULET)
      const { stream, id } = await montague.call(network, MONTAGUE, CAPULET)
      const opened = montague.opened(MONTAGUE)
      stream.send(`${BIDI}<db:result from='${MONTAGUE}' to='${CAPULET}'>key</db:result>`)
      const asked = await opened
      await asked.expect(/<db:verify /)
      asked.send(`<db:verify from='${MONTAGUE}' to='${CAPULET}' id='${id}' type='valid'/>`)
      await stream.expect(/<db:result [^>]*type='valid'\/>/)
      stream.send(chat(`romeo@${MONTAGUE}`, `juliet@${CAPULET}`, '0'))
      await asked.expect(/<\/stream:stream>/) // one stream is enough
      const again = montague.opened(MONTAGUE)
      assert.match(await stream.send('</stream:stream>').rest(), /<\/stream:stream>/)
      client.says(chat('', `romeo@${MONTAGUE}`, '1').replace("from='' ", ''))
      await (await again).expect(/<db:result /)
    })

    test('XEP-0288 §2.2: it is asked for before the proof: afterwards it is no element of the stream', async () => {
      const montague = await fake(MONTAGUE)
      await serve(CAPULET)
      const { stream } = await montague.proved(network, MONTAGUE, CAPULET)
      assert.match(await stream.send(BIDI).rest(), /<unsupported-stanza-type /)
    })
  })
})
