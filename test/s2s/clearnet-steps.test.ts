import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { RawStream } from '../scenario/scenario.ts'
import { auth, CAPULET, Clearnet, message, VERONA } from './clearnet.ts'
import { features, header, until } from './verona.ts'

const STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
const CLAIM = `<db:result from='${VERONA}' to='${CAPULET}'>key</db:result>`
const HEADER = header({ from: VERONA, to: CAPULET })

describe('the order of steps on streams of servers', () => {
  let clearnet: Clearnet
  before(async () => { clearnet = await Clearnet.open() })
  afterEach(() => clearnet.rest())
  after(() => clearnet.network.remove())

  const connect = (): Promise<RawStream> => RawStream.open({ path: clearnet.network.path(CAPULET) })

  /** Open, and nothing is secured yet. */
  async function opened(): Promise<{ stream: RawStream, offered: string }> {
    const stream = (await connect()).send(HEADER)
    return { stream, offered: (await features(stream)).offered }
  }

  describe('before TLS', () => {
    test('RFC 6120 §5.3.1: nothing is offered but STARTTLS, and it is required', async () => {
      await clearnet.serve({ unverified: [VERONA] })
      assert.equal((await opened()).offered, `<stream:features>${STARTTLS.replace('/>', '><required/></starttls>')}</stream:features>`)
    })

    for (const [what, words, condition] of [
      ['a stanza', message(`mercutio@${VERONA}/x`), 'not-authorized'],
      ['a key', CLAIM, 'unsupported-stanza-type'],
      ['a question about a key', `<db:verify from='${VERONA}' to='${CAPULET}' id='x'>key</db:verify>`, 'unsupported-stanza-type'],
      ['an answer about a key', `<db:verify from='${VERONA}' to='${CAPULET}' id='x' type='valid'/>`, 'unsupported-stanza-type'],
      ['a proof by SASL', auth('='), 'unsupported-stanza-type'],
      ['a wish for both directions', "<bidi xmlns='urn:xmpp:bidi'/>", 'unsupported-stanza-type'],
      ['a wish for acknowledgement', "<enable xmlns='urn:xmpp:sm:3'/>", 'unsupported-stanza-type'],
    ] as const) {
      test(`RFC 6120 §5.3.1: ${what} ends the stream, with and without s2s.unverified: ${condition}`, async () => {
        for (const unverified of [[], [VERONA]]) {
          await clearnet.serve({ unverified })
          const { stream } = await opened()
          assert.match(await stream.send(words).rest(), new RegExp(`<stream:error><${condition} `))
        }
        assert.deepEqual([clearnet.network.called, clearnet.heard], [[], []])
      })
    }

    for (const [what, words] of [['a key', CLAIM], ['a header', HEADER], ['a space', ' '], ['half a stanza', '<mess']] as const) {
      test(`RFC 6120 §5.4.3.3: ${what} behind <starttls/> is never taken for said inside TLS`, async () => {
        await clearnet.serve({ unverified: [VERONA] })
        const { stream } = await opened()
        const rest = await stream.send(STARTTLS + words).rest()
        assert.match(rest, /<stream:error><policy-violation /)
        assert.ok(!rest.includes('<proceed'))
      })
    }

    test('RFC 6120 §5.4.2.3: plain text where the handshake should be ends the connection', async () => {
      await clearnet.serve({ unverified: [VERONA] })
      const { stream } = await opened()
      await stream.send(STARTTLS).expect(/<proceed[^>]*>/)
      const rest = await stream.send(HEADER + CLAIM).rest()
      assert.ok(!rest.includes('<'))
      assert.deepEqual(clearnet.network.called, [])
    })
  })

  describe('inside TLS', () => {
    for (const [what, attributes, condition] of [
      ['in another one\'s name', { from: 'mantua.lit', to: CAPULET }, 'invalid-from'],
      ['in nobody\'s name', { to: CAPULET }, 'invalid-from'],
      ['in a person\'s name', { from: `mercutio@${VERONA}`, to: CAPULET }, 'invalid-from'],
      ['for another domain', { from: VERONA, to: 'mantua.lit' }, 'host-unknown'],
      ['for nobody', { from: VERONA }, 'host-unknown'],
    ] as const) {
      test(`RFC 6120 §4.3.3: a stream that is opened anew ${what} after EXTERNAL ends: ${condition}`, async () => {
        await clearnet.serve()
        const { stream } = await clearnet.call(await clearnet.notary.shown(VERONA))
        await stream.send(auth('=')).expect(/<success[^>]*>/)
        assert.match(await stream.send(header(attributes)).rest(), new RegExp(`<stream:error><${condition} `))
      })
    }

    test('RFC 6120 §4.7.1: a server that does not say its name before TLS says it afterwards, and may prove it', async () => {
      await clearnet.serve()
      const stream = (await connect()).send(header({ to: CAPULET }))
      await features(stream)
      await stream.send(STARTTLS).expect(/<proceed[^>]*>/)
      await stream.upgrade(CAPULET, await clearnet.notary.shown(VERONA))
      assert.match((await features(stream.send(HEADER))).offered, /EXTERNAL/)
      await stream.send(auth('=')).expect(/<success[^>]*>/)
      await features(stream.send(HEADER))
      stream.send(message(`mercutio@${VERONA}/x`))
      await clearnet.hears('1')
    })

    test('RFC 6120 §13.7.2: one that never says its name may not prove it by SASL, whatever it shows', async () => {
      await clearnet.serve()
      const stream = (await connect()).send(header({ to: CAPULET }))
      await features(stream)
      await stream.send(STARTTLS).expect(/<proceed[^>]*>/)
      await stream.upgrade(CAPULET, await clearnet.notary.shown(VERONA))
      assert.ok(!(await features(stream.send(header({ to: CAPULET })))).offered.includes('EXTERNAL'))
      assert.match(await stream.send(auth(Buffer.from(VERONA).toString('base64'))).rest(), /<unsupported-stanza-type /)
    })

    for (const [what, words, condition] of [
      ['a stanza in one breath with it', message(`mercutio@${VERONA}/x`), 'policy-violation'],
      ['a header in one breath with it', HEADER, 'policy-violation'],
      ['a second <auth/> in one breath with it', auth('='), 'policy-violation'],
    ] as const) {
      test(`RFC 6120 §6.4.6: whoever sends ${what} does not wait for the answer to <auth/>: ${condition}`, async () => {
        await clearnet.serve()
        const { stream } = await clearnet.call(await clearnet.notary.shown(VERONA))
        assert.match(await stream.send(auth('=') + words).rest(), new RegExp(`<stream:error><${condition} `))
        assert.deepEqual(clearnet.heard, [])
      })
    }

    for (const [what, words] of [['a stanza', message(`mercutio@${VERONA}/x`)], ['a second <auth/>', auth('=')]] as const) {
      test(`RFC 6120 §6.4.6: ${what} after <success/> and before a new header ends the stream`, async () => {
        await clearnet.serve()
        const { stream } = await clearnet.call(await clearnet.notary.shown(VERONA))
        await stream.send(auth('=')).expect(/<success[^>]*>/)
        assert.match(await stream.send(words).rest(), /<stream:error><(?:invalid-namespace|bad-format) /)
        assert.deepEqual(clearnet.heard, [])
      })
    }

    test('RFC 6120 §6.4: who is proved does not prove it once more, and starts TLS no second time', async () => {
      await clearnet.serve()
      for (const words of [auth('='), STARTTLS]) {
        const { stream } = await clearnet.external()
        assert.match(await stream.send(words).rest(), /<stream:error><unsupported-stanza-type /)
      }
    })
  })

  describe('a listener where TLS begins at once (XEP-0368)', () => {
    test('a server that names it, or nobody, in TLS is served; STARTTLS is not offered', async () => {
      await clearnet.serve({}, { kind: 's2s-tls' })
      const shown = await clearnet.notary.shown(VERONA)
      for (const options of [{ ALPNProtocols: ['xmpp-server'] }, { ALPNProtocols: ['h2', 'xmpp-server'] }, {}]) {
        for (const name of [CAPULET, '']) {
          const stream = await connect()
          await stream.upgrade(name, { ...shown, ...options })
          const { offered } = await features(stream.send(HEADER))
          assert.match(offered, /EXTERNAL/)
          assert.ok(!offered.includes('starttls'))
          stream.destroy()
        }
      }
    })

    test('a name that is not served, and a protocol that is not spoken, get an alert', async () => {
      await clearnet.serve({}, { kind: 's2s-tls' })
      for (const [name, ALPNProtocols] of [
        ['mantua.lit', ['xmpp-server']], [`x.${CAPULET}`, ['xmpp-server']], [CAPULET, ['xmpp-client']], [CAPULET, ['h2', 'http/1.1']],
      ] as const) {
        const stream = await connect()
        await assert.rejects(stream.upgrade(name, { ALPNProtocols: [...ALPNProtocols] }), `${name} ${ALPNProtocols.join()}`)
        await stream.rest()
      }
    })

    test('the stream is for the domain that its header names, and for no other', async () => {
      await clearnet.serve({}, { kind: 's2s-tls' })
      const stream = await connect()
      await stream.upgrade(CAPULET, { ALPNProtocols: ['xmpp-server'] })
      assert.match(await stream.send(header({ from: VERONA, to: 'mantua.lit' })).rest(), /<host-unknown /)
    })

    test('plain XML is answered with no word of XMPP', async () => {
      await clearnet.serve({}, { kind: 's2s-tls' })
      const stream = await connect()
      assert.ok(!(await stream.send(HEADER).rest()).includes('<'))
    })

    for (const [what, words] of [['says nothing', ''], ['says half a hello', Buffer.from('16030102000100', 'hex')]] as const) {
      test(`a peer that ${what} is not waited for`, async () => {
        const { clock } = await clearnet.serve({}, { kind: 's2s-tls' })
        const before = clock.waiting
        const stream = await connect()
        if (words !== '') stream.send(words)
        await until(() => clock.waiting > before, 'it is waited for')
        clock.advance(31_000)
        assert.equal(await stream.rest(), '')
      })
    }
  })
})
