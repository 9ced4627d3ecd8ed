import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { RawStream } from '../scenario/scenario.ts'
import { auth, CAPULET, Clearnet, message, VERONA } from './clearnet.ts'
import { features, header, until } from './verona.ts'

const HEADER = header({ from: VERONA, to: CAPULET })
const OPENED = `<message from='mercutio@${VERONA}/x' to='juliet@${CAPULET}' type='chat' id='bad'><body>?OTR`

/** What no stream may say, and how it ends. */
const WORDS: readonly (readonly [string, string | Buffer, string])[] = [
  ['crossed tags', '<message><body></message></body>', 'not-well-formed'],
  ['an end of what was not begun', '</message>', 'not-well-formed'],
  ['an attribute twice', "<message id='1' id='2'/>", 'not-well-formed'],
  ['a character that XML has not', Buffer.from(`${OPENED}\0`), 'not-well-formed'],
  ['a character that XML has not, by its number', `${OPENED}&#0;</body></message>`, 'not-well-formed'],
  ['bytes that are not UTF-8', Buffer.concat([Buffer.from(OPENED), Buffer.of(0xc0, 0xaf)]), 'unsupported-encoding'],
  ['a surrogate', Buffer.concat([Buffer.from(OPENED), Buffer.of(0xed, 0xa0, 0x80)]), 'unsupported-encoding'],
  ['a prefix that was not declared', '<a:message/>', 'not-well-formed'],
  ['a document type', "<!DOCTYPE x [<!ENTITY a 'b'>]>", 'restricted-xml'],
  ['an entity', `${OPENED}&lol9;</body></message>`, 'restricted-xml'],
  ['a comment', `${OPENED}<!-- -->`, 'restricted-xml'],
  ['an instruction', `${OPENED}<?php ?>`, 'restricted-xml'],
  ['text between stanzas', 'wherefore', 'bad-format'],
  ['elements in elements without end', '<a>'.repeat(200), 'policy-violation'],
  ['more attributes than anybody has', `<message ${Array.from({ length: 100 }, (_, index) => `a${index}=''`).join(' ')}/>`, 'policy-violation'],
  ['more elements than a stanza has', `<message>${'<a/>'.repeat(10_000)}</message>`, 'policy-violation'],
  ['a name without end', `<${'a'.repeat(10_000)}`, 'policy-violation'],
  ['an attribute without end', `<message id='${'a'.repeat(300_000)}`, 'policy-violation'],
  ['a stanza without end', OPENED + 'a'.repeat(300_000), 'policy-violation'],
]

describe('what no server may say', () => {
  let clearnet: Clearnet
  before(async () => { clearnet = await Clearnet.open() })
  afterEach(() => clearnet.rest())
  after(() => clearnet.network.remove())

  const connect = (): Promise<RawStream> => RawStream.open({ path: clearnet.network.path(CAPULET) })
  const errors = (condition: string): RegExp => new RegExp(`<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>.*</stream:error></stream:stream>$`)

  for (const [what, words, condition] of WORDS) {
    test(`RFC 6120 §4.9.3, §11: ${what} ends the stream, proved or not, and no other: ${condition}`, async () => {
      await clearnet.serve()
      const other = await clearnet.external('mantua.lit')
      const { stream: nobody } = await clearnet.call()
      const { stream: proved } = await clearnet.external()
      for (const stream of [nobody, proved]) assert.match(await stream.send(words).rest(), errors(condition))
      other.stream.send(message('balthasar@mantua.lit/x', 'other'))
      await clearnet.hears('other')
      assert.deepEqual(clearnet.heard, ['other'])
    })
  }

  test('what came before the fault in the same breath was a stanza and is delivered', async () => {
    await clearnet.serve()
    const { stream } = await clearnet.external()
    assert.match(await stream.send(`${message(`mercutio@${VERONA}/x`, '1')}<a></b>${message(`mercutio@${VERONA}/x`, '2')}`).rest(), errors('not-well-formed'))
    assert.deepEqual(clearnet.heard, ['1'])
  })

  const headers: readonly (readonly [string, string, string])[] = [
    ['entities that double ten times over', `<!DOCTYPE x [<!ENTITY a0 'lol'>${Array.from({ length: 9 }, (_, n) => `<!ENTITY a${n + 1} '&a${n};&a${n};'>`).join('')}]>${HEADER}`, 'restricted-xml'],
    ['a header without end', HEADER.slice(0, -1) + ` x='${'a'.repeat(20_000)}`, 'policy-violation'],
    ['the content namespace of clients', HEADER.replace('jabber:server', 'jabber:client'), 'invalid-namespace'],
    ['no version', HEADER.replace(" version='1.0'>", '>').replace(" version='1.0' from", ' from'), 'unsupported-version'],
    ['another encoding', HEADER.replace("version='1.0'?", "version='1.0' encoding='UTF-16'?"), 'unsupported-encoding'],
    ['no name of ours', HEADER.replace(CAPULET, 'mantua.lit'), 'host-unknown'],
    ['a name that is none', HEADER.replace(`from='${VERONA}'`, "from='a b'"), 'invalid-from'],
  ]
  for (const [what, words, condition] of headers) {
    test(`RFC 6120 §4.9.3: a stream that opens with ${what} ends, before TLS and inside: ${condition}`, async () => {
      await clearnet.serve()
      assert.match(await (await connect()).send(words).rest(), errors(condition))
      await clearnet.serve({}, { kind: 's2s-tls' })
      const stream = await connect()
      await stream.upgrade(CAPULET)
      assert.match(await stream.send(words).rest(), errors(condition))
    })
  }

  test('limits.stanza_before_login: a stranger may not send as much at once as one that is known', async () => {
    await clearnet.serve()
    const long = `<iq from='${VERONA}' to='${CAPULET}' type='get' id='long'><x xmlns='urn:nothing'>${'a'.repeat(20_000)}</x></iq>`
    const { stream: nobody } = await clearnet.call()
    assert.match(await nobody.send(long).rest(), errors('policy-violation'))
    const { stream: proved } = await clearnet.external()
    proved.send(long + message(`mercutio@${VERONA}/x`))
    await clearnet.hears('1')
  })

  for (const [what, leave] of [['cuts the connection', (stream) => stream.destroy()], ['ends it', (stream) => stream.socket.end()]] as readonly (readonly [string, (stream: RawStream) => unknown])[]) {
    test(`a peer that ${what} in the middle of a stanza has said nothing, its place is free, and others go on`, async () => {
      const { federation } = await clearnet.serve({ streams_per_domain: 1 })
      const other = await clearnet.external('mantua.lit')
      const { stream } = await clearnet.external()
      leave(stream.send(OPENED))
      await until(() => federation.counts.incoming === 1, 'its stream is over')
      const { stream: again } = await clearnet.external()
      again.send(message(`mercutio@${VERONA}/x`, '2'))
      other.stream.send(message('balthasar@mantua.lit/x', '3'))
      await clearnet.hears('2')
      await clearnet.hears('3')
      assert.equal(clearnet.heard.length, 2)
    })
  }

  describe('s2s.time_to_connect: nobody is waited for longer', () => {
    const shake = async (stream: RawStream): Promise<void> => {
      await features(stream.send(HEADER))
      await stream.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").expect(/<proceed[^>]*>/)
    }
    const stalls: readonly (readonly [string, (stream: RawStream) => unknown])[] = [
      ['says nothing', () => {}],
      ['says half a header', (stream) => stream.send(HEADER.slice(0, 60))],
      ['opens a stream and goes no further', async (stream) => { await features(stream.send(HEADER)) }],
      ['asks for TLS and does not shake hands', shake],
      ['begins to shake hands', async (stream) => {
        await shake(stream)
        stream.send(Buffer.from('16030102000100', 'hex'))
      }],
      ['shakes hands and says nothing', async (stream) => {
        await shake(stream)
        await stream.upgrade(CAPULET)
      }],
      ['opens a stream inside TLS and proves nothing', async (stream) => {
        await shake(stream)
        await stream.upgrade(CAPULET)
        await features(stream.send(HEADER))
      }],
      ['was proved by EXTERNAL and does not open its stream anew', async (stream) => {
        await shake(stream)
        await stream.upgrade(CAPULET, await clearnet.notary.shown(VERONA))
        await features(stream.send(HEADER))
        await stream.send(auth('=')).expect(/<success[^>]*>/)
      }],
      ['asks about keys again and again', async (stream) => {
        await shake(stream)
        await stream.upgrade(CAPULET)
        await features(stream.send(HEADER))
        await stream.send(`<db:verify from='${VERONA}' to='${CAPULET}' id='x'>key</db:verify>`.repeat(50)).expect(/<db:verify [^>]*type='invalid'/)
      }],
    ]
    for (const [what, stall] of stalls) {
      test(`a server that ${what} is cut off, and not before`, async () => {
        const { clock, federation } = await clearnet.serve()
        const stream = await connect()
        await stall(stream)
        clock.advance(110_000)
        await clearnet.external('mantua.lit') // others come and go meanwhile
        assert.ok(!stream.socket.destroyed)
        clock.advance(14_000)
        clock.advance(6000)
        const rest = await stream.rest()
        assert.ok(!rest.includes('<') || errors('connection-timeout').test(rest), rest)
        assert.equal(federation.counts.incoming, 1)
      })
    }
  })

  test('s2s.streams: a crowd that proves nothing is held back, and those who are known go on', async () => {
    await clearnet.serve({ streams: 5 })
    const { stream } = await clearnet.external()
    const crowd = await Promise.all(Array.from({ length: 10 }, () => connect()))
    const refused = crowd.slice(4)
    for (const one of refused) assert.match(await one.rest(), /<resource-constraint /)
    stream.send(message(`mercutio@${VERONA}/x`))
    await clearnet.hears('1')
    for (const one of crowd) one.destroy()
  })

  describe('one stream that claims to be many', () => {
    const NAMES = ['a.lit', 'b.lit', 'c.lit', 'd.lit', 'e.lit']
    const claim = (from: string): string => `<db:result from='${from}' to='${CAPULET}'>key</db:result>`

    test('no more than four claims are looked into at a time, and the others are told', async () => {
      await clearnet.serve({ unverified: NAMES })
      for (const name of NAMES) await clearnet.peer(name)
      const { stream } = await clearnet.call()
      await stream.send(NAMES.map(claim).join('')).expect(/<db:result from='capulet.lit' to='e.lit' type='error'><error type='wait'><resource-constraint /)
      await until(() => clearnet.network.called.length === 4, 'four are called')
    })

    test('whoever does not wait for the answer to a claim is cut off', async () => {
      await clearnet.serve({ unverified: NAMES })
      await clearnet.peer('a.lit')
      const { stream } = await clearnet.call()
      assert.match(await stream.send(claim('a.lit') + claim('a.lit')).rest(), errors('policy-violation'))
    })
  })
})
