import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import type { TestClient } from '../house.ts'
import type { RawStream } from '../scenario/scenario.ts'
import { FakePeer, Network, TestServer, until } from './verona.ts'

const [CAPULET, MONTAGUE] = ['capulet.lit', 'montague.lit']
const QUERY = '?OTRv23?'
const OFFERED = "<sm xmlns='urn:xmpp:sm:3'/>"
const ENABLED = "<enabled xmlns='urn:xmpp:sm:3'/>"
const ASKED = /<r xmlns='urn:xmpp:sm:3'\/>/

describe('XEP-0198 between servers: a stanza is ours until the other side has handled it', () => {
  let network: Network
  let montague: FakePeer
  let capulet: TestServer
  let juliet: TestClient
  let told: string[] = []

  beforeEach(async () => {
    network = new Network()
    montague = await FakePeer.listen(network, MONTAGUE)
    told = []
  })
  afterEach(async () => {
    await capulet.stop()
    montague.stop()
    network.remove()
  })

  async function begin(s2s: Readonly<Record<string, unknown>> = {}): Promise<void> {
    capulet = await TestServer.start(network, CAPULET, s2s)
    juliet = await capulet.house.login(`juliet@${CAPULET}/balcony`)
  }

  const say = (...ids: string[]): void => {
    juliet.says(ids.map((id) => `<message to='romeo@${MONTAGUE}' type='chat' id='${id}'><body>${QUERY}</body></message>`).join(''))
  }
  const ack = (h: number | string): string => `<a xmlns='urn:xmpp:sm:3' h='${h}'/>`
  const said = (...ids: string[]): RegExp => new RegExp(`^${ids.map((id) => `<message [^>]*id='${id}'.*?</message>`).join('')}`)

  /** A stream on which Capulet has proved itself and asked for acknowledgement, with the first message, '1'. */
  async function proved(features = OFFERED): Promise<RawStream> {
    const opened = montague.opened(MONTAGUE, 'fake', features)
    say('1')
    const stream = await opened
    await stream.expect(/<db:result [^>]*>[0-9a-f]{64}<\/db:result>/)
    return stream.send(`<db:result from='${MONTAGUE}' to='${CAPULET}' type='valid'/>`)
  }

  async function acknowledging(): Promise<RawStream> {
    const stream = await proved()
    await stream.expect(/^<enable xmlns='urn:xmpp:sm:3'\/>/)
    await stream.expect(said('1'))
    stream.send(ENABLED)
    await stream.expect(ASKED)
    return stream
  }

  /** Waits until Juliet was told so often that a message did not arrive; of which. */
  async function bounced(count: number): Promise<readonly string[]> {
    await until(() => {
      for (const { attrs, children } of juliet.heard()) {
        const condition = children.flatMap((node) => typeof node === 'string' ? [] : node.is('error', NS_CLIENT) ? node.elements() : [])[0]?.name
        if (attrs['type'] === 'error') told.push(`${attrs['id'] ?? ''} ${condition ?? ''}`)
      }
      return told.length >= count
    }, `${count} are bounced`)
    return told
  }

  test('§4: it asks once for all that was sent in a turn, and again once it was answered', async () => {
    await begin()
    const stream = await acknowledging()
    say('2', '3')
    await stream.expect(said('2', '3'))
    stream.send(ack(1))
    await stream.expect(/^<r [^>]*>/)
    say('4')
    await stream.expect(said('4'))
    stream.send(ack(4))
    say('5')
    await stream.expect(said('5'))
    await stream.expect(/^<r [^>]*>/)
  })

  test('what was not acknowledged when the stream breaks is bounced, once and in order; what was is not', async () => {
    await begin()
    const stream = await acknowledging()
    say('2', '3', '4')
    await stream.expect(said('2', '3', '4'))
    stream.send(ack(2)) // unasked counts, too
    await stream.expect(ASKED)
    stream.destroy()
    assert.deepEqual(await bounced(2), ['3 remote-server-timeout', '4 remote-server-timeout'])
  })

  test('a last count before the end as agreed spares those that were handled', async () => {
    await begin()
    const stream = await acknowledging()
    say('2', '3')
    await stream.expect(said('2', '3'))
    stream.send(`${ack(2)}</stream:stream>`)
    assert.deepEqual(await bounced(1), ['3 remote-server-timeout'])
  })

  test('s2s.time_to_acknowledge: a stream whose other side does not answer counts as broken', async () => {
    await begin()
    const stream = await acknowledging()
    capulet.clock.advance(61_000)
    assert.deepEqual(await bounced(1), ['1 remote-server-timeout'])
    assert.match(await stream.rest(), /<connection-timeout /)
  })

  test('s2s.unacknowledged_stanzas: further ones wait, and go once there is room', async () => {
    await begin({ unacknowledged_stanzas: 2 })
    const stream = await acknowledging()
    say('2', '3', '4')
    await stream.expect(said('2'))
    stream.send(ack(1))
    await stream.expect(/^<message [^>]*id='3'.*?<\/message><r [^>]*>/)
    stream.send(ack(3))
    await stream.expect(said('4'))
    stream.send(ack(4))
    say('5')
    await stream.expect(/<message [^>]*id='5'/)
    stream.destroy()
    assert.deepEqual(await bounced(1), ['5 remote-server-timeout']) // and 4 was not
  })

  test('s2s.queue_stanzas: what waits for room is bounded, and what finds none is told at once', async () => {
    await begin({ unacknowledged_stanzas: 1, queue_stanzas: 1 })
    await acknowledging()
    say('2', '3')
    assert.deepEqual(await bounced(1), ['3 resource-constraint'])
  })

  test('what waited for room when the stream broke goes by the next one', async () => {
    await begin({ unacknowledged_stanzas: 1 })
    const stream = await acknowledging()
    say('2')
    const again = montague.opened(MONTAGUE, 'again', OFFERED)
    stream.destroy()
    const next = await again
    await next.expect(/<db:result [^>]*>[0-9a-f]{64}<\/db:result>/)
    next.send(`<db:result from='${MONTAGUE}' to='${CAPULET}' type='valid'/>`)
    await next.expect(/<message [^>]*id='2'/)
    assert.deepEqual(await bounced(1), ['1 remote-server-timeout'])
  })

  test('§3: a server that refuses it is spoken to all the same', async () => {
    await begin()
    const stream = await proved()
    await stream.expect(/^<enable [^>]*>/)
    await stream.expect(said('1'))
    stream.send("<failed xmlns='urn:xmpp:sm:3'/>")
    say('2')
    await stream.expect(said('2'))
    stream.destroy()
    say('3')
    await bounced(0)
    assert.ok(!told.some((one) => one.startsWith('1') || one.startsWith('2')))
  })

  test('a server that does not offer it is not asked', async () => {
    await begin()
    const stream = await proved('')
    await stream.expect(said('1'))
  })

  const lies: readonly (readonly [string, string, RegExp])[] = [
    ['more than it was sent', ack(7), /<undefined-condition [^>]*\/><handled-count-too-high xmlns='urn:xmpp:sm:3' h='7' send-count='1'\/>/],
    ['less than before', `${ack(1)}${ack(0)}`, /<handled-count-too-high xmlns='urn:xmpp:sm:3' h='0' send-count='1'\/>/],
    ['no number', ack('many'), /<bad-format /],
    ['a number of more than 32 bits', ack(4_294_967_296), /<bad-format /],
    ['that it was enabled twice', ENABLED, /<unsupported-stanza-type /],
  ]
  for (const [what, words, answer] of lies) {
    test(`§4: a server that says it handled ${what} is cut off`, async () => {
      await begin()
      const stream = await acknowledging()
      stream.send(words)
      assert.match(await stream.rest(), answer)
    })
  }

  describe('as the side that is called', () => {
    const message = (id: string): string => `<message from='romeo@${MONTAGUE}/x' to='juliet@${CAPULET}' type='chat' id='${id}'><body>${QUERY}</body></message>`

    test('§3, §4: it counts what it handled since it agreed, and says so when asked and before it ends the stream', async () => {
      await begin()
      const { stream } = await montague.proved(network, MONTAGUE, CAPULET)
      stream.send(message('0')).send("<enable xmlns='urn:xmpp:sm:3'/>")
      await stream.expect(/<enabled xmlns='urn:xmpp:sm:3'\/>/)
      stream.send(`${message('1')}<presence from='romeo@${MONTAGUE}/x' to='juliet@${CAPULET}'/><r xmlns='urn:xmpp:sm:3'/>`)
      await stream.expect(/^<a xmlns='urn:xmpp:sm:3' h='2'\/>/)
      stream.send(message('3'))
      await until(() => juliet.heard().some(({ attrs }) => attrs['id'] === '3'), 'the third is heard')
      stream.send('</stream:stream>')
      assert.match(await stream.rest(), /^<a xmlns='urn:xmpp:sm:3' h='3'\/><\/stream:stream>$/)
    })

    test('it is not agreed to before the other side has proved who it is', async () => {
      await begin()
      const { stream } = await montague.call(network, MONTAGUE, CAPULET)
      assert.match(await stream.send("<enable xmlns='urn:xmpp:sm:3'/>").rest(), /<not-authorized /)
    })

    test('§3: it is agreed to once; §5: a stream is not resumed', async () => {
      await begin()
      const { stream } = await montague.proved(network, MONTAGUE, CAPULET)
      stream.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
      await stream.expect(/<enabled xmlns='urn:xmpp:sm:3'\/>/)
      stream.send("<enable xmlns='urn:xmpp:sm:3'/><resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>")
      await stream.expect(/<failed xmlns='urn:xmpp:sm:3'><unexpected-request .*?<\/failed><failed [^>]*><feature-not-implemented /)
    })

    test('who did not ask for it, and counts, is mistaken', async () => {
      await begin()
      const { stream } = await montague.proved(network, MONTAGUE, CAPULET)
      assert.match(await stream.send("<r xmlns='urn:xmpp:sm:3'/>").rest(), /<unsupported-stanza-type /)
    })
  })
})
