import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { element } from '../../src/xml/element.ts'
import { NS_CLIENT, NS_REGISTER } from '../../src/xmpp/namespaces.ts'
import { answerTo, Applicant, conditionOf, submitted, textOf } from '../clients/applicant.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { text } from '../clients/xml-text.ts'
import { Scenario } from '../scenario/scenario.ts'

const SERVER = `
[[domains]]
name = "capulet.lit"
registration = "open"
[[domains]]
name = "montague.lit"
registration = "closed"
[[domains]]
name = "verona.lit"
[[listeners]]
kind = "c2s"
port = 0
[tor]
enabled = false
[auth]
argon2_memory = "7168kB"
argon2_passes = 1
scram_iterations = 65536
[registration]
challenges = 100000
challenges_per_peer = 100000
accounts = 100000
accounts_per_domain = 100000
`
const DOMAIN = 'capulet.lit'
const PASSWORD = 'wherefore art thou'
const FEATURE = 'http://jabber.org/features/iq-register'

describe('XEP-0077, before the login', () => {
  let scenario: Scenario
  const applicants: Applicant[] = []
  before(async () => { scenario = await Scenario.start(SERVER, { 'nurse@capulet.lit': PASSWORD }) })
  after(() => scenario.stop())
  afterEach(() => { for (const one of applicants.splice(0)) one.cut() })

  const reach = async (domain = DOMAIN): Promise<Applicant> => {
    const applicant = await Applicant.reach({ route: { host: '127.0.0.1', port: scenario.ports[0] ?? 0 }, security: 'starttls' }, domain)
    applicants.push(applicant)
    return applicant
  }
  const login = async (name: string, password = PASSWORD): Promise<void> => {
    const route = { host: '127.0.0.1', port: scenario.ports[0] ?? 0 }
    const client = await XmppClient.login({ route, security: 'starttls', jid: `${name}@${DOMAIN}`, password })
    await client.leave()
  }

  test('XEP-0077 §8: the stream feature stands on secured streams, where an account is to be had', async () => {
    assert.ok((await reach()).features.child('register', FEATURE))
    assert.ok((await reach('verona.lit')).features.child('register', FEATURE), 'by invitation, too')
    assert.equal((await reach('montague.lit')).features.child('register', FEATURE), undefined)
  })

  test('XEP-0077 §11: on a stream that is not secured there is no registration', async () => {
    const stream = (await scenario.raw()).open(DOMAIN)
    const [features] = await stream.expect(/<stream:features>.*<\/stream:features>/)
    assert.doesNotMatch(features, /register/)
    assert.match(await stream.send(`<iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>`).rest(), /<not-authorized/)
  })

  test('XEP-0077 §3.1: the host MUST inform the entity of the required fields', async () => {
    const applicant = await reach()
    const answer = await applicant.ask('get', element(NS_REGISTER, 'query'), { id: 'reg1' })
    const query = answer.child('query', NS_REGISTER)
    const form = query?.child('x', 'jabber:x:data')
    assert.equal(form?.attrs['type'], 'form')
    const fields = form?.elements().filter(({ name }) => name === 'field') ?? []
    const value = (name: string): string | undefined => fields.find(({ attrs }) => attrs['var'] === name)?.childContent('value', 'jabber:x:data')
    assert.deepEqual(fields.map(({ attrs }) => `${attrs['var']} ${attrs['type']}`), [
      'FORM_TYPE hidden', 'challenge hidden', 'sid hidden', 'answers hidden',
      'username text-single', 'password text-private', 'ocr text-single', 'qa text-single',
    ])
    assert.equal(value('FORM_TYPE'), 'jabber:iq:register')
    assert.equal(value('sid'), 'reg1')
    assert.deepEqual(fields.filter((field) => field.child('required', 'jabber:x:data') !== undefined).map(({ attrs }) => attrs['var']), ['username', 'password'])
    assert.ok(fields.every(({ attrs }) => attrs['type'] === 'hidden' || (attrs['label'] ?? '') !== ''), 'each is labeled')
    // §6: no fields beside a form that asks for more than they can say.
    assert.deepEqual(query?.elements().map(({ name }) => name), ['instructions', 'x', 'data'])
  })

  test('XEP-0158 §4: the form MUST be inside the query, as its child, and has the ID of the challenge', async () => {
    const { query, challenge } = await (await reach()).form()
    const [form] = query.elements().filter(({ namespace }) => namespace === 'jabber:x:data')
    assert.equal(form?.name, 'x')
    assert.match(challenge, /^[A-Za-z0-9_-]{16,}$/)
  })

  test('XEP-0158 §6.1: people MUST have a choice of challenges: a picture or a question in words, and neither is required', async () => {
    const fields = (await (await reach()).form()).query.child('x', 'jabber:x:data')?.elements() ?? []
    for (const name of ['ocr', 'qa']) {
      const field = fields.find(({ attrs }) => attrs['var'] === name)
      assert.ok(field)
      assert.equal(field.child('required', 'jabber:x:data'), undefined)
    }
  })

  test('XEP-0158 §6.3: the field of the picture MUST contain a media element with a URI of its type', async () => {
    const fields = (await (await reach()).form()).query.child('x', 'jabber:x:data')?.elements() ?? []
    const media = fields.find(({ attrs }) => attrs['var'] === 'ocr')?.child('media', 'urn:xmpp:media-element')
    assert.match(media?.child('uri', 'urn:xmpp:media-element')?.attrs['type'] ?? '', /^image\//)
  })

  test('XEP-0077 §9: an implementation MUST support old-style errors, too', async () => {
    const applicant = await reach()
    const answers = [
      await applicant.ask('get', '<remove xmlns="jabber:iq:register"/>'), await applicant.register('friar', PASSWORD),
      await applicant.ask('get', element(NS_REGISTER, 'query'), { to: 'mantua.lit' }), await (await reach('verona.lit')).register('friar', PASSWORD),
    ]
    assert.deepEqual(answers.map((answer) => [conditionOf(answer), answer.child('error', NS_CLIENT)?.attrs['code']]), [
      ['bad-request', '400'], ['not-acceptable', '406'], ['service-unavailable', '503'], ['not-allowed', '405'],
    ])
  })

  test('XEP-0158 §3.2: `answers` counts the required ones and one of the others', async () => {
    const { query } = await (await reach()).form()
    assert.match(text(query), /<field var=['"]answers['"] type=['"]hidden['"]><value>3<\/value>/)
  })

  test('XEP-0077 §3.1: who fills in the form gets an account, and logs in to it on the same stream', async () => {
    const stream = await (await scenario.raw()).secure(DOMAIN)
    let [challenge, right]: (string | undefined)[] = []
    while (right === undefined) {
      stream.send(`<iq type='get' id='f' to='${DOMAIN}'><query xmlns='jabber:iq:register'/></iq>`)
      challenge = (await stream.expect(/<field [^>]*var='challenge'[^>]*><value>([^<]*)</))[1]
      right = answerTo((await stream.expect(/label='([^']*)'[^>]*\/><\/x>/))[1] ?? '')
    }
    stream.send(`<iq type='set' id='s' to='${DOMAIN}'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>`
      + `<field var='FORM_TYPE'><value>jabber:iq:register</value></field><field var='challenge'><value>${challenge}</value></field>`
      + `<field var='username'><value>juliet</value></field><field var='password'><value>${PASSWORD}</value></field>`
      + `<field var='qa'><value>${right}</value></field></x></query></iq>`)
    const [result] = await stream.expect(/<iq [^>]*id='s'[^>]*>/)
    assert.match(result, /type='result'.*from='capulet\.lit'.*\/>/)
    await stream.authenticate(DOMAIN, 'juliet', PASSWORD, 'balcony')
    stream.destroy()
    await login('juliet')
  })

  test('XEP-0077 §3.1: an account is had in the case in which everybody writes it', async () => {
    assert.equal((await (await reach()).apply('Paris', PASSWORD)).attrs['type'], 'result')
    await login('paris')
    assert.equal(conditionOf(await (await reach()).apply('pARIS', PASSWORD)), 'conflict')
  })

  test('XEP-0077 §3.1: a name that is taken is a conflict, and the same form is no good again', async () => {
    const applicant = await reach()
    const { challenge, answer: right } = await applicant.form()
    const fields = { challenge, qa: right, password: PASSWORD }
    const answer = await applicant.submit({ ...fields, username: 'nurse' })
    assert.equal(conditionOf(answer), 'conflict')
    assert.equal(answer.child('error', NS_CLIENT)?.attrs['type'], 'cancel')
    assert.equal(answer.child('error', NS_CLIENT)?.attrs['code'], '409') // §9
    assert.equal(conditionOf(await applicant.submit({ ...fields, username: 'sampson' })), 'not-acceptable')
    assert.equal((await applicant.apply('sampson', PASSWORD)).attrs['type'], 'result')
  })

  test('XEP-0158 §3.1.4: a wrong answer is not-acceptable of type cancel, and a fresh form is to be had', async () => {
    const applicant = await reach()
    const { challenge, answer: right } = await applicant.form()
    const fields = { challenge, username: 'gregory', password: PASSWORD }
    const wrong = await applicant.submit({ ...fields, qa: 'I do bite my thumb, sir' })
    assert.equal(conditionOf(wrong), 'not-acceptable')
    assert.equal(wrong.child('error', NS_CLIENT)?.attrs['type'], 'cancel')
    assert.equal(conditionOf(await applicant.submit({ ...fields, qa: right })), 'not-acceptable', 'the right one comes too late')
    assert.equal((await applicant.apply('gregory', PASSWORD)).attrs['type'], 'result')
  })

  test('a form that was used on one stream is no good on another', async () => {
    const first = await reach()
    const { challenge, answer: right } = await first.form()
    const fields = { challenge, qa: right, password: PASSWORD }
    assert.equal((await first.submit({ ...fields, username: 'peter' })).attrs['type'], 'result')
    assert.equal(conditionOf(await (await reach()).submit({ ...fields, username: 'abram' })), 'not-acceptable')
  })

  test('XEP-0077 §3.1: who leaves something out gets not-acceptable (MUST), an empty password too', async () => {
    for (const left of [{ username: undefined }, { username: '' }, { password: undefined }, { password: '' }, { qa: undefined }, { qa: ' ' }, { challenge: undefined }]) {
      const applicant = await reach()
      const { challenge, answer: right } = await applicant.form()
      const answer = await applicant.submit({ challenge, qa: right, username: 'balthasar', password: PASSWORD, ...left })
      assert.equal(conditionOf(answer), 'not-acceptable', Object.keys(left)[0])
      assert.equal(answer.child('error', NS_CLIENT)?.attrs['code'], '406')
    }
  })

  test('a password that is easy to guess is not-acceptable, and told so', async () => {
    const answer = await (await reach()).apply('balthasar', 'short')
    assert.equal(conditionOf(answer), 'not-acceptable')
    assert.match(textOf(answer) ?? '', /too easy to guess/)
  })

  for (const [what, name] of [
    ['a space', 'romeo montague'], ['an at sign', 'romeo@montague.lit'], ['a slash', 'romeo/orchard'], ['65 characters', 'r'.repeat(65)],
    ['15000 characters', 'r'.repeat(15_000)], ['no letter first', '.romeo'], ['fullwidth letters, which PRECIS maps to ASCII', 'ｒｏｍｅｏ'],
    ['a Kelvin sign, whose small letter is in ASCII', '\u212Ang'], ['a Cyrillic letter', 'r\u043Emeo'], ['a combining accent', 'rome\u0301o'],
    ['a zero-width joiner', 'ro\u200Dmeo'], ['an override of the direction', '\u202Eoemor'], ['a dotless i', 'jul\u0131et'],
    ['a character without end of the plane', 'r\u{10FFFD}meo'], ['the name of a property of objects', '__proto__'],
  ] as const) {
    test(`a name with ${what} is refused`, async () => {
      assert.equal(conditionOf(await (await reach()).apply(name, PASSWORD)), 'not-acceptable')
    })
  }

  test('a name of 64 characters is had, and so is one that every object knows', async () => {
    assert.equal((await (await reach()).apply('c'.repeat(64), PASSWORD)).attrs['type'], 'result')
    assert.equal((await (await reach()).apply('constructor', PASSWORD)).attrs['type'], 'result')
  })

  test('a password of 1024 bytes is had, and one of 1025 is not', async () => {
    const long = 'a rose by any other name '.repeat(41).slice(0, 1024)
    assert.equal((await (await reach()).apply('tybalt', long)).attrs['type'], 'result')
    await login('tybalt', long)
    assert.equal(conditionOf(await (await reach()).apply('benvolio', `${long}.`)), 'not-acceptable')
  })

  test('limits.stanza_before_login: a form beyond it ends the stream', async () => {
    const applicant = await reach()
    const { challenge } = await applicant.form()
    applicant.stream.send(element(NS_CLIENT, 'iq', { type: 'set', id: 'x' },
      element(NS_REGISTER, 'query', {}, submitted({ FORM_TYPE: NS_REGISTER, challenge, username: 'x'.repeat(17_000) }))))
    assert.equal(await applicant.stream.ended, 'policy-violation')
  })

  test('fields that nobody asked for change nothing', async () => {
    const applicant = await reach()
    const { challenge, answer: right } = await applicant.form()
    const more = { email: 'mercutio@capulet.lit', sid: 'another', 'x-admin': '1', __proto__x: 'y', from: 'nurse@capulet.lit' }
    const answer = await applicant.submit({ challenge, qa: right, username: 'mercutio', password: PASSWORD, ...more })
    assert.equal(answer.attrs['type'], 'result')
  })

  test('XEP-0077 §4: a form and the predefined fields together are a bad request', async () => {
    const applicant = await reach()
    const { challenge, answer: right } = await applicant.form()
    const form = submitted({ FORM_TYPE: NS_REGISTER, challenge, qa: right, username: 'friar', password: PASSWORD })
    const both = element(NS_REGISTER, 'query', {}, element(NS_REGISTER, 'username', {}, 'friar'), form)
    assert.equal(conditionOf(await applicant.ask('set', both)), 'bad-request')
  })

  for (const [what, form] of [
    ['another FORM_TYPE', submitted({ FORM_TYPE: 'urn:xmpp:captcha', username: 'friar', password: PASSWORD })],
    ['no FORM_TYPE', submitted({ username: 'friar', password: PASSWORD })],
    ['another type than submit', submitted({ FORM_TYPE: NS_REGISTER, username: 'friar', password: PASSWORD }, 'form')],
    ['the type cancel', submitted({}, 'cancel')],
    ['a field twice', element('jabber:x:data', 'x', { type: 'submit' },
      ...submitted({ FORM_TYPE: NS_REGISTER, username: 'friar' }).children, ...submitted({ username: 'nurse', password: PASSWORD }).children)],
    ['a field with two values', element('jabber:x:data', 'x', { type: 'submit' }, ...submitted({ FORM_TYPE: NS_REGISTER }).children,
      element('jabber:x:data', 'field', { var: 'username' }, ...['friar', 'nurse'].map((one) => element('jabber:x:data', 'value', {}, one))))],
    ['a field without a name', element('jabber:x:data', 'x', { type: 'submit' }, ...submitted({ FORM_TYPE: NS_REGISTER }).children,
      element('jabber:x:data', 'field', {}, element('jabber:x:data', 'value', {}, 'friar')))],
    ['another root', element('jabber:x:data', 'y', { type: 'submit' })],
  ] as const) {
    test(`XEP-0004: a form with ${what} is a bad request`, async () => {
      assert.equal(conditionOf(await (await reach()).ask('set', element(NS_REGISTER, 'query', {}, form))), 'bad-request')
    })
  }

  test('two forms at once are a bad request', async () => {
    const form = submitted({ FORM_TYPE: NS_REGISTER, username: 'friar', password: PASSWORD })
    assert.equal(conditionOf(await (await reach()).ask('set', element(NS_REGISTER, 'query', {}, form, form))), 'bad-request')
  })

  test('XEP-0077 §3.1: a set that nobody asked a form for, and one with the predefined fields, is not-acceptable', async () => {
    const applicant = await reach()
    assert.equal(conditionOf(await applicant.submit({ challenge: 'F3A6292C', ocr: '7nHL3', username: 'friar', password: PASSWORD })), 'not-acceptable')
    assert.equal(conditionOf(await applicant.register('friar', PASSWORD)), 'not-acceptable')
  })

  test('XEP-0077 §3.1.1: a second identity on the same stream is not-acceptable', async () => {
    const applicant = await reach()
    assert.equal((await applicant.apply('rosaline', PASSWORD)).attrs['type'], 'result')
    assert.equal(conditionOf(await applicant.ask('get', element(NS_REGISTER, 'query'))), 'not-acceptable')
    assert.equal(conditionOf(await applicant.register('livia', PASSWORD)), 'not-acceptable')
  })

  test('XEP-0077 §3.1.1: after five refused tries the stream ends', async () => {
    const applicant = await reach()
    for (let tries = 1; tries <= 5; tries++) assert.equal(conditionOf(await applicant.register('friar', PASSWORD)), 'not-acceptable')
    assert.equal(await applicant.stream.ended, 'policy-violation')
  })

  test('XEP-0077 §3.1.1: thirty requests are enough for a stream', async () => {
    const applicant = await reach()
    for (let asked = 1; asked <= 30; asked++) await applicant.ask('get', element('urn:xmpp:bob', 'data', { cid: 'none' }))
    applicant.stream.send(`<iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>`)
    assert.equal(await applicant.stream.ended, 'policy-violation')
  })

  test('XEP-0077 §3.2: who is not registered has nothing to cancel: unexpected-request', async () => {
    const applicant = await reach()
    assert.equal(conditionOf(await applicant.ask('set', '<query xmlns="jabber:iq:register"><remove/></query>')), 'unexpected-request')
    await login('nurse')
  })

  test('XEP-0077 §3.1: where no account is to be had the answer is service-unavailable (MUST), whatever is asked', async () => {
    const applicant = await reach('montague.lit')
    for (const type of ['get', 'set'] as const) {
      const answer = await applicant.ask(type, element(NS_REGISTER, 'query'))
      assert.equal(conditionOf(answer), 'service-unavailable')
      assert.equal(answer.child('error', NS_CLIENT)?.attrs['code'], '503')
    }
    assert.equal(conditionOf(await applicant.register('romeo', PASSWORD)), 'service-unavailable')
    assert.equal(conditionOf(await applicant.show('token')), 'service-unavailable')
  })

  test('where an invitation is needed that is said, of the form and of the set', async () => {
    const applicant = await reach('verona.lit')
    for (const answer of [await applicant.ask('get', element(NS_REGISTER, 'query')), await applicant.register('escalus', PASSWORD)]) {
      assert.equal(conditionOf(answer), 'not-allowed')
      assert.equal(textOf(answer), 'An account needs an invitation here.')
    }
  })

  test('another domain is not asked on this stream, whether or not it is served', async () => {
    const applicant = await reach()
    const answers = []
    for (const to of ['montague.lit', 'verona.lit', 'mantua.lit', `nurse@${DOMAIN}`, `nobody@${DOMAIN}`, '@/', `${DOMAIN}/x`]) {
      answers.push(text((await applicant.ask('get', element(NS_REGISTER, 'query'), { to, id: 'same' }))))
    }
    assert.equal(new Set(answers).size, 1)
    assert.match(answers[0] ?? '', /<service-unavailable/)
  })

  test('RFC 6120 §8.2.3: an IQ without an id or with two children is a bad request', async () => {
    const applicant = await reach()
    assert.equal(conditionOf(await applicant.ask('get', `<query xmlns='jabber:iq:register'/><query xmlns='jabber:iq:register'/>`)), 'bad-request')
    applicant.stream.send(`<iq type='get'><query xmlns='jabber:iq:register'/></iq>`)
    const answer = await applicant.stream.next(({ name }) => name === 'iq')
    assert.equal(conditionOf(answer), 'bad-request')
    assert.equal(answer.attrs['id'], undefined)
  })

  test('RFC 6120 §4.9.3.12: an answer that nobody asked for is no request', async () => {
    const applicant = await reach()
    applicant.stream.send(`<iq type='result' id='r'><query xmlns='jabber:iq:register'/></iq>`)
    assert.equal(await applicant.stream.ended, 'not-authorized')
  })

  test('another element of the namespace is a bad request', async () => {
    assert.equal(conditionOf(await (await reach()).ask('get', '<remove xmlns="jabber:iq:register"/>')), 'bad-request')
  })

  test('in the midst of a login a form may be asked for, and the login goes on', async () => {
    const stream = await (await scenario.raw()).secure(DOMAIN)
    const first = Buffer.from('n,,n=nurse,r=fyko+d2lbbFgONRv9qkxdawL').toString('base64')
    stream.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>${first}</auth>`)
    await stream.expect(/<challenge/)
    stream.send(`<iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>`)
    await stream.expect(/<iq [^>]*id='r'.*<\/iq>/)
    stream.send(`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${Buffer.from('c=biws,r=x,p=AAAA').toString('base64')}</response>`)
    await stream.expect(/<failure/)
    await stream.authenticate(DOMAIN, 'nurse', PASSWORD, 'x')
    stream.destroy()
  })

  test('RFC 6120 §4.3.5: while the account is made nothing else may be asked', async () => {
    const applicant = await reach()
    const { challenge, answer: right } = await applicant.form()
    const iq = element(NS_CLIENT, 'iq', { type: 'set', id: 's' }, element(NS_REGISTER, 'query', {},
      submitted({ FORM_TYPE: NS_REGISTER, challenge, qa: right, username: 'angelica', password: PASSWORD })))
    applicant.stream.send(`${text(iq, NS_CLIENT)}<iq type='get' id='g'><query xmlns='jabber:iq:register'/></iq>`)
    assert.equal(await applicant.stream.ended, 'policy-violation')
    // The account is made all the same; nobody who left it half way holds the name.
    while (!(await login('angelica').then(() => true, () => false)));
  })
})
