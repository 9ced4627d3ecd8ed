import assert from 'node:assert/strict'
import { createHmac, randomUUID } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { after, before, describe, test } from 'node:test'
import { configVersion } from '../../src/stream/config-version.ts'
import { element, type Element } from '../../src/xml/element.ts'
import { ScramClient } from '../clients/scram.ts'
import { RawStream, Scenario } from './scenario.ts'

const CAPULET = `
[[domains]]
name = "capulet.lit"
[[listeners]]
kind = "c2s"
port = 0
[tor]
enabled = false
[limits]
sessions_per_account = 3
`
const PASSWORD = 'wherefore art thou'
const PLAIN = Buffer.from(`\0juliet\0${PASSWORD}`).toString('base64')
const SASL2 = 'urn:xmpp:sasl:2'
const HEADER = `<?xml version='1.0'?><stream:stream to='capulet.lit' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'`

describe('XEP-0388, XEP-0386, XEP-0484: a login in one round trip', () => {
  let scenario: Scenario
  before(async () => { scenario = await Scenario.start(CAPULET, { 'juliet@capulet.lit': PASSWORD, 'nurse@capulet.lit': PASSWORD }) })
  after(() => scenario.stop())

  /** A connection in TLS on which nothing was said yet. */
  async function unopened(): Promise<RawStream> {
    const stream = (await scenario.raw()).open('capulet.lit')
    await stream.expect(/<\/stream:features>/)
    stream.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`)
    await stream.expect(/<proceed[^>]*>/)
    await stream.upgrade('capulet.lit')
    return stream
  }

  /** The stream of a client, in TLS, that says who it is; and the features that it is offered. */
  async function secured(from = ''): Promise<{ stream: RawStream, features: string }> {
    const stream = await unopened()
    stream.send(`${HEADER}${from === '' ? '' : ` from='${from}'`}>`)
    const [features] = await stream.expect(/<stream:features>.*?<\/stream:features>/)
    return { stream, features }
  }

  const authenticate = (inside = '', mechanism = 'PLAIN', response = PLAIN): string =>
    `<authenticate xmlns='${SASL2}' mechanism='${mechanism}'><initial-response>${response}</initial-response>${inside}</authenticate>`
  const agent = (id: string): string => `<user-agent id='${id}'><software>Test</software></user-agent>`
  const bind = (inside = ''): string => `<bind xmlns='urn:xmpp:bind:0'>${inside}</bind>`

  async function login(inside: string, mechanism?: string, response?: string): Promise<{ stream: RawStream, success: string }> {
    const { stream } = await secured()
    const [success] = await stream.send(authenticate(inside, mechanism, response)).expect(/<success.*?<\/success>/)
    return { stream, success }
  }

  /** A token of that client, for a mechanism. */
  async function token(id: string, mechanism = 'HT-SHA-256-NONE'): Promise<string> {
    const { stream, success } = await login(`${agent(id)}<request-token xmlns='urn:xmpp:fast:0' mechanism='${mechanism}'/>`)
    stream.destroy()
    return tokenIn(success)
  }

  const tokenIn = (success: string): string => /<token [^>]*token='([^']+)'/.exec(success)?.[1] ?? assert.fail(success)
  const proof = (secret: string, binding = Buffer.alloc(0), name = 'juliet'): string => Buffer.concat([
    Buffer.from(`${name}\0`), createHmac('sha256', secret).update('Initiator').update(binding).digest(),
  ]).toString('base64')
  const versionIn = (features: string): string => /<config-version [^>]*>/.exec(features)?.[0] ?? assert.fail(features)
  const FAST = `<fast xmlns='urn:xmpp:fast:0'/>`

  /** What a client is answered that shows this token. */
  async function shown(secret: string, id: string, inside = FAST, mechanism = 'HT-SHA-256-NONE'): Promise<string> {
    const { stream } = await secured()
    const [answer] = await stream.send(authenticate(`${agent(id)}${inside}`, mechanism, proof(secret))).expect(/<(success|failure).*?<\/\1>/)
    stream.destroy()
    return answer
  }

  test('XEP-0388 §2.1: the mechanisms are offered on a secured stream alone, with what may be asked for inline', async () => {
    const plain = (await scenario.raw()).open('capulet.lit')
    assert.doesNotMatch((await plain.expect(/<stream:features>.*<\/stream:features>/))[0], /sasl:2/)
    plain.destroy()
    const { stream, features } = await secured()
    assert.match(features, /<authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-512-PLUS<\/mechanism>.*<mechanism>PLAIN<\/mechanism><inline>/)
    assert.match(features, /<bind xmlns='urn:xmpp:bind:0'><inline/)
    assert.match(features, /<fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-EXPR<\/mechanism><mechanism>HT-SHA-256-ENDP<\/mechanism><mechanism>HT-SHA-256-NONE<\/mechanism><\/fast>/)
    assert.equal([...features.matchAll(/<sasl-channel-binding/g)].length, 1)
    stream.destroy()
  })

  test('XEP-0388 §2.6.1: success names the bare JID, new features follow, and no stream is restarted', async () => {
    const { stream } = await secured('juliet@capulet.lit')
    stream.send(authenticate())
    await stream.expect(/^<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>juliet@capulet\.lit<\/authorization-identifier><\/success><stream:features><bind /)
    stream.send(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`)
    await stream.expect(/<iq [^>]*type='result'/)
    stream.destroy()
  })

  test('XEP-0388 §2.5: SCRAM by challenge and response, with the server\'s proof beside the success', async () => {
    const { stream } = await secured()
    const client = new ScramClient('sha256', 'juliet', PASSWORD, { flag: 'n' })
    stream.send(authenticate('', 'SCRAM-SHA-256', Buffer.from(client.first).toString('base64')))
    const [, challenge = ''] = await stream.expect(/<challenge xmlns='urn:xmpp:sasl:2'>(.*?)<\/challenge>/)
    const final = client.final(Buffer.from(challenge, 'base64').toString())
    stream.send(`<response xmlns='${SASL2}'>${Buffer.from(final).toString('base64')}</response>`)
    const [, data = ''] = await stream.expect(/<success xmlns='urn:xmpp:sasl:2'><additional-data>(.*?)<\/additional-data>/)
    assert.ok(client.accepts(Buffer.from(data, 'base64').toString()))
    stream.destroy()
  })

  test('XEP-0388 §2.4: anything else during the exchange ends the stream', async () => {
    const { stream } = await secured()
    const client = new ScramClient('sha256', 'juliet', PASSWORD, { flag: 'n' })
    stream.send(authenticate('', 'SCRAM-SHA-256', Buffer.from(client.first).toString('base64')))
    await stream.expect(/<challenge/)
    stream.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${PLAIN}</auth>`)
    assert.match(await stream.rest(), /<stream:error><policy-violation/)
  })

  for (const [what, sent, condition] of [
    ['§2.3: a mechanism that was not offered', authenticate('', 'ANONYMOUS', ''), 'invalid-mechanism'],
    ['§2.6.2: a wrong password', authenticate(bind(), 'PLAIN', Buffer.from('\0juliet\0nothing').toString('base64')), 'not-authorized'],
    ['§2.2: no base64', authenticate('', 'PLAIN', '!'), 'incorrect-encoding'],
    ['§3.5: the client aborts', `<abort xmlns='${SASL2}'/>`, 'aborted'],
  ] as const) {
    test(`XEP-0388 ${what}: ${condition}, and nothing that was asked for is done`, async () => {
      const { stream } = await secured()
      const [answer] = await stream.send(sent).expect(/<failure.*?<\/failure>/)
      assert.equal(answer, `<failure xmlns='urn:xmpp:sasl:2'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>`)
      stream.send(authenticate())
      await stream.expect(/<success/)
      stream.destroy()
    })
  }

  test('XEP-0388 §2.3: whoever the header names is who logs in, or nobody', async () => {
    const { stream } = await secured('nurse@capulet.lit')
    const [answer] = await stream.send(authenticate()).expect(/<failure.*?<\/failure>/)
    assert.match(answer, /<invalid-authzid /)
    stream.destroy()
  })

  test('XEP-0388 §3.8: a second login on the stream is a stream error', async () => {
    const { stream } = await login('')
    assert.match(await stream.send(authenticate()).rest(), /<stream:error>/)
  })

  test('XEP-0509 §2.2: a client that knows the offer logs in before it sees it, the header and its login in one piece', async () => {
    const { stream: before, features } = await secured()
    before.destroy()
    const version = versionIn(features)
    const again = await unopened()
    again.send(`${HEADER}>${authenticate(version)}`)
    const [, offered = ''] = await again.expect(/(<stream:features>.*?<\/stream:features>)<success /)
    assert.equal(versionIn(offered), version, 'the same offer has the same version')
    again.destroy()
  })

  test('XEP-0509 §2.2: whoever relies on another offer is told so, is not logged in, and has not failed', async () => {
    const { stream } = await secured()
    const outdated = `<config-version xmlns='urn:xmpp:iap:0' scheme='opaque' value='Tm9uLW1hdGNoaW5n'/>`
    for (let count = 0; count < 20; count++) {
      const [answer] = await stream.send(authenticate(`${outdated}${bind()}`)).expect(/<(failure|success).*?<\/\1>/)
      assert.equal(answer, `<failure xmlns='urn:xmpp:sasl:2'><aborted xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/><config-version-mismatch xmlns='urn:xmpp:iap:0'/></failure>`)
    }
    await stream.send(authenticate(bind())).expect(/<success.*?<bound/)
    stream.destroy()
  })

  test('XEP-0509 §2.1: what is offered over an onion or without channel binding has another version than what is offered in TLS', () => {
    const offer = (...mechanisms: string[]): Element => element(SASL2, 'authentication', {}, ...mechanisms.map((name) => element(SASL2, 'mechanism', {}, name)))
    const versions = [
      configVersion(offer('SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'), ['tls-exporter']), configVersion(offer('SCRAM-SHA-256'), ['tls-exporter']),
      configVersion(offer('SCRAM-SHA-256'), []), configVersion(offer('SCRAM-SHA-256', 'PLAIN'), []),
    ].map(({ attrs }) => attrs['value'])
    assert.equal(new Set(versions).size, versions.length)
  })

  test('XEP-0386 §4.2: the success names the full JID, with the client\'s tag in front, and the session is bound', async () => {
    const { stream, success } = await login(bind('<tag>Balcony</tag>'))
    const [, jid = ''] = /<authorization-identifier>(.*?)<\/authorization-identifier>/.exec(success) ?? []
    assert.match(jid, /^juliet@capulet\.lit\/Balcony\/.{16}$/)
    assert.match(success, /<bound xmlns='urn:xmpp:bind:0'\/>/)
    const [features] = await stream.expect(/<stream:features>.*?<\/stream:features>|<stream:features\/>/)
    assert.doesNotMatch(features, /xmpp-bind/)
    stream.send(`<iq type='get' id='p' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>`)
    const [answer] = await stream.expect(/<iq [^>]*id='p'[^>]*>/)
    assert.ok(answer.includes(`to='${jid}'`) && answer.includes(`type='result'`), answer)
    stream.destroy()
  })

  test('XEP-0386 §4.2.1: a tag that cannot stand in a resource is left out', async () => {
    for (const tag of ['x'.repeat(65), '\u202e']) {
      const { stream, success } = await login(bind(`<tag>${tag}</tag>`))
      assert.match(success, /<authorization-identifier>juliet@capulet\.lit\/[A-Za-z0-9_-]{16}<\/authorization-identifier>/)
      stream.destroy()
    }
  })

  test('XEP-0386 §4.2: an earlier session of the same installation ends, those of others stay', async () => {
    const [one, other] = [randomUUID(), randomUUID()]
    const first = await login(`${agent(one)}${bind()}`)
    const second = await login(`${agent(other)}${bind()}`)
    const third = await login(`${agent(one)}${bind()}`)
    assert.match(await first.stream.rest(), /<stream:error><conflict/)
    second.stream.send(`<iq type='get' id='p' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>`)
    await second.stream.expect(/<iq [^>]*id='p'/)
    second.stream.destroy()
    third.stream.destroy()
  })

  test('where the account has as many sessions as it may have, nothing is bound, and binding is offered', async () => {
    const streams: RawStream[] = []
    const authenticated = Buffer.from(`\0nurse\0${PASSWORD}`).toString('base64')
    for (let count = 0; count < 4; count++) {
      const { stream, success } = await login(bind(), 'PLAIN', authenticated)
      streams.push(stream)
      assert.equal(success.includes('<bound'), count < 3)
      if (count === 3) await stream.expect(/<stream:features><bind /)
    }
    for (const stream of streams) stream.destroy()
  })

  test('XEP-0484 §3.4: a token logs in with one message, the server proves itself, a resource is bound with it', async () => {
    const id = randomUUID()
    const secret = await token(id)
    const { stream, success } = await login(`${agent(id)}${FAST}${bind()}`, 'HT-SHA-256-NONE', proof(secret))
    const [, data = ''] = /<additional-data>(.*?)<\/additional-data>/.exec(success) ?? []
    assert.equal(data, createHmac('sha256', secret).update('Responder').digest('base64'))
    assert.match(success, /<bound /)
    assert.doesNotMatch(success, /<token /, 'it is not due yet')
    stream.destroy()
  })

  test('XEP-0484 §3.4: bound to the channel, it holds for this channel alone', async () => {
    const id = randomUUID()
    const secret = await token(id, 'HT-SHA-256-EXPR')
    const { stream } = await secured()
    const binding = (stream.socket as TLSSocket).exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
    await stream.send(authenticate(`${agent(id)}${FAST}`, 'HT-SHA-256-EXPR', proof(secret, binding))).expect(/<success/)
    stream.destroy()
    const other = await secured()
    await other.stream.send(authenticate(`${agent(id)}${FAST}`, 'HT-SHA-256-EXPR', proof(secret, binding))).expect(/<credentials-expired /)
    other.stream.destroy()
  })

  test('XEP-0484 §3.4: a token of one mechanism opens nothing by another one', async () => {
    const id = randomUUID()
    assert.match(await shown(await token(id, 'HT-SHA-256-EXPR'), id), /credentials-expired/)
  })

  test('XEP-0484 §3.2: no token is given to a client that does not say which installation it is, nor for an unknown mechanism', async () => {
    for (const inside of [
      `<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>`,
      `<user-agent id='me'/><request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>`,
      `${agent(randomUUID())}<request-token xmlns='urn:xmpp:fast:0' mechanism='PLAIN'/>`,
    ]) {
      const { stream, success } = await login(inside)
      assert.doesNotMatch(success, /<token/)
      stream.destroy()
    }
  })

  test('a token is refused from another installation, without <fast/>, for another account, and where it was never given', async () => {
    const id = randomUUID()
    const secret = await token(id)
    assert.match(await shown(secret, randomUUID()), /credentials-expired/)
    assert.match(await shown(secret, id, ''), /invalid-mechanism/)
    assert.match(await shown('nothing', id), /credentials-expired/)
    const { stream } = await secured()
    for (const name of ['nurse', 'nobody']) {
      await stream.send(authenticate(`${agent(id)}${FAST}`, 'HT-SHA-256-NONE', proof(secret, undefined, name))).expect(/<credentials-expired /)
    }
    stream.destroy()
    assert.match(await shown(secret, id), /<success/, 'it still is good')
  })

  test('XEP-0484 §3.5: the old token is good until the new one was used, and not after that', async () => {
    const id = randomUUID()
    const first = await token(id)
    assert.match(await shown(first, id), /<success/)
    const second = tokenIn(await shown(first, id, `${FAST}<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>`))
    assert.match(await shown(first, id), /<success/, 'the client may never have read the answer')
    assert.match(await shown(second, id), /<success/)
    assert.match(await shown(first, id), /credentials-expired/)
    assert.match(await shown(second, id), /<success/)
  })

  test('XEP-0484 §3.6: a token that the client takes back is void at once', async () => {
    const id = randomUUID()
    const secret = await token(id)
    const answer = await shown(secret, id, `<fast xmlns='urn:xmpp:fast:0' invalidate='true'/>`)
    assert.match(answer, /<success/)
    assert.doesNotMatch(answer, /<token/)
    assert.match(await shown(secret, id), /credentials-expired/)
  })
})
