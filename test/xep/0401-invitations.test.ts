import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { NS_ROSTER } from '../../src/xmpp/namespaces.ts'
import { listedCommands, runCommand, type Answers, type Outcome } from '../clients/ad-hoc.ts'
import { Applicant, conditionOf } from '../clients/applicant.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { TestClock } from '../clock.ts'
import { Scenario } from '../scenario/scenario.ts'

const SERVER = (users: boolean): string => `
operators = ["nurse@capulet.lit"]
[[domains]]
name = "capulet.lit"
web = "https://capulet.lit"
[[domains]]
name = "montague.lit"
registration = "closed"
[[listeners]]
kind = "c2s"
port = 0
[registration]
users_invite = ${users}
invitations_per_account = 2
[tor]
enabled = false
[auth]
argon2_memory = "7168kB"
argon2_passes = 1
scram_iterations = 65536
`
const PASSWORD = 'deny thy father and refuse thy name'
const INVITE = 'urn:xmpp:invite#invite'
const CREATE = 'urn:xmpp:invite#create-account'
const DAY = 86_400_000

for (const users of [true, false]) {
  describe(`XEP-0401, where users ${users ? 'may' : 'may not'} invite`, () => {
    const clock = new TestClock(Date.UTC(2026, 0, 4))
    let scenario: Scenario
    const open: { cut(): void }[] = []
    before(async () => {
      const names = ['nurse@capulet.lit', 'juliet@capulet.lit', 'tybalt@capulet.lit', 'romeo@montague.lit']
      scenario = await Scenario.start(SERVER(users), Object.fromEntries(names.map((name) => [name, PASSWORD])), clock)
    })
    after(() => scenario.stop())
    afterEach(() => { for (const one of open.splice(0)) one.cut() })

    const way = (): { route: { host: string, port: number }, security: 'starttls' } =>
      ({ route: { host: '127.0.0.1', port: scenario.ports[0] ?? 0 }, security: 'starttls' })
    const login = async (jid: string): Promise<XmppClient> => {
      const client = await XmppClient.login({ ...way(), jid, password: PASSWORD })
      open.push(client)
      return client
    }
    const redeem = async (token: string): Promise<Applicant> => {
      const applicant = await Applicant.reach(way(), 'capulet.lit')
      open.push(applicant)
      await applicant.show(token)
      return applicant
    }
    const tokenOf = ({ result }: Outcome): string => /preauth=([a-z0-9]+)/.exec(result['uri'] ?? '')?.[1] ?? assert.fail('no token')
    const create = async (answers: Answers): Promise<Outcome> => runCommand(await login('nurse@capulet.lit'), CREATE, answers)

    if (!users) {
      test('who may not invite finds no such command; operators may', async () => {
        const juliet = await login('juliet@capulet.lit')
        assert.deepEqual(await listedCommands(juliet), [])
        assert.equal((await runCommand(juliet, INVITE)).refused, 'item-not-found')
        assert.equal((await runCommand(await login('nurse@capulet.lit'), INVITE)).status, 'completed')
      })
      return
    }

    test('XEP-0401 §3: users find the one command, operators both, and nobody finds any where registration is closed', async () => {
      assert.deepEqual(await listedCommands(await login('juliet@capulet.lit')), [INVITE])
      assert.deepEqual((await listedCommands(await login('nurse@capulet.lit'))).filter((node) => node.startsWith('urn:xmpp:invite')), [INVITE, CREATE])
      const romeo = await login('romeo@montague.lit')
      assert.deepEqual(await listedCommands(romeo), [])
      for (const node of [INVITE, CREATE]) assert.equal((await runCommand(romeo, node)).refused, 'item-not-found')
      assert.equal((await runCommand(await login('juliet@capulet.lit'), CREATE)).refused, 'item-not-found')
    })

    test('XEP-0401 §2: the server "MUST support at least one" mechanism: the token of an invitation gives an account by XEP-0445', async () => {
      const applicant = await redeem(tokenOf(await runCommand(await login('juliet@capulet.lit'), INVITE)))
      assert.equal((await applicant.register('rosaline', PASSWORD)).attrs['type'], 'result')
      await login('rosaline@capulet.lit')
    })

    test('XEP-0401 §5.1: the field "uri" MUST contain an XMPP URI, and a page goes with it', async () => {
      const { result } = await runCommand(await login('tybalt@capulet.lit'), INVITE)
      assert.match(result['uri'] ?? '', /^xmpp:tybalt@capulet\.lit\?roster;preauth=[a-z2-9]{26};ibr=y$/)
      assert.match(result['landing-url'] ?? '', /^https:\/\/capulet\.lit\/invite\/[a-z2-9]{26}$/)
      assert.equal(result['FORM_TYPE'], 'urn:xmpp:invite#invitation')
    })

    test('XEP-0401 §5.1: the expiration "MUST conform to the DateTime profile" of XEP-0082', async () => {
      const { result } = await create({ username: '' })
      assert.equal(result['expire'], new Date(clock.now() + 7 * DAY).toISOString().replace('.000', ''))
    })

    test('XEP-0401 §5.5: the server "MUST use roster pushes" to tell the inviter of the new contact', async () => {
      clock.advance(2 * DAY)
      const juliet = await login('juliet@capulet.lit')
      await juliet.roster()
      const applicant = await redeem(tokenOf(await runCommand(juliet, INVITE)))
      await applicant.register('livia', PASSWORD)
      // Each step of becoming contacts is pushed; the last says that they are.
      await juliet.stream.next((iq) => iq.attrs['type'] === 'set' && iq.child('query', NS_ROSTER)?.child('item', NS_ROSTER)?.attrs['subscription'] === 'both',
        'the push of the new contact')
    })

    test('XEP-0401 §6.2: a name "MUST" be reserved until the token expires, and its link has it', async () => {
      const made = await create({ username: 'Rosencrantz' })
      assert.match(made.result['uri'] ?? '', /^xmpp:rosencrantz@capulet\.lit\?register;preauth=[a-z2-9]{26}$/)
      assert.equal((await create({ username: 'rosencrantz' })).refused, 'conflict')
      const other = await redeem(tokenOf(await create({})))
      assert.equal(conditionOf(await other.register('rosencrantz', PASSWORD)), 'conflict')
      const applicant = await redeem(tokenOf(made))
      assert.equal((await applicant.register('rosencrantz', PASSWORD)).attrs['type'], 'result')
    })

    test('XEP-0401 §5.4: without a name the link has none, and whoever wants to be a contact becomes one', async () => {
      assert.match((await create({})).result['uri'] ?? '', /^xmpp:capulet\.lit\?register;preauth=/)
      const applicant = await redeem(tokenOf(await create({ username: 'potpan', 'roster-subscription': 'true' })))
      await applicant.register('potpan', PASSWORD)
      assert.match((await (await login('potpan@capulet.lit')).roster()).child('query', NS_ROSTER)?.elements().map(({ attrs }) => attrs['jid']).join() ?? '', /^nurse@capulet\.lit$/)
    })

    for (const [username, condition] of [['ju liet', 'not-acceptable'], ['jul\u00efet', 'not-acceptable'], ['juliet@capulet.lit', 'not-acceptable'],
      ['x'.repeat(65), 'not-acceptable'], ['juliet', 'conflict']] as const) {
      test(`no account is promised by the name "${username.slice(0, 20)}": ${condition}`, async () => {
        assert.equal((await create({ username })).refused, condition)
      })
    }

    test('an account has so many invitations out, makes so many in a day, and then waits', async () => {
      clock.advance(8 * DAY)
      const juliet = await login('juliet@capulet.lit')
      const tokens = []
      for (let n = 0; n < 2; n++) tokens.push(tokenOf(await runCommand(juliet, INVITE)))
      assert.equal((await runCommand(juliet, INVITE)).refused, 'resource-constraint')
      assert.equal((await runCommand(await login('tybalt@capulet.lit'), INVITE)).status, 'completed')
      // Used ones count for the day.
      await (await redeem(tokens[0] ?? '')).register('helena', PASSWORD)
      assert.equal((await runCommand(juliet, INVITE)).refused, 'resource-constraint')
      clock.advance(DAY)
      assert.equal((await runCommand(await login('juliet@capulet.lit'), INVITE)).status, 'completed')
      assert.equal((await runCommand(await login('juliet@capulet.lit'), INVITE)).refused, 'resource-constraint')
    })
  })
}
