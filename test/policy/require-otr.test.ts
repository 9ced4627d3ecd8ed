import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { requireOtr } from '../../src/policy/require-otr.ts'
import { TestHouse, WITHOUT_POLICY } from '../house.ts'
import { bodyOf, sequenceVectors } from '../otr/vectors.ts'
import { body, Court, DATA, DROPPED, JULIET, message, PLAIN, REFUSED, REFUSED_REMOTE, ROMEO, UNLINKED } from './court.ts'

const ERROR = '?OTR Error: You transmitted an unreadable encrypted message.'
const TAGGED = 'hello \t  \t\t\t\t \t \t \t    \t\t  \t '
const NO_GROUP_CHAT = 'refused: cancel policy-violation [not sent: OTR required]'
const NO_GROUP_CHAT_REMOTE = 'refused: cancel policy-violation'

interface Row {
  readonly channel: string
  readonly sent: string
  /** The answer to our own client; 'same' where the stanza passes as it is. */
  readonly client: string
  /** The answer to another server, where it differs. */
  readonly remote?: string
}

const REFUSAL = { client: REFUSED, remote: REFUSED_REMOTE }
const withData = (inner: string, attributes = ''): string => `<message type='chat'${attributes}>${body(DATA)}${inner}</message>`
const condition = (name: string, text = ''): string => `<${name} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>${text}</${name}>`
const bare = (name: string): string => `<${name} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>`
const hint = (name: string): string => `<${name} xmlns='urn:xmpp:hints'/>`
const html = `<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>${PLAIN}</body></html>`
const forwarded = `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>${PLAIN}</body></message></forwarded>`
const encryption = "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:otr:0'/>"
const request = "<request xmlns='urn:xmpp:receipts'/>"
const delay = "<delay xmlns='urn:xmpp:delay' stamp='1597-01-01T12:00:00Z' from='verona.example'/>"

const BODIES: readonly Row[] = [
  { channel: 'encrypted data', sent: withData(''), client: 'same' },
  { channel: 'plain text', sent: message(body(PLAIN)), ...REFUSAL },
  ...[
    '?OTR hello', '?OTR', '?otrv2?', ' ?OTRv2?', '\ufeff?OTRv2?', '\u200b?OTRv2?', '\u202e?OTRv2?', '？OTRv2?', '?ОTRv2?',
    '?OTRv2 hello?', '?OTR?',
  ].map((text): Row => ({ channel: `text that looks like OTR: ${JSON.stringify(text)}`, sent: message(body(text)), ...REFUSAL })),
  { channel: 'text after a query', sent: message(body(`?OTRv23? ${PLAIN}`)), client: message(body('?OTRv23?')) },
  { channel: 'text after an OTR error', sent: message(body(`?OTR Error: ${PLAIN}`)), client: message(body(ERROR)) },
  { channel: 'whitespace-tagged plain text', sent: message(body(TAGGED)), ...REFUSAL },
  { channel: 'whitespace-tagged text in a fragment', sent: message(body(`?OTR,1,1,${TAGGED},`)), ...REFUSAL },
  { channel: 'base64 of text', sent: message(body(bodyOf('bad-plain-otr-colon-b64text'))), ...REFUSAL },
  { channel: 'text as ciphertext', sent: message(body(bodyOf('bad-v3-data-plaintext'))), ...REFUSAL },
  { channel: 'text after a message', sent: message(body(`${DATA} ${PLAIN}`)), ...REFUSAL },
  { channel: 'several bodies', sent: withData(`<body xml:lang='it'>${PLAIN}</body>`), ...REFUSAL },
  { channel: 'several bodies, the first one empty', sent: message(`<body/>${body(DATA)}`), ...REFUSAL },
  { channel: 'the language of a body', sent: message(`<body xml:lang='it'>${DATA}</body>`), client: withData('') },
  { channel: 'elements in a body', sent: message(`<body>${DATA}<i>${PLAIN}</i></body>`), client: withData('') },
  { channel: 'an empty body', sent: message('<body/>'), client: DROPPED },
  { channel: 'nothing at all', sent: message(''), client: DROPPED },
]

const TYPES: readonly Row[] = [
  { channel: 'a group chat', sent: message(body(DATA), 'groupchat'), client: NO_GROUP_CHAT, remote: NO_GROUP_CHAT_REMOTE },
  {
    channel: 'the subject of a group chat', sent: message(`<subject>${PLAIN}</subject>`, 'groupchat'),
    client: NO_GROUP_CHAT, remote: NO_GROUP_CHAT_REMOTE,
  },
  { channel: 'a group chat without a word', sent: message(hint('store'), 'groupchat'), client: DROPPED },
  { channel: 'a headline with a body', sent: message(body(DATA), 'headline'), client: REFUSED, remote: DROPPED },
  { channel: 'a type that is none', sent: message(body(DATA), PLAIN), client: `<message>${body(DATA)}</message>` },
  { channel: 'the type normal, the default', sent: message(body(DATA), 'normal'), client: `<message>${body(DATA)}</message>` },
  {
    channel: 'an error with an echo of the body',
    sent: message(`${body(PLAIN)}<error type='cancel'>${bare('service-unavailable')}${condition('text', PLAIN)}<x xmlns='urn:x'/></error>`, 'error'),
    client: message(`<error type='cancel'>${bare('service-unavailable')}</error>`, 'error'),
  },
  {
    channel: 'an error with text in its condition', sent: message(`<error type='${PLAIN}'>${condition('gone', PLAIN)}</error>`, 'error'),
    client: message(`<error type='cancel'>${bare('gone')}</error>`, 'error'),
  },
  {
    channel: 'an error without a condition that is one', sent: message(`<error>${bare('constructor')}</error>`, 'error'),
    client: message(`<error type='cancel'>${bare('undefined-condition')}</error>`, 'error'),
  },
  {
    channel: 'an OTR error as the text of an error',
    sent: message(`<error code='406' type='modify'>${bare('not-acceptable')}${condition('text', `?OTR Error:${PLAIN}`)}</error>`, 'error'),
    client: message(`<error type='modify'>${bare('not-acceptable')}${condition('text', ERROR)}</error>`, 'error'),
  },
]

const ATTRIBUTES: readonly Row[] = [
  { channel: 'a usual id', sent: withData('', " id='prof_8f3c'"), client: 'same' },
  { channel: 'text in an id', sent: withData('', ` id='${PLAIN}'`), client: withData('') },
  { channel: 'an id of 128 characters', sent: withData('', ` id='${'a'.repeat(128)}'`), client: 'same' },
  { channel: 'a very long id', sent: withData('', ` id='${'a'.repeat(129)}'`), client: withData('') },
  { channel: 'a language', sent: withData('', " xml:lang='en-GB'"), client: 'same' },
  { channel: 'text as language', sent: withData('', ` xml:lang='${PLAIN}'`), client: withData('') },
  { channel: 'a very long language', sent: withData('', " xml:lang='en-meet-me-in-the-orchard'"), client: withData('') },
  { channel: 'unknown attributes', sent: withData('', ` note='${PLAIN}'`), client: withData('') },
]

const CONTENT = [
  html, `<subject>${PLAIN}</subject>`,
  "<reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>no</reaction></reactions>", "<reply xmlns='urn:xmpp:reply:0' to='x' id='1'/>",
  "<fallback xmlns='urn:xmpp:fallback:0' for='x'/>", "<reference xmlns='urn:xmpp:reference:0' uri='xmpp:x'/>",
  "<x xmlns='jabber:x:oob'><url>http://x</url></x>", "<retract xmlns='urn:xmpp:message-retract:1' id='1'/>",
  "<retract xmlns='urn:xmpp:message-retract:0' id='1'/>", "<moderate xmlns='urn:xmpp:message-moderate:0'/>", "<moderate xmlns='urn:xmpp:message-moderate:1'/>",
  "<apply-to xmlns='urn:xmpp:fasten:0' id='1'/>", "<media-sharing xmlns='urn:xmpp:sims:1'/>", "<file-sharing xmlns='urn:xmpp:sfs:0'/>",
  "<mood xmlns='http://jabber.org/protocol/mood'><text>sad</text></mood>", "<tune xmlns='http://jabber.org/protocol/tune'/>",
  "<activity xmlns='http://jabber.org/protocol/activity'><text>sad</text></activity>", "<geoloc xmlns='http://jabber.org/protocol/geoloc'/>",
  "<entry xmlns='urn:xmpp:microblog:0'/>", "<x xmlns='jabber:x:encrypted'>PGP</x>", "<openpgp xmlns='urn:xmpp:openpgp:0'>PGP</openpgp>",
  "<encrypted xmlns='eu.siacs.conversations.axolotl'/>", "<encrypted xmlns='urn:xmpp:omemo:2'/>",
  "<x xmlns='jabber:x:conference' jid='a@b' reason='come'/>", "<data xmlns='http://jabber.org/protocol/ibb' sid='a' seq='0'>aGVsbG8=</data>",
  "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='a@b'><reason>come</reason></invite></x>",
  "<x xmlns='http://jabber.org/protocol/muc#user'><decline to='a@b'><reason>no</reason></decline></x>",
]

const NOISE = [
  `<thread>${PLAIN}</thread>`, `<nick xmlns='http://jabber.org/protocol/nick'>${PLAIN}</nick>`, `<x xmlns='urn:example:x'>${PLAIN}</x>`,
  forwarded, `<sent xmlns='urn:xmpp:carbons:2'>${forwarded}</sent>`, `<received xmlns='urn:xmpp:carbons:2'>${forwarded}</received>`,
  `<result xmlns='urn:xmpp:mam:2' id='1'>${forwarded}</result>`,
  "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='http://jabber.org/protocol/tune'/></event>",
  "<x xmlns='http://jabber.org/protocol/muc#user'/>", "<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='x'/>",
  "<x xmlns='google:nosave' value='enabled'/>", "<record xmlns='http://jabber.org/protocol/archive' otr='require'/>",
  '<private>urn:xmpp:carbons:2</private>', `<active xmlns='http://jabber.org/protocol/chatstates'>${PLAIN}</active>`,
  "<orchard xmlns='http://jabber.org/protocol/chatstates'/>", `<attention xmlns='urn:xmpp:attention:0'>${PLAIN}</attention>`,
  `<received xmlns='urn:xmpp:receipts' id='${PLAIN}'/>`, `<received xmlns='urn:xmpp:receipts' id='1'>${PLAIN}</received>`,
  "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:omemo:2'/>",
]

const ALLOWED = [
  ...['active', 'composing', 'paused', 'inactive', 'gone'].map((name) => `<${name} xmlns='http://jabber.org/protocol/chatstates'/>`),
  request, "<received xmlns='urn:xmpp:receipts' id='1'/>", "<markable xmlns='urn:xmpp:chat-markers:0'/>",
  ...['received', 'displayed', 'acknowledged'].map((name) => `<${name} xmlns='urn:xmpp:chat-markers:0' id='1'/>`),
  ...['no-copy', 'no-store', 'no-permanent-store', 'store', 'no-permanent-storage', 'no-storage'].map(hint),
  "<private xmlns='urn:xmpp:carbons:2'/>", encryption, "<replace xmlns='urn:xmpp:message-correct:0' id='bad1'/>",
  "<origin-id xmlns='urn:xmpp:sid:0' id='1'/>", "<attention xmlns='urn:xmpp:attention:0'/>",
]

const CHILDREN: readonly Row[] = [
  ...CONTENT.flatMap((child): Row[] => [
    { channel: `content beside a body: ${child}`, sent: withData(child), client: withData('') },
    { channel: `content alone: ${child}`, sent: message(child), ...REFUSAL },
    { channel: `content with a hint: ${child}`, sent: message(child + hint('store')), ...REFUSAL },
  ]),
  ...NOISE.flatMap((child): Row[] => [
    { channel: `noise beside a body: ${child}`, sent: withData(child), client: withData('') },
    { channel: `noise alone: ${child}`, sent: message(child), client: DROPPED },
  ]),
  ...ALLOWED.flatMap((child): Row[] => [
    { channel: `allowed beside a body: ${child}`, sent: withData(child), client: 'same' },
    { channel: `allowed alone: ${child}`, sent: message(child), client: 'same' },
  ]),
  { channel: 'a chat state beside content', sent: message(ALLOWED[0] + html), client: message(ALLOWED[0] ?? '') },
  { channel: 'a name for the encryption', sent: withData(encryption.replace('/>', ` name='${PLAIN}'/>`)), client: withData(encryption) },
  { channel: 'the same child twice', sent: withData(request + request), client: withData(request) },
  { channel: 'attributes of an allowed child', sent: withData(request.replace('/>', ` note='${PLAIN}'/>`)), client: withData(request) },
  { channel: 'a delay without a time', sent: withData(delay.replace("1597-01-01T12:00:00Z", PLAIN)), client: withData('') },
  {
    channel: 'a delay by somebody', sent: withData(delay.replace("'verona.example'", `'romeo@verona.example/${PLAIN}'`)),
    client: withData(''), remote: withData(delay),
  },
  { channel: 'a delay with a reason', sent: withData(delay.replace('/>', `>${PLAIN}</delay>`)), client: withData(''), remote: withData(delay) },
]

describe('what each way to send text comes to', () => {
  for (const { channel, sent, client, remote = client } of [...BODIES, ...TYPES, ...ATTRIBUTES, ...CHILDREN]) {
    test(`${channel}, from our client`, () => assert.equal(new Court().client(sent), client === 'same' ? sent : client))
    test(`${channel}, from another server`, () => assert.equal(new Court().remote(sent), remote === 'same' ? sent : remote))
  }
})

describe('XEP-0163 §4.3: notifications', () => {
  const sha1 = '0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33'
  const info = `<info id='${sha1}' type='image/png' bytes='12'/>`
  const event = (node: string, payload: string): string => message("<event xmlns='http://jabber.org/protocol/pubsub#event'>"
    + `<items node='${node}'><item id='${sha1}'>${payload}</item></items></event>`, 'headline')
  const metadata = (inner: string): string => event('urn:xmpp:avatar:metadata', `<metadata xmlns='urn:xmpp:avatar:metadata'>${inner}</metadata>`)
  const contact = { sees: () => false, follows: () => true }
  const notify = (court: Court, xml: string, from = 'romeo@verona.example'): string => court.judge(xml, from, 'juliet@capulet.lit', 'remote')

  test('of an avatar pass from the account of a contact elsewhere, without the address of an image', () => {
    assert.equal(notify(new Court(contact), metadata(info)), metadata(info))
    assert.equal(notify(new Court(contact), metadata(info.replace('/>', " url='http://x'/>"))), metadata(info))
    assert.equal(notify(new Court(contact), metadata(info.replace('image/png', PLAIN))), metadata('').replace('></metadata>', '/>'))
  })

  test('pass from nobody else, and of nothing else', () => {
    assert.equal(notify(new Court(), metadata(info)), DROPPED)
    assert.equal(notify(new Court(contact), metadata(info), ROMEO), DROPPED)
    assert.equal(notify(new Court(contact), event('http://jabber.org/protocol/mood', `<mood>${PLAIN}</mood>`)), DROPPED)
    assert.equal(new Court(contact).client(metadata(info)), DROPPED)
    assert.equal(notify(new Court(contact), metadata(info), 'verona.example'), DROPPED)
    assert.equal(new Court(contact).judge(metadata(info), 'nurse@capulet.lit', 'juliet@capulet.lit', 'component'), DROPPED)
  })
})

describe('fragments', () => {
  const series = sequenceVectors.find(({ bodies, expect }) => bodies.length > 3 && expect.at(-1) === 'release')?.bodies ?? []
  const [first = '', second = '', third = ''] = series

  test('are held until the message is whole; then all go on in their order', () => {
    const court = new Court()
    const stanzas = series.map((text, index) => `<message type='chat' id='${index}'>${body(text)}</message>`)
    for (const stanza of stanzas.slice(0, -1)) assert.equal(court.client(stanza), 'held')
    assert.equal(court.client(stanzas.at(-1) ?? ''), stanzas.join(''))
  })

  test('that come to nothing are refused once', () => {
    const court = new Court()
    const [, , , fourth = ''] = series
    const verdicts = [first, third, second, fourth].map((text) => court.client(message(body(text))))
    assert.deepEqual(verdicts.slice(0, 3), ['held', REFUSED, DROPPED])
  })

  test('that never become whole are forgotten after 60 s', () => {
    const court = new Court()
    assert.equal(court.client(message(body(first))), 'held')
    court.clock.advance(60_000)
    assert.equal(court.client(message(body(second))), REFUSED)
  })

  test('that never become whole are told to their sender, once, as refused', async () => {
    const house = new TestHouse({ extensions: [requireOtr, ...WITHOUT_POLICY] })
    const juliet = await house.login('juliet@capulet.lit/balcony')
    const begin = (to: string): void => {
      for (const [index, text] of [first, second].entries()) juliet.says(`<message id='${index}' type='chat' to='${to}'>${body(text)}</message>`)
    }
    for (const to of ['nurse@capulet.lit', 'romeo@verona.example']) {
      begin(to)
      juliet.hears()
      house.clock.advance(60_000)
      const [refusal, ...more] = juliet.heard()
      assert.deepEqual([refusal?.attrs, refusal?.childContent('body', 'jabber:client'), more],
        [{ type: 'error', id: '0', from: to, to: 'juliet@capulet.lit/balcony' }, '[not sent: OTR required]', []])
    }
    begin('nurse@capulet.lit')
    juliet.leaves()
    house.clock.advance(60_000)
    assert.deepEqual(house.log.lines, [])
  })

  test('of another server that never become whole are told to it, without a body', () => {
    const house = new TestHouse({ extensions: [requireOtr, ...WITHOUT_POLICY] })
    house.remoteSays(`<message id='f' type='chat' from='romeo@verona.example/garden' to='juliet@capulet.lit'>${body(first)}</message>`)
    house.departs()
    house.clock.advance(60_000)
    const [refusal, ...more] = house.departed
    assert.deepEqual([refusal?.attrs, refusal?.elements().map(({ name }) => name), more],
      [{ type: 'error', id: 'f', from: 'juliet@capulet.lit', to: 'romeo@verona.example/garden' }, ['error'], []])
  })

  test('are awaited no longer once another body comes between; a chat state is none', () => {
    const court = new Court()
    court.client(message(body(first)))
    court.client(message(ALLOWED[0] ?? ''))
    assert.equal(court.client(message(body(second))), 'held')
    court.client(message(body(PLAIN)))
    assert.equal(court.client(message(body(third))), REFUSED)
  })

  test('between unlinked domains are held twice, as they leave and as they arrive: one message does not break the other', () => {
    const court = new Court(undefined, UNLINKED)
    const [leaves, arrives] = (['client', 'remote'] as const).map((origin) => (
      (text: string) => court.judge(message(body(text)), JULIET, 'romeo@montague.lit', origin)))
    for (const text of series.slice(0, -1)) {
      assert.equal(leaves?.(text), 'held')
      assert.equal(arrives?.(text), 'held')
    }
    const whole = series.map((text) => message(body(text))).join('')
    for (const judge of [leaves, arrives]) assert.equal(judge?.(series.at(-1) ?? ''), whole)
  })
})

describe('refusals', () => {
  test('RFC 6120 §8.3.2: our client is told in words of ours, and programs what has to be sent instead', async () => {
    const house = new TestHouse({ extensions: [requireOtr, ...WITHOUT_POLICY] })
    const juliet = await house.login('juliet@capulet.lit/balcony')
    juliet.says(`<message id='1' type='chat' to='nurse@capulet.lit'>${body(PLAIN)}</message>`)
    juliet.hears("<message type='error' id='1' from='nurse@capulet.lit' to='juliet@capulet.lit/balcony'>"
      + `<body>[not sent: OTR required]</body><error type='modify'>${bare('policy-violation')}`
      + "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>"
      + 'Unencrypted messages are not allowed on this server. Start an OTR session first.</text>'
      + "<otr-required xmlns='urn:sotto:otr-required:0' versions='23' query='?OTRv23?'/></error></message>")
  })

  test('our client is told each time', () => {
    const court = new Court()
    for (const word of ['one', 'two']) assert.equal(court.client(message(body(word))), REFUSED)
  })

  test('a sender elsewhere is told once in 30 s for an addressee', () => {
    const court = new Court()
    assert.equal(court.remote(message(body(PLAIN))), REFUSED_REMOTE)
    assert.equal(court.remote(message(body(PLAIN))), DROPPED)
    assert.equal(court.judge(message(body(PLAIN)), 'romeo@verona.example/street', 'juliet@capulet.lit', 'remote'), DROPPED)
    assert.equal(court.judge(message(body(PLAIN)), ROMEO, 'nurse@capulet.lit', 'remote'), REFUSED_REMOTE)
    court.clock.advance(29_999)
    assert.equal(court.remote(message(body(PLAIN))), DROPPED)
    court.clock.advance(1)
    assert.equal(court.remote(message(body(PLAIN))), REFUSED_REMOTE)
  })

  test('of 10 000 senders elsewhere each is told, and the next is not', () => {
    const court = new Court()
    const answer = (sender: string) => court.judge(message(body(PLAIN)), `${sender}@verona.example`, 'nurse@capulet.lit', 'remote')
    for (let number = 0; number < 10_000; number++) assert.equal(answer(`${number}`), REFUSED_REMOTE)
    assert.equal(answer('late'), DROPPED)
    court.clock.advance(30_000)
    assert.equal(answer('late'), REFUSED_REMOTE)
  })
})

describe('where the policy holds', () => {
  for (const origin of ['client', 'remote', 'component', 'server'] as const) {
    test(`for stanzas that come from a ${origin}`, () => {
      const court = new Court()
      assert.match(court.judge(message(body(PLAIN)), 'romeo@montague.lit/garden', 'juliet@capulet.lit', origin), /^refused/)
      assert.match(court.judge(message(body(PLAIN)), 'juliet@capulet.lit/balcony', 'mercutio@verona.example', origin), /^refused/)
      assert.match(court.judge(message(body(PLAIN)), 'mercutio@verona.example', 'juliet@capulet.lit', origin), /^refused/)
    })
  }

  test('between two domains that are not served it judges nothing', () => {
    assert.equal(new Court().judge(message(body(PLAIN)), 'a@verona.example', 'b@mantua.example', 'remote'), 'untouched')
  })

  test('between our clients plain text arrives nowhere, and OTR arrives', async () => {
    const house = new TestHouse({ extensions: [requireOtr, ...WITHOUT_POLICY] })
    const juliet = await house.login('juliet@capulet.lit/balcony')
    const nurse = await house.login('nurse@capulet.lit/kitchen')
    juliet.says(`<message type='chat' to='nurse@capulet.lit/kitchen'>${body(PLAIN)}</message>`)
    nurse.hears()
    juliet.says(`<message type='chat' to='nurse@capulet.lit/kitchen'>${body(`?OTRv23? ${PLAIN}`)}</message>`)
    nurse.hears("<message type='chat' from='juliet@capulet.lit/balcony' to='nurse@capulet.lit/kitchen'><body>?OTRv23?</body></message>")
  })

  test('plain text neither leaves for another server nor comes in from one', async () => {
    const house = new TestHouse({ extensions: [requireOtr, ...WITHOUT_POLICY] })
    const juliet = await house.login('juliet@capulet.lit/balcony')
    juliet.says(`<message type='chat' to='romeo@verona.example'>${body(PLAIN)}</message>`)
    house.departs()
    juliet.forget()
    house.remoteSays(`<message type='chat' from='romeo@verona.example/garden' to='juliet@capulet.lit'>${body(PLAIN)}</message>`)
    juliet.hears()
  })
})
