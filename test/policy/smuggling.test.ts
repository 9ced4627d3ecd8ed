/**
 * Every channel by which text could be smuggled, on the whole server: from a client here to another one here, from a
 * client here to another server, and from another server to a client here.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { extensions } from '../../src/extensions.ts'
import type { Element } from '../../src/xml/element.ts'
import { serialize } from '../../src/xml/serialize.ts'
import { NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import { parse, TestHouse, type TestClient } from '../house.ts'
import { bodyOf, sequenceVectors } from '../otr/vectors.ts'
import { body, DATA, message, PLAIN } from './court.ts'

const JULIET = 'juliet@capulet.lit/balcony'
const NURSE = 'nurse@capulet.lit/kitchen'
const ROMEO = 'romeo@verona.example/garden'
const WAYS = ['from a client to a client', 'from a client to another server', 'from another server to a client'] as const
type Way = (typeof WAYS)[number]

/** What becomes of it: what arrives, and what its sender is told as "type condition [what is shown]". */
interface Outcome {
  readonly arrives?: string
  readonly told?: string
}

/** One and the same for all ways, or one for our clients and one for other servers. */
type Expected = Outcome | { readonly client: Outcome; readonly remote: Outcome }

const REFUSED = { client: { told: 'modify policy-violation [not sent: OTR required]' }, remote: { told: 'modify policy-violation' } }
const NO_GROUP_CHAT = { client: { told: 'cancel policy-violation [not sent: OTR required]' }, remote: { told: 'cancel policy-violation' } }
const NO_ROOM: Expected = { told: 'cancel policy-violation' }
const UNAVAILABLE: Expected = { told: 'cancel service-unavailable' }
const DROPPED: Expected = {}

const withData = (inner: string, attributes = ''): string => `<message type='chat'${attributes}>${body(DATA)}${inner}</message>`
const arrives = (xml: string): Expected => ({ arrives: xml })
const passes = (xml: string): readonly [string, Expected] => [xml, arrives(xml)]
const stripped = (child: string): readonly [string, Expected] => [withData(child), arrives(withData(''))]
const alone = (child: string): readonly [string, Expected] => [message(child), REFUSED]
const noise = (child: string): readonly [string, Expected] => [message(child), DROPPED]
const iq = (type: string, payload: string): string => `<iq type='${type}' id='q1'>${payload}</iq>`
const condition = (name: string, text?: string): string =>
  `<${name} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'${text === undefined ? '/>' : `>${text}</${name}>`}`

const HTML = `<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>${PLAIN}</body></html>`
const FORWARDED = `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>${PLAIN}</body></message></forwarded>`
const CONTENT = [
  `<reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>${PLAIN}</reaction></reactions>`,
  `<reply xmlns='urn:xmpp:reply:0' to='${ROMEO}' id='1'/>`, `<fallback xmlns='urn:xmpp:fallback:0' for='${PLAIN}'/>`,
  `<reference xmlns='urn:xmpp:reference:0' uri='xmpp:${PLAIN}'/>`, `<x xmlns='jabber:x:oob'><url>${PLAIN}</url><desc>${PLAIN}</desc></x>`,
  "<retract xmlns='urn:xmpp:message-retract:1' id='1'/>", `<moderate xmlns='urn:xmpp:message-moderate:1'><reason>${PLAIN}</reason></moderate>`,
  `<mood xmlns='http://jabber.org/protocol/mood'><text>${PLAIN}</text></mood>`,
  `<activity xmlns='http://jabber.org/protocol/activity'><text>${PLAIN}</text></activity>`,
  `<tune xmlns='http://jabber.org/protocol/tune'><title>${PLAIN}</title></tune>`,
  `<entry xmlns='urn:xmpp:microblog:0'><title>${PLAIN}</title></entry>`,
]
const EVENT = `<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='http://jabber.org/protocol/mood'><item><mood>${PLAIN}</mood></item></items></event>`
const TAGGED = `${PLAIN} \t  \t\t\t\t \t \t \t    \t\t  \t `
const ERROR = '?OTR Error: You transmitted an unreadable encrypted message.'

/** By channel: what is sent, and what becomes of it. */
const CHANNELS: Readonly<Record<string, readonly (readonly [string, Expected])[]>> = {
  'text that looks like OTR': [
    `?OTR ${PLAIN}`, '?OTR', `?otr: ${PLAIN}`, ' ?OTRv2?', '\ufeff?OTRv2?', '\u200b?OTRv2?', '\u202e?OTRv2?', '？OTRv2?', '?ОTRv2?', `?OTR?${PLAIN}`,
  ].map((text) => [message(body(text)), REFUSED]),
  'text after a query, and after an error': [
    [message(body(`?OTRv23? ${PLAIN}`)), arrives(message(body('?OTRv23?')))],
    [message(body(`?OTR?v2?\n&lt;b&gt;${PLAIN}&lt;/b&gt;`)), arrives(message(body('?OTRv2?')))],
    [message(body(`?OTR Error: ${PLAIN}`)), arrives(message(body(ERROR)))],
  ],
  'words for versions: libotr begins a key exchange': [[message(body(`?OTRv2 ${PLAIN}?`)), REFUSED]],
  'plain text tagged with whitespace': [[message(body(TAGGED)), REFUSED]],
  'tagged text in a fragment: libotr shows it': [
    [message(body(`?OTR,1,1,${TAGGED},`)), REFUSED], [message(body(`?OTR|00000100|00000200,1,1,${PLAIN},`)), REFUSED],
    [message(body(`?OTR,1,2,${PLAIN},`)), REFUSED],
  ],
  'text dressed as OTR in base64, and as data': [
    'bad-plain-otr-colon-b64text', 'bad-v3-data-plaintext',
  ].map((name) => [message(body(bodyOf(name))), REFUSED]),
  'text after a message, or a second one': [
    [message(body(`${DATA} ${PLAIN}`)), REFUSED], [message(body(`${PLAIN} ${DATA}`)), REFUSED], [message(body(DATA + DATA)), REFUSED],
  ],
  'several bodies': [
    [withData(`<body xml:lang='it'>${PLAIN}</body>`), REFUSED], [message(`<body/>${body(DATA)}`), REFUSED],
    [message(`<body xml:lang='it'>${DATA}</body>`), arrives(withData(''))],
  ],
  'XHTML-IM': [
    stripped(HTML), alone(HTML), [message(body('?OTRv23?') + HTML), arrives(message(body('?OTRv23?')))],
    [message(body(PLAIN) + HTML.replace(PLAIN, DATA)), REFUSED],
  ],
  'subject and thread': [
    stripped(`<subject>${PLAIN}</subject>`), stripped(`<thread>${PLAIN}</thread>`), alone(`<subject>${PLAIN}</subject>`), noise(`<thread>${PLAIN}</thread>`),
  ],
  'XEP-0308: corrections': [
    passes(withData("<replace xmlns='urn:xmpp:message-correct:0' id='bad1'/>")), stripped(`<replace xmlns='urn:xmpp:message-correct:0' id='bad1'>${PLAIN}</replace>`),
  ],
  'reactions, replies, references, links, retractions, moods': CONTENT.flatMap((child) => [stripped(child), alone(child)]),
  'XEP-0224: attention': [
    passes(message("<attention xmlns='urn:xmpp:attention:0'/>")), noise(`<attention xmlns='urn:xmpp:attention:0'>${PLAIN}</attention>`),
  ],
  'forwarded messages: carbons, archives': [
    FORWARDED, `<sent xmlns='urn:xmpp:carbons:2'>${FORWARDED}</sent>`, `<received xmlns='urn:xmpp:carbons:2'>${FORWARDED}</received>`,
    `<result xmlns='urn:xmpp:mam:2' queryid='f' id='1'>${FORWARDED}</result>`,
  ].flatMap((child) => [stripped(child), noise(child)]),
  'errors with an echo': [
    [
      message(`${body(PLAIN)}<subject>${PLAIN}</subject><error type='cancel' by='${PLAIN}'>${condition('gone', PLAIN)}${condition('text', PLAIN)}<x xmlns='urn:x'>${PLAIN}</x></error>`, 'error'),
      arrives(message(`<error type='cancel'>${condition('gone')}</error>`, 'error')),
    ],
    [
      message(`<error type='modify'>${condition('not-acceptable')}${condition('text', `?OTR Error:${PLAIN}`)}</error>`, 'error'),
      arrives(message(`<error type='modify'>${condition('not-acceptable')}${condition('text', ERROR)}</error>`, 'error')),
    ],
  ],
  'group chats': [
    [message(body(PLAIN), 'groupchat'), NO_GROUP_CHAT], [message(body(DATA), 'groupchat'), NO_GROUP_CHAT],
    [message(`<subject>${PLAIN}</subject>`, 'groupchat'), NO_GROUP_CHAT],
    [message("<active xmlns='http://jabber.org/protocol/chatstates'/>", 'groupchat'), DROPPED],
    [withData("<x xmlns='http://jabber.org/protocol/muc#user'/>"), arrives(withData(''))], // to one person in a room
    ["<presence><x xmlns='http://jabber.org/protocol/muc'/></presence>", NO_ROOM],
    [`<presence><x xmlns='http://jabber.org/protocol/muc'><password>${PLAIN}</password></x></presence>`, NO_ROOM],
  ],
  'other types': [
    [message(body(PLAIN), 'headline'), { ...REFUSED, remote: {} }], [message(body(DATA), 'headline'), { ...REFUSED, remote: {} }],
    [message(body(PLAIN), 'whisper'), REFUSED], [message(body(DATA), PLAIN), arrives(`<message>${body(DATA)}</message>`)],
  ],
  'messages without a body': [
    [message(''), DROPPED], [message('<body/>'), DROPPED], noise(`<x xmlns='urn:example:x'>${PLAIN}</x>`),
    passes(message("<composing xmlns='http://jabber.org/protocol/chatstates'/>")), passes(message("<received xmlns='urn:xmpp:receipts' id='m1'/>")),
    noise(`<composing xmlns='http://jabber.org/protocol/chatstates'>${PLAIN}</composing>`),
    noise(`<orchard xmlns='http://jabber.org/protocol/chatstates'/>`), passes(message("<store xmlns='urn:xmpp:hints'/>")),
  ],
  'ids and languages': [
    passes(withData('', " id='prof_8f3c'")), [withData('', ` id='${PLAIN}'`), arrives(withData(''))],
    [withData('', ` id='${'x'.repeat(129)}'`), arrives(withData(''))], passes(withData('', " xml:lang='en-GB'")),
    [withData('', ` xml:lang='${PLAIN}'`), arrives(withData(''))], [withData('', ` note='${PLAIN}'`), arrives(withData(''))],
    noise(`<received xmlns='urn:xmpp:receipts' id='${PLAIN}'/>`), stripped(`<origin-id xmlns='urn:xmpp:sid:0' id='${PLAIN}'/>`),
  ],
  'XEP-0380: the name of an encryption': [
    [
      withData(`<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:otr:0' name='${PLAIN}'/>`),
      arrives(withData("<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:otr:0'/>")),
    ],
    stripped("<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:omemo:2'/>"),
  ],
  'invitations': [
    `<x xmlns='jabber:x:conference' jid='a@b' reason='${PLAIN}'/>`,
    `<x xmlns='http://jabber.org/protocol/muc#user'><invite to='${ROMEO}'><reason>${PLAIN}</reason></invite></x>`,
    `<x xmlns='http://jabber.org/protocol/muc#user'><decline to='${ROMEO}'><reason>${PLAIN}</reason></decline></x>`,
  ].flatMap((child) => [stripped(child), alone(child)]),
  'XEP-0047: bytes in messages': [
    `<data xmlns='http://jabber.org/protocol/ibb' sid='s' seq='0'>${Buffer.from(PLAIN).toString('base64')}</data>`,
  ].flatMap((child) => [stripped(child), alone(child)]),
  'requests between people': [
    "<open xmlns='http://jabber.org/protocol/ibb' sid='s' block-size='4096'/>", `<data xmlns='http://jabber.org/protocol/ibb' sid='s' seq='0'>aGVsbG8=</data>`,
    `<si xmlns='http://jabber.org/protocol/si' id='s'><file xmlns='http://jabber.org/protocol/si/profile/file-transfer' name='${PLAIN}' size='1'/></si>`,
    `<query xmlns='http://jabber.org/protocol/bytestreams' sid='s'/>`, `<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='${PLAIN}'/>`,
    `<query xmlns='jabber:iq:oob'><url>${PLAIN}</url></query>`, `<query xmlns='jabber:iq:rpc'><methodCall/></query>`, `<query xmlns='jabber:iq:search'><nick>${PLAIN}</nick></query>`,
    `<query xmlns='jabber:iq:register'><username>${PLAIN}</username></query>`, `<command xmlns='http://jabber.org/protocol/commands' node='${PLAIN}'/>`,
    `<query xmlns='jabber:iq:private'><x xmlns='urn:x'>${PLAIN}</x></query>`,
    `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='http://jabber.org/protocol/mood'><item>${PLAIN}</item></publish></pubsub>`,
    `<vCard xmlns='vcard-temp'><NOTE>${PLAIN}</NOTE></vCard>`, `<query xmlns='urn:xmpp:mam:2'/>`, `<request xmlns='urn:xmpp:http:upload:0' filename='${PLAIN}' size='1'/>`,
    "<ping xmlns='urn:xmpp:ping'/>", `<query xmlns='http://jabber.org/protocol/disco#info' node='${PLAIN}'/>`,
  ].flatMap((payload) => [
    [iq('set', payload), UNAVAILABLE] as const,
    ...(/:ping|disco|pubsub|vcard/.test(payload) ? [] : [[iq('get', payload), UNAVAILABLE] as const]),
  ]),
  'results that nobody asked for': [
    [iq('result', `<query xmlns='http://jabber.org/protocol/disco#info'><identity category='client' type='pc' name='${PLAIN}'/></query>`), DROPPED],
    [iq('result', `<query xmlns='jabber:iq:version'><name>${PLAIN}</name></query>`), DROPPED], [iq('result', ''), DROPPED],
    [iq('error', `<query xmlns='urn:x'>${PLAIN}</query><error type='cancel'>${condition('gone', PLAIN)}</error>`), arrives(iq('error', `<error type='cancel'>${condition('gone')}</error>`))],
  ],
  'presence for one person': [
    [`<presence><show>away</show><status>${PLAIN}</status><nick xmlns='http://jabber.org/protocol/nick'>${PLAIN}</nick></presence>`, arrives('<presence><show>away</show></presence>')],
    [`<presence><show>${PLAIN}</show><priority>${PLAIN}</priority><x xmlns='urn:x'>${PLAIN}</x></presence>`, arrives('<presence/>')],
    [`<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='${PLAIN}' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/></presence>`, arrives('<presence/>')],
    [`<presence type='error'><status>${PLAIN}</status><error type='cancel'>${condition('gone', PLAIN)}</error></presence>`, arrives(`<presence type='error'><error type='cancel'>${condition('gone')}</error></presence>`)],
    [`<presence type='${PLAIN}'/>`, { told: 'modify bad-request' }],
  ],
  'XEP-0163: notifications by clients': [stripped(EVENT), noise(EVENT), [message(EVENT, 'headline'), DROPPED]],
}

/** A server with Juliet and the Nurse, who know each other; Romeo's server is another one. */
class Verona {
  readonly house: TestHouse
  readonly juliet: TestClient
  readonly nurse: TestClient

  private constructor(house: TestHouse, juliet: TestClient, nurse: TestClient) {
    this.house = house
    this.juliet = juliet
    this.nurse = nurse
  }

  static async build(): Promise<Verona> {
    const house = new TestHouse({ extensions })
    await house.befriend('juliet@capulet.lit', 'nurse@capulet.lit')
    const juliet = await house.login(JULIET)
    const nurse = await house.login(NURSE)
    juliet.forget()
    return new Verona(house, juliet, nurse)
  }

  /** Sends one stanza that way; what arrives, without its addresses, and what its sender is told. */
  send(way: Way, xml: string): Required<Outcome> {
    const [from, to] = { 'from a client to a client': [JULIET, NURSE], 'from a client to another server': [JULIET, ROMEO], 'from another server to a client': [ROMEO, JULIET] }[way] as [string, string]
    const addressed = parse(xml).map((stanza) => serialize(stanza.with({ from, to }), NS_CLIENT)).join('')
    if (from === ROMEO) this.house.remoteSays(addressed)
    else this.juliet.says(addressed)
    const [departed, back, there] = [this.house.departed.splice(0), this.juliet.heard(), this.nurse.heard()]
    const [arrived, answers] = {
      'from a client to a client': [there, back], 'from a client to another server': [departed, back], 'from another server to a client': [back, departed],
    }[way] as [Element[], Element[]]
    const everything = [...departed, ...back, ...there].map((stanza) => serialize(stanza, NS_CLIENT)).join('')
    assert.ok(!everything.includes(PLAIN), `the text came out: ${everything}`)
    return {
      arrives: arrived.map((stanza) => {
        assert.deepEqual([stanza.attrs['from'], stanza.attrs['to']], [from, to])
        return serialize(stanza.with({ from: undefined, to: undefined }), NS_CLIENT)
      }).join(''),
      told: answers.map(inWords).join(),
    }
  }
}

function inWords(answer: Element): string {
  const error = answer.child('error', NS_CLIENT)
  return `${error?.attrs['type']} ${error?.elements()[0]?.name} ${answer.childContent('body', NS_CLIENT) ?? ''}`.trim()
}

describe('no channel carries text', () => {
  for (const [channel, cases] of Object.entries(CHANNELS)) {
    for (const way of WAYS) {
      test(`${channel}: ${way}`, async () => {
        const verona = await Verona.build()
        for (const [sent, expected] of cases) {
          verona.house.clock.advance(30_000) // another server is told again
          const outcome = 'client' in expected ? expected[way === WAYS[2] ? 'remote' : 'client'] : expected
          assert.deepEqual(verona.send(way, sent), { arrives: '', told: '', ...outcome }, sent)
        }
      })
    }
  }
})

describe('what takes more than one stanza', () => {
  for (const way of WAYS) {
    test(`fragments that spell text, and fragments that end nowhere: ${way}`, async () => {
      const shown = way === WAYS[2] ? '' : ' [not sent: OTR required]'
      const verona = await Verona.build()
      const say = (text: string): Required<Outcome> => verona.send(way, message(body(text)))
      assert.deepEqual(say('?OTR,1,2,?OTR:AAID,'), { arrives: '', told: '' })
      assert.deepEqual(say(`?OTR,2,2,${Buffer.from(PLAIN.repeat(20)).toString('base64')}.,`), { arrives: '', told: `modify policy-violation${shown}` })
      const { bodies = [] } = sequenceVectors.find(({ bodies: each, expect }) => each.length > 3 && expect.at(-1) === 'release') ?? {}
      for (const text of bodies.slice(0, -1)) assert.deepEqual(say(text), { arrives: '', told: '' })
      verona.house.clock.advance(60_000)
      const told = way === WAYS[2] ? verona.house.departed : verona.juliet.heard()
      assert.deepEqual(told.map(inWords), [`modify policy-violation${shown}`])
    })

    test(`an answer to a question passes once, to who asked, without what is free text: ${way}`, async () => {
      const verona = await Verona.build()
      const version = "<query xmlns='jabber:iq:version'/>"
      const answer = iq('result', `<query xmlns='jabber:iq:version'><name>Gajim</name><os>${PLAIN}</os></query>`)
      const rebuilt = iq('result', "<query xmlns='jabber:iq:version'><name>Gajim</name></query>")
      const [from, to] = way === WAYS[0] ? [verona.nurse, JULIET] : way === WAYS[1] ? [undefined, JULIET] : [verona.juliet, ROMEO]
      const ask = parse(iq('get', version)).map((stanza) => serialize(stanza.with({ to, from: way === WAYS[1] ? ROMEO : undefined }), NS_CLIENT)).join('')
      if (way === WAYS[1]) {
        verona.house.remoteSays("<presence type='subscribe' from='romeo@verona.example' to='juliet@capulet.lit'/>")
        verona.juliet.says("<presence type='subscribed' to='romeo@verona.example'/>")
        await verona.house.settled()
      }
      if (from === undefined) verona.house.remoteSays(ask)
      else from.says(ask)
      for (const client of [verona.juliet, verona.nurse]) client.forget()
      verona.house.departed.length = 0
      assert.deepEqual(verona.send(way, answer), { arrives: rebuilt, told: '' })
      assert.deepEqual(verona.send(way, answer), { arrives: '', told: '' })
    })
  }
})

describe('what stays with one account, or goes to all who may see it', () => {
  const told = (client: TestClient): string => client.heard().map((stanza) => serialize(stanza, NS_CLIENT)).join('')

  test('subscription requests carry no words, here and on the way to and from other servers', async () => {
    const { house, juliet } = await Verona.build()
    const tybalt = await house.login('tybalt@capulet.lit/street')
    const words = `<status>${PLAIN}</status><nick xmlns='http://jabber.org/protocol/nick'>${PLAIN}</nick>`
    juliet.says(`<presence type='subscribe' to='tybalt@capulet.lit'>${words}</presence><presence type='subscribe' to='romeo@verona.example'>${words}</presence>`)
    house.remoteSays(`<presence type='subscribe' from='romeo@verona.example' to='juliet@capulet.lit'>${words}</presence>`)
    await house.settled()
    const all = told(tybalt) + told(juliet) + house.departed.map((stanza) => serialize(stanza, NS_CLIENT)).join('')
    assert.equal(all.match(/type="subscribe"|type='subscribe'/g)?.length, 3)
    assert.ok(!all.includes(PLAIN))
  })

  test('a broadcast keeps its status, which is said to all who may see it, and no nickname', async () => {
    const { juliet, nurse } = await Verona.build()
    juliet.says(`<presence><status>at the window</status><nick xmlns='http://jabber.org/protocol/nick'>${PLAIN}</nick></presence>`)
    nurse.hears(`<presence from='${JULIET}' to='nurse@capulet.lit'><status>at the window</status></presence>`)
  })

  test('names and groups in a roster are the account\'s own, and leave by no way', async () => {
    const { house, juliet, nurse } = await Verona.build()
    juliet.says(`<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='nurse@capulet.lit' name='${PLAIN}'><group>${PLAIN}</group></item></query></iq>`)
    await house.settled()
    assert.ok(told(juliet).includes(PLAIN))
    assert.equal(told(nurse), '')
    house.departs()
  })

  test('to publish is not possible, and nobody hears of it', async () => {
    const { house, juliet, nurse } = await Verona.build()
    for (const node of ['http://jabber.org/protocol/mood', 'http://jabber.org/protocol/tune', 'http://jabber.org/protocol/activity', 'urn:xmpp:microblog:0']) {
      juliet.says(iq('set', `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='${node}'><item><x xmlns='urn:x'>${PLAIN}</x></item></publish></pubsub>`))
      assert.deepEqual(juliet.heard().map(inWords), ['cancel feature-not-implemented'])
    }
    for (const node of ['urn:xmpp:avatar:data', 'urn:xmpp:avatar:metadata', 'http://jabber.org/protocol/nick']) {
      juliet.says(iq('set', `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='${node}'><item id='${PLAIN}'><x xmlns='urn:x'>${PLAIN}</x></item></publish></pubsub>`))
      assert.deepEqual(juliet.heard().map(inWords), ['modify bad-request'])
    }
    assert.equal(told(nurse), '')
    house.departs()
  })
})
