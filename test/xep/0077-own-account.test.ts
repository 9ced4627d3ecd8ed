import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { registrationExtensions } from '../../src/extensions.ts'
import { ServedDomains } from '../../src/routing/domains.ts'
import { element, type Element } from '../../src/xml/element.ts'
import { NS_CLIENT, NS_REGISTER } from '../../src/xmpp/namespaces.ts'
import { conditionOf, submitted, textOf } from '../clients/applicant.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { text } from '../clients/xml-text.ts'
import { TestClock } from '../clock.ts'
import { TestHouse, WITHOUT_POLICY } from '../house.ts'
import { Scenario } from '../scenario/scenario.ts'

const SERVER = `
[[domains]]
name = "capulet.lit"
registration = "closed"
[[domains]]
name = "montague.lit"
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
const PASSWORD = 'wherefore art thou'
const ANOTHER = 'deny thy father and refuse thy name'

describe('XEP-0077, with an account', () => {
  let scenario: Scenario
  const clients: XmppClient[] = []
  before(async () => {
    scenario = await Scenario.start(SERVER, {
      'juliet@capulet.lit': PASSWORD, 'nurse@capulet.lit': PASSWORD, 'tybalt@capulet.lit': PASSWORD, 'paris@capulet.lit': PASSWORD,
      'romeo@montague.lit': PASSWORD,
    })
  })
  after(() => scenario.stop())
  afterEach(() => { for (const one of clients.splice(0)) one.cut() })

  const login = async (jid: string, password = PASSWORD): Promise<XmppClient> => {
    const route = { host: '127.0.0.1', port: scenario.ports[0] ?? 0 }
    const client = await XmppClient.login({ route, security: 'starttls', jid, password })
    clients.push(client)
    return client
  }
  const query = (...content: Element[]): Element => element(NS_REGISTER, 'query', {}, ...content)
  const ask = (client: XmppClient, type: 'get' | 'set', payload: Element, to?: string): Promise<Element> =>
    client.request(element(NS_CLIENT, 'iq', { type, to }, payload))
  const change = (client: XmppClient, username: string, password: string, to?: string): Promise<Element> =>
    ask(client, 'set', query(element(NS_REGISTER, 'username', {}, username), element(NS_REGISTER, 'password', {}, password)), to)
  const remove = element(NS_REGISTER, 'remove')

  for (const [whom, to] of [['the account', undefined], ['the account by its name', 'juliet@capulet.lit'], ['the server', 'capulet.lit']] as const) {
    test(`XEP-0077 §3.1: who is registered is told so (MUST), by ${whom}, and no password`, async () => {
      const answer = (await ask(await login('juliet@capulet.lit'), 'get', query(), to)).child('query', NS_REGISTER)
      assert.ok(answer?.child('registered', NS_REGISTER))
      assert.equal(answer?.childContent('username', NS_REGISTER), 'juliet')
      assert.equal(answer?.childContent('password', NS_REGISTER), '')
    })
  }

  test('XEP-0077 §10: the server tells of it by service discovery', async () => {
    const answer = await (await login('juliet@capulet.lit')).request(
      element(NS_CLIENT, 'iq', { type: 'get', to: 'capulet.lit' }, element('http://jabber.org/protocol/disco#info', 'query')))
    assert.match(text(answer), /<feature var=['"]jabber:iq:register['"]/)
  })

  test('XEP-0077 §3.3: the password is changed, from then on the old one opens nothing, and no session ends', async () => {
    const [first, second] = [await login('juliet@capulet.lit/balcony'), await login('juliet@capulet.lit/orchard')]
    assert.equal((await change(first, 'juliet', ANOTHER, 'capulet.lit')).attrs['type'], 'result')
    await assert.rejects(login('juliet@capulet.lit'), /not-authorized/)
    await login('juliet@capulet.lit', ANOTHER)
    for (const session of [first, second]) assert.ok((await ask(session, 'get', query())).child('query', NS_REGISTER))
    assert.equal((await change(second, 'Juliet', PASSWORD)).attrs['type'], 'result')
    await login('juliet@capulet.lit')
  })

  for (const [what, content] of [
    ['no name', [element(NS_REGISTER, 'password', {}, ANOTHER)]],
    ['no password', [element(NS_REGISTER, 'username', {}, 'nurse')]],
    ['an empty password', [element(NS_REGISTER, 'username', {}, 'nurse'), element(NS_REGISTER, 'password')]],
    ['nothing', []],
    ['a form, which was not asked for', [submitted({ FORM_TYPE: 'jabber:iq:register:changepassword', username: 'nurse', password: ANOTHER })]],
  ] as const) {
    test(`XEP-0077 §3.3: a request with ${what} is a bad request, and the password stays`, async () => {
      const nurse = await login('nurse@capulet.lit')
      const answer = await ask(nurse, 'set', query(...content))
      assert.equal(conditionOf(answer), 'bad-request')
      assert.equal(answer.child('error', NS_CLIENT)?.attrs['code'], '400') // §9
      await login('nurse@capulet.lit')
    })
  }

  test('XEP-0077 §3.3: the password of somebody else, or of nobody, is none of its business, and the two cannot be told apart', async () => {
    const tybalt = await login('tybalt@capulet.lit')
    const answers = []
    for (const name of ['juliet', 'nobody', 'tybalt@capulet.lit', '']) answers.push(await change(tybalt, name, ANOTHER))
    assert.equal(new Set(answers.map((answer) => text(answer.with({ id: 'same' })))).size, 1)
    assert.equal(conditionOf(answers[0] ?? remove), 'not-acceptable')
    await login('juliet@capulet.lit')
    const foreign = []
    for (const to of ['juliet@capulet.lit', 'nobody@capulet.lit', 'romeo@montague.lit', 'montague.lit']) {
      foreign.push(conditionOf(await change(tybalt, 'tybalt', ANOTHER, to)))
    }
    assert.deepEqual(new Set(foreign), new Set(['service-unavailable']))
    await login('tybalt@capulet.lit')
  })

  test('a password that is easy to guess is not-acceptable, and told so; one that is too long, too', async () => {
    const nurse = await login('nurse@capulet.lit')
    const weak = await change(nurse, 'nurse', 'short')
    assert.equal(conditionOf(weak), 'not-acceptable')
    assert.match(textOf(weak) ?? '', /too easy to guess/)
    assert.equal(conditionOf(await change(nurse, 'nurse', 'x y z '.repeat(200))), 'not-acceptable')
    assert.equal(conditionOf(await change(nurse, 'nurse', 'x'.repeat(200_000))), 'not-acceptable')
    await login('nurse@capulet.lit')
  })

  test('an account may try ten passwords an hour', async () => {
    const paris = await login('paris@capulet.lit')
    const conditions = []
    for (let tries = 1; tries <= 12; tries++) conditions.push(conditionOf(await change(paris, 'paris', 'short')))
    assert.deepEqual(conditions, [...Array.from({ length: 10 }, () => 'not-acceptable'), 'resource-constraint', 'resource-constraint'])
    assert.equal((await change(await login('nurse@capulet.lit'), 'nurse', PASSWORD)).attrs['type'], 'result', 'and others as many')
  })

  test('XEP-0077 §3.2: <remove/> that is not alone is a bad request', async () => {
    const tybalt = await login('tybalt@capulet.lit')
    assert.equal(conditionOf(await ask(tybalt, 'set', query(remove, element(NS_REGISTER, 'username', {}, 'tybalt')))), 'bad-request')
    assert.equal(conditionOf(await ask(tybalt, 'set', query(remove, remove))), 'bad-request')
    await login('tybalt@capulet.lit')
  })

  test('XEP-0077 §3.2: nobody cancels for others, whatever is written', async () => {
    const tybalt = await login('tybalt@capulet.lit')
    for (const to of ['juliet@capulet.lit', 'nobody@capulet.lit', 'romeo@montague.lit', 'montague.lit']) {
      assert.equal(conditionOf(await ask(tybalt, 'set', query(remove), to)), 'service-unavailable')
    }
    await login('juliet@capulet.lit')
    await login('romeo@montague.lit')
  })

  test('XEP-0077 §3.2: the cancellation is answered, then every session ends with not-authorized, and the account is gone', async () => {
    const [first, second] = [await login('tybalt@capulet.lit/x'), await login('tybalt@capulet.lit/y')]
    const answer = await ask(first, 'set', query(remove))
    assert.equal(answer.attrs['type'], 'result')
    assert.equal(answer.attrs['to'], 'tybalt@capulet.lit/x')
    assert.equal(await first.stream.ended, 'not-authorized')
    assert.equal(await second.stream.ended, 'not-authorized')
    assert.equal(first.stream.takeUnread().filter(({ name }) => name === 'iq').length, 0, 'it is answered once')
    await assert.rejects(login('tybalt@capulet.lit'), /not-authorized/)
    const { accounts } = await scenario.command('account list', {}) as { accounts: readonly string[] }
    assert.ok(!accounts.includes('tybalt@capulet.lit'))
  })

  test('XEP-0077 §3.1: before the login, where accounts are made by the operator alone, nothing is offered', async () => {
    const { features, stream } = await XmppClient.reach({ route: { host: '127.0.0.1', port: scenario.ports[0] ?? 0 }, security: 'starttls' }, 'capulet.lit')
    assert.equal(features.child('register', 'http://jabber.org/features/iq-register'), undefined)
    stream.cut()
  })
})

describe('XEP-0077, where no policy keeps strangers away', () => {
  const done: string[] = []
  const nobody = async (): Promise<void> => { done.push('a password was changed') }
  const registration = registrationExtensions({
    office: { mode: () => 'open', challenge: never, invitation: () => undefined, register: never, objection: () => undefined },
    life: { changePassword: nobody, remove: () => { done.push('an account was removed') } },
    domains: new ServedDomains([]), clock: new TestClock(),
  })

  for (const payload of ['', '<username>romeo</username><password>deny thy father</password>', '<remove/>']) {
    test(`XEP-0077 §3.2: the identity is that of the stream (MUST): who has none here gets service-unavailable for <query>${payload}</query>`, async () => {
      const house = new TestHouse({ extensions: [...WITHOUT_POLICY, ...registration] })
      const type = payload === '' ? 'get' : 'set'
      const iq = (to: string): string => `<iq id='r' type='${type}' to='${to}'><query xmlns='jabber:iq:register'>${payload}</query></iq>`
      const refused = (from: string, to: string): string => `<iq id='r' type='error' from='${from}' to='${to}'><error type='cancel'>`
        + `<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`
      for (const to of ['capulet.lit', 'juliet@capulet.lit', 'nobody@capulet.lit']) {
        house.remoteSays(iq(to).replace('<iq', `<iq from='romeo@verona.lit/x'`))
        await house.settled()
        house.departs(refused(to, 'romeo@verona.lit/x'))
      }
      const romeo = house.connect('romeo@montague.lit/x')
      for (const to of ['capulet.lit', 'juliet@capulet.lit', 'nobody@capulet.lit']) {
        romeo.says(iq(to))
        await house.settled()
        romeo.hears(refused(to, 'romeo@montague.lit/x'))
      }
      assert.deepEqual(done, [])
    })
  }
})

function never(): never {
  throw new Error('nobody asks for an account here')
}
