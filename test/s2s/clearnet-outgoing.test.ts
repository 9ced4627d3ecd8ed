import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { TLSSocket } from 'node:tls'
import type { RawStream } from '../scenario/scenario.ts'
import { CAPULET, Clearnet, VERONA } from './clearnet.ts'
import { SOUND, WRONG, type Shown } from './notary.ts'
import { header, type FakePeer, type TestServer } from './verona.ts'

const STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
const PROCEED = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
const EXTERNAL = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>"
const SUCCESS = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
const VALID = `<db:result from='${VERONA}' to='${CAPULET}' type='valid'/>`
const KEY = /<db:result [^>]*>[0-9a-f]{64}<\/db:result>/
const AUTH = /<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=<\/auth>/

describe('servers that are called by TLS', () => {
  let clearnet: Clearnet
  let sound: Shown
  before(async () => {
    clearnet = await Clearnet.open()
    sound = await clearnet.notary.shown(VERONA)
  })
  afterEach(() => clearnet.rest())
  after(() => clearnet.network.remove())

  async function begin(s2s: Readonly<Record<string, unknown>> = {}): Promise<{ capulet: TestServer, verona: FakePeer }> {
    return { capulet: await clearnet.serve(s2s), verona: await clearnet.peer() }
  }

  /** Juliet has something to say; the stream as it is inside TLS, where those features are offered. */
  async function secured(verona: FakePeer, features = '', shown = sound): Promise<RawStream> {
    const opened = verona.openedInTls(VERONA, shown, features)
    clearnet.says('1')
    return await opened
  }

  /** Nothing of the stanza left, and Juliet is told so, once. */
  async function bounced(stream: RawStream, verona: FakePeer): Promise<void> {
    await clearnet.hears('1 remote-server-timeout')
    await stream.rest()
    assert.ok(!stream.heard.includes('<message'))
    assert.deepEqual([clearnet.heard, verona.calls], [['1 remote-server-timeout'], 1])
  }

  describe('by their certificates', () => {
    for (const [what, make] of SOUND.filter(([name]) => !name.includes('wildcard'))) { // which is for a name with more labels
      test(`RFC 6120 §13.7.2: a server with a certificate ${what} is told the key, and sees ours`, async () => {
        const { verona } = await begin()
        const stream = await secured(verona, '', await make(clearnet.notary, VERONA))
        await stream.expect(KEY)
        const { socket } = stream
        assert.ok(socket instanceof TLSSocket)
        assert.equal(socket.getPeerCertificate().subjectaltname, `DNS:${CAPULET}`)
        assert.equal(socket.servername, VERONA)
        await stream.send(VALID).expect(/<message [^>]*id='1'/)
      })
    }

    for (const [what, condition, make] of WRONG) {
      test(`RFC 6120 §13.7.2: a server with one ${what} is told nothing: ${condition}`, async () => {
        const { capulet, verona } = await begin()
        const stream = await secured(verona, EXTERNAL, await make(clearnet.notary, VERONA))
        assert.match(await stream.rest(), /^<stream:error><policy-violation /)
        await bounced(stream, verona)
        assert.deepEqual(capulet.log.lines.filter(({ event }) => event === 's2s.untrusted').map(({ fields }) => fields['condition']), [condition])
      })
    }

    test('s2s.unverified: a server of that list may show what it likes; it is told a key, and sends nothing by this stream', async () => {
      const { verona } = await begin({ unverified: [VERONA] })
      const stream = await secured(verona, "<bidi xmlns='urn:xmpp:features:bidi'/>", await (WRONG.at(-1)?.[2] ?? assert.fail())(clearnet.notary, VERONA))
      const [said] = await stream.expect(/.*<\/db:result>/)
      assert.ok(!said.includes('bidi'))
      await stream.send(VALID).expect(/<message [^>]*id='1'/)
    })
  })

  describe('before TLS', () => {
    const open = header({ from: VERONA, id: 'x' })
    const features = (list: string): string => `<stream:features>${list}</stream:features>`
    const lies: readonly (readonly [string, string])[] = [
      ['offers no STARTTLS', open + features('')],
      ['offers SASL instead of STARTTLS', open + features(EXTERNAL)],
      ['offers dialback instead of STARTTLS', open + features("<dialback xmlns='urn:xmpp:features:dialback'/>")],
      ['speaks a version without features', open.replace(" version='1.0' from", ' from')],
      ['has another name', header({ from: 'mantua.lit', id: 'x' }) + features(STARTTLS)],
      ['gives its stream no id', header({ from: VERONA }) + features(STARTTLS)],
      ['says that it knows us already', open + features(STARTTLS) + VALID],
      ['says that we are proved by SASL', open + features(STARTTLS) + SUCCESS],
      ['refuses TLS', `${open}${features(STARTTLS)}<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>`],
      ['goes on in plain text behind <proceed/>', open + features(STARTTLS) + PROCEED + open + features('')],
      ['offers STARTTLS twice', open + features(STARTTLS) + features(STARTTLS)],
      ['sends a stanza', `${open}<message from='romeo@${VERONA}' to='juliet@${CAPULET}'/>`],
      ['is no server of XMPP', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
      ['closes at once', '</stream:stream>'],
      ['opens with a document type', `<!DOCTYPE x>${open}`],
    ]
    for (const [what, words] of lies) {
      test(`RFC 6120 §5.3.1: a server that ${what} is told nothing`, async () => {
        const { verona } = await begin()
        const called = verona.called()
        clearnet.says('1')
        const stream = await called
        await stream.expect(/<stream:stream /)
        stream.send(words)
        await bounced(stream, verona)
        assert.ok(!stream.heard.includes('db:result') && !stream.heard.includes('<auth'))
      })
    }

    test('RFC 6120 §5.4.3.2: one that answers the handshake with anything else is told nothing', async () => {
      const { verona } = await begin()
      const opened = verona.opened(VERONA, 'x', STARTTLS)
      clearnet.says('1')
      const stream = await opened
      await stream.expect(/<starttls [^>]*>/)
      stream.send(PROCEED)
      await stream.expect(/\u0016/) // the hello
      stream.send(open)
      await bounced(stream, verona)
    })
  })

  describe('by SASL EXTERNAL (XEP-0178)', () => {
    const again = (features = ''): string => `${header({ from: VERONA, id: 'again' })}<stream:features>${features}</stream:features>`

    test('where it is offered it is taken, and stanzas go once the stream was opened anew', async () => {
      const { verona } = await begin()
      const stream = await secured(verona, EXTERNAL)
      await stream.expect(AUTH)
      await stream.send(SUCCESS).expect(new RegExp(`<stream:stream [^>]*from='${CAPULET}' to='${VERONA}'`))
      assert.ok(!stream.heard.includes('<message'))
      await stream.send(again()).expect(/<message [^>]*id='1'/)
      assert.ok(!stream.heard.includes('db:result'))
    })

    for (const condition of ['not-authorized', 'temporary-auth-failure']) {
      test(`§3: <failure/> is followed by dialback on the same stream: ${condition}`, async () => {
        const { verona } = await begin()
        const stream = await secured(verona, EXTERNAL)
        await stream.expect(AUTH)
        await stream.send(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><${condition}/></failure>`).expect(KEY)
        await stream.send(VALID).expect(/<message [^>]*id='1'/)
        assert.equal(verona.calls, 1)
      })
    }

    test('a server that offers other mechanisms alone is told a key', async () => {
      const { verona } = await begin()
      await (await secured(verona, EXTERNAL.replace('EXTERNAL', 'PLAIN'))).expect(KEY)
    })

    const lies: readonly (readonly [string, string])[] = [
      ['bytes before our stream was opened anew', SUCCESS + again()],
      ['a stanza behind <success/>', `${SUCCESS}<message from='romeo@${VERONA}' to='juliet@${CAPULET}'/>`],
      ['a challenge', "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"],
      ['a result of dialback that nobody asked for', VALID],
      ['features', '<stream:features/>'],
      ['a stanza', `<message from='romeo@${VERONA}' to='juliet@${CAPULET}'/>`],
    ]
    for (const [what, words] of lies) {
      test(`a server that answers <auth/> with ${what} is told nothing`, async () => {
        const { verona } = await begin()
        const stream = await secured(verona, EXTERNAL)
        await stream.expect(AUTH)
        stream.send(words)
        await bounced(stream, verona)
      })
    }

    const restarts: readonly (readonly [string, string])[] = [
      ['in another name', header({ from: 'mantua.lit', id: 'x' })],
      ['without an id', header({ from: VERONA })],
      ['and says at once that we are proved by dialback', header({ from: VERONA, id: 'x' }) + VALID],
      ['and sends a stanza', `${header({ from: VERONA, id: 'x' })}<message from='romeo@${VERONA}' to='juliet@${CAPULET}'/>`],
      ['and goes', '</stream:stream>'],
    ]
    for (const [what, words] of restarts) {
      test(`a server that opens the stream anew ${what} is told nothing`, async () => {
        const { verona } = await begin()
        const stream = await secured(verona, EXTERNAL)
        await stream.expect(AUTH)
        await stream.send(SUCCESS).expect(/<stream:stream /)
        stream.send(words)
        await bounced(stream, verona)
      })
    }

    for (const [what, words] of [['says nothing to <auth/>', ''], ['says <success/> and no more', SUCCESS]] as const) {
      test(`s2s.time_to_connect: a server that ${what} is not waited for`, async () => {
        const { capulet, verona } = await begin()
        const stream = await secured(verona, EXTERNAL)
        await stream.expect(AUTH)
        if (words !== '') await stream.send(words).expect(/<stream:stream /)
        assert.deepEqual(clearnet.heard, [])
        capulet.clock.advance(121_000)
        assert.deepEqual(clearnet.heard, ['1 remote-server-timeout'])
        capulet.clock.advance(6000)
        await bounced(stream, verona)
      })
    }
  })
})
