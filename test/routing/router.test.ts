import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Envelope } from '../../src/routing/envelope.ts'
import { ANSWERED, DROP, EMPTY, type Extension, type Handlers, type IqAnswer, type Verdict } from '../../src/routing/extension.ts'
import { element } from '../../src/xml/element.ts'
import { StanzaError } from '../../src/xmpp/stanza-error.ts'
import { TestHouse, WITHOUT_POLICY } from '../house.ts'

const NS = 'urn:example:verse'
const ASK = `<iq to='capulet.lit' id='v1' type='get'><verse xmlns='${NS}'/></iq>`
const CHAT = "<message to='nurse@capulet.lit/kitchen' id='m1' type='chat'><body>?OTRv23?</body></message>"

function houseWith(handlers: Handlers): TestHouse {
  return new TestHouse({ extensions: [extension(handlers), ...WITHOUT_POLICY] })
}

function extension(handlers: Handlers, name = 'test'): Extension {
  return { name, implements: [], install: () => handlers }
}

function judging(judge: (envelope: Envelope) => Verdict): NonNullable<Handlers['policy']> {
  return [{ kinds: ['message'], judge }]
}

function answering(handle: () => IqAnswer | Promise<IqAnswer>): Handlers {
  return { iq: [{ type: 'get', name: 'verse', namespace: NS, at: 'server', handle }] }
}

describe('rules', () => {
  for (const stage of ['policy', 'outgoing', 'incoming'] as const) {
    test(`${stage}: a stanza passes, is dropped, or is refused to its sender`, () => {
      const verdicts: Verdict[] = [undefined, DROP, new StanzaError('policy-violation')]
      const house = houseWith({ [stage]: judging(() => verdicts.shift()) })
      const juliet = house.connect('juliet@capulet.lit/balcony')
      const nurse = house.connect('nurse@capulet.lit/kitchen')
      juliet.says(CHAT)
      assert.equal(nurse.heard().length, 1)
      juliet.says(CHAT)
      juliet.hears()
      juliet.says(CHAT)
      juliet.hears("<message from='nurse@capulet.lit/kitchen' to='juliet@capulet.lit/balcony' id='m1' type='error'>"
        + "<error type='modify'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
      nurse.hears()
    })

    test(`${stage}: a rule that throws refuses the stanza: it fails closed, and the operator can find why`, () => {
      const house = houseWith({ [stage]: judging(() => { throw new TypeError('a bug') }) })
      const juliet = house.connect('juliet@capulet.lit/balcony')
      const nurse = house.connect('nurse@capulet.lit/kitchen')
      juliet.says(CHAT)
      nurse.hears()
      const error = juliet.heard()[0]?.elements()[0]
      assert.equal(error?.elements()[0]?.name, 'internal-server-error')
      const [line] = house.log.lines
      assert.ok(line?.cause instanceof TypeError)
      assert.ok(line.fields.id !== undefined && error?.elements()[1]?.content().includes(line.fields.id))
    })

    test(`${stage}: rebuilt stanzas go on in order, past the rules that are left`, () => {
      const seen: string[] = []
      const house = houseWith({ [stage]: [
        ...judging(({ element: stanza }) => ({ deliver: [stanza.with({ id: 'a' }), stanza.with({ id: 'b' })] })),
        ...judging(({ element: stanza }) => { seen.push(stanza.attrs['id'] ?? ''); return undefined }),
      ] })
      const nurse = house.connect('nurse@capulet.lit/kitchen')
      house.connect('juliet@capulet.lit/balcony').says(CHAT)
      assert.deepEqual(nurse.heard().map((stanza) => stanza.attrs['id']), ['a', 'b'])
      assert.deepEqual(seen, ['a', 'b'])
    })
  }

  test('policy judges each stanza once, whatever its origin; outgoing and incoming rules judge their own', () => {
    const seen: string[] = []
    const noting = (stage: string) => judging(({ from, to }) => { seen.push(`${stage}: ${from.local} to ${to.local}`); return undefined })
    const house = houseWith({ policy: noting('policy'), outgoing: noting('outgoing'), incoming: noting('incoming') })
    const juliet = house.connect('juliet@capulet.lit/balcony')
    juliet.says("<message to='nurse@capulet.lit'/><message to='mercutio@verona.lit'/>")
    house.remoteSays("<message from='mercutio@verona.lit' to='juliet@capulet.lit'/>")
    assert.deepEqual(seen, [
      'policy: juliet to nurse', 'outgoing: juliet to nurse', 'incoming: juliet to nurse',
      'policy: juliet to mercutio', 'outgoing: juliet to mercutio',
      'policy: mercutio to juliet', 'incoming: mercutio to juliet',
    ])
  })

  test('RFC 6120 §8.3.1: an error is never answered, so no loop can start', () => {
    const house = houseWith({ policy: judging(() => new StanzaError('policy-violation')) })
    const juliet = house.connect('juliet@capulet.lit/balcony')
    juliet.says("<message to='nurse@capulet.lit' type='error'/>")
    juliet.hears()
    house.remoteSays("<message from='mercutio@verona.lit' to='juliet@capulet.lit' type='error'/>")
    house.departs()
  })

  test('a refusal for a remote sender goes back to its domain', () => {
    const house = houseWith({ policy: judging(() => new StanzaError('policy-violation')) })
    house.remoteSays("<message from='mercutio@verona.lit/street' to='juliet@capulet.lit' id='m1' type='chat'/>")
    house.departs("<message from='juliet@capulet.lit' to='mercutio@verona.lit/street' id='m1' type='error'>"
      + "<error type='modify'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
  })
})

describe('remote domains', () => {
  test('RFC 6120 §10.4: a stanza for another domain leaves, with the sender stamped', () => {
    const house = new TestHouse()
    house.connect('juliet@capulet.lit/balcony').says("<message to='mercutio@verona.lit' id='m1' type='chat'/>")
    house.departs("<message from='juliet@capulet.lit/balcony' to='mercutio@verona.lit' id='m1' type='chat'/>")
  })

  test('RFC 6120 §10.4: what cannot be sent there is answered', () => {
    const house = new TestHouse()
    house.remoteRefusal = new StanzaError('remote-server-timeout')
    const juliet = house.connect('juliet@capulet.lit/balcony')
    juliet.says("<message to='mercutio@verona.lit' id='m1' type='chat'/>")
    juliet.hears("<message from='mercutio@verona.lit' to='juliet@capulet.lit/balcony' id='m1' type='error'>"
      + "<error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
  })
})

describe('IQ', () => {
  const malformed = [
    "<iq to='capulet.lit' type='get'><ping xmlns='urn:xmpp:ping'/></iq>",
    "<iq to='capulet.lit' id='x' type='get'/>",
    "<iq to='capulet.lit' id='x' type='get'><ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/></iq>",
    "<iq to='capulet.lit' id='x' type='set'/>",
    "<iq to='capulet.lit' id='x' type='ask'><ping xmlns='urn:xmpp:ping'/></iq>",
    "<iq to='capulet.lit' id='x'><ping xmlns='urn:xmpp:ping'/></iq>",
    "<iq to='mercutio@verona.lit/street' id='x' type='get'/>",
  ]
  for (const iq of malformed) {
    test(`RFC 6120 §8.2.3: bad-request for ${iq}`, () => {
      const juliet = new TestHouse().connect('juliet@capulet.lit/balcony')
      juliet.says(iq)
      assert.equal(juliet.heard()[0]?.elements()[0]?.elements()[0]?.name, 'bad-request')
    })
  }

  test('RFC 6120 §8.2.3: a result with two children or without id is dropped', () => {
    const house = new TestHouse()
    const juliet = house.connect('juliet@capulet.lit/balcony')
    juliet.says("<iq to='mercutio@verona.lit/street' id='x' type='result'><a xmlns='b'/><a xmlns='b'/></iq>")
    juliet.says("<iq to='mercutio@verona.lit/street' type='result'/>")
    juliet.hears()
    house.departs()
  })

  test('RFC 6121 §8.5.2.1.3: an unknown payload, and an account that is not there, are service-unavailable alike', () => {
    const juliet = new TestHouse().connect('juliet@capulet.lit/balcony')
    for (const to of ['capulet.lit', 'nurse@capulet.lit', 'nobody@capulet.lit', 'nobody@capulet.lit/there', 'capulet.lit/resource']) {
      juliet.says(`<iq to='${to}' id='x' type='get'><unknown xmlns='${NS}'/></iq>`)
      juliet.hears(`<iq from='${to}' to='juliet@capulet.lit/balcony' id='x' type='error'><error type='cancel'>`
        + "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>")
    }
  })

  test('an answer comes now, later, empty or as an error; a handler that fails is an internal-server-error', async () => {
    const verse = element(NS, 'verse', {}, 'But soft')
    const answers: (() => IqAnswer | Promise<IqAnswer>)[] = [
      () => verse, async () => verse, () => EMPTY, async () => new StanzaError('item-not-found'),
      async () => { throw new TypeError('a bug') }, () => { throw new TypeError('a bug') },
    ]
    const house = houseWith(answering(() => answers.shift()?.() ?? EMPTY))
    const juliet = house.connect('juliet@capulet.lit/balcony')
    const told: string[] = []
    for (let count = answers.length; count > 0; count--) {
      juliet.says(ASK)
      await house.settled()
      const [child] = juliet.heard()[0]?.elements() ?? []
      told.push(child?.name === 'error' ? child.elements()[0]?.name ?? '' : child?.name ?? 'empty')
    }
    assert.deepEqual(told, ['verse', 'verse', 'empty', 'item-not-found', 'internal-server-error', 'internal-server-error'])
    assert.equal(house.log.lines.length, 2)
  })

  test('a handler that has answered itself is heard once', async () => {
    for (const later of [false, true]) {
      const house = houseWith({ iq: [{ type: 'get', name: 'verse', namespace: NS, at: 'server', handle: ({ session, envelope }) => {
        session?.send(element('jabber:client', 'iq', { type: 'result', id: envelope.element.attrs['id'] }))
        return later ? Promise.resolve(ANSWERED) : ANSWERED
      } }] })
      const juliet = house.connect('juliet@capulet.lit/balcony')
      juliet.says(ASK)
      await house.settled()
      assert.equal(juliet.heard().length, 1)
      assert.equal(house.log.lines.length, 0)
    }
  })

  test('RFC 6121 §2.3.3: what is for the owner alone is forbidden to others, whether or not the account exists', () => {
    const house = houseWith({ iq: [{ type: 'get', name: 'verse', namespace: NS, at: 'own', handle: () => EMPTY }] })
    const juliet = house.connect('juliet@capulet.lit/balcony')
    juliet.says(`<iq id='v1' type='get'><verse xmlns='${NS}'/></iq>`)
    juliet.says(`<iq to='juliet@capulet.lit' id='v2' type='get'><verse xmlns='${NS}'/></iq>`)
    assert.deepEqual(juliet.heard().map((stanza) => stanza.attrs['type']), ['result', 'result'])
    for (const to of ['nurse@capulet.lit', 'nobody@capulet.lit']) {
      juliet.says(`<iq to='${to}' id='v3' type='get'><verse xmlns='${NS}'/></iq>`)
      juliet.hears(`<iq from='${to}' to='juliet@capulet.lit/balcony' id='v3' type='error'><error type='auth'>`
        + "<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>")
    }
  })

  test('only the one that was asked answers a request of the server (not as in CVE-2024-46957)', () => {
    const house = new TestHouse()
    const juliet = house.connect('juliet@capulet.lit/balcony')
    const tybalt = house.connect('tybalt@capulet.lit/street')
    const answers: unknown[] = []
    const id = house.installation.host.requests.expect(juliet.jid.server, juliet.jid, 1000, (answer) => answers.push(answer?.attrs['from']))
    tybalt.says(`<iq to='capulet.lit' id='${id}' type='result'/>`)
    assert.deepEqual(answers, [])
    juliet.says(`<iq to='capulet.lit' id='${id}' type='result'/>`)
    assert.deepEqual(answers, ['juliet@capulet.lit/balcony'])
  })
})

describe('installation', () => {
  test('two owners of one payload, command or delivery are a mistake that ends the boot', () => {
    const twice = (handlers: Handlers) => () => new TestHouse({ extensions: [extension(handlers, 'one'), extension(handlers, 'two')] })
    assert.throws(twice(answering(() => EMPTY)), /two: verse of urn:example:verse has an owner already/)
    assert.throws(twice({ commands: [{ name: 'account add', run: () => undefined }] }), /two: the command account add/)
    assert.throws(twice({ nonzas: [{ name: 'r', namespace: NS, on: 'client', handle: () => {} }] }), /two: r of urn:example:verse/)
    const nowhere = { deliver: () => undefined, broadcast: () => undefined, befriend: () => Promise.resolve(), audience: { sees: () => false, follows: () => false, followed: () => [], subscribers: () => [], viewers: () => [] } }
    assert.throws(twice({ delivery: nowhere }), /two: delivery has an owner already/)
  })

  test('nothing is installed after boot', () => {
    const { tables } = new TestHouse().installation
    assert.throws(() => tables.install('late', {}), /after boot/)
  })

  test('a hook of servers that throws is logged without names, and keeps nobody from the others', () => {
    const told: string[] = []
    const broken = () => { throw new TypeError('verona.lit') }
    const { installation: { host, tables }, log } = new TestHouse({ extensions: [
      extension({ servers: { lost: broken, found: broken } }, 'broken'),
      extension({ servers: { lost: (local, remote) => told.push(`lost ${local} ${remote}`) } }, 'one'),
      extension({ servers: { found: (local, remote) => told.push(`found ${local} ${remote}`) } }, 'other'),
      ...WITHOUT_POLICY,
    ] })
    host.servers.lost('capulet.lit', 'verona.lit')
    tables.servers.found('capulet.lit', 'verona.lit')
    assert.deepEqual(told, ['lost capulet.lit verona.lit', 'found capulet.lit verona.lit'])
    assert.deepEqual(log.lines.map(({ event, fields }) => ({ event, fields })), [
      { event: 'server.hook-failed', fields: { part: 'broken' } }, { event: 'server.hook-failed', fields: { part: 'broken' } },
    ])
  })

  test('a session hook or an observer that throws keeps nobody from the others', () => {
    const told: string[] = []
    const broken = () => { throw new TypeError('a bug') }
    const house = new TestHouse({ extensions: [
      extension({ session: { ended: broken }, observe: [{ kinds: ['message'], observe: broken }] }, 'broken'),
      extension({ session: { ended: () => told.push('ended'), available: () => told.push('available'), bound: () => told.push('bound') } }, 'whole'),
      ...WITHOUT_POLICY,
    ] })
    const nurse = house.connect('nurse@capulet.lit/kitchen')
    const juliet = house.connect('juliet@capulet.lit/balcony')
    juliet.says('<presence/><presence/>')
    juliet.says(CHAT)
    juliet.leaves()
    assert.deepEqual(told, ['bound', 'bound', 'available', 'ended'])
    assert.equal(nurse.heard().length, 1)
    assert.equal(house.log.lines.length, 2)
  })
})
