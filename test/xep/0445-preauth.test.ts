import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { element } from '../../src/xml/element.ts'
import { NS_CLIENT, NS_REGISTER } from '../../src/xmpp/namespaces.ts'
import { Applicant, conditionOf } from '../clients/applicant.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { text } from '../clients/xml-text.ts'
import { TestClock } from '../clock.ts'
import { Scenario } from '../scenario/scenario.ts'

const SERVER = `
[[domains]]
name = "capulet.lit"
[[domains]]
name = "verona.lit"
registration = "open"
[[domains]]
name = "montague.lit"
registration = "closed"
[[listeners]]
kind = "c2s"
port = 0
[tor]
enabled = false
[auth]
argon2_memory = "7168kB"
argon2_passes = 1
scram_iterations = 65536
`
const PASSWORD = 'deny thy father and refuse thy name'
const DAY = 86_400_000
const NS_TOKENS = 'urn:xmpp:ibr-token:0'

describe('XEP-0445', () => {
  const clock = new TestClock(Date.now())
  let scenario: Scenario
  const tokens: Record<string, string> = {}
  const applicants: Applicant[] = []
  before(async () => {
    scenario = await Scenario.start(SERVER, { 'nurse@capulet.lit': PASSWORD }, clock, async ({ registration, domains }) => {
      const invite = async (what: string, name: string, options: { readonly name?: string, readonly uses?: number, readonly milliseconds?: number } = {}) => {
        const domain = domains.get(name)
        assert.ok(domain)
        tokens[what] = (await registration.invite({ domain, milliseconds: DAY, ...options }))?.token ?? ''
      }
      for (let n = 0; n < 9; n++) await invite(`any${n}`, 'capulet.lit')
      await invite('named', 'capulet.lit', { name: 'juliet' })
      await invite('twice', 'capulet.lit', { uses: 2 })
      await invite('brief', 'capulet.lit', { milliseconds: 120_000 })
      await invite('late', 'capulet.lit', { milliseconds: 1000 })
      await invite('verona', 'verona.lit')
      await invite('closed', 'montague.lit')
    })
  })
  after(() => scenario.stop())
  afterEach(() => { for (const one of applicants.splice(0)) one.cut() })

  const reach = async (domain = 'capulet.lit'): Promise<Applicant> => {
    const applicant = await Applicant.reach({ route: { host: '127.0.0.1', port: scenario.ports[0] ?? 0 }, security: 'starttls' }, domain)
    applicants.push(applicant)
    return applicant
  }
  const token = (what: string): string => tokens[what] ?? ''
  const login = async (jid: string): Promise<void> => {
    const client = await XmppClient.login({ route: { host: '127.0.0.1', port: scenario.ports[0] ?? 0 }, security: 'starttls', jid, password: PASSWORD })
    await client.leave()
  }

  test('XEP-0445 §3: the stream feature stands where tokens are taken, beside that of XEP-0077', async () => {
    for (const domain of ['capulet.lit', 'verona.lit']) assert.ok((await reach(domain)).features.child('register', NS_TOKENS))
    assert.equal((await reach('montague.lit')).features.child('register', NS_TOKENS), undefined)
  })

  test('XEP-0445 §4: a token that is acceptable gets success, then the account is made by the fields of XEP-0077', async () => {
    const applicant = await reach()
    const accepted = await applicant.ask('set', element('urn:xmpp:pars:0', 'preauth', { token: token('any0') }), { to: 'capulet.lit' })
    assert.equal(accepted.attrs['type'], 'result')
    assert.equal(accepted.attrs['from'], 'capulet.lit')
    const query = (await applicant.ask('get', element(NS_REGISTER, 'query'))).child('query', NS_REGISTER)
    assert.equal(query?.childContent('username', NS_REGISTER), '')
    assert.equal(query?.childContent('password', NS_REGISTER), '')
    assert.doesNotMatch(text(query ?? element(NS_REGISTER, 'query')), /challenge|ocr/)
    assert.equal((await applicant.register('romeo', PASSWORD)).attrs['type'], 'result')
    await login('romeo@capulet.lit')
  })

  test('XEP-0445 §4: or by the form', async () => {
    const applicant = await reach()
    await applicant.show(token('any1'))
    assert.equal((await applicant.submit({ username: 'mercutio', password: PASSWORD })).attrs['type'], 'result')
    await login('mercutio@capulet.lit')
  })

  for (const [what, given] of [
    ['unknown', () => 'x'.repeat(22)], ['empty', () => ''], ['too old', () => token('late')], ['of another domain', () => token('verona')],
    ['of a domain that is closed', () => token('closed')], ['of 10000 characters', () => 'x'.repeat(10_000)],
    ['good but for its last sign', () => token('any2').slice(0, -1)], ['a good one backwards', () => [...token('any2')].reverse().join('')],
  ] as const) {
    test(`XEP-0445 §4: a token that is ${what} gets item-not-found, and gives no account`, async () => {
      clock.advance(1100)
      const applicant = await reach()
      assert.equal(conditionOf(await applicant.show(given())), 'item-not-found')
      assert.equal(conditionOf(await applicant.register('benvolio', PASSWORD)), 'not-allowed')
    })
  }

  test('XEP-0445 §4: a token MUST NOT be considered used until the registration has succeeded', async () => {
    for (let times = 0; times < 2; times++) await (await reach()).show(token('any2'))
    const applicant = await reach()
    await applicant.show(token('any2'))
    assert.equal(conditionOf(await applicant.register('nurse', PASSWORD)), 'conflict')
    assert.equal(conditionOf(await applicant.register('benvolio', 'short')), 'not-acceptable')
    assert.equal((await applicant.register('benvolio', PASSWORD)).attrs['type'], 'result')
    assert.equal(conditionOf(await (await reach()).show(token('any2'))), 'item-not-found')
  })

  test('an invitation gives one account, whoever is fast, and one for two gives two', async () => {
    for (const [what, names, accounts] of [['any3', ['abram', 'gregory', 'peter', 'potpan'], 1], ['twice', ['rosaline', 'livia', 'helena'], 2]] as const) {
      const rivals = await Promise.all(names.map(() => reach()))
      for (const one of rivals) assert.equal((await one.show(token(what))).attrs['type'], 'result')
      const answers = await Promise.all(rivals.map((one, index) => one.register(names[index] ?? '', PASSWORD)))
      assert.equal(answers.filter(({ attrs }) => attrs['type'] === 'result').length, accounts)
      for (const lost of answers.filter(({ attrs }) => attrs['type'] === 'error')) assert.equal(conditionOf(lost), 'not-allowed')
    }
  })

  test('XEP-0445 §5: a name that was invited is reserved, is told, and is the only one that the token gives', async () => {
    const other = await reach()
    await other.show(token('any4'))
    assert.equal(conditionOf(await other.register('juliet', PASSWORD)), 'conflict')
    const applicant = await reach()
    await applicant.show(token('named'))
    const query = (await applicant.ask('get', element(NS_REGISTER, 'query'))).child('query', NS_REGISTER)
    assert.equal(query?.childContent('username', NS_REGISTER), 'juliet')
    assert.equal(conditionOf(await applicant.register('julia', PASSWORD)), 'conflict')
    assert.equal((await applicant.register('juliet', PASSWORD)).attrs['type'], 'result')
    await login('juliet@capulet.lit')
  })

  test('XEP-0445 §4: what follows MUST NOT be rejected as the token has expired meanwhile', async () => {
    const applicant = await reach()
    assert.equal((await applicant.show(token('brief'))).attrs['type'], 'result')
    clock.advance(180_000)
    assert.equal((await applicant.register('escalus', PASSWORD)).attrs['type'], 'result')
    assert.equal(conditionOf(await (await reach()).show(token('brief'))), 'item-not-found')
  })

  test('XEP-0445 §4: who was rejected may still register where the server allows that', async () => {
    const applicant = await reach('verona.lit')
    assert.equal(conditionOf(await applicant.show('x'.repeat(22))), 'item-not-found')
    assert.equal((await applicant.apply('paris', PASSWORD)).attrs['type'], 'result')
  })

  test('an open domain wants no answer from who was invited', async () => {
    const applicant = await reach('verona.lit')
    await applicant.show(token('verona'))
    assert.equal((await applicant.register('sampson', PASSWORD)).attrs['type'], 'result')
  })

  test('a token of one stream is of no use on another', async () => {
    await (await reach()).show(token('any5'))
    assert.equal(conditionOf(await (await reach()).register('balthasar', PASSWORD)), 'not-allowed')
  })

  test('a request without a token, a get and another element are bad requests', async () => {
    const applicant = await reach()
    assert.equal(conditionOf(await applicant.ask('set', element('urn:xmpp:pars:0', 'preauth'))), 'bad-request')
    assert.equal(conditionOf(await applicant.ask('get', element('urn:xmpp:pars:0', 'preauth', { token: token('any6') }))), 'bad-request')
    assert.equal(conditionOf(await applicant.ask('set', element('urn:xmpp:pars:0', 'token', { token: token('any6') }))), 'bad-request')
  })

  test('who tries one token after the other is cut off', async () => {
    const applicant = await reach()
    for (let tries = 1; tries <= 5; tries++) assert.equal(conditionOf(await applicant.show(`${'x'.repeat(21)}${tries}`)), 'item-not-found')
    assert.equal(await applicant.stream.ended, 'policy-violation')
  })

  test('who is logged in has nothing to show', async (t) => {
    const nurse = await XmppClient.login({
      route: { host: '127.0.0.1', port: scenario.ports[0] ?? 0 }, security: 'starttls', jid: 'nurse@capulet.lit', password: PASSWORD,
    })
    t.after(() => nurse.cut())
    const iq = element(NS_CLIENT, 'iq', { type: 'set', to: 'capulet.lit' }, element('urn:xmpp:pars:0', 'preauth', { token: token('any6') }))
    assert.equal(conditionOf(await nurse.request(iq)), 'service-unavailable')
  })
})
