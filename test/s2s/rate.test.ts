import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { CAPULET, Clearnet, message, VERONA } from './clearnet.ts'
import { until } from './verona.ts'

const KEY = /<db:result [^>]*>[0-9a-f]{64}<\/db:result>/
const VALID = `<db:result from='${VERONA}' to='${CAPULET}' type='valid'/>`
const MERCUTIO = `mercutio@${VERONA}/x`

describe('s2s.rate: how fast another server is heard', () => {
  let clearnet: Clearnet
  before(async () => { clearnet = await Clearnet.open() })
  afterEach(() => clearnet.rest())
  after(() => clearnet.network.remove())

  /** Some 10 kB, ten times what is read in a second. */
  const many = (name: string): { readonly ids: readonly string[], readonly text: string } => {
    const ids = Array.from({ length: 70 }, (_, index) => `${name}${index}`)
    return { ids, text: ids.map((id) => message(MERCUTIO, id)).join('') }
  }

  test('who sends faster waits, others do not, and nothing is lost or comes out of order', async () => {
    const capulet = await clearnet.serve({ rate: '1kB' })
    const [{ stream }, other] = [await clearnet.external(), await clearnet.external('mantua.lit')]
    const [first, second] = [many('a'), many('b')]
    stream.send(first.text)
    await clearnet.hears('a69')
    stream.send(second.text)
    other.stream.send(message('balthasar@mantua.lit/x', 'other'))
    await clearnet.hears('other')
    assert.deepEqual(clearnet.heard, [...first.ids, 'other'])
    capulet.clock.advance(20_000)
    await clearnet.hears('b69')
    assert.deepEqual(clearnet.heard, [...first.ids, 'other', ...second.ids])
  })

  test('what waits does so in the network of who sends, and not in our memory', async () => {
    await clearnet.serve({ rate: '1kB' })
    const { stream } = await clearnet.external()
    stream.send(many('a').text)
    await clearnet.hears('a69')
    stream.send(Buffer.alloc(8 * 1024 * 1024, ' '))
    await clearnet.external('mantua.lit') // time enough for all that is taken
    assert.ok(stream.socket.writableLength > 4 * 1024 * 1024, String(stream.socket.writableLength))
    stream.destroy()
  })

  test('a server that has proved nothing yet is heard no faster', async () => {
    const capulet = await clearnet.serve({ rate: '1kB' })
    const { stream } = await clearnet.call()
    const ask = (id: string): string => `<db:verify from='${VERONA}' to='${CAPULET}' id='${id}'>key</db:verify>`
    await stream.send(ask('x').repeat(100)).expect(/(?:<db:verify [^>]*id='x'[^>]*>){100}/)
    stream.send(ask('y'))
    await clearnet.external('mantua.lit')
    assert.ok(!stream.heard.includes("id='y'"))
    capulet.clock.advance(20_000)
    await stream.expect(/id='y' type='invalid'/)
  })

  test('XEP-0288: a server that we called is heard no faster, either', async () => {
    const capulet = await clearnet.serve({ rate: '1kB' })
    const verona = await clearnet.peer()
    const opened = verona.openedInTls(VERONA, await clearnet.notary.shown(VERONA), "<bidi xmlns='urn:xmpp:features:bidi'/>")
    clearnet.says('1')
    const stream = await opened
    await stream.expect(KEY)
    await stream.send(VALID).expect(/<message [^>]*id='1'/)
    const [first, second] = [many('a'), many('b')]
    stream.send(first.text)
    await clearnet.hears('a69')
    stream.send(second.text)
    const other = await clearnet.external('mantua.lit')
    other.stream.send(message('balthasar@mantua.lit/x', 'other'))
    await clearnet.hears('other')
    assert.deepEqual(clearnet.heard, [...first.ids, 'other'])
    capulet.clock.advance(20_000)
    await clearnet.hears('b69')
    assert.deepEqual(clearnet.heard, [...first.ids, 'other', ...second.ids])
  })
})

describe('the operator rules a domain out while it speaks', () => {
  let clearnet: Clearnet
  before(async () => { clearnet = await Clearnet.open() })
  afterEach(() => clearnet.rest())
  after(() => clearnet.network.remove())

  const POLICY = /<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'\/><\/stream:error><\/stream:stream>$/

  test('RFC 6120 §4.9.3.14: its streams to us end, proved or not, and those of others go on', async () => {
    const { federation } = await clearnet.serve()
    const [proved, named, other] = [await clearnet.external(), await clearnet.call(), await clearnet.external('mantua.lit')]
    clearnet.network.blocked.add(VERONA)
    federation.recheck()
    for (const { stream } of [proved, named]) assert.match(await stream.rest(), POLICY)
    other.stream.send(message('balthasar@mantua.lit/x'))
    await clearnet.hears('1')
  })

  test('a stream that proved it besides another domain ends, too, and so does one that only claims it', async () => {
    const { federation } = await clearnet.serve({ unverified: ['mantua.lit'] })
    await clearnet.peer('mantua.lit')
    const { stream } = await clearnet.external()
    stream.send(`<db:result from='mantua.lit' to='${CAPULET}'>key</db:result>`)
    await until(() => clearnet.network.called.length > 0, 'it is asked')
    clearnet.network.blocked.add('mantua.lit')
    federation.recheck()
    assert.match(await stream.rest(), POLICY)
  })

  test('our stream to it ends, and what is said to it afterwards is not-allowed; once it is allowed, it is called again', async () => {
    const { federation } = await clearnet.serve()
    const verona = await clearnet.peer()
    const sound = await clearnet.notary.shown(VERONA)
    const opened = verona.openedInTls(VERONA, sound)
    clearnet.says('1')
    const stream = await opened
    await stream.expect(KEY)
    await stream.send(VALID).expect(/<message [^>]*id='1'/)
    clearnet.network.blocked.add(VERONA)
    federation.recheck()
    clearnet.says('2')
    assert.match(await stream.rest(), POLICY)
    assert.deepEqual(clearnet.heard, ['2 not-allowed'])
    assert.equal(federation.counts.outgoing, 0)
    clearnet.network.blocked.clear()
    federation.recheck()
    const again = verona.openedInTls(VERONA, sound)
    clearnet.says('3')
    await (await again).expect(KEY)
  })

  for (const [what, features] of [['that has said nothing yet', undefined], ['that knows our key', '']] as const) {
    test(`what waits for a server ${what} is bounced once, with not-allowed, and its place is free`, async () => {
      const { federation, clock } = await clearnet.serve({ streams: 1 })
      const verona = await clearnet.peer()
      const called = features === undefined ? verona.called() : verona.openedInTls(VERONA, await clearnet.notary.shown(VERONA))
      clearnet.says('1')
      clearnet.says('2')
      const stream = await called
      await stream.expect(features === undefined ? /<stream:stream / : KEY)
      clearnet.network.blocked.add(VERONA)
      federation.recheck()
      await stream.rest()
      assert.ok(!stream.heard.includes('<message'))
      clock.advance(600_000)
      assert.deepEqual(clearnet.heard, ['1 not-allowed', '2 not-allowed'])
      assert.equal(federation.counts.outgoing, 0)
      const mantua = await clearnet.peer('mantua.lit')
      const next = mantua.called()
      clearnet.says('3', 'balthasar@mantua.lit')
      await next
    })
  }
})
