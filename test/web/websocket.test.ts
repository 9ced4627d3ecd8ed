import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import type { StatusOutput } from '../../src/operate/server-status.ts'
import { WebSocketClient } from '../clients/web-socket.ts'
import { ask, exchange, reach, type Way } from './browser.ts'
import { Serving } from './site.ts'

const PASSWORD = 'parting is such sweet sorrow'
const NS_FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing'
const CLOSE = `<close xmlns='${NS_FRAMING}'/>`
const POLICY_VIOLATION = `<stream:error xmlns:stream='http://etherx.jabber.org/streams'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`

/** A stanza of so many bytes; the limit is 256 kB where nothing else is configured. */
function stanzaOf(bytes: number): string {
  const [start, end] = [`<message xmlns='jabber:client' to='capulet.lit'><body>`, '</body></message>']
  return start + 'b'.repeat(bytes - start.length - end.length) + end
}

describe('XMPP by WebSocket', () => {
  let serving: Serving
  let https: Way
  let onion: Way
  before(async () => {
    serving = await Serving.start(`
[[domains]]
name = "capulet.lit"
onion_service = true
origins = ["https://chat.verona.lit"]
[[domains]]
name = "montague.lit"
[[listeners]]
kind = "https"
port = 0
[[listeners]]
kind = "c2s"
port = 0
domains = ["capulet.lit"]
[limits]
streams_per_peer = 3
time_to_drain = "3s"
`, { 'juliet@capulet.lit': PASSWORD, 'nurse@capulet.lit': PASSWORD })
    https = serving.https('capulet.lit')
    onion = serving.onion(0, 'capulet.lit')
  })
  after(() => serving.stop())

  const connect = async (way = https, origin?: string): Promise<WebSocketClient> => WebSocketClient.open(await reach(way), way.host, origin)
  const login = async (name = 'juliet', resource = 'balcony', way = https): Promise<WebSocketClient> => (
    (await connect(way)).login('capulet.lit', name, PASSWORD, resource))
  /** All that is answered to that message, sent after the stream is open, until the connection is closed. */
  const ends = async (message: string, isOpen = true): Promise<readonly string[]> => {
    const client = await connect()
    if (isOpen) {
      client.openStream('capulet.lit')
      await client.expect(/<stream:features/)
    }
    return client.send(message).rest()
  }
  const handshake = (way: Way, more: Readonly<Record<string, string>> = {}, path = '/xmpp-websocket', method = 'GET'): string => {
    const fields = { Host: way.host, Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Protocol': 'xmpp', ...more }
    return `${method} ${path} HTTP/1.1\r\n${Object.entries(fields).filter(([, value]) => value !== '').map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
  }
  const refused = async (more: Readonly<Record<string, string>>, path?: string, method?: string): Promise<number> => (
    (await exchange(https, handshake(https, more, path, method))).status)

  test('RFC 7395 §3.1: the answer names the protocol, and nothing else of the server', async () => {
    const client = await WebSocketClient.open(await reach(https), https.host)
    assert.equal(client.webSocket.protocol, 'xmpp')
    assert.equal(client.webSocket.extensions, '', 'nothing is compressed')
    client.destroy()
    const socket = await reach(https)
    socket.write(handshake(https))
    const head = await new Promise<string>((resolve) => { socket.once('data', (data: Buffer) => { resolve(data.toString('latin1')) }) })
    socket.destroy()
    assert.deepEqual(head.split('\r\n'), [
      'HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade',
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=', 'Sec-WebSocket-Protocol: xmpp', '', '',
    ])
  })

  test('RFC 7395 §3.1: without the protocol, or with others alone, there is no connection', async () => {
    assert.equal(await refused({ 'Sec-WebSocket-Protocol': '' }), 400)
    assert.equal(await refused({ 'Sec-WebSocket-Protocol': 'mqtt, XMPP' }), 400)
    assert.equal(await refused({ 'Sec-WebSocket-Protocol': 'xmpp-framing' }), 400)
  })

  test('RFC 6455 §4.2.1: what is no handshake is refused', async () => {
    assert.equal(await refused({ 'Sec-WebSocket-Key': '' }), 400)
    assert.equal(await refused({ 'Sec-WebSocket-Key': 'short' }), 400)
    assert.equal(await refused({ Upgrade: 'h2c' }), 400)
    assert.equal(await refused({ Host: 'verona.lit' }), 421)
    assert.equal(await refused({ 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': '0' }, undefined, 'POST'), 405)
  })

  test('RFC 6455 §4.4: whoever speaks another version is told of ours', async () => {
    const answer = await exchange(https, handshake(https, { 'Sec-WebSocket-Version': '8' }))
    assert.equal(answer.status, 426)
    assert.equal(answer.headers.get('sec-websocket-version'), '13')
  })

  test('RFC 9110 §7.8: elsewhere an upgrade is not looked at, and without one there is no page', async () => {
    const answer = await exchange(https, handshake(https, {}, '/rules'))
    assert.equal(answer.status, 200)
    assert.match(answer.body, /<h1>Rules<\/h1>/)
    assert.equal((await ask(https, '/xmpp-websocket')).status, 404)
  })

  test('RFC 6455 §10.2: a page of another origin is refused; our own, those of the operator, and clients that are no browsers are let in', async () => {
    for (const origin of ['https://verona.lit', 'null', `http://${https.host}`, 'https://capulet.lit', 'https://capulet.lit.verona.lit', `https://${https.host}@verona.lit`,
      `https://montague.lit:${https.host.split(':')[1]}`, 'https://CHAT.verona.lit', 'https://chat.verona.lit:444', 'https://chat.verona.lit/']) {
      assert.equal(await refused({ Origin: origin }), 403, origin)
    }
    for (const origin of [`https://${https.host}`, 'https://chat.verona.lit']) {
      const client = await connect(https, origin)
      client.openStream('capulet.lit')
      await client.expect(/<stream:features/)
      client.destroy()
    }
    const ofOnion = await connect(onion, `http://${onion.host}`)
    ofOnion.destroy()
    await assert.rejects(connect(onion, `https://${onion.host}`), /403/)
    await assert.rejects(connect(onion, `https://${https.host}`), /403/)
    await assert.rejects(connect(serving.https('montague.lit'), 'https://chat.verona.lit'), /403/, 'what is said for one domain is not for another')
  })

  test('RFC 7395 §3.2: what is not text ends the connection with 1003', async () => {
    const client = await login()
    client.webSocket.send(Buffer.from(`<presence xmlns='jabber:client'/>`))
    await client.rest()
    assert.equal(client.code, 1003)
  })

  test('RFC 7395 §3.2: and what is not UTF-8 ends it with 1007', async () => {
    const client = await login()
    client.webSocket.send(Buffer.from([0x3c, 0x61, 0xff, 0x2f, 0x3e]), { binary: false })
    await client.rest()
    assert.equal(client.code, 1007)
  })

  test('RFC 7395 §3.3.2: a header in another namespace ends the stream with invalid-namespace', async () => {
    for (const [message, isOpen] of [
      [`<open xmlns='jabber:client' to='capulet.lit' version='1.0'/>`, false], [`<open to='capulet.lit' version='1.0'/>`, false],
      [`<presence xmlns='jabber:client'/>`, false], [`<close/>`, true], [`<close xmlns='jabber:client'/>`, true], [`<open xmlns='jabber:client'/>`, true],
    ] as const) {
      assert.match((await ends(message, isOpen)).join('\n'), /<stream:error [^>]*><invalid-namespace [^]*<close [^>]*>$/, message)
    }
  })

  test('RFC 7395 §3.3.2: our headers are in their namespace', async () => {
    const client = await connect()
    client.openStream('capulet.lit')
    assert.match(await client.next(), new RegExp(`^<open xmlns='${NS_FRAMING}' from='capulet\\.lit' id='[^']+' version='1\\.0' xml:lang='en'/>$`))
    assert.deepEqual((await client.send(CLOSE).rest()).at(-1), CLOSE)
  })

  test('RFC 7395 §3.3.3: each message of ours is a document of its own, with all its namespaces', async () => {
    const juliet = await login('juliet')
    const nurse = await login('nurse', 'kitchen')
    juliet.send(`<presence xmlns='jabber:client'/>`)
    nurse.send(`<iq xmlns='jabber:client' id='d' type='get' to='capulet.lit'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
    await nurse.expect(/id='d'/)
    nurse.send(`<message xmlns='jabber:client' to='juliet@capulet.lit/balcony' type='chat' id='m'><body>?OTRv23?</body></message>`)
    assert.match((await juliet.expect(/<message .*/))[0], /^<message xmlns='jabber:client' /)
    for (const { heard } of [juliet, nurse]) {
      assert.ok(heard.length > 5)
      for (const message of heard) {
        assert.match(message, /^<([a-z:]+) xmlns(:stream)?='[^]*>$/, 'it declares what it is')
        assert.doesNotMatch(message, /\0|<\?xml/)
      }
    }
    assert.match(juliet.heard.find((message) => message.startsWith('<stream:features')) ?? '', /^<stream:features xmlns:stream='http:\/\/etherx\.jabber\.org\/streams'>/)
    juliet.destroy()
    nurse.destroy()
  })

  test('RFC 7395 §3.3.3: every element is in a message of its own, and none is in two', async () => {
    const client = await login()
    for (let n = 0; n < 20; n++) client.send(`<iq xmlns='jabber:client' type='get' id='p${n}' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>`)
    for (let n = 0; n < 20; n++) assert.match(await client.next(), new RegExp(`^<iq xmlns='jabber:client'[^<>]* id='p${n}'[^<>]*/>$`))
    client.destroy()
  })

  test('RFC 7395 §3.3.3: a message that does not begin with an element ends the stream', async () => {
    for (const message of [` <presence xmlns='jabber:client'/>`, '', 'But soft']) {
      assert.match((await ends(message)).join('\n'), /<bad-format [^]*<close [^>]*>$/, JSON.stringify(message))
    }
  })

  test('RFC 7395 §3.3.3: two elements in a message, half an element, and what RFC 6120 §11 forbids, end the stream', async () => {
    const presence = `<presence xmlns='jabber:client'/>`
    for (const [message, condition] of [
      [presence + presence, 'not-well-formed'], [`<presence xmlns='jabber:client'>`, 'not-well-formed'], ['<stream:error/>', 'not-well-formed'],
      [`<!-- -->${presence}`, 'restricted-xml'], ['<!DOCTYPE a><a/>', 'restricted-xml'],
      [`<a>${'b'.repeat(20_000)}</a>`, 'policy-violation'],
    ] as const) {
      assert.match((await ends(message)).join('\n'), new RegExp(`<stream:error [^>]*><${condition} [^]*<close [^>]*>$`), message.slice(0, 40))
    }
  })

  test('a message that comes in pieces is one', async () => {
    const client = await login()
    const ping = `<iq xmlns='jabber:client' type='get' id='pieces' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>`
    for (let at = 0; at < ping.length; at += 10) client.webSocket.send(ping.slice(at, at + 10), { fin: at + 10 >= ping.length })
    await client.expect(/id='pieces'/)
    client.destroy()
  })

  const tooMuch: Readonly<Record<string, (client: WebSocketClient) => void>> = {
    'one byte more than a stanza': (client) => client.send(stanzaOf(256 * 1024 + 1)),
    'many times as much': (client) => client.send(stanzaOf(8 * 1024 * 1024)),
    'as much in pieces, of which none is': (client) => {
      const [stanza, piece] = [stanzaOf(300 * 1024), 100 * 1024]
      for (let at = 0; at < stanza.length; at += piece) client.webSocket.send(stanza.slice(at, at + piece), { fin: at + piece >= stanza.length })
    },
    'more than 64 pieces': (client) => {
      for (let at = 0; at < 70; at++) client.webSocket.send('<', { fin: false })
    },
  }
  for (const [what, say] of Object.entries(tooMuch)) {
    for (const [way, name] of [[() => https, 'https'], [() => onion, 'onion']] as const) {
      test(`RFC 6120 §4.9.3.14, RFC 7395 §3.5, §3.6: ${what} ends the stream with policy-violation, as by TCP (${name})`, async () => {
        const client = await login('juliet', 'balcony', way())
        say(client)
        assert.deepEqual(await client.rest(), [POLICY_VIOLATION, CLOSE])
        assert.equal(client.code, 1000)
      })
    }
  }

  test('and so it does before the stream is open, after our header', async () => {
    const client = await connect()
    const said = await client.send(stanzaOf(300 * 1024)).rest()
    assert.match(said[0] ?? '', /^<open /)
    assert.deepEqual(said.slice(1), [POLICY_VIOLATION, CLOSE])
  })

  test('a stanza of as many bytes as there may be passes', async () => {
    const client = await login()
    client.send(stanzaOf(256 * 1024))
    client.send(`<iq xmlns='jabber:client' type='get' id='after' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>`)
    await client.expect(/id='after'/)
    client.destroy()
  })

  test('RFC 7395 §3.4: we answer the header with ours, and then with what may be negotiated', async () => {
    const client = await connect()
    client.openStream('capulet.lit')
    assert.match(await client.next(), /^<open /)
    assert.match(await client.next(), /^<stream:features /)
    client.destroy()
  })

  test('RFC 7395 §3.4: a header for another domain, which is served here too, is refused', async () => {
    for (const domain of ['montague.lit', 'verona.lit', onion.host]) {
      const client = await connect()
      assert.match((await client.openStream(domain).rest()).join('\n'), /<host-unknown /)
    }
  })

  test('RFC 7395 §3.5: an error is a whole element in a message', async () => {
    const said = await ends(`<message xmlns='jabber:client'/>`)
    assert.deepEqual(said, [
      `<stream:error xmlns:stream='http://etherx.jabber.org/streams'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`, CLOSE,
    ])
  })

  test('RFC 7395 §3.5: an error while the stream is opened comes after our header', async () => {
    const client = await connect()
    const said = await client.openStream('verona.lit').rest()
    assert.deepEqual(said.map((message) => /^<([a-z:]+)/.exec(message)?.[1]), ['open', 'stream:error', 'close'])
  })

  test('RFC 7395 §3.6: we answer the end of the stream with ours, and close the WebSocket as RFC 6455 does', async () => {
    const client = await login()
    assert.deepEqual((await client.send(CLOSE).rest()).at(-1), CLOSE)
    assert.equal(client.code, 1000)
  })

  test('RFC 7395 §3.6: and so we do after an error of the stream', async () => {
    const client = await connect()
    await client.openStream('verona.lit').rest()
    assert.equal(client.code, 1000)
  })

  test('RFC 7395 §3.7: a stream is opened anew by <open/> alone, without <close/>', async () => {
    const client = await login()
    const headers = client.heard.filter((message) => message.startsWith('<open '))
    assert.equal(headers.length, 2)
    assert.equal(new Set(headers.map((header) => /id='([^']+)'/.exec(header)?.[1])).size, 2)
    assert.ok(!client.heard.some((message) => message.startsWith('<close')))
    assert.match((await client.openStream('capulet.lit').rest()).join('\n'), /<unsupported-stanza-type /, 'nor is it where none was agreed')
  })

  test('RFC 7395 §3.8: we send no white space, and answer pings of RFC 6455', async () => {
    const client = await login()
    const pong = new Promise<string>((resolve) => { client.webSocket.once('pong', (data) => { resolve(String(data)) }) })
    client.webSocket.ping('what light')
    assert.equal(await pong, 'what light')
    assert.ok(client.heard.every((message) => message.trim() !== ''))
    client.destroy()
  })

  test('RFC 7395 §3.9: TLS is not offered, over TLS or over an onion, and cannot be asked for', async () => {
    for (const way of [https, onion]) {
      const client = await connect(way)
      client.openStream('capulet.lit')
      const [features] = await client.expect(/<stream:features.*/)
      assert.doesNotMatch(features, /xmpp-tls/)
      assert.match(features, /<mechanism>PLAIN<\/mechanism>/, 'and what is below protects it')
      const said = await client.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`).rest()
      assert.match(said.join('\n'), /<unsupported-stanza-type /)
    }
  })

  test('RFC 9266 §2: with TLS 1.3, which ends with us, SCRAM can bind to it; over an onion there is nothing to bind to', async () => {
    const features = async (way: Way): Promise<string> => {
      const client = await connect(way)
      client.openStream('capulet.lit')
      const [said] = await client.expect(/<stream:features.*/)
      client.destroy()
      return said
    }
    const socket = await reach(https)
    assert.equal((socket as TLSSocket).getProtocol(), 'TLSv1.3')
    socket.destroy()
    assert.match(await features(https), /<channel-binding type='tls-exporter'\/>/)
    assert.doesNotMatch(await features(https), /tls-server-end-point/)
    assert.doesNotMatch(await features(onion), /channel-binding|-PLUS/)
  })

  test('limits.streams_per_peer: as many streams as by TCP, of both together, and the next is told 503', async () => {
    const circuit = { ...onion, circuit: 77 }
    const streams = [await connect(circuit), await connect(circuit)]
    const tcp = (await serving.scenario.rawOnion(0, 'c2s', 77)).open('capulet.lit')
    await tcp.expect(/<\/stream:features>/)
    await assert.rejects(connect(circuit), /503/)
    ;(await connect({ ...onion, circuit: 78 })).destroy()
    streams[0]?.openStream('capulet.lit').send(CLOSE)
    await streams[0]?.rest()
    const next = await connect(circuit)
    for (const one of [next, ...streams]) one.destroy()
    tcp.destroy()
  })

  test('limits.time_to_drain: a client that reads nothing, and asks for more and for pongs, is cut off', async () => {
    const client = await login('juliet', 'chamber', { ...onion, circuit: 79 })
    assert.equal((await serving.scenario.command('status', {}) as StatusOutput).clients.onion, 1)
    client.socket.pause()
    const ping = `<iq xmlns='jabber:client' type='get' id='${'x'.repeat(900)}' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>`
    const closed = new Promise((resolve) => { client.socket.once('close', resolve) })
    let isOver = false
    void closed.then(() => { isOver = true })
    const ask = (): void => {
      if (isOver) return
      client.webSocket.ping('y'.repeat(100), undefined, () => {})
      client.webSocket.send(ping, () => { setImmediate(ask) })
    }
    ask()
    const deadline = Date.now() + 20_000
    while ((await serving.scenario.command('status', {}) as StatusOutput).clients.onion > 0) {
      assert.ok(Date.now() < deadline, 'it is still there')
      await new Promise((resolve) => { setTimeout(resolve, 50) })
    }
    isOver = true
    client.destroy()
  })

  test('XEP-0156 §2.2: by HTTPS there is an XRD, and it names where it was asked for, by wss: alone; pages of all origins may read it', async () => {
    const xrd = await ask(https, '/.well-known/host-meta')
    assert.equal(xrd.headers.get('content-type'), 'application/xrd+xml; charset=utf-8')
    assert.match(xrd.body, new RegExp(`<XRD xmlns="http://docs\\.oasis-open\\.org/ns/xri/xrd-1\\.0"><Link rel="urn:xmpp:alt-connections:websocket" href="wss://${https.host}/xmpp-websocket"/></XRD>`))
    const jrd = await ask({ ...https, host: 'capulet.lit' }, '/.well-known/host-meta.json')
    assert.deepEqual(JSON.parse(jrd.body), { links: [{ rel: 'urn:xmpp:alt-connections:websocket', href: 'wss://capulet.lit:443/xmpp-websocket' }] })
    for (const { headers } of [xrd, jrd]) assert.equal(headers.get('access-control-allow-origin'), '*')
    assert.equal((await ask(https, '/')).headers.get('access-control-allow-origin'), undefined, 'and nothing else')
  })

  test('XEP-0156 §2.2: an onion has none, as it is neither fetched by HTTPS nor names it', async () => {
    for (const path of ['/.well-known/host-meta', '/.well-known/host-meta.json']) {
      const answer = await ask(onion, path)
      assert.equal(answer.status, 404)
      assert.equal(answer.headers.get('access-control-allow-origin'), undefined)
    }
  })

  test('RFC 7395 §3.6: a WebSocket that breaks leaves its session to be resumed, by TCP through an onion, and then by WebSocket again', async () => {
    const nurse = await login('nurse', 'kitchen')
    const first = await login('juliet', 'orchard')
    first.send(`<enable xmlns='urn:xmpp:sm:3' resume='true'/>`)
    const [, id = ''] = await first.expect(/<enabled .*?id='([^']+)'/)
    first.destroy()
    const say = (id: string): void => { nurse.send(`<message xmlns='jabber:client' to='juliet@capulet.lit/orchard' type='chat' id='${id}'><body>?OTRv23?</body></message>`) }
    say('m1')
    const tcp = (await serving.scenario.rawOnion(0, 'c2s', 91)).open('capulet.lit')
    await tcp.expect(/<\/stream:features>/)
    tcp.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0juliet\0${PASSWORD}`).toString('base64')}</auth>`)
    await tcp.expect(/<success[^>]*>/)
    tcp.open('capulet.lit')
    await tcp.expect(/<\/stream:features>/)
    tcp.send(`<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='0'/>`)
    await tcp.expect(/<resumed /)
    await tcp.expect(/<message [^>]*id='m1'/)
    tcp.destroy()
    say('m2')
    const last = await connect({ ...onion, circuit: 92 })
    last.openStream('capulet.lit')
    await last.expect(/<stream:features/)
    last.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0juliet\0${PASSWORD}`).toString('base64')}</auth>`)
    await last.expect(/<success/)
    last.openStream('capulet.lit')
    await last.expect(/<stream:features/)
    last.send(`<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='1'/>`)
    await last.expect(/^<resumed /)
    assert.match((await last.expect(/^<message .*/))[0], /^<message xmlns='jabber:client' [^>]*id='m2'/)
    last.destroy()
    nurse.destroy()
  })
})

test('RFC 6120 §4.9.3.20: whoever is connected by WebSocket is told that the server goes down', async () => {
  const serving = await Serving.start(`
[[domains]]
name = "capulet.lit"
[[listeners]]
kind = "https"
port = 0
`, { 'juliet@capulet.lit': PASSWORD })
  const way = serving.https('capulet.lit')
  const client = await (await WebSocketClient.open(await reach(way), way.host)).login('capulet.lit', 'juliet', PASSWORD, 'balcony')
  await serving.stop()
  assert.match((await client.rest()).join('\n'), /<system-shutdown [^]*<close [^>]*>$/)
  assert.equal(client.code, 1000)
})
