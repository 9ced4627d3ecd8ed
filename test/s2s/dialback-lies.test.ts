import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { RawStream } from '../scenario/scenario.ts'
import { auth, CAPULET, Clearnet, message, VERONA } from './clearnet.ts'
import type { Shown } from './notary.ts'
import { features, header, type FakePeer } from './verona.ts'

const MANTUA = 'mantua.lit'
const KEY = /<db:result [^>]*>([0-9a-f]{64})<\/db:result>/
const claim = (key: string, from = VERONA): string => `<db:result from='${from}' to='${CAPULET}'>${key}</db:result>`

describe('dialback by TLS, with servers that lie (XEP-0220)', () => {
  let clearnet: Clearnet
  let sound: Shown
  before(async () => {
    clearnet = await Clearnet.open()
    sound = await clearnet.notary.shown(VERONA)
  })
  afterEach(() => clearnet.rest())
  after(() => clearnet.network.remove())

  /** Somebody claims to be Verona, and Verona is asked. */
  async function claimed(): Promise<{ stream: RawStream, id: string, asked: RawStream, verona: FakePeer }> {
    await clearnet.serve()
    const verona = await clearnet.peer()
    const { stream, id } = await clearnet.call(sound)
    const opened = verona.openedInTls(VERONA, sound)
    stream.send(claim('key'))
    const asked = await opened
    await asked.expect(new RegExp(`<db:verify from='${CAPULET}' to='${VERONA}' id='${id}'>key</db:verify>`))
    return { stream, id, asked, verona }
  }

  const verdict = (id: string, { from = VERONA, to = CAPULET, type = 'valid' } = {}): string =>
    `<db:verify from='${from}' to='${to}' id='${id}' type='${type}'/>`

  describe('who answers whether a key is its own', () => {
    test('§2.1.2: the right answer proves the domain', async () => {
      const { stream, id, asked } = await claimed()
      asked.send(verdict(id))
      await stream.expect(/<db:result [^>]*type='valid'\/>/)
      stream.send(message(`mercutio@${VERONA}/x`))
      await clearnet.hears('1')
    })

    for (const [what, lie] of [
      ['for another stream', (id: string) => verdict(`${id}x`)],
      ['for no stream', () => verdict('')],
      ['for another domain of ours', (id: string) => verdict(id, { to: 'rooms.capulet.lit' })],
    ] as const) {
      test(`§2.1.2: an answer ${what} is none, and the right one still counts`, async () => {
        const { stream, id, asked } = await claimed()
        asked.send(lie(id) + verdict(id, { type: 'invalid' }))
        assert.match(await stream.rest(), /^<db:result [^>]*type='invalid'\/><\/stream:stream>$/)
      })
    }

    test('§2.1.2: one in another domain\'s name ends the stream that was asked on, and the claim stays unproved', async () => {
      const { stream, id, asked } = await claimed()
      assert.match(await asked.send(verdict(id, { from: MANTUA })).rest(), /<stream:error><invalid-from /)
      await stream.expect(/<db:result [^>]*type='error'><error type='wait'><remote-server-timeout /)
      assert.match(await stream.send(message(`mercutio@${VERONA}/x`)).rest(), /<not-authorized /)
    })

    for (const type of ['error', 'maybe', '']) {
      test(`§2.5: the answer "${type}" proves nothing, and says nothing against the domain: it may try again`, async () => {
        const { stream, id, asked } = await claimed()
        asked.send(verdict(id, { type }))
        await stream.expect(/<db:result [^>]*type='error'><error type='wait'><remote-server-timeout /)
        stream.send(claim('other'))
        await asked.expect(new RegExp(`id='${id}'>other</db:verify>`))
        asked.send(verdict(id))
        await stream.expect(/<db:result [^>]*type='valid'\/>/)
      })
    }

    test('s2s.time_to_connect: one that does not answer is not waited for', async () => {
      const capulet = await clearnet.serve()
      const verona = await clearnet.peer()
      const { stream } = await clearnet.call(sound)
      const opened = verona.openedInTls(VERONA, sound)
      stream.send(claim('key'))
      await (await opened).expect(/<db:verify /)
      capulet.clock.advance(121_000)
      await stream.expect(/<db:result [^>]*type='error'><error type='wait'><remote-server-timeout /)
    })

    test('an answer that comes twice, the second time another one, counts once', async () => {
      const { stream, id, asked } = await claimed()
      asked.send(verdict(id, { type: 'invalid' }) + verdict(id))
      assert.match(await stream.rest(), /^<db:result [^>]*type='invalid'\/><\/stream:stream>$/)
    })

    test('a result of dialback on a stream on which was only asked ends it', async () => {
      const { stream, asked } = await claimed()
      assert.match(await asked.send(`<db:result from='${VERONA}' to='${CAPULET}' type='valid'/>`).rest(), /<stream:error><policy-violation /)
      await stream.expect(/<db:result [^>]*type='error'>/)
    })
  })

  describe('keys of ours', () => {
    /** A stream of Capulet's to Verona, inside TLS, with its id, and the key that was sent on it. */
    async function told(verona: FakePeer, id: string): Promise<{ stream: RawStream, key: string }> {
      const opened = verona.openedInTls(VERONA, sound, '', id)
      clearnet.says(id)
      const stream = await opened
      const [, key = ''] = await stream.expect(KEY)
      return { stream, key }
    }

    test('§2.1.1: a key is for one stream, one domain of ours and one of others; any other question is answered "invalid"', async () => {
      const capulet = await clearnet.serve()
      const verona = await clearnet.peer()
      const { stream, key } = await told(verona, 'first')
      stream.destroy()
      await clearnet.hears('first remote-server-timeout')
      capulet.clock.advance(5000)
      const second = await told(verona, 'second')
      assert.notEqual(second.key, key)
      const { stream: asking } = await clearnet.call()
      const ask = async (about: string, id: string, from = VERONA): Promise<string> => {
        asking.send(`<db:verify from='${from}' to='${CAPULET}' id='${id}'>${about}</db:verify>`)
        return (await asking.expect(/<db:verify [^>]*type='([a-z]*)'/))[1] ?? ''
      }
      assert.equal(await ask(second.key, 'second'), 'valid')
      assert.equal(await ask(key, 'first'), 'valid')
      assert.equal(await ask(key, 'second'), 'invalid', 'a key of an earlier stream')
      assert.equal(await ask(second.key, 'first'), 'invalid')
      assert.equal(await ask(second.key, 'second', MANTUA), 'invalid', 'a key for another domain')
      assert.equal(await ask(second.key.toUpperCase(), 'second'), 'invalid')
      assert.equal(await ask(second.key.slice(1), 'second'), 'invalid')
      assert.equal(await ask('', 'second'), 'invalid')
    })

    test('§2.1.1: a key that is longer than any ends the stream', async () => {
      await clearnet.serve()
      const { stream } = await clearnet.call()
      assert.match(await stream.send(`<db:verify from='${VERONA}' to='${CAPULET}' id='x'>${'a'.repeat(129)}</db:verify>`).rest(), /<policy-violation /)
    })

    for (const [type, condition] of [['invalid', 'internal-server-error'], ['error', 'remote-server-timeout']] as const) {
      test(`§2.1.1: the result "${type}": what waits is bounced once, and the next call is a new one`, async () => {
        const capulet = await clearnet.serve()
        const verona = await clearnet.peer()
        const { stream } = await told(verona, '1')
        stream.send(`<db:result from='${VERONA}' to='${CAPULET}' type='${type}'><error type='cancel'/></db:result>`)
        await clearnet.hears(`1 ${condition}`)
        assert.ok(!(await stream.rest()).includes('<message'))
        clearnet.says('2')
        await clearnet.hears('2 remote-server-timeout') // too soon
        capulet.clock.advance(5000)
        await told(verona, '3')
        assert.deepEqual(clearnet.heard, [`1 ${condition}`, '2 remote-server-timeout'])
      })
    }

    test('§2.1.1: a result of another domain, or for another one, proves nothing', async () => {
      for (const [from, to] of [[MANTUA, CAPULET], [VERONA, MANTUA], [`x.${VERONA}`, CAPULET]] as const) {
        await clearnet.serve()
        const verona = await clearnet.peer()
        const { stream } = await told(verona, '1')
        assert.match(await stream.send(`<db:result from='${from}' to='${to}' type='valid'/>`).rest(), /<stream:error><(?:invalid-from|policy-violation) /)
        await clearnet.hears('1 remote-server-timeout')
        assert.ok(!stream.heard.includes('<message'))
        verona.stop()
      }
    })
  })

  test('§2.2.1: a stream that was proved for one domain stays so where a claim to be another is a lie', async () => {
    await clearnet.serve({ unverified: [MANTUA] })
    const mantua = await clearnet.peer(MANTUA)
    const { stream, id } = await clearnet.external()
    const opened = mantua.openedInTls(MANTUA, sound)
    stream.send(claim('key', MANTUA))
    const asked = await opened
    await asked.expect(/<db:verify /)
    asked.send(`<db:verify from='${MANTUA}' to='${CAPULET}' id='${id}' type='invalid'/>`)
    await stream.expect(/<db:result [^>]*type='error'><error type='auth'><forbidden /)
    stream.send(message(`mercutio@${VERONA}/x`))
    await clearnet.hears('1')
    assert.match(await stream.send(message(`balthasar@${MANTUA}/x`, '2')).rest(), /<invalid-from /)
    assert.deepEqual(clearnet.heard, ['1'])
  })

  test('§2.1.2: a domain that answers for itself no longer speaks no longer, and the other on the stream goes on', async () => {
    await clearnet.serve({ unverified: [MANTUA] })
    const mantua = await clearnet.peer(MANTUA)
    const { stream, id } = await clearnet.external()
    const opened = mantua.openedInTls(MANTUA, sound)
    stream.send(claim('key', MANTUA))
    const asked = await opened
    for (const [type, answer] of [['valid', /<db:result [^>]*type='valid'\/>/], ['invalid', /<db:result [^>]*type='error'><error type='auth'><forbidden /]] as const) {
      await asked.expect(/<db:verify /)
      asked.send(verdict(id, { from: MANTUA, type }))
      await stream.expect(answer)
      if (type === 'valid') stream.send(message(`balthasar@${MANTUA}/x`, '1') + claim('another', MANTUA))
    }
    stream.send(message(`mercutio@${VERONA}/x`, '2'))
    await clearnet.hears('2')
    assert.match(await stream.send(message(`balthasar@${MANTUA}/x`, '3')).rest(), /<invalid-from /)
    assert.deepEqual(clearnet.heard, ['1', '2'])
  })

  test('§2.1.1: a key is for the stream as it was: what is said of it after a restart proves nothing', async () => {
    await clearnet.serve({ unverified: [MANTUA] })
    const mantua = await clearnet.peer(MANTUA)
    const { stream, id } = await clearnet.call(sound)
    const opened = mantua.openedInTls(MANTUA, sound)
    stream.send(claim('key', MANTUA))
    const asked = await opened
    await asked.expect(/<db:verify /)
    await stream.send(auth('=')).expect(/<success[^>]*>/)
    await features(stream.send(header({ from: VERONA, to: CAPULET })))
    asked.send(verdict(id, { from: MANTUA }))
    // What is said to Mantua goes by the stream on which it answered: then the answer has been read.
    clearnet.says('1', `balthasar@${MANTUA}`)
    await asked.expect(KEY)
    assert.match(await stream.send(message(`balthasar@${MANTUA}/x`)).rest(), /^<stream:error><invalid-from /)
    assert.deepEqual(clearnet.heard, [])
  })

  test('XEP-0288: by a stream without a certificate nothing goes back, as who reads it is not known', async () => {
    await clearnet.serve({ unverified: [VERONA] })
    const verona = await clearnet.peer()
    const { stream, id } = await clearnet.call()
    const opened = verona.openedInTls(VERONA, sound)
    stream.send(`<bidi xmlns='urn:xmpp:bidi'/>${claim('key')}`)
    const asked = await opened
    await asked.expect(/<db:verify /)
    asked.send(verdict(id))
    await stream.expect(/<db:result [^>]*type='valid'\/>/)
    stream.send(message(`mercutio@${VERONA}/x`))
    await clearnet.hears('1')
    clearnet.says('2')
    await asked.expect(KEY)
    asked.send(`<db:result from='${VERONA}' to='${CAPULET}' type='valid'/>`)
    await asked.expect(/<message [^>]*id='2'/)
  })
})
