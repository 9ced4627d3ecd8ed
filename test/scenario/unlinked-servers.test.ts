import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { onionAddress } from '../../src/tor/onion-address.ts'
import { createOnionKey } from '../../src/tor/onion-key.ts'
import type { RawStream } from './scenario.ts'
import { header, LISTENERS, QUERY, receive, UnlinkedHouse, type Pair } from './unlinked-house.ts'

const STARTTLS = `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`
const BIDI = `<bidi xmlns='urn:xmpp:bidi'/>`
const EXTERNAL = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>`
/** As many streams as one domain may open to another (s2s.streams_per_domain). */
const MOST_STREAMS = 8

/** A way in for other servers, and the domain behind it. */
interface Way {
  readonly what: string
  readonly tls: 'starttls' | 'direct'
  enter(): Promise<RawStream>
  readonly domain: () => string
  /** The one that nobody may link to it, and one like that which is somebody else's. */
  readonly others: () => readonly [unlinked: string, stranger: string]
}

describe('unlinked domains: what is full at one is not at the other', () => {
  const STREAMS = 8
  let house: UnlinkedHouse

  beforeEach(async () => { house = await UnlinkedHouse.start(53, `streams = ${STREAMS}`) })
  afterEach(() => house.stop())

  test('s2s.streams: those that others open', async () => {
    const streams = await Promise.all(Array.from({ length: STREAMS }, () => house.scenario.raw(LISTENERS.servers)))
    for (const stream of streams) await stream.send(header({ to: 'capulet.lit' })).expect(/<\/stream:features>/)
    assert.match(await (await house.scenario.raw(LISTENERS.servers)).rest(), /<resource-constraint /)
    const onion = (await house.scenario.rawOnion(0, 's2s')).send(header({ to: house.onion }))
    await onion.expect(/<\/stream:features>/)
    for (const stream of [...streams, onion]) stream.destroy()
  })

  test('s2s.streams: those that are opened to ask who somebody is', async () => {
    const claim = async (local: string): Promise<{ stream: RawStream, errand: Promise<unknown> }> => {
      const from = onionAddress(createOnionKey().publicKey)
      const errand = house.tor.visited(from) // where nobody says a word
      const stream = await (local === house.onion ? house.scenario.rawOnion(0, 's2s') : house.scenario.raw(LISTENERS.serversTls))
      if (local !== house.onion) await stream.upgrade(local)
      await stream.send(header({ to: local, from })).expect(/<\/stream:features>/)
      stream.send(`<db:result from='${from}' to='${local}'>key</db:result>`)
      return { stream, errand }
    }
    const claims = await Promise.all(Array.from({ length: STREAMS / 2 }, () => claim('capulet.lit')))
    for (const { errand } of claims) await errand
    const { stream } = await claim('capulet.lit')
    assert.match((await stream.expect(/<db:result .*?<\/db:result>/))[0], /<resource-constraint /)
    const onion = await claim(house.onion)
    await onion.errand
    for (const one of [...claims, onion, { stream }]) one.stream.destroy()
  })
})

describe('unlinked domains: the streams that other servers open to one process', () => {
  let house: UnlinkedHouse

  before(async () => {
    house = await UnlinkedHouse.start()
    house.resolve(() => [])
  })
  after(() => house.stop())

  const stranger = onionAddress(createOnionKey().publicKey)
  const enter = (listener: number) => () => house.scenario.raw(listener)
  const [domain, others] = [() => 'capulet.lit', () => [house.onion, stranger] as const]
  const ways: readonly Way[] = [
    { what: 'STARTTLS', tls: 'starttls', enter: enter(LISTENERS.servers), domain, others },
    { what: 'direct TLS', tls: 'direct', enter: enter(LISTENERS.serversTls), domain, others },
    {
      what: 'the onion', tls: 'starttls', enter: () => house.scenario.rawOnion(0, 's2s'),
      domain: () => house.onion, others: () => ['capulet.lit', 'another.lit'],
    },
  ]

  /** A stream in TLS that has no header yet, and named nobody before; `pair` is shown as the caller's certificate. */
  async function secure(way: Way, pair?: Pair): Promise<RawStream> {
    const stream = await way.enter()
    if (way.tls === 'starttls') {
      stream.send(header({ to: way.domain() }))
      await stream.expect(/<\/stream:features>/)
      stream.send(STARTTLS)
      await stream.expect(/<proceed[^>]*>/)
    }
    await stream.upgrade(way.domain(), pair)
    return stream
  }

  /** The same with a header, by verona.lit unless it is told otherwise; what it was answered, up to the features. */
  async function open(way: Way, pair?: Pair, from = 'verona.lit'): Promise<{ stream: RawStream, id: string, features: string }> {
    const stream = (await secure(way, pair)).send(header({ to: way.domain(), from }))
    const [, id = ''] = await stream.expect(/<stream:stream [^>]* id='([^']*)'[^>]*>/)
    const [features] = await stream.expect(/<stream:features>.*<\/stream:features>/)
    return { stream, id, features }
  }

  /** verona.lit has proved itself by its certificate, and is answered on the same stream. */
  async function prove(way: Way): Promise<{ stream: RawStream, features: readonly string[] }> {
    const { stream, features: before } = await open(way, house.verona)
    stream.send(BIDI + EXTERNAL)
    await stream.expect(/<success[^>]*>/)
    stream.send(header({ to: way.domain(), from: 'verona.lit' }))
    const [features] = await stream.expect(/<stream:features>.*<\/stream:features>/)
    return { stream, features: [before, features] }
  }

  /** All that is said until the end, without what is new each time, and with NAME for the name. */
  async function toTheEnd(stream: RawStream, name: string): Promise<string> {
    stream.socket.end()
    await stream.rest()
    return stream.heard.replace(/ id='[^']{16,}'/g, '').replaceAll(name, 'NAME')
  }

  for (const way of ways) {
    test(`${way.what}: nothing that a server is sent before it proves who it is names the other domain`, async () => {
      const to = way.domain()
      const opened = header({ to, from: 'verona.lit' })
      for (const [index, sent] of [
        '<', '<a/>', '<!-- -->', ' \n', 'GET / HTTP/1.0\r\n\r\n', opened.replace("'jabber:server'", "'jabber:client'"), header({}), header({ from: to, to }),
        `${opened}<iq type='get' id='1' from='verona.lit' to='${to}'><ping xmlns='urn:xmpp:ping'/></iq>`,
        `${opened}${EXTERNAL}`, `${opened}${BIDI}<enable xmlns='urn:xmpp:sm:3'/>`, `${opened}<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>`,
        `${opened}<db:result from='verona.lit' to='${to}'>key</db:result>`,
        `${opened}<db:verify from='verona.lit' to='${to}' id='x'>key</db:verify>`,
      ].entries()) {
        for (const stream of [...way.tls === 'starttls' ? [await way.enter()] : [], await secure(way)]) {
          stream.send(sent)
          await toTheEnd(stream, to)
          house.assertClean(to, stream.heard)
          if (index === 13 && 'encrypted' in stream.socket) assert.match(stream.heard, /<db:verify [^>]*type='invalid'/) // so it was heard
        }
      }
    })

    test(`${way.what}: the other domain is answered for like any: as addressee of a stream, of a claim, of a question, and as who claims`, async () => {
      const to = way.domain()
      const opened = header({ to, from: 'verona.lit' })
      for (const say of [
        (name: string) => header({ to: name, from: 'verona.lit' }),
        (name: string) => header({ to, from: name }),
        (name: string) => `${opened}<db:result from='verona.lit' to='${name}'>key</db:result>`,
        (name: string) => `${header({ to, from: name })}<db:result from='${name}' to='${to}'>key</db:result>`,
        (name: string) => `${opened}<db:verify from='verona.lit' to='${name}' id='x'>key</db:verify>`,
        (name: string) => `${opened}<db:verify from='${name}' to='${to}' id='x'>key</db:verify>`,
        (name: string) => `${header({ to, from: name })}${EXTERNAL}`,
      ]) {
        const answers: string[] = []
        for (const name of way.others()) {
          const stream = (await secure(way)).send(say(name))
          if (say(name).includes('db:result')) await stream.expect(/<db:result [^>]*>/) // the claim was put to that domain, or not at all
          answers.push(await toTheEnd(stream, name))
        }
        assert.equal(answers[0], answers[1])
        assert.match(answers[0] ?? '', /<\/stream:stream>$/)
      }
    })

    test(`${way.what}: RFC 6120 §8.1.2.2: who is proved here says nothing to the other domain, no more than to any`, async () => {
      const say: readonly ((name: string) => string)[] = [
        (name) => `<message from='romeo@verona.lit' to='juliet@${name}' id='1' type='chat'><body>${QUERY}</body></message>`,
        (name) => `<iq from='verona.lit' to='${name}' id='2' type='get'><ping xmlns='urn:xmpp:ping'/></iq>`,
        (name) => `<presence from='romeo@verona.lit' to='juliet@${name}' type='probe' id='3'/>`,
        (name) => `<db:result from='verona.lit' to='${name}'>key</db:result>`,
        (name) => `<message from='romeo@${name}' to='juliet@${way.domain()}' id='4' type='chat'><body>${QUERY}</body></message>`,
      ]
      for (const [index, words] of say.entries()) {
        const answers: string[] = []
        for (const name of way.others()) {
          const { stream } = await prove(way)
          answers.push(await toTheEnd(stream.send(words(name)), name))
        }
        assert.equal(answers[0], answers[1])
        const condition = index < 3 ? /<host-unknown / : index === 3 ? /<item-not-found / : /<invalid-from /
        assert.match(answers[0] ?? '', condition)
      }
    })

    test(`${way.what}: the certificate names this domain alone`, async () => {
      const { stream } = await open(way)
      const { subject, issuer, subjectaltname, raw } = (stream.socket as TLSSocket).getPeerCertificate()
      house.assertClean(way.domain(), JSON.stringify({ subject, issuer, subjectaltname }) + raw.toString('latin1'))
      assert.match(subjectaltname ?? '', new RegExp(`DNS:${way.domain()}(,|$)`))
      stream.destroy()
    })
  }

  test('both say the same to a server that proved itself', async () => {
    const heard: string[] = []
    for (const way of ways) {
      const to = way.domain()
      const { stream, features } = await prove(way)
      for (const feature of ['urn:xmpp:features:bidi', 'urn:xmpp:sm:3', 'urn:xmpp:features:dialback']) assert.ok(features[0]?.includes(feature))
      assert.ok(features[1]?.includes('urn:xmpp:sm:3'))
      const queries = [
        `<query xmlns='http://jabber.org/protocol/disco#info'/>`, `<query xmlns='http://jabber.org/protocol/disco#items'/>`,
        `<query xmlns='http://jabber.org/protocol/disco#info' node='x'/>`, `<ping xmlns='urn:xmpp:ping'/>`, `<query xmlns='jabber:iq:version'/>`,
        `<query xmlns='jabber:iq:last'/>`, `<query xmlns='jabber:iq:roster'/>`, `<query xmlns='jabber:iq:register'/>`, `<vCard xmlns='vcard-temp'/>`,
        `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'/></pubsub>`,
      ]
      const answers: string[] = []
      const ask = async (stanza: string, answer: RegExp): Promise<void> => {
        stream.send(stanza)
        answers.push((await stream.expect(answer))[0])
      }
      for (const [n, query] of queries.entries()) {
        for (const [m, target] of [to, `juliet@${to}`, `nobody@${to}`, `juliet@${to}/balcony`].entries()) {
          await ask(`<iq from='romeo@verona.lit/orchard' type='get' id='q${n}${m}' to='${target}'>${query}</iq>`,
            new RegExp(`<iq [^>]*id='q${n}${m}'[^>]*(/>|>.*?</iq>)`))
        }
      }
      await ask(`<message from='romeo@verona.lit/orchard' to='juliet@${to}' id='m' type='chat'><body>${QUERY}</body></message>`, /<message [^>]*type='error'.*?<\/message>/)
      // A sender is told once in 30 s what may not be said, so it is another each time.
      await ask(`<message from='mercutio${heard.length}@verona.lit/inn' to='juliet@${to}' id='p' type='chat'><body>hark</body></message>`, /<message [^>]*type='error'.*?<\/message>/)
      await ask(`<presence from='romeo@verona.lit' to='juliet@${to}' type='probe' id='s'/>`, /<presence [^>]*\/>/)
      await ask(`<enable xmlns='urn:xmpp:sm:3'/><r xmlns='urn:xmpp:sm:3'/>`, /<enabled [^>]*\/>.*?<a [^>]*\/>/)
      await ask('</a>', /<stream:error>.*<\/stream:stream>/)
      await stream.rest()
      house.assertClean(to, stream.heard)
      heard.push([...features, ...answers].join('\n').replaceAll(to, 'NAME').replace(/ id='[^']{16,}'|mercutio\d/g, ''))
    }
    assert.equal(heard[1], heard[0])
    assert.equal(heard[2], heard[0])
  })

  test('XEP-0220: who claims to be an onion is asked for on a circuit of the domain that it called', async () => {
    const users: string[] = []
    for (const way of ways) {
      const { stream, id } = await open(way, undefined, stranger)
      const visited = house.tor.visited(stranger)
      stream.send(`<db:result from='${stranger}' to='${way.domain()}'>key</db:result>`)
      const { socket, errand } = await visited
      users.push(errand.user)
      const asked = await receive(socket, stranger, house.verona)
      await asked.stream.expect(new RegExp(`<db:verify [^>]*from='${way.domain()}'[^>]*id='${id}'[^>]*>key</db:verify>`))
      asked.stream.send(`<db:verify from='${stranger}' to='${way.domain()}' id='${id}' type='valid'/>`)
      await stream.expect(/<db:result [^>]*type='valid'\/>/)
      house.assertClean(way.domain(), stream.heard + asked.heard())
      asked.stream.destroy()
      stream.destroy()
    }
    assert.equal(users[0], users[1])
    assert.notEqual(users[1], users[2])
  })

  test('s2s.streams_per_domain: who takes all places of one domain takes none of the other', async () => {
    const [way, , onion] = ways
    assert.ok(way !== undefined && onion !== undefined)
    const taken = await Promise.all(Array.from({ length: MOST_STREAMS }, () => prove(way)))
    await (await prove(way)).stream.expect(/<resource-constraint .*<\/stream:stream>/)
    const { stream } = await prove(onion)
    stream.send(`<iq from='verona.lit' to='${house.onion}' id='i' type='get'><ping xmlns='urn:xmpp:ping'/></iq>`)
    await stream.expect(/<iq [^>]*id='i'[^>]*>/)
    stream.destroy()
    for (const { stream } of taken) stream.destroy()
  })

  test('RFC 6120 §4.7.3: the ids of streams are of 128 bits, and tell nothing of each other', async () => {
    const streams = await Promise.all(ways.flatMap((way) => Array.from({ length: 6 }, () => open(way))))
    const ids = streams.map(({ id }) => id)
    for (const id of ids) assert.equal(Buffer.from(id, 'base64url').length, 16)
    for (const [place, id] of ids.entries()) {
      for (const other of ids.slice(place + 1)) {
        const common = [...Buffer.from(id, 'base64url')].filter((byte, at) => byte === Buffer.from(other, 'base64url')[at]).length
        assert.ok(common < 6, `${id} ${other}`) // by chance less than once in 10^10 runs
      }
    }
    for (const { stream } of streams) stream.destroy()
  })
})
