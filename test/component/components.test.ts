import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { element, type Element } from '../../src/xml/element.ts'
import { NS_CLIENT, NS_DISCO_INFO } from '../../src/xmpp/namespaces.ts'
import { conditionOf } from '../clients/applicant.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { RawStream, Scenario } from '../scenario/scenario.ts'

const PASSWORD = 'deny thy father and refuse thy name'
const SECRET = 'a rose by any other name'
const OTR = '?OTRv23?'

describe('external components', () => {
  let folder: string
  let scenario: Scenario
  let onion = ''
  const clients: XmppClient[] = []
  const streams: RawStream[] = []
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-component-'))
    writeFileSync(join(folder, 'secret'), `${SECRET}\n`, { mode: 0o600 })
    scenario = await Scenario.start(`
${['capulet.lit', 'montague.lit', 'onion'].map((name) => `[[domains]]\nname = "${name}"`).join('\n')}
[[listeners]]
kind = "c2s"
port = 0
[[listeners]]
kind = "c2s"
port = 0
domains = ["onion"]
[[components]]
name = "gate.capulet.lit"
secret_file = "${join(folder, 'secret')}"
domains = ["capulet.lit"]
[[components]]
name = "dove.onion"
secret_file = "${join(folder, 'secret')}"
[tor]
enabled = false
[s2s]
enabled = false
[limits]
outbox = "256kB"
[auth]
argon2_memory = "7168kB"
argon2_passes = 1
scram_iterations = 65536
`, Object.fromEntries(['juliet@capulet.lit', 'romeo@montague.lit', 'rosaline@onion'].map((name) => [name, PASSWORD])))
    const { accounts } = await scenario.command('account list', { domain: 'onion' }) as { accounts: string[] }
    onion = accounts[0]?.split('@')[1] ?? ''
  })
  after(async () => {
    await scenario.stop()
    rmSync(folder, { recursive: true })
  })
  afterEach(async () => {
    for (const one of clients.splice(0)) one.cut()
    // Until the server has ended them, too: the next test's would find a conflict.
    for (const one of streams.splice(0)) {
      one.socket.resume()
      await one.send('</stream:stream>').rest()
      one.socket.destroy()
    }
  })

  const keep = (stream: RawStream): RawStream => {
    streams.push(stream)
    return stream
  }
  const raw = async (index = 0): Promise<RawStream> => keep(await RawStream.open({ path: join(scenario.runtime, `component-${index}.sock`) }))
  const header = (to: string, namespace = 'jabber:component:accept'): string =>
    `<stream:stream xmlns='${namespace}' xmlns:stream='http://etherx.jabber.org/streams' to='${to}'>`
  const opened = async (to = 'gate.capulet.lit', index = 0): Promise<{ stream: RawStream, id: string }> => {
    const stream = (await raw(index)).send(header(to))
    const [, id = ''] = await stream.expect(/<stream:stream[^>]* id='([^']+)'[^>]*>/)
    return { stream, id }
  }
  const proof = (id: string, secret = SECRET): string => `<handshake>${createHash('sha1').update(id + secret).digest('hex')}</handshake>`
  const connect = async (to = 'gate.capulet.lit', index = 0): Promise<RawStream> => {
    const { stream, id } = await opened(to, index)
    stream.send(proof(id))
    await stream.expect(/<handshake\/>/)
    return stream
  }
  const login = async (jid: string, listener = 0): Promise<XmppClient> => {
    const client = await XmppClient.login({ route: { host: '127.0.0.1', port: scenario.ports[listener] ?? 0 }, security: 'starttls', jid, password: PASSWORD })
    clients.push(client)
    return client
  }
  const ask = (client: XmppClient, to: string): Promise<Element> =>
    client.request(element(NS_CLIENT, 'iq', { type: 'get', to }, element(NS_DISCO_INFO, 'query')))

  test('XEP-0114 §3: where the name is serviced "the server MUST reply with a stream header", with an id, and offers nothing', async () => {
    const { stream } = await opened()
    assert.match(stream.heard, /from='gate\.capulet\.lit'/)
    assert.match(stream.heard, / xmlns='jabber:component:accept'/)
    assert.doesNotMatch(stream.heard.slice(stream.heard.indexOf('<stream:stream')), / version=|features/)
  })

  for (const to of ['capulet.lit', 'verona.lit', '', 'dove.onion', 'gate.capulet.lit/x']) {
    test(`XEP-0114 §3: for the name "${to}", which is not serviced here, "it MUST return a stream error"`, async () => {
      assert.match(await (await raw()).send(header(to)).rest(), /<stream:stream[^>]*>.*<host-unknown .*<\/stream:stream>$/s)
    })
  }

  test('XEP-0114 §3: for another namespace "it MUST return an <invalid-namespace/> stream error"', async () => {
    for (const namespace of ['jabber:client', 'jabber:server', 'jabber:component:connect']) {
      assert.match(await (await raw()).send(header('gate.capulet.lit', namespace)).rest(), /<invalid-namespace /)
    }
  })

  for (const [what, words] of [
    ['another secret', (id: string) => proof(id, 'a rose by another name')],
    ['the secret itself', () => `<handshake>${SECRET}</handshake>`],
    ['capitals', (id: string) => proof(id).replace(/>.*</, (hash) => hash.toUpperCase())],
    ['nothing', () => '<handshake/>'],
    ['the proof of another stream', () => proof('another')],
    ['a stanza in its place', () => "<message from='x@gate.capulet.lit' to='juliet@capulet.lit'/>"],
    ['SASL', () => "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>"],
  ] as const) {
    test(`XEP-0114 §3: with ${what} for credentials the receiver "MUST close the stream and the underlying TCP connection"`, async () => {
      const { stream, id } = await opened()
      assert.match(await stream.send(words(id)).rest(), /<not-authorized .*<\/stream:stream>$/s)
      assert.doesNotMatch(stream.heard, /<handshake/)
    })
  }

  test('XEP-0114 §3: if the credentials are acceptable the server "MUST return an empty <handshake/> element"', async () => {
    assert.doesNotMatch((await connect()).heard, /stream:error/)
  })

  for (const without of ['from', 'to']) {
    test(`XEP-0114 §3: stanzas "MUST possess a 'from' attribute and a 'to' attribute": without ${without} the stream ends`, async () => {
      const stream = await connect()
      const addresses = { from: "from='x@gate.capulet.lit'", to: "to='juliet@capulet.lit'", [without]: '' }
      assert.match(await stream.send(`<iq type='get' id='p' ${addresses.from} ${addresses.to}><ping xmlns='urn:xmpp:ping'/></iq>`).rest(), /<improper-addressing /)
    })
  }

  for (const from of ['juliet@capulet.lit', 'capulet.lit', 'x@verona.lit', 'gate.capulet.lit.verona.lit', '@', '']) {
    test(`XEP-0114 §3: the domain of 'from' "MUST match the hostname of the component", and "${from}" does not`, async () => {
      const juliet = await login('juliet@capulet.lit')
      const stream = await connect()
      const rest = await stream.send(`<message from='${from}' to='${juliet.jid}'><body>${OTR}</body></message>`).rest()
      assert.match(rest, /<invalid-from /)
    })
  }

  test('XEP-0114 §3: "the component MAY send stanzas from any user at its hostname", and is answered', async () => {
    const [juliet, stream] = [await login('juliet@capulet.lit/balcony'), await connect()]
    await juliet.appear()
    stream.send(`<message from='friar@gate.capulet.lit/cell' to='juliet@capulet.lit' type='chat'><body>${OTR}</body></message>`)
    assert.equal(await juliet.nextBody('friar@gate.capulet.lit'), OTR)
    juliet.message('friar@gate.capulet.lit/cell', OTR)
    const [message] = await stream.expect(/<message .*<\/message>/)
    assert.match(message, / from='juliet@capulet\.lit\/balcony'/)
    assert.match(message, / to='friar@gate\.capulet\.lit\/cell'/)
    assert.doesNotMatch(message, /xmlns='jabber:client'/)
  })

  test('a second stream of a component gets conflict, and the first goes on', async () => {
    const first = await connect()
    assert.match(await (await raw()).send(header('gate.capulet.lit')).rest(), /<conflict /)
    const juliet = await login('juliet@capulet.lit')
    juliet.message('gate.capulet.lit', OTR)
    await first.expect(/<message /)
  })

  test('of two that prove themselves at once one gets conflict', async () => {
    const [one, other] = [await opened(), await opened()]
    one.stream.send(proof(one.id))
    await one.stream.expect(/<handshake\/>/)
    assert.match(await other.stream.send(proof(other.id)).rest(), /<conflict /)
  })

  test('the policy holds in both directions: what is plain is refused to its sender, and is not passed on', async () => {
    const [juliet, stream] = [await login('juliet@capulet.lit/balcony'), await connect()]
    await juliet.appear()
    stream.send("<message from='friar@gate.capulet.lit' to='juliet@capulet.lit' id='plain' type='chat'><body>take thou this vial</body></message>")
    const [refusal] = await stream.expect(/<message [^>]*type='error'.*<\/message>/s)
    assert.match(refusal, /<policy-violation /)
    juliet.message('friar@gate.capulet.lit', 'love give me strength')
    const refused = await juliet.stream.next(({ name, attrs }) => name === 'message' && attrs['type'] === 'error', 'the refusal')
    assert.equal(conditionOf(refused), 'policy-violation')
    // Hidden in another namespace of stanzas it is plain all the same.
    stream.send(`<message from='friar@gate.capulet.lit' to='juliet@capulet.lit' type='chat'><body xmlns='jabber:client'>vial</body><body>${OTR}</body></message>`)
    stream.send(`<message from='friar@gate.capulet.lit' to='juliet@capulet.lit' type='chat'><body>${OTR}</body></message>`)
    assert.equal(await juliet.nextBody(), OTR)
    assert.doesNotMatch(stream.heard, /strength/)
  })

  test('a question of the component is answered by the server, one to the component by it', async () => {
    const [juliet, stream] = [await login('juliet@capulet.lit'), await connect()]
    stream.send("<iq type='get' id='d' from='gate.capulet.lit' to='capulet.lit'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
    await stream.expect(/<iq [^>]*type='result'[^>]*>.*category='server'.*<\/iq>/s)
    const answer = ask(juliet, 'gate.capulet.lit')
    const [, id = ''] = await stream.expect(/<iq [^>]*id='([^']+)'.*<\/iq>/s)
    stream.send(`<iq type='result' id='${id}' from='gate.capulet.lit' to='${juliet.jid}'><query xmlns='${NS_DISCO_INFO}'><identity category='gateway' type='irc'/></query></iq>`)
    assert.equal((await answer).child('query', NS_DISCO_INFO)?.child('identity', NS_DISCO_INFO)?.attrs['category'], 'gateway')
  })

  test('while the component is away its users hear remote-server-timeout, and nothing waits for it', async () => {
    const juliet = await login('juliet@capulet.lit')
    assert.equal(conditionOf(await ask(juliet, 'gate.capulet.lit')), 'remote-server-timeout')
    juliet.message('friar@gate.capulet.lit', OTR)
    await juliet.stream.next(({ name, attrs }) => name === 'message' && attrs['type'] === 'error', 'the refusal')
    const stream = await connect()
    juliet.message('friar@gate.capulet.lit', `${OTR}`, { id: 'later' })
    await stream.expect(/id='later'/)
    assert.equal(stream.heard.match(/<message /g)?.length, 1)
  })

  test('a component exists for the domains that it is for alone: to others its name is that of a server that is not found', async () => {
    const [romeo, rosaline, stream] = [await login('romeo@montague.lit'), await login(`rosaline@${onion}`, 1), await connect()]
    for (const client of [romeo, rosaline]) {
      const [asked, unknown] = [await ask(client, 'gate.capulet.lit'), await ask(client, 'gate.verona.lit')]
      assert.equal(conditionOf(asked), conditionOf(unknown))
      assert.equal(conditionOf(asked), 'remote-server-not-found')
    }
    for (const to of ['montague.lit', 'romeo@montague.lit', romeo.jid, onion, rosaline.jid, 'verona.lit', `dove.${onion}`]) {
      stream.send(`<iq type='get' id='${to}' from='gate.capulet.lit' to='${to}'><ping xmlns='urn:xmpp:ping'/></iq>`)
      const [refusal] = await stream.expect(/<iq .*<\/iq>/s)
      assert.match(refusal, /<remote-server-not-found /, to)
    }
  })

  test('one under the onion is for the onion alone, by its whole name', async () => {
    const [juliet, rosaline, dove] = [await login('juliet@capulet.lit'), await login(`rosaline@${onion}/hall`, 1), await connect(`dove.${onion}`, 1)]
    assert.equal(conditionOf(await ask(juliet, `dove.${onion}`)), 'remote-server-not-found')
    rosaline.message(`dove.${onion}`, OTR)
    await dove.expect(/<message /)
  })

  test('an address that is none is answered with jid-malformed, what is no stanza ends the stream', async () => {
    const stream = await connect()
    stream.send("<iq type='get' id='m' from='gate.capulet.lit' to='a@b@c'><ping xmlns='urn:xmpp:ping'/></iq>")
    await stream.expect(/<jid-malformed /)
    assert.match(await stream.send("<log from='gate.capulet.lit' to='capulet.lit'/>").rest(), /<unsupported-stanza-type /)
  })

  test('a component that reads nothing is cut off once too much waits, and its users hear that it is away', async () => {
    const [juliet, stream] = [await login('juliet@capulet.lit'), await connect()]
    stream.socket.pause()
    let refused: Element | undefined
    const deadline = Date.now() + 20_000
    while (refused === undefined && Date.now() < deadline) {
      for (let n = 0; n < 500; n++) juliet.message('gate.capulet.lit', OTR)
      // Both are asked in this order, and who refuses does so at once.
      refused = await Promise.race([ask(juliet, 'gate.capulet.lit'), ask(juliet, 'capulet.lit').then(() => undefined)])
    }
    assert.equal(refused === undefined ? undefined : conditionOf(refused), 'remote-server-timeout')
  })

  test('a server that goes down says so', async () => {
    const other = await Scenario.start(`[[domains]]\nname = "capulet.lit"\n[[listeners]]\nkind = "c2s"\nport = 0\n[tor]\nenabled = false
[[components]]\nname = "gate.capulet.lit"\nsecret_file = "${join(folder, 'secret')}"\n`)
    const stream = keep(await RawStream.open({ path: join(other.runtime, 'component-0.sock') })).send(header('gate.capulet.lit'))
    const [, id = ''] = await stream.expect(/<stream:stream[^>]* id='([^']+)'[^>]*>/)
    await stream.send(proof(id)).expect(/<handshake\/>/)
    const stopped = other.stop()
    assert.match(await stream.rest(), /<system-shutdown /)
    await stopped
  })
})
