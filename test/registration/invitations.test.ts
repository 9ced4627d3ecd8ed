import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Application } from '../../src/registration/application.ts'
import type { InviteListOutput, InviteOutput } from '../../src/operate/invite.ts'
import { element } from '../../src/xml/element.ts'
import { NS_CLIENT, NS_ROSTER } from '../../src/xmpp/namespaces.ts'
import { jid, Office, PASSWORD, refused } from './office.ts'

const DAY = 86_400_000
const SETTINGS = '[[domains]]\nname = "capulet.lit"\n[[domains]]\nname = "onion"\n'

describe('an account is asked for with an invitation', () => {
  let office: Office
  before(async () => { office = await Office.open({ settings: SETTINGS }) })
  after(() => office.close())

  const invite = async (more: object = {}) => {
    const made = await office.house.registration.invite({ domain: office.domain(), milliseconds: 7 * DAY, ...more })
    assert.ok(made !== undefined)
    return made
  }
  const register = (name: string, token: string, more: Partial<Application> = {}) =>
    office.house.registration.register({ domain: office.domain(), peer: undefined, name, password: PASSWORD, token, ...more })
  const list = async () => (await office.run('invite list', {}) as InviteListOutput).invitations

  test('by default an account needs one, and no challenge is given', async () => {
    assert.equal(office.house.registration.mode(office.domain()), 'invite')
    assert.throws(() => office.house.registration.challenge({ domain: office.domain(), peer: 'a' }), refused('invitation-needed'))
    const application = { domain: office.domain(), peer: 'a', name: 'juliet', password: PASSWORD }
    await assert.rejects(office.house.registration.register(application), refused('invitation-needed'))
    await assert.rejects(office.house.registration.register({ ...application, challenge: { id: 'x', answer: 'y' } }), refused('invitation-needed'))
  })

  test('XEP-0379 \u00a75.1: the token has 80 bits of entropy or more, is kept as a digest, and is good once', async () => {
    const { token } = await invite()
    assert.match(token, /^[a-z2-8]{26}$/)
    const stored = JSON.stringify(office.house.database.statement('SELECT hex(token) AS token, domain, name, inviter FROM invite').all())
    assert.ok(!stored.includes(token))
    assert.deepEqual(office.house.registration.invitation(office.domain(), token), { expires: office.clock.now() + 7 * DAY, name: undefined, inviter: undefined })
    assert.equal((await register('juliet', token)).toString(), 'juliet@capulet.lit')
    await assert.rejects(register('nurse', token), refused('invitation-void'))
    assert.equal(office.house.registration.invitation(office.domain(), token), undefined)
    assert.deepEqual(await list(), [])
  })

  test('XEP-0445 \u00a74: it "MUST NOT be considered used until the actual registration has succeeded"', async () => {
    const { token } = await invite()
    await assert.rejects(register('two words', token), refused('name-invalid'))
    await assert.rejects(register('juliet', token), refused('name-taken'))
    await assert.rejects(register('paris', token, { password: 'paris123' }), refused('password-weak'))
    assert.equal((await register('paris', token)).toString(), 'paris@capulet.lit')
  })

  test('of many who use it at once exactly one wins, and nobody has half an account', async () => {
    const { token } = await invite()
    const names = Array.from({ length: 40 }, (_, number) => `parallel${'abcdefghkmoprsuvxyzt'[number % 20]}${'xy'[Math.floor(number / 20)]}`)
    const outcomes = await Promise.allSettled(names.map((name) => register(name, token)))
    const won = outcomes.filter(({ status }) => status === 'fulfilled')
    assert.equal(won.length, 1)
    for (const outcome of outcomes) if (outcome.status === 'rejected') refused('invitation-void')(outcome.reason)
    assert.equal(office.house.accounts.list('capulet.lit').filter(({ local }) => local.startsWith('parallel')).length, 1)
    assert.equal(office.house.database.statement<{ n: number }>('SELECT count(*) AS n FROM account WHERE localpart LIKE \'parallel%\'').get()?.n, 1)
  })

  test('one for several accounts is good so many times', async () => {
    const { token } = await invite({ uses: 2 })
    const outcomes = await Promise.allSettled(['sampson', 'gregory', 'abraham'].map((name) => register(name, token)))
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 2)
  })

  test('it is good at its own domain, in its time, and until it is taken back', async () => {
    const { token, id } = await invite({ milliseconds: DAY })
    for (const bad of ['', 'x'.repeat(26), token.slice(1), `${token}a`, '\ud800', 'x'.repeat(1_000_000), `${token}' OR 1=1 --`]) {
      await assert.rejects(register('nurse', bad), refused('invitation-void'))
    }
    await assert.rejects(register('nurse', token, { domain: office.domain('onion') }), refused('invitation-void'))
    assert.ok(office.house.registration.invitation(office.domain(), ` ${token.toUpperCase()} `) !== undefined, 'as somebody may type it')
    office.clock.advance(DAY - 1)
    assert.ok(office.house.registration.invitation(office.domain(), token) !== undefined)
    office.clock.advance(1)
    assert.equal(office.house.registration.invitation(office.domain(), token), undefined)
    await assert.rejects(register('nurse', token), refused('invitation-void'))
    // XEP-0445 §4: the expiration "MUST only be checked at this point", when the client showed the token.
    assert.equal((await register('nurse', token, { invitedAt: office.clock.now() - 1 })).toString(), 'nurse@capulet.lit')
    assert.notEqual(id, '')
    const other = await invite()
    await office.run('invite revoke', { id: other.id })
    await assert.rejects(register('peter', other.token, { invitedAt: office.clock.now() }), refused('invitation-void'))
  })

  test('an expired one is removed within hours, as it says who invited', async () => {
    await invite({ milliseconds: DAY, inviter: jid('juliet@capulet.lit') })
    const count = () => office.house.database.statement<{ n: number }>('SELECT count(*) AS n FROM invite WHERE inviter IS NOT NULL').get()?.n
    assert.equal(count(), 1)
    for (let hour = 0; hour < 27; hour++) {
      office.clock.advance(3_600_000)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal(count(), 0)
  })

  test('whoever tries tokens is stopped, others are not', async () => {
    for (let number = 0; number < 10; number++) await assert.rejects(register('balthasar', 'guess', { peer: 'guesser' }), refused('invitation-void'))
    const { token } = await invite()
    await assert.rejects(register('balthasar', token, { peer: 'guesser' }), refused('too-many'))
    assert.equal((await register('balthasar', token, { peer: 'guest' })).toString(), 'balthasar@capulet.lit')
  })

  test('XEP-0445 \u00a75: a name that it promises is kept, for whoever holds it, and nobody gets another one by it', async () => {
    const { token, notices } = await operatorsOf({ name: 'Admin' })
    assert.deepEqual(notices, ['the name is one by which others take an account for the server\'s own'])
    const benvolio = await operatorsOf({ name: 'benvolio' })
    const { token: another } = await invite()
    await assert.rejects(register('benvo1io', another), refused('name-taken'))
    await assert.rejects(register('benvolio', another), refused('name-taken'))
    await assert.rejects(register('valentine', benvolio.token), refused('name-taken'))
    assert.equal((await register('Benvolio', benvolio.token)).toString(), 'benvolio@capulet.lit')
    assert.equal((await register('admin', token)).toString(), 'admin@capulet.lit')
    await office.run('account delete', { account: 'benvolio@capulet.lit' })
    await assert.rejects(operatorsOf({ name: 'benvolio' }), /add --reuse$/)
    const reused = await operatorsOf({ name: 'benvolio', reuse: true })
    assert.equal((await register('benvolio', reused.token)).toString(), 'benvolio@capulet.lit')
  })

  test('XEP-0401 \u00a73.3: the inviter and the new account see each other, and the inviter\'s clients are told', async () => {
    const heard = office.login('juliet@capulet.lit/balcony')
    const deaf = office.login('juliet@capulet.lit/chamber')
    office.says('juliet@capulet.lit/balcony', element(NS_CLIENT, 'iq', { type: 'get', id: '1' }, element(NS_ROSTER, 'query')))
    heard.length = 0
    const { token } = await invite({ inviter: jid('juliet@capulet.lit') })
    assert.equal(office.house.registration.invitation(office.domain(), token)?.inviter?.toString(), 'juliet@capulet.lit')
    await register('romeo', token)
    const { audience } = office.house.installation.host
    assert.ok(audience.sees(jid('romeo@capulet.lit'), jid('juliet@capulet.lit')))
    assert.ok(audience.sees(jid('juliet@capulet.lit'), jid('romeo@capulet.lit')))
    const [push, ...more] = heard
    assert.equal(push?.child('query', NS_ROSTER)?.child('item', NS_ROSTER)?.attrs['subscription'], 'both')
    assert.equal(push?.child('query', NS_ROSTER)?.child('item', NS_ROSTER)?.attrs['jid'], 'romeo@capulet.lit')
    assert.deepEqual([more, deaf], [[], []], 'once, and not to who did not ask for the roster')
  })

  test('with an account its invitations go', async () => {
    const { token } = await invite({ inviter: jid('juliet@capulet.lit') })
    const exported = office.house.installation.tables.account.exported(jid('juliet@capulet.lit'))
    const created = new Date(office.clock.now()).toISOString().slice(0, 10)
    // The one by which Romeo came is used up.
    const [own, ...others] = (exported['registration'] as { readonly invite: readonly Readonly<Record<string, unknown>>[] }).invite
    assert.deepEqual([own?.['inviter'], own?.['expires'], own?.['name'], own?.['uses'], own?.['created']], ['juliet', office.clock.now() + 7 * DAY, null, 1, created])
    assert.deepEqual(others, [])
    assert.ok(!JSON.stringify(own).includes(token))
    await office.run('account delete', { account: 'juliet@capulet.lit' })
    assert.equal(office.house.registration.invitation(office.domain(), token), undefined)
  })

  test('the operator lists and takes back, and what makes no sense is refused', async () => {
    for (const { id } of await list()) await office.run('invite revoke', { id })
    const made = await operatorsOf({ uses: 3, milliseconds: DAY })
    const [first] = await list()
    assert.deepEqual(first, { id: made.id, domain: 'capulet.lit', uses: 3, expires: office.clock.now() + DAY, created: new Date(office.clock.now()).toISOString().slice(0, 10) })
    assert.deepEqual((await office.run('invite list', { domain: 'onion' }) as InviteListOutput).invitations, [])
    await office.run('invite revoke', { id: made.id })
    await assert.rejects(office.run('invite revoke', { id: made.id }), /there is no such invitation/)
    for (const [input, message] of [
      [{ milliseconds: DAY }, /several domains; add --domain and one of capulet\.lit, onion$/], [{ domain: 'verona.lit', milliseconds: DAY }, /does not serve/],
      [{ domain: 'onion' }, /a minute to 366 days/], [{ domain: 'onion', milliseconds: 1 }, /a minute/], [{ domain: 'onion', milliseconds: 400 * DAY }, /366/],
      [{ domain: 'onion', milliseconds: DAY, uses: 0 }, /1 to 1000/], [{ domain: 'onion', milliseconds: DAY, uses: 1.5 }, /1 to 1000/], ['x', /a minute/],
      [{ domain: 'onion', milliseconds: DAY, name: 'two words' }, /no name/], [{ domain: 'onion', milliseconds: DAY, name: 'rosaline', uses: 2 }, /given once/],
      [{ domain: 'capulet.lit', milliseconds: DAY, name: 'paris' }, /such an account already/],
    ] as const) await assert.rejects(office.run('invite create', input), message, JSON.stringify(input))
    for (const input of [{}, { id: 'x' }, { id: '%'.repeat(10) }, { id: 1234567890 }]) await assert.rejects(office.run('invite revoke', input), /name an invitation/)
  })

  test('where registration is closed nobody uses one', async () => {
    const { token } = await invite()
    await office.run('registration set', { mode: 'closed', domain: 'capulet.lit' })
    await assert.rejects(register('rosaline', token), refused('closed'))
    assert.equal(office.house.registration.invitation(office.domain(), token), undefined)
    assert.deepEqual((await operatorsOf({})).notices, ['nobody can use it while registration at capulet.lit is closed'])
    await office.run('registration set', { mode: 'invite' })
    assert.equal((await register('rosaline', token)).toString(), 'rosaline@capulet.lit')
  })

  /** As the operator makes it; the token is read from the link. */
  async function operatorsOf(input: object): Promise<InviteOutput & { readonly token: string }> {
    const made = await office.run('invite create', { domain: 'capulet.lit', milliseconds: DAY, ...input }) as InviteOutput
    return { ...made, token: /preauth=(.*)$/.exec(made.xmpp)?.[1] ?? '' }
  }
})
