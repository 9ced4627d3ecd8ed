import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { RawStream, Scenario } from './scenario.ts'

const CAPULET = `
[[domains]]
name = "capulet.lit"
[[listeners]]
kind = "c2s"
port = 0
[[listeners]]
kind = "c2s-tls"
port = 0
[tor]
enabled = false
[limits]
stanza_before_login = "10kB"
[auth]
attempts_per_stream = 2
`
const HEADER = `<stream:stream to='capulet.lit' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`
const PASSWORD = 'wherefore art thou'

describe('streams of clients', () => {
  let scenario: Scenario
  before(async () => { scenario = await Scenario.start(CAPULET, { 'juliet@capulet.lit': PASSWORD }) })
  after(() => scenario.stop())

  for (const [what, sent, condition] of [
    ['RFC 6120 §4.9.3.6: a domain that is not served here', HEADER.replace('capulet.lit', 'montague.lit'), 'host-unknown'],
    ['RFC 6120 §4.9.3.10: the namespace of streams is another', HEADER.replace('etherx.jabber.org/streams', 'example.org'), 'invalid-namespace'],
    ['RFC 6120 §4.9.3.10: the content namespace is another', HEADER.replace('jabber:client', 'jabber:server'), 'invalid-namespace'],
    ['RFC 6120 §4.9.3.1: the root is no stream', HEADER.replace(/stream:stream/g, 'stream:brook'), 'bad-format'],
    ['RFC 6120 §4.9.3.25: the version is below 1.0', HEADER.replace("'1.0'", "'0.9'"), 'unsupported-version'],
    ['RFC 6120 §4.9.3.25: there is no version', HEADER.replace(" version='1.0'", ''), 'unsupported-version'],
    ['RFC 6120 §4.9.3.13: tags are crossed', `${HEADER}<a><b></a></b>`, 'not-well-formed'],
    ['RFC 6120 §4.9.3.18: a comment', `${HEADER}<!-- -->`, 'restricted-xml'],
    ['RFC 6120 §11.1: a document type', `<!DOCTYPE a>${HEADER}`, 'restricted-xml'],
    ['RFC 6120 §4.9.3.22: another encoding', `<?xml version='1.0' encoding='UTF-16'?>${HEADER}`, 'unsupported-encoding'],
    ['RFC 6120 §4.9.3.12: a stanza before login', `${HEADER}<message/>`, 'not-authorized'],
    ['RFC 6120 §4.9.3.24: an element that is nothing here', `${HEADER}<x xmlns='urn:nothing'/>`, 'unsupported-stanza-type'],
    ['RFC 6120 §5.3.1: SASL before TLS is not there', `${HEADER}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>`, 'unsupported-stanza-type'],
    ['XEP-0478: a stanza over the limit', `${HEADER}<message>${'x'.repeat(11_000)}`, 'policy-violation'],
  ] as const) {
    test(`${what}: ${condition}`, async () => {
      const stream = await scenario.raw()
      const rest = await stream.send(sent).rest()
      assert.match(rest, new RegExp(`^<\\?xml version='1\\.0'\\?><stream:stream [^>]*>.*<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'[^]*</stream:error></stream:stream>$`))
    })
  }

  test('a stream to another domain learns nothing of the domains that are served', async () => {
    const rest = await (await scenario.raw()).open('montague.lit').rest()
    assert.doesNotMatch(rest, /capulet|montague|from=/)
  })

  test('RFC 6120 §5.3.1: without TLS nothing is offered but STARTTLS, and it is required', async () => {
    const stream = (await scenario.raw()).open('capulet.lit')
    const [features] = await stream.expect(/<stream:features>.*<\/stream:features>/)
    assert.equal(features, `<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>`)
    stream.destroy()
  })

  test('RFC 6120 §5.4.3.3: what is said between <starttls/> and the handshake is never taken for said inside TLS', async () => {
    const stream = (await scenario.raw()).open('capulet.lit')
    await stream.expect(/<\/stream:features>/)
    const rest = await stream.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`).rest()
    assert.match(rest, /<policy-violation/)
    assert.doesNotMatch(rest, /<proceed/)
  })

  test('RFC 6120 §4.8.2: a header whose default namespace is that of streams is as good', async () => {
    const stream = (await scenario.raw()).send(`<stream xmlns='http://etherx.jabber.org/streams' to='capulet.lit' version='1.0'>`)
    await stream.expect(/<\/stream:features>/)
    stream.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`)
    await stream.expect(/<proceed/)
    stream.destroy()
  })

  test('RFC 6120 §4.7.3: each stream start has an id of its own', async () => {
    const ids = new Set<string>()
    for (let n = 0; n < 5; n++) {
      const stream = (await scenario.raw()).open('capulet.lit')
      ids.add((await stream.expect(/ id='([^']{16,})'/))[1] ?? '')
      stream.destroy()
    }
    assert.equal(ids.size, 5)
  })

  test('XEP-0440 §3: tls-server-end-point is among the channel bindings that are named; mechanisms stand by strength, PLAIN last', async () => {
    const stream = await scenario.raw(1)
    await stream.upgrade('capulet.lit')
    stream.open('capulet.lit')
    const [, mechanisms = ''] = await stream.expect(/<mechanisms [^>]*>(.*)<\/mechanisms>/)
    const names = [...mechanisms.matchAll(/<mechanism>([^<]*)</g)].map(([, name]) => name)
    assert.deepEqual(names, ['SCRAM-SHA-512-PLUS', 'SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS',
      'SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'])
    await stream.expect(/<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'\/><channel-binding type='tls-server-end-point'\/>/)
    stream.destroy()
  })

  test('RFC 6120 §6.4.5: after the allowed number of failures the stream ends; the answer is the same for nobody and for a wrong password', async () => {
    const answers: string[] = []
    for (const name of ['juliet', 'nobody']) {
      const stream = await (await scenario.raw()).secure('capulet.lit')
      const auth = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${name}\0a wrong password`).toString('base64')}</auth>`
      stream.send(auth)
      const [failure] = await stream.expect(/<failure.*?<\/failure>/)
      stream.send(auth)
      answers.push(failure + await stream.rest())
    }
    assert.equal(answers[0], answers[1])
    assert.match(answers[0] ?? '', /<not-authorized\/><\/failure><failure.*<policy-violation/)
  })

  async function offered(): Promise<string> {
    const { stream, features } = await loggedIn(scenario)
    stream.destroy()
    return features
  }

  async function bound(stream: RawStream, resource: string): Promise<string> {
    stream.send(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${resource}</bind></iq>`)
    const [, jid = ''] = await stream.expect(/<iq [^>]*type='result'[^>]*><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>([^<]*)<\/jid><\/bind><\/iq>/)
    return jid
  }

  for (const [what, stanza] of [['somebody', "<message to='nurse@capulet.lit'/>"], ['nobody', '<presence/>'], ['the server', "<iq type='get' id='p' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>"]]) {
    test(`RFC 6120 §7.1: a stanza to ${what} before a resource is bound ends the stream with not-authorized`, async () => {
      const { stream } = await loggedIn(scenario)
      assert.match(await stream.send(stanza ?? '').rest(), /^<stream:error><not-authorized xmlns/)
    })
  }

  test('RFC 6120 §7.3.2: once a resource is bound another header is an element like any other, which is none: it ends the stream', async () => {
    const { stream } = await loggedIn(scenario)
    await bound(stream, '<resource>cell</resource>')
    assert.match(await stream.send(`${HEADER}</stream:stream>`).rest(), /^<stream:error><unsupported-stanza-type xmlns/)
  })

  test('RFC 6120 §7.4: binding is offered to who has logged in, and to nobody before', async () => {
    const stream = await scenario.raw(1)
    await stream.upgrade('capulet.lit')
    const [before] = await stream.open('capulet.lit').expect(/<stream:features>.*<\/stream:features>/)
    stream.destroy()
    const bind = /<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/
    assert.deepEqual([bind.test(before), bind.test(await offered())], [false, true])
  })

  test('RFC 6120 §7.6: who asks for no resource gets one that nobody can guess, and another one each time', async () => {
    const resources = new Set<string>()
    for (const asked of ['', '<resource/>', '']) {
      const { stream } = await loggedIn(scenario)
      const [, resource = ''] = /^juliet@capulet\.lit\/(.{16,})$/.exec(await bound(stream, asked)) ?? []
      resources.add(resource)
      stream.destroy()
    }
    assert.ok(resources.size === 3 && !resources.has(''))
  })

  test('RFC 6120 §7.6.1: the result names the full JID, as the server has it', async () => {
    const { stream } = await loggedIn(scenario)
    assert.equal(await bound(stream, '<resource>chapel</resource>'), 'juliet@capulet.lit/chapel')
    stream.destroy()
  })

  test('RFC 6121 §2.6.1: versions of rosters are offered to who is logged in', async () => {
    assert.match(await offered(), /<ver xmlns='urn:xmpp:features:rosterver'\/>/)
  })

  test('RFC 6121 §3.4: and so are pre-approvals', async () => {
    assert.match(await offered(), /<sub xmlns='urn:xmpp:features:pre-approval'\/>/)
  })

  test('RFC 6120 §7.7.2.2: the newcomer gets a resource that is taken, the old session ends with conflict', async () => {
    const old = await (await scenario.raw()).login('capulet.lit', 'juliet', PASSWORD, 'balcony')
    const young = await (await scenario.raw()).login('capulet.lit', 'juliet', PASSWORD, 'balcony')
    assert.match(await old.rest(), /<stream:error><conflict/)
    young.send(`<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>`)
    await young.expect(/<iq [^>]*id='p'/)
    young.destroy()
  })

  test('RFC 6120 §8.1.2.1: a stanza in another one\'s name is a stream error', async () => {
    const stream = await (await scenario.raw()).login('capulet.lit', 'juliet', PASSWORD, 'garden')
    assert.match(await stream.send(`<message from='nurse@capulet.lit' to='romeo@capulet.lit'/>`).rest(), /<invalid-from/)
  })

  test('RFC 6120 §8.3.3.8: an address that is none gets jid-malformed', async () => {
    const stream = await (await scenario.raw()).login('capulet.lit', 'juliet', PASSWORD, 'orchard')
    stream.send(`<iq type='get' id='m' to='@/'><ping xmlns='urn:xmpp:ping'/></iq>`)
    await stream.expect(/<iq [^>]*id='m'[^]*<jid-malformed/)
    stream.destroy()
  })

  test('RFC 6120 §4.4: a closed stream is closed from our side, too', async () => {
    const stream = (await scenario.raw()).open('capulet.lit')
    await stream.expect(/<\/stream:features>/)
    assert.equal(await stream.send('</stream:stream>').rest(), '</stream:stream>')
  })
})

test('RFC 6120 §7.6.2.1: an account with as many resources as it may have gets resource-constraint, and may try again', async (t) => {
  const scenario = await Scenario.start(CAPULET.replace('[limits]', '[limits]\nsessions_per_account = 1'), { 'juliet@capulet.lit': PASSWORD })
  t.after(() => scenario.stop())
  const first = await (await scenario.raw()).login('capulet.lit', 'juliet', PASSWORD, 'balcony')
  const { stream } = await loggedIn(scenario)
  const ask = (resource: string): RawStream =>
    stream.send(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`)
  await ask('chamber').expect(/<iq [^>]*type='error'[^>]*><error type='wait'><resource-constraint /)
  await ask('balcony').expect(/<jid>juliet@capulet\.lit\/balcony<\/jid>/) // in the place of the other
  assert.match(await first.rest(), /<conflict/)
  stream.destroy()
})

/** Juliet has logged in and bound nothing yet; `features` are what she is offered. */
async function loggedIn(scenario: Scenario): Promise<{ stream: RawStream, features: string }> {
  const stream = await (await scenario.raw()).secure('capulet.lit')
  stream.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0juliet\0${PASSWORD}`).toString('base64')}</auth>`)
  await stream.expect(/<success[^>]*>/)
  const [features] = await stream.open('capulet.lit').expect(/<stream:features>.*<\/stream:features>/)
  return { stream, features }
}

test('RFC 6120 §4.9.3.20: at the end every client is told of the shutdown', async () => {
  const scenario = await Scenario.start(CAPULET, { 'juliet@capulet.lit': PASSWORD })
  const stream = await (await scenario.raw()).login('capulet.lit', 'juliet', PASSWORD, 'balcony')
  const [rest] = await Promise.all([stream.rest(), scenario.stop()])
  assert.match(rest, /<stream:error><system-shutdown[^]*<\/stream:stream>$/)
})

test('limits.streams_before_login: one too many is refused, and a place is free again when one leaves', async (t) => {
  const scenario = await Scenario.start(CAPULET.replace('[limits]', '[limits]\nstreams_before_login = 20'))
  t.after(() => scenario.stop())
  const enter = async (): Promise<RawStream> => {
    const stream = (await scenario.raw()).open('capulet.lit')
    await stream.expect(/<\/stream:features>/)
    return stream
  }
  const many = await Promise.all(Array.from({ length: 20 }, enter))
  assert.match(await (await scenario.raw()).rest(), /<resource-constraint/)
  assert.equal(await many[0]?.send('</stream:stream>').rest(), '</stream:stream>')
  // The server may hear that we are gone after we hear that it is.
  while (/<resource-constraint/.test(await enter().then(() => '', String)));
})
