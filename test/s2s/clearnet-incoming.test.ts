import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { onionAddress } from '../../src/tor/onion-address.ts'
import { dns } from '../net/authority.ts'
import { auth, CAPULET, Clearnet, message, VERONA } from './clearnet.ts'
import { SOUND, WRONG } from './notary.ts'
import { features, header } from './verona.ts'

/** Signed by itself. */
const BY_ITSELF = WRONG.at(-1)?.[2] ?? assert.fail()
const base64 = (text: string): string => Buffer.from(text).toString('base64')

describe('servers that come by TLS', () => {
  let clearnet: Clearnet
  before(async () => { clearnet = await Clearnet.open() })
  afterEach(() => clearnet.rest())
  after(() => clearnet.network.remove())

  describe('with a certificate of the domain', () => {
    for (const [what, response] of [['"="', '='], ['nothing', ''], ['its own name', base64(VERONA)], ['its own name in capitals', base64('Verona.LIT')]] as const) {
      test(`XEP-0178 §3, RFC 6120 §6.3.8: EXTERNAL proves it, where ${what} is the authorization identity, and nobody is asked`, async () => {
        await clearnet.serve()
        const { stream, offered } = await clearnet.call(await clearnet.notary.shown(VERONA))
        assert.match(offered, /<mechanism>EXTERNAL<\/mechanism>/)
        await stream.send(auth(response)).expect(/<success[^>]*>/)
        const again = await features(stream.send(header({ from: VERONA, to: CAPULET })))
        assert.ok(!again.offered.includes('mechanism') && !again.offered.includes('starttls'))
        stream.send(message(`mercutio@${VERONA}/x`))
        await clearnet.hears('1')
        assert.deepEqual(clearnet.network.called, [])
      })
    }

    for (const [what, make] of SOUND) {
      test(`RFC 6120 §13.7.1.2: a certificate ${what} is as good`, async () => {
        await clearnet.serve()
        const domain = what.includes('wildcard') ? `square.${VERONA}` : VERONA
        const { stream, offered } = await clearnet.call(await make(clearnet.notary, domain), domain)
        assert.match(offered, /EXTERNAL/)
        await stream.send(auth('=')).expect(/<success[^>]*>/)
      })
    }

    for (const [what, response, condition] of [
      ['another domain', base64('montague.lit'), 'invalid-authzid'], ['a person there', base64(`mercutio@${VERONA}`), 'invalid-authzid'],
      ['a domain below it', base64(`x.${VERONA}`), 'invalid-authzid'], ['our own domain', base64(CAPULET), 'invalid-authzid'],
      ['what is no UTF-8', Buffer.of(0xff, 0xfe).toString('base64'), 'malformed-request'], ['what is no base64', '*', 'incorrect-encoding'],
    ] as const) {
      test(`RFC 6120 §6.5: with ${what} as authorization identity it is nobody: ${condition}, and the stream ends`, async () => {
        await clearnet.serve()
        const { stream } = await clearnet.call(await clearnet.notary.shown(VERONA))
        assert.match(await stream.send(auth(response)).rest(), new RegExp(`<failure [^>]*><${condition}/></failure><stream:error><policy-violation `))
      })
    }

    test('RFC 6120 §8.1.2.2: it speaks for itself alone, and not for a name below it', async () => {
      for (const from of ['romeo@montague.lit/x', `mercutio@x.${VERONA}/x`, `nurse@${CAPULET}/x`]) {
        await clearnet.serve()
        const { stream } = await clearnet.external()
        assert.match(await stream.send(message(from)).rest(), /<stream:error><invalid-from /)
        assert.deepEqual(clearnet.heard, [])
      }
    })

    test('XEP-0220: it may be proved by dialback, too; its server is asked, and says no', async () => {
      await clearnet.serve()
      const peer = await clearnet.peer()
      const shown = await clearnet.notary.shown(VERONA)
      const { stream, id } = await clearnet.call(shown)
      const opened = peer.openedInTls(VERONA, shown)
      stream.send(`<db:result from='${VERONA}' to='${CAPULET}'>key</db:result>`)
      const asked = await opened
      await asked.expect(new RegExp(`<db:verify [^>]*id='${id}'`))
      asked.send(`<db:verify from='${VERONA}' to='${CAPULET}' id='${id}' type='invalid'/>`)
      assert.match(await stream.rest(), /<db:result [^>]*type='invalid'\/><\/stream:stream>$/)
    })

    test('s2s.streams_per_domain: one stream too many ends with resource-constraint, others have room, and an end makes some', async () => {
      await clearnet.serve({ streams_per_domain: 2 })
      const [{ stream: first }, { stream: second }] = [await clearnet.external(), await clearnet.external()]
      const { stream: third } = await clearnet.call(await clearnet.notary.shown(VERONA))
      await third.send(auth('=')).expect(/<success[^>]*>/)
      assert.match(await third.send(header({ from: VERONA, to: CAPULET })).rest(), /<resource-constraint /)
      const { stream: other } = await clearnet.external('mantua.lit')
      other.send(message('balthasar@mantua.lit/x', '2'))
      await clearnet.hears('2')
      await first.send('</stream:stream>').rest()
      second.send(message(`mercutio@${VERONA}/x`, '3'))
      await clearnet.hears('3')
      await clearnet.external()
    })
  })

  describe('without one', () => {
    const nobody = [['that shows none', 'absent', async () => undefined], ...WRONG.map(([what, condition, make]) => [`with one ${what}`, condition, make] as const)] as const
    for (const [what, , make] of nobody) {
      test(`RFC 6120 §13.7.2: to a server ${what} EXTERNAL is not offered, and its key is not-authorized before anybody is asked`, async () => {
        await clearnet.serve()
        const { stream, offered } = await clearnet.call(await make(clearnet.notary, VERONA))
        assert.ok(!offered.includes('mechanism'))
        stream.send(`<db:result from='${VERONA}' to='${CAPULET}'>key</db:result>`)
        await stream.expect(/<db:result [^>]*type='error'><error type='auth'><not-authorized /)
        assert.match(await stream.send(message(`mercutio@${VERONA}/x`)).rest(), /<stream:error><not-authorized /)
        assert.deepEqual([clearnet.network.called, clearnet.heard], [[], []])
      })
    }

    test('RFC 6120 §6.5.7: EXTERNAL that was not offered ends the stream', async () => {
      await clearnet.serve()
      const { stream } = await clearnet.call(await clearnet.notary.shown('mantua.lit'))
      assert.match(await stream.send(auth('=')).rest(), /<stream:error><unsupported-stanza-type /)
    })

    test('a name under .onion is never proved by a certificate; its key is put to the onion itself', async () => {
      await clearnet.serve()
      const onion = onionAddress(Buffer.alloc(32, 1))
      const { stream, offered } = await clearnet.call(await clearnet.notary.shown(onion, { names: [dns(onion)] }), onion)
      assert.ok(!offered.includes('mechanism'))
      assert.match(await stream.send(auth(base64(onion))).rest(), /<unsupported-stanza-type /)
    })

    test('nobody comes in as our own domain, whatever it shows', async () => {
      await clearnet.serve()
      const { stream, offered } = await clearnet.call(await clearnet.notary.shown(CAPULET), CAPULET)
      assert.ok(!offered.includes('mechanism'))
      stream.send(`<db:result from='${CAPULET}' to='${CAPULET}'>key</db:result>`)
      await stream.expect(/<db:result [^>]*type='error'><error type='cancel'><not-allowed /)
      stream.destroy()
    })

    for (const [what, make] of [['none', async () => undefined], ['one signed by itself', BY_ITSELF]] as const) {
      test(`s2s.unverified: a domain of that list needs no valid certificate; with ${what} its server is asked`, async () => {
        await clearnet.serve({ unverified: [VERONA] })
        const peer = await clearnet.peer()
        const { stream, id, offered } = await clearnet.call(await make(clearnet.notary, VERONA))
        assert.ok(!offered.includes('mechanism'))
        const opened = peer.openedInTls(VERONA, await BY_ITSELF(clearnet.notary, VERONA))
        stream.send(`<db:result from='${VERONA}' to='${CAPULET}'>key</db:result>`)
        const asked = await opened
        await asked.expect(/<db:verify /)
        asked.send(`<db:verify from='${VERONA}' to='${CAPULET}' id='${id}' type='valid'/>`)
        await stream.expect(/<db:result [^>]*type='valid'\/>/)
        stream.send(message(`mercutio@${VERONA}/x`))
        await clearnet.hears('1')
        stream.send(`<db:result from='mantua.lit' to='${CAPULET}'>key</db:result>`)
        await stream.expect(/<db:result [^>]*from='capulet.lit' to='mantua.lit' type='error'><error type='auth'><not-authorized /)
      })
    }
  })
})
