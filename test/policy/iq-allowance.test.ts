import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Court, DROPPED, JULIET, PLAIN, ROMEO, UNAVAILABLE, UNLINKED } from './court.ts'

const SHA1 = '0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33'
const PNG = Buffer.from('89504e470d0a1a0a0000000d', 'hex').toString('base64')
const NOT_FOUND = 'refused: cancel item-not-found'
const PING = "<ping xmlns='urn:xmpp:ping'/>"

const get = (payload: string, id = 'q1'): string => `<iq type='get' id='${id}'>${payload}</iq>`
const result = (payload: string, id = 'q1'): string => payload === '' ? `<iq type='result' id='${id}'/>` : `<iq type='result' id='${id}'>${payload}</iq>`
const info = (inner: string, attributes = ''): string => `<query xmlns='http://jabber.org/protocol/disco#info'${attributes}${inner === '' ? '/>' : `>${inner}</query>`}`
const toAccount = (court: Court, xml: string): string => court.judge(xml, JULIET, 'romeo@verona.example', 'client')
const fromAccount = (court: Court, xml: string): string => court.judge(xml, 'romeo@verona.example', JULIET, 'remote')

const CAPS = " node='https://psi-im.org#QgayPKawpkPSDYmwT/WM94uAlu0='"
const IDENTITY = "<identity category='client' type='pc' name='Gajim'/><feature var='urn:xmpp:ping'/>"
const FORM = `<x xmlns='jabber:x:data' type='result'><field var='x'><value>${PLAIN}</value></field></x>`

/** Question, answer, and what of the answer passes. */
const QUESTIONS: readonly (readonly [string, string, string])[] = [
  [info(''), info(`${IDENTITY}<feature var='${PLAIN}'/><identity category='${PLAIN}' type='pc'/>${FORM}`, ` note='${PLAIN}'`), info(IDENTITY)],
  [info('', CAPS), info('', ` node='${PLAIN}'`), info('', CAPS)],
  [
    "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    `<query xmlns='http://jabber.org/protocol/disco#items'><item jid='proxy.verona.example' name='${PLAIN}'/><item jid='romeo@verona.example/x' node='${PLAIN}'/></query>`,
    "<query xmlns='http://jabber.org/protocol/disco#items'><item jid='proxy.verona.example'/></query>",
  ],
  [
    info(''),
    info(`<identity category='client' type='${PLAIN}'/><identity category='client' type='pc' name='${'a'.repeat(65)}' xml:lang='${PLAIN}'/>`),
    info("<identity category='client' type='pc'/>"),
  ],
  [info(''), info("<identity category='client' type='pc'/>".repeat(9)), info("<identity category='client' type='pc'/>".repeat(8))],
  [info(''), info("<feature var='urn:xmpp:ping'/>".repeat(300)), info("<feature var='urn:xmpp:ping'/>".repeat(256))],
  [
    "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    `<query xmlns='http://jabber.org/protocol/disco#items'><item jid='verona.example/x'/>${"<item jid='verona.example'/>".repeat(101)}</query>`,
    `<query xmlns='http://jabber.org/protocol/disco#items'>${"<item jid='verona.example'/>".repeat(99)}</query>`,
  ],
  [PING, `<ping xmlns='urn:xmpp:ping'>${PLAIN}</ping>`, PING],
  [
    "<query xmlns='jabber:iq:version'/>",
    `<query xmlns='jabber:iq:version'><name>Psi</name><version>1.5\n${PLAIN}</version><os>${PLAIN}</os></query>`,
    "<query xmlns='jabber:iq:version'><name>Psi</name></query>",
  ],
  ["<query xmlns='jabber:iq:version'/>", "<query xmlns='jabber:iq:version'><name/><version>2</version></query>", "<query xmlns='jabber:iq:version'><version>2</version></query>"],
  ["<query xmlns='jabber:iq:last'/>", `<query xmlns='jabber:iq:last' seconds='${PLAIN}'/>`, "<query xmlns='jabber:iq:last'/>"],
  ["<query xmlns='jabber:iq:last'/>", `<query xmlns='jabber:iq:last' seconds='903'>${PLAIN}</query>`, "<query xmlns='jabber:iq:last' seconds='903'/>"],
  ["<time xmlns='urn:xmpp:time'/>", `<time xmlns='urn:xmpp:time'><tzo>${PLAIN}</tzo><utc>${PLAIN}</utc></time>`, "<time xmlns='urn:xmpp:time'/>"],
  [
    "<time xmlns='urn:xmpp:time'/>",
    "<time xmlns='urn:xmpp:time'><tzo>-06:00</tzo><utc>1597-12-19T17:58:35Z</utc></time>",
    "<time xmlns='urn:xmpp:time'><tzo>-06:00</tzo><utc>1597-12-19T17:58:35Z</utc></time>",
  ],
  ["<time xmlns='urn:xmpp:time'/>", `<time xmlns='urn:xmpp:time'><tzo>-06:00</tzo><utc>${PLAIN}</utc></time>`, "<time xmlns='urn:xmpp:time'/>"],
  ["<time xmlns='urn:xmpp:time'/>", `<time xmlns='urn:xmpp:time'><tzo>${PLAIN}</tzo><utc>1597-12-19T17:58:35Z</utc></time>`, "<time xmlns='urn:xmpp:time'/>"],
]

describe('questions between people\'s clients', () => {
  for (const [question, answer, passed] of QUESTIONS) {
    test(`${question} is answered with nothing but what it is for`, () => {
      const court = new Court()
      assert.equal(court.client(get(question)), get(question))
      assert.equal(court.remote(result(answer)), result(passed))
      assert.equal(court.remote(result(answer)), DROPPED, 'one answer for a question')
      assert.equal(court.remote(get(question)), get(question), 'and the other way round')
      assert.equal(court.client(result(answer)), result(passed))
    })
  }

  test('a vCard is asked of an account only, and is photo and nickname', () => {
    const court = new Court()
    assert.equal(court.client(get("<vCard xmlns='vcard-temp'/>")), NOT_FOUND)
    assert.equal(toAccount(court, get(`<vCard xmlns='vcard-temp'><NOTE>${PLAIN}</NOTE></vCard>`)), get("<vCard xmlns='vcard-temp'/>"))
    const photo = `<PHOTO><TYPE>image/png</TYPE><BINVAL>${PNG}</BINVAL></PHOTO>`
    const whole = `<FN>${PLAIN}</FN><NICKNAME>Romeo</NICKNAME><DESC>${PLAIN}</DESC>${photo.replace('</PHOTO>', '<EXTVAL>http://x</EXTVAL></PHOTO>')}`
    assert.equal(fromAccount(court, result(`<vCard xmlns='vcard-temp'>${whole}</vCard>`)),
      result(`<vCard xmlns='vcard-temp'><NICKNAME>Romeo</NICKNAME>${photo}</vCard>`))
  })

  test('a photo of a type that is none keeps no type, and a nickname is short', () => {
    const court = new Court()
    toAccount(court, get("<vCard xmlns='vcard-temp'/>"))
    assert.equal(fromAccount(court, result(`<vCard xmlns='vcard-temp'><NICKNAME>${'a'.repeat(65)}</NICKNAME><PHOTO><TYPE>${PLAIN}</TYPE><BINVAL>${PNG}</BINVAL></PHOTO></vCard>`)),
      result(`<vCard xmlns='vcard-temp'><PHOTO><BINVAL>${PNG}</BINVAL></PHOTO></vCard>`))
  })

  test('a photo that is no image is left out, and a nickname of several lines', () => {
    const court = new Court()
    toAccount(court, get("<vCard xmlns='vcard-temp'/>"))
    const text = Buffer.from(PLAIN).toString('base64')
    assert.equal(fromAccount(court, result(`<vCard xmlns='vcard-temp'><NICKNAME>${PLAIN}\n${PLAIN}</NICKNAME><PHOTO><BINVAL>${text}</BINVAL></PHOTO></vCard>`)),
      result("<vCard xmlns='vcard-temp'/>"))
  })

  test('avatars are the only nodes of an account that others may read', () => {
    const court = new Court()
    const items = (node: string, inner = ''): string => "<pubsub xmlns='http://jabber.org/protocol/pubsub'>"
      + `<items node='${node}'><item id='${SHA1}'${inner === '' ? '/>' : `>${inner}</item>`}</items></pubsub>`
    const data = `<data xmlns='urn:xmpp:avatar:data'>${PNG}</data>`
    const metadata = `<metadata xmlns='urn:xmpp:avatar:metadata'><info id='${SHA1}' type='image/png' bytes='12'/></metadata>`
    assert.equal(toAccount(court, get(items('urn:xmpp:microblog:0'))), NOT_FOUND)
    assert.equal(court.client(get(items('urn:xmpp:avatar:data'))), NOT_FOUND)
    assert.equal(toAccount(court, get(items('urn:xmpp:avatar:data'))), get(items('urn:xmpp:avatar:data')))
    assert.equal(fromAccount(court, result(items('urn:xmpp:avatar:data', `${data}<note xmlns='urn:x'>${PLAIN}</note>`))),
      result(items('urn:xmpp:avatar:data', data)))
    toAccount(court, get(items('urn:xmpp:avatar:metadata')))
    assert.equal(fromAccount(court, result(items('urn:xmpp:avatar:metadata', metadata.replace("bytes='12'", "bytes='12' url='http://x'")))),
      result(items('urn:xmpp:avatar:metadata', metadata)))
  })

  test('of an avatar nothing passes that has not its shape', () => {
    const node = (name: string, inner: string): string => `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:${name}'${inner === '' ? '/>' : `>${inner}</items>`}</pubsub>`
    const described = (attributes: string): string =>
      node('metadata', `<item id='${SHA1}'><metadata xmlns='urn:xmpp:avatar:metadata'${attributes === '' ? '/>' : `><info ${attributes}/></metadata>`}</item>`)
    const answer = (name: string, sent: string): string => {
      const court = new Court()
      assert.equal(toAccount(court, get(node(name, `<item id='${PLAIN}'/>`))),
        get(`<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:${name}' max_items='1'/></pubsub>`))
      return fromAccount(court, result(sent))
    }
    const data = `<data xmlns='urn:xmpp:avatar:data'>${PNG}</data>`
    assert.equal(answer('data', node('data', `<item id='${SHA1}'>${data}</item>`)), result(node('data', `<item id='${SHA1}'>${data}</item>`)))
    assert.equal(answer('data', node('data', `<item id='${PLAIN}'>${data}</item>`)), result(node('data', '')))
    assert.equal(answer('data', node('data', `<item id='${SHA1}'>${data.replace(PNG, `${PNG}!${PLAIN}`)}</item>`)), result(node('data', `<item id='${SHA1}'/>`)))
    assert.equal(answer('data', node('microblog', `<item id='${SHA1}'>${data}</item>`)), result("<pubsub xmlns='http://jabber.org/protocol/pubsub'/>"))
    const info = `id='${SHA1}' type='image/png' bytes='12'`
    assert.equal(answer('metadata', described(`${info} width='64' height='64'`)), result(described(`${info} width='64' height='64'`)))
    assert.equal(answer('metadata', described(`${info} width='${PLAIN}' height='${PLAIN}'`)), result(described(info)))
    for (const part of [SHA1, 'image/png', '12']) assert.equal(answer('metadata', described(info.replace(`'${part}'`, `'${PLAIN}'`))), result(described('')))
  })

  test('a node that somebody made up is not asked for', () => {
    assert.equal(new Court().client(get(info('', ` node='https://psi-im.org#${PLAIN}'`))), NOT_FOUND)
    assert.equal(new Court().client(get(info('', ` node='${PLAIN}'`))), NOT_FOUND)
    assert.equal(new Court().client(get("<query xmlns='http://jabber.org/protocol/disco#items' node='x'/>")), NOT_FOUND)
  })

  test('an id that is text is refused', () => {
    assert.equal(new Court().client(get(PING, PLAIN)), 'refused: modify bad-request')
  })

  for (const payload of [
    "<open xmlns='http://jabber.org/protocol/ibb' sid='a' block-size='1'/>", "<si xmlns='http://jabber.org/protocol/si'/>",
    "<query xmlns='http://jabber.org/protocol/bytestreams'/>", "<jingle xmlns='urn:xmpp:jingle:1'/>", "<query xmlns='jabber:iq:oob'/>",
    "<query xmlns='jabber:iq:rpc'/>", "<query xmlns='jabber:iq:search'/>", "<query xmlns='jabber:iq:register'/>",
    "<command xmlns='http://jabber.org/protocol/commands' node='x'/>", "<query xmlns='jabber:iq:private'/>", "<query xmlns='urn:xmpp:mam:2'/>",
    "<request xmlns='urn:xmpp:http:upload:0'/>", "<ping xmlns='urn:example:x'/>", "<constructor xmlns='urn:xmpp:ping'/>",
  ]) {
    test(`${payload} is refused, as get and as set`, () => {
      for (const xml of [get(payload), get(payload).replace('get', 'set')]) {
        assert.equal(new Court().client(xml), UNAVAILABLE)
        assert.equal(new Court().remote(xml), UNAVAILABLE)
        assert.equal(new Court().judge(xml, JULIET, 'nurse@capulet.lit/kitchen', 'client'), UNAVAILABLE)
        assert.equal(new Court().judge(xml, JULIET, 'nurse@capulet.lit', 'client'), UNAVAILABLE)
        assert.equal(new Court().judge(xml, JULIET, 'juliet@capulet.lit/chamber', 'client'), UNAVAILABLE)
        assert.equal(new Court().judge(xml, JULIET, 'verona.example', 'client'), UNAVAILABLE)
      }
    })
  }

  test('nothing is set, not even what may be asked', () => {
    assert.equal(toAccount(new Court(), "<iq type='set' id='1'><vCard xmlns='vcard-temp'/></iq>"), UNAVAILABLE)
    for (const node of ['http://jabber.org/protocol/mood', 'http://jabber.org/protocol/tune', 'urn:xmpp:microblog:0', 'urn:xmpp:avatar:data']) {
      const publish = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='${node}'><item>${PLAIN}</item></publish></pubsub>`
      assert.equal(toAccount(new Court(), `<iq type='set' id='1'>${publish}</iq>`), UNAVAILABLE)
      assert.equal(new Court().remote(`<iq type='set' id='1'>${publish}</iq>`), UNAVAILABLE)
    }
  })
})

describe('IQs for this server', () => {
  const set = "<iq type='set' id='1'><query xmlns='jabber:iq:private'/></iq>"
  for (const to of ['capulet.lit', 'juliet@capulet.lit', undefined]) {
    test(`to ${to ?? 'no address'} they stay as they are`, () => assert.equal(new Court().judge(set, JULIET, to, 'client'), 'untouched'))
  }

  test('what the server answers for its accounts, nobody else does', () => {
    const court = new Court()
    assert.equal(court.judge(get(PING), JULIET, 'nurse@capulet.lit', 'client'), get(PING))
    assert.equal(court.judge(result(''), 'nurse@capulet.lit', JULIET, 'component'), DROPPED)
  })

  test('answers to its own requests for an account are left to it', () => {
    assert.equal(new Court().judge(result(''), ROMEO, 'juliet@capulet.lit', 'remote'), 'untouched')
  })

  test('to a client, a domain served beside its own is another server', () => {
    const court = new Court(undefined, UNLINKED)
    assert.equal(court.judge(set, JULIET, 'montague.lit', 'client'), UNAVAILABLE)
    assert.equal(court.judge(get(PING), JULIET, 'montague.lit', 'client'), get(PING))
    assert.equal(court.judge(result(''), 'montague.lit', JULIET, 'remote'), result(''))
  })

  test('between unlinked domains question and answer are judged twice, as they leave and as they arrive', () => {
    const court = new Court(undefined, UNLINKED)
    const romeo = 'romeo@montague.lit/orchard'
    for (const origin of ['client', 'remote'] as const) assert.equal(court.judge(get(PING), JULIET, romeo, origin), get(PING))
    for (const origin of ['client', 'remote'] as const) assert.equal(court.judge(result(''), romeo, JULIET, origin), result(''))
    for (const origin of ['client', 'remote'] as const) assert.equal(court.judge(result(''), romeo, JULIET, origin), DROPPED)
  })

  test('other servers may ask it what they like, and answer it', () => {
    assert.equal(new Court().judge(get(PING), 'verona.example', 'capulet.lit', 'remote'), 'untouched')
    assert.equal(new Court().judge(result(''), 'verona.example', 'capulet.lit', 'remote'), 'untouched')
  })
})

describe('RFC 6120 §8.1.3: an answer passes for its question only', () => {
  const version = `<query xmlns='jabber:iq:version'><name>${PLAIN}</name></query>`
  const answers: Readonly<Record<string, (court: Court) => string>> = {
    'by its id': (court) => court.remote(result('', 'q2')),
    'of its kind': (court) => court.remote(result(version)),
    'from who was asked': (court) => court.judge(result(''), 'romeo@verona.example/street', JULIET, 'remote'),
    'to who asked': (court) => court.judge(result(''), ROMEO, 'juliet@capulet.lit/hall', 'remote'),
    'within two minutes': (court) => {
      court.clock.advance(120_000)
      return court.remote(result(''))
    },
  }
  for (const [reason, answer] of Object.entries(answers)) {
    test(reason, () => {
      const court = new Court()
      court.client(get(PING))
      assert.equal(answer(court), DROPPED)
    })
  }

  test('and none where nobody asked', () => assert.equal(new Court().remote(result(version)), DROPPED))

  test('who asks more than 64 questions at once loses the oldest, and takes none from others', () => {
    const court = new Court()
    court.judge(get(PING, 'n'), 'nurse@capulet.lit/kitchen', ROMEO, 'client')
    for (let number = 0; number <= 64; number++) court.client(get(PING, `p${number}`))
    assert.equal(court.remote(result('', 'p0')), DROPPED)
    assert.equal(court.remote(result('', 'p64')), result('', 'p64'))
    assert.equal(court.judge(result('', 'n'), ROMEO, 'nurse@capulet.lit/kitchen', 'remote'), result('', 'n'))
  })

  test('what the server answers itself takes no room among them', () => {
    const [court, nurse] = [new Court(), 'nurse@capulet.lit']
    court.judge(get(PING, 'n'), JULIET, `${nurse}/kitchen`, 'client')
    for (let number = 0; number <= 64; number++) court.judge(get(PING, `p${number}`), JULIET, nurse, 'client')
    assert.equal(court.judge(result('', 'n'), `${nurse}/kitchen`, JULIET, 'client'), result('', 'n'))
  })

  test('of 4096 accounts that ask, the one that asked first is forgotten; who was answered takes no room', () => {
    const court = new Court()
    const ask = (name: string): string => court.judge(get(PING), `${name}@capulet.lit/x`, ROMEO, 'client')
    const answer = (name: string): string => court.judge(result(''), ROMEO, `${name}@capulet.lit/x`, 'remote')
    for (const name of ['first', 'second']) ask(name)
    for (let number = 0; number < 4096; number++) {
      ask('answered' + number)
      assert.equal(answer('answered' + number), result(''))
    }
    for (let number = 0; number < 4095; number++) ask('waiting' + number)
    assert.equal(answer('second'), result(''))
    assert.equal(answer('first'), DROPPED)
  })

  test('an error is an answer', () => {
    const court = new Court()
    court.client(get(PING))
    court.remote("<iq type='error' id='q1'/>")
    assert.equal(court.remote(result('')), DROPPED)
  })

  test('an error keeps condition and type', () => {
    const error = "<error type='cancel'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    assert.equal(new Court().remote(`<iq type='error' id='q1'>${version}${error}</iq>`), `<iq type='error' id='q1'>${error}</iq>`)
  })
})
