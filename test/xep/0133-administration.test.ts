import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { element } from '../../src/xml/element.ts'
import { NS_CLIENT, NS_ROSTER } from '../../src/xmpp/namespaces.ts'
import { listedCommands, runCommand, type Answers, type Outcome } from '../clients/ad-hoc.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { text } from '../clients/xml-text.ts'
import { Scenario } from '../scenario/scenario.ts'

const SERVER = `
operators = ["nurse@capulet.lit"]
[[domains]]
name = "capulet.lit"
registration = "closed"
[[domains]]
name = "montague.lit"
[[domains]]
name = "onion"
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
const ANOTHER = 'my bounty is as boundless as the sea'
const ADMIN = 'http://jabber.org/protocol/admin'
const NODES = ['add-user', 'delete-user', 'disable-user', 'reenable-user', 'end-user-session', 'change-user-password', 'get-registered-users-num',
  'get-online-users-num', 'announce'].map((name) => `${ADMIN}#${name}`)

describe('XEP-0133: Service Administration', () => {
  let scenario: Scenario
  let nurse: XmppClient
  let onion = ''
  const clients: XmppClient[] = []
  before(async () => {
    const names = ['nurse@capulet.lit', 'juliet@capulet.lit', 'tybalt@capulet.lit', 'paris@capulet.lit', 'romeo@montague.lit', 'rosaline@onion']
    scenario = await Scenario.start(SERVER, Object.fromEntries(names.map((name) => [name, PASSWORD])))
    const { accounts } = await scenario.command('account list', { domain: 'onion' }) as { accounts: string[] }
    onion = accounts[0]?.split('@')[1] ?? ''
    nurse = await reach('nurse@capulet.lit/chamber')
  })
  after(async () => {
    nurse.cut()
    await scenario.stop()
  })
  afterEach(() => { for (const one of clients.splice(0)) one.cut() })

  const reach = (jid: string, password = PASSWORD): Promise<XmppClient> =>
    XmppClient.login({ route: { host: '127.0.0.1', port: scenario.ports[0] ?? 0 }, security: 'starttls', jid, password })
  const login = async (jid: string, password = PASSWORD): Promise<XmppClient> => {
    const client = await reach(jid, password)
    clients.push(client)
    return client
  }
  const administer = (name: string, ...stages: Answers[]): Promise<Outcome> => runCommand(nurse, `${ADMIN}#${name}`, ...stages)
  const newAccount = (accountjid: string, password = PASSWORD, verify = password): Answers => ({ accountjid, password, 'password-verify': verify })

  test('XEP-0133 §3: an operator finds the commands in the list, and nobody else finds one', async () => {
    assert.deepEqual((await listedCommands(nurse)).filter((node) => node.startsWith(ADMIN)), NODES)
    for (const jid of ['juliet@capulet.lit', 'romeo@montague.lit']) assert.deepEqual(await listedCommands(await login(jid)), [])
  })

  test('XEP-0133 §6: who lacks privileges "MUST NOT" be granted any of it, and hears what it would hear of no command', async () => {
    const juliet = await login('juliet@capulet.lit')
    const unknown = (await runCommand(juliet, 'urn:nothing')).stanza
    for (const node of NODES) assert.equal(text((await runCommand(juliet, node)).stanza.with({ id: 'same' })), text(unknown.with({ id: 'same' })))
    assert.equal((await runCommand(juliet, NODES[0] ?? '')).refused, 'item-not-found')
  })

  test('XEP-0133 §4.1: adding a user "MUST result in the creation of an account"', async () => {
    const added = await administer('add-user', newAccount('benvolio@capulet.lit'))
    assert.equal(added.status, 'completed', added.refused)
    assert.equal(added.noteType, 'info')
    await login('benvolio@capulet.lit')
    assert.equal((await administer('add-user', newAccount('mercutio@montague.lit', 'aaaaaaaaaaaa'))).noteType, 'warn')
    await login('mercutio@montague.lit', 'aaaaaaaaaaaa')
  })

  for (const [what, answers, condition] of [
    ['a name that is taken', newAccount('juliet@capulet.lit'), 'conflict'],
    ['a name that no account can have', newAccount('ju liet@capulet.lit'), 'item-not-found'],
    ['a name of other letters', newAccount('jul\u00efet@capulet.lit'), 'not-acceptable'],
    ['an address with a resource', newAccount('sampson@capulet.lit/street'), 'not-acceptable'],
    ['a domain that is not served', newAccount('sampson@verona.lit'), 'item-not-found'],
    ['no name', newAccount('capulet.lit'), 'not-acceptable'],
    ['a password that is too short', newAccount('sampson@capulet.lit', 'short'), 'not-acceptable'],
    ['a password that is too long', newAccount('sampson@capulet.lit', 'thumb'.repeat(300)), 'not-acceptable'],
    ['two passwords', newAccount('sampson@capulet.lit', PASSWORD, ANOTHER), 'not-acceptable'],
    ['no password', { accountjid: 'sampson@capulet.lit' }, 'bad-request'],
  ] as const) {
    test(`XEP-0133 §5: an error stanza is returned for a new account with ${what}`, async () => {
      const { refused, stanza } = await administer('add-user', answers)
      assert.equal(refused, condition)
      assert.doesNotMatch(text(stanza), /sampson|short|deny thy/)
      const { accounts } = await scenario.command('account list', { domain: 'capulet.lit' }) as { accounts: string[] }
      assert.ok(!accounts.some((one) => one.startsWith('sampson')))
    })
  }

  test('the name of a deleted account is given anew only where that was confirmed', async () => {
    await administer('add-user', newAccount('abram@montague.lit'))
    assert.equal((await administer('delete-user', { accountjids: 'abram@montague.lit' }, {})).status, 'completed')
    const asked = await administer('add-user', newAccount('abram@montague.lit'))
    assert.equal(asked.status, 'executing')
    assert.match(asked.instructions, /deleted/)
    await assert.rejects(reach('abram@montague.lit'), /not-authorized/)
    assert.equal((await administer('add-user', newAccount('abram@montague.lit'), {})).status, 'completed')
    await login('abram@montague.lit')
  })

  test('XEP-0133 §4.2: deleting ends the sessions and removes the account, once it was confirmed', async () => {
    await administer('add-user', newAccount('gregory@capulet.lit'))
    const gregory = await login('gregory@capulet.lit')
    const asked = await administer('delete-user', { accountjids: ['gregory@capulet.lit', ' gregory@capulet.lit '] })
    assert.match(asked.instructions, /: gregory@capulet\.lit\.$/)
    assert.ok((await gregory.roster()).child('query', NS_ROSTER))
    assert.equal((await administer('delete-user', { accountjids: 'gregory@capulet.lit' }, {})).note, '1 account was deleted.')
    assert.equal(await gregory.stream.ended, 'not-authorized')
    await assert.rejects(reach('gregory@capulet.lit'), /not-authorized/)
  })

  test('XEP-0133 §4.3: disabling "MUST result in the termination of any active sessions", prevents logins, and destroys nothing', async () => {
    const tybalt = await login('tybalt@capulet.lit')
    await tybalt.request(element(NS_CLIENT, 'iq', { type: 'set' },
      element(NS_ROSTER, 'query', {}, element(NS_ROSTER, 'item', { jid: 'paris@capulet.lit', name: 'Paris' }))))
    assert.equal((await administer('disable-user', { accountjids: 'tybalt@capulet.lit' })).status, 'completed')
    assert.equal(await tybalt.stream.ended, 'not-authorized')
    await assert.rejects(reach('tybalt@capulet.lit'), /account-disabled|not-authorized/)
    await administer('reenable-user', { accountjids: 'tybalt@capulet.lit' })
    assert.match(text(await (await login('tybalt@capulet.lit')).roster()), /Paris/)
  })

  test('XEP-0133 §4.4: re-enabling "MUST result in granting the user the ability to access the service again"', async () => {
    await administer('disable-user', { accountjids: ['paris@capulet.lit', 'romeo@montague.lit'] })
    await assert.rejects(reach('paris@capulet.lit'))
    assert.equal((await administer('reenable-user', { accountjids: ['paris@capulet.lit', 'romeo@montague.lit'] })).note, '2 accounts are enabled.')
    for (const jid of ['paris@capulet.lit', 'romeo@montague.lit']) await login(jid)
  })

  test('XEP-0133 §4.5: a full JID ends that session alone, a bare one all ("MUST")', async () => {
    const [first, second, third] = [await login('juliet@capulet.lit/one'), await login('juliet@capulet.lit/two'), await login('juliet@capulet.lit/three')]
    await administer('end-user-session', { accountjids: first.jid })
    assert.equal(await first.stream.ended, 'not-authorized')
    for (const one of [second, third]) assert.ok((await one.roster()).child('query', NS_ROSTER))
    await administer('end-user-session', { accountjids: 'juliet@capulet.lit' })
    for (const one of [second, third]) assert.equal(await one.stream.ended, 'not-authorized')
    await login('juliet@capulet.lit')
  })

  test('who ends all sessions of the own account keeps the one that it asks by', async () => {
    const other = await login('nurse@capulet.lit/street')
    assert.equal((await administer('end-user-session', { accountjids: 'nurse@capulet.lit' })).status, 'completed')
    assert.equal(await other.stream.ended, 'not-authorized')
    assert.ok((await nurse.roster()).child('query', NS_ROSTER))
  })

  test('XEP-0133 §4.7: the password is changed, and whoever came by the old one is logged out', async () => {
    await administer('add-user', newAccount('peter@capulet.lit'))
    const peter = await login('peter@capulet.lit')
    assert.equal((await administer('change-user-password', { accountjid: 'peter@capulet.lit', password: 'x' })).refused, 'not-acceptable')
    assert.equal((await administer('change-user-password', { accountjid: 'peter@capulet.lit', password: ANOTHER })).status, 'completed')
    assert.equal(await peter.stream.ended, 'not-authorized')
    await assert.rejects(reach('peter@capulet.lit'), /not-authorized/)
    await login('peter@capulet.lit', ANOTHER)
  })

  test('XEP-0133 §4.13, §4.15: how many are registered, and online, at the operator\'s own domain', async () => {
    const { accounts } = await scenario.command('account list', { domain: 'capulet.lit' }) as { accounts: string[] }
    assert.deepEqual((await administer('get-registered-users-num')).result, { FORM_TYPE: ADMIN, registeredusersnum: `${accounts.length}` })
    assert.equal((await administer('get-online-users-num')).result['onlineusersnum'], '1')
    for (const jid of ['juliet@capulet.lit/one', 'juliet@capulet.lit/two', 'romeo@montague.lit']) await login(jid)
    assert.equal((await administer('get-online-users-num')).result['onlineusersnum'], '2')
  })

  test('XEP-0133 §4.23: an announcement reaches those who are connected at the operator\'s own domain, once it was confirmed', async () => {
    const [juliet, romeo] = [await login('juliet@capulet.lit'), await login('romeo@montague.lit')]
    const asked = await administer('announce', { announcement: ['The feast', 'is at nine.'] })
    assert.match(asked.instructions, /^2 clients are connected\./)
    await administer('announce', { announcement: ['The feast', 'is at nine.'] }, {})
    const message = await juliet.stream.next(({ name }) => name === 'message', 'the announcement')
    assert.equal(message.attrs['type'], 'headline')
    assert.equal(message.attrs['from'], 'capulet.lit')
    assert.equal(message.childContent('body', NS_CLIENT), 'The feast\nis at nine.')
    romeo.stream.send(element(NS_CLIENT, 'iq', { type: 'get', id: 'last' }, element(NS_ROSTER, 'query')))
    const next = await romeo.stream.next(({ name, attrs }) => name === 'message' || attrs['id'] === 'last', 'a message, or the answer')
    assert.equal(next.name, 'iq')
    assert.equal((await administer('announce', { announcement: 'x'.repeat(4001) })).refused, 'not-acceptable')
    assert.equal((await administer('announce', { announcement: ' ' })).refused, 'bad-request')
  })

  for (const name of ['delete-user', 'disable-user', 'reenable-user', 'end-user-session', 'change-user-password']) {
    test(`${name} of an account that there is not, of another server's, or of a domain that is not linked, cannot be told apart`, async () => {
      const answers = (jid: string): Answers => name === 'change-user-password' ? { accountjid: jid, password: ANOTHER } : { accountjids: ['juliet@capulet.lit', jid] }
      const refusals = []
      for (const jid of ['nobody@capulet.lit', 'romeo@verona.lit', `rosaline@${onion}`, 'rosaline@onion', 'capulet.lit', '@', 'a@b@c']) {
        refusals.push(text((await administer(name, answers(jid))).stanza.with({ id: 'same' })))
      }
      assert.equal(new Set(refusals).size, 1)
      assert.match(refusals[0] ?? '', /item-not-found/)
      await login('juliet@capulet.lit')
    })
  }

  test('a new account of a domain that is not linked is refused as of one that is not served', async () => {
    const refusals = []
    for (const jid of [`sampson@${onion}`, 'sampson@verona.lit']) refusals.push(text((await administer('add-user', newAccount(jid))).stanza.with({ id: 'same' })))
    assert.equal(new Set(refusals).size, 1)
  })

  test('operators do not lock themselves out, and more than 50 accounts are too many', async () => {
    for (const name of ['delete-user', 'disable-user']) assert.equal((await administer(name, { accountjids: 'nurse@capulet.lit' })).refused, 'not-allowed')
    const resources = Array.from({ length: 51 }, (_, index) => `juliet@capulet.lit/${index}`)
    assert.equal((await administer('end-user-session', { accountjids: resources })).refused, 'item-not-found')
  })
})
