import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { loadConfig } from '../../src/config/load.ts'
import { openHouse, type House } from '../../src/house.ts'
import { createLog } from '../../src/log.ts'
import { accountOf, type AccountExportOutput } from '../../src/operate/account.ts'
import { onionCommands, type OnionOutput } from '../../src/operate/onion.ts'
import { ServedDomains } from '../../src/routing/domains.ts'
import type { Session } from '../../src/routing/sessions.ts'
import type { TorStatus } from '../../src/tor/tor.ts'
import { Jid } from '../../src/xmpp/jid.ts'
import type { StreamError } from '../../src/xmpp/stream-error.ts'

const jid = (text: string): Jid => {
  const parsed = Jid.parse(text)
  assert.ok(parsed !== undefined)
  return parsed
}

describe('the operator\'s commands', () => {
  let folder = ''
  let house: House
  let tor: TorStatus | undefined
  const onion = () => house.domains.all().find(({ label }) => label === 'onion')?.name ?? ''
  const run = async (command: string, input: unknown): Promise<unknown> => {
    const route = house.installation.tables.commands.get(command)
    assert.ok(route !== undefined, command)
    return await route.run(input)
  }

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-account-'))
    const file = join(folder, 'sotto.toml')
    writeFileSync(file, '[[domains]]\nname = "capulet.lit"\n[[domains]]\nname = "onion"\n[auth]\nargon2_memory = "7168kB"\nargon2_passes = 1')
    house = await openHouse(loadConfig(file, { cwd: folder }), systemClock, createLog({ level: 'silent', roster: false }), [
      onionCommands(() => tor),
    ])
  })
  after(() => {
    house.close()
    rmSync(folder, { recursive: true })
  })
  beforeEach(async () => {
    for (const { name } of house.domains.all()) for (const account of house.accounts.list(name)) house.accounts.delete(account)
  })

  /** A bound resource that remembers how it was ended. */
  function connect(address: string): { readonly ended: (StreamError | undefined)[] } {
    const ended: (StreamError | undefined)[] = []
    const full = jid(address)
    const session: Session = {
      jid: full, account: full.bare, presence: undefined, priority: 0, since: '1999-01-04', onion: true, showPresence() {}, send() {},
      end(error) {
        ended.push(error)
        house.sessions.remove(session)
      },
    }
    house.sessions.add(session)
    return { ended }
  }

  test('an account is made, listed, and removed', async () => {
    assert.deepEqual(await run('account add', { account: 'juliet@capulet.lit', password: 'wherefore art thou' }), { account: 'juliet@capulet.lit' })
    assert.deepEqual(await run('account add', { account: 'nurse@onion', password: 'wherefore art thou' }), { account: `nurse@${onion()}` })
    assert.deepEqual(await run('account list', {}), { accounts: ['juliet@capulet.lit', `nurse@${onion()}`] })
    assert.deepEqual(await run('account list', { domain: 'onion' }), { accounts: [`nurse@${onion()}`] })
    assert.deepEqual(await run('account delete', { account: 'Juliet@Capulet.Lit' }), { account: 'juliet@capulet.lit' })
    assert.deepEqual(await run('account list', { domain: 'capulet.lit' }), { accounts: [] })
  })

  test('the operator overrules what users may not choose, and is told; the name of a deleted account only where it is meant', async () => {
    const add = (account: string, more: object = {}) => run('account add', { account: `${account}@capulet.lit`, password: 'wherefore art thou', ...more })
    assert.deepEqual(await add('admin'), {
      account: 'admin@capulet.lit', notices: ['the name is one by which others take an account for the server\'s own'],
    })
    await add('mercutio')
    assert.deepEqual(await add('mercut1o'), { account: 'mercut1o@capulet.lit', notices: ['there is an account whose name looks like this one'] })
    assert.deepEqual(await run('account add', { account: 'paris@capulet.lit', password: 'paris123' }), {
      account: 'paris@capulet.lit', notices: ['the password is easy to guess'],
    })
    assert.deepEqual(await run('account password', { account: 'paris@capulet.lit', password: 'password' }), {
      account: 'paris@capulet.lit', notices: ['the password is easy to guess'],
    })
    await run('account delete', { account: 'mercutio@capulet.lit' })
    for (const again of ['mercutio', 'Mercutio', 'rnercutio']) await assert.rejects(add(again), /add --reuse$/)
    await assert.rejects(add('mercutio', { reuse: 'yes' }), /^CommandError: the command's "reuse"/)
    assert.deepEqual(await add('mercutio', { reuse: true }), {
      account: 'mercutio@capulet.lit', notices: ['there is an account whose name looks like this one'],
    })
    await run('account delete', { account: 'mercutio@capulet.lit' })
    await assert.rejects(add('mercutio'), /add --reuse$/, 'it was deleted anew')
  })

  test('what cannot be done is refused with its reason, and without the password', async () => {
    const juliet = { account: 'juliet@capulet.lit', password: 'wherefore' }
    await run('account add', { ...juliet, reuse: true })
    const cases: readonly (readonly [string, unknown, string, RegExp])[] = [
      ['account add', juliet, 'refused', /^the account juliet@capulet\.lit exists already$/],
      ['account add', { account: 'romeo@capulet.lit', password: 'short' }, 'refused', /^a password has 8 characters or more$/],
      ['account add', { account: 'ro meo@capulet.lit', password: 'wherefore' }, 'bad-input', /^"ro meo@capulet\.lit" is no name/],
      ['account add', { account: '@capulet.lit', password: 'wherefore' }, 'bad-input', /is no name/],
      ['account add', { account: 'romeo', password: 'wherefore' }, 'bad-input', /several domains; write one of romeo@capulet\.lit, romeo@onion$/],
      ['account add', { account: 'romeo@montague.lit', password: 'wherefore' }, 'bad-input', /does not serve "montague\.lit"/],
      ['account add', { account: 'romeo@capulet.lit', password: '' }, 'bad-input', /^the command's "password" is missing/],
      ['account add', { account: 'romeo@capulet.lit' }, 'bad-input', /^the command's "password" is missing/],
      ['account add', 'wherefore', 'bad-input', /^the command's/],
      ['account password', { account: 'romeo@capulet.lit', password: 'wherefore' }, 'refused', /^there is no account romeo@capulet\.lit$/],
      ['account delete', { account: 'romeo@capulet.lit' }, 'refused', /^there is no account romeo@capulet\.lit$/],
      ['account list', { domain: 'montague.lit' }, 'bad-input', /does not serve "montague\.lit"/],
    ]
    for (const [command, input, code, message] of cases) {
      await assert.rejects(run(command, input), (error: Error & { code?: unknown }) => {
        assert.equal(error.name, 'CommandError')
        assert.equal(error.code, code)
        assert.match(error.message, message)
        assert.doesNotMatch(error.message, /wherefore|short/)
        return true
      })
    }
  })

  test('a lock needs an account and a line of plain text, and those that are locked are listed', async () => {
    for (const name of ['juliet', 'romeo']) await house.accounts.create(jid(`${name}@capulet.lit`), 'wherefore')
    const { ended } = connect('juliet@capulet.lit/balcony')
    assert.deepEqual(await run('account lock', { account: 'juliet@capulet.lit', reason: 'a quarrel' }), { account: 'juliet@capulet.lit' })
    assert.deepEqual(ended.map((error) => error?.condition), ['not-authorized'])
    assert.deepEqual(await run('account list', { locked: true }), { accounts: ['juliet@capulet.lit'] })
    assert.match((await run('account export', { account: 'juliet@capulet.lit' }) as AccountExportOutput).document, /a quarrel/)
    for (const [command, input] of [
      ['account lock', { account: 'nobody@capulet.lit' }], ['account unlock', { account: 'nobody@capulet.lit' }],
      ['account sessions', { account: 'nobody@capulet.lit', end: false }], ['account export', { account: 'nobody@capulet.lit' }],
      ['account lock', { account: 'juliet@capulet.lit', reason: 'two\nlines' }], ['account lock', { account: 'juliet@capulet.lit', reason: 'x'.repeat(501) }],
      ['account sessions', { account: 'juliet@capulet.lit' }], ['account unlock', {}],
    ] as const) await assert.rejects(run(command, input), { name: 'CommandError' }, `${command} ${JSON.stringify(input)}`)
    await run('account unlock', { account: 'juliet@capulet.lit' })
    assert.deepEqual(await run('account list', { locked: true }), { accounts: [] })
  })

  test('with another password, or without its account, no session goes on', async () => {
    for (const [command, input] of [
      ['account password', { account: 'juliet@capulet.lit', password: 'another one' }],
      ['account delete', { account: 'juliet@capulet.lit' }],
    ] as const) {
      await house.accounts.create(jid('juliet@capulet.lit'), 'wherefore').catch(() => {}) // it is there the second time
      const [balcony, orchard, nurse] = ['juliet@capulet.lit/balcony', 'juliet@capulet.lit/orchard', 'nurse@capulet.lit/x'].map(connect)
      await run(command, input)
      for (const session of [balcony, orchard]) assert.deepEqual(session?.ended.map((error) => error?.condition), ['not-authorized'])
      assert.deepEqual(nurse?.ended, [])
    }
  })

  test('the onion services are shown, and whether others can reach them now', async () => {
    const address = onion()
    const shown = async () => (await run('onion show', {}) as OnionOutput).services
    assert.deepEqual(await shown(), [{ label: 'onion', address, published: false }])
    tor = { state: 'ready', version: '0.4.8.1', published: [address] }
    assert.deepEqual(await shown(), [{ label: 'onion', address, published: true }])
    tor = { state: 'stopped' }
    assert.deepEqual(await shown(), [{ label: 'onion', address, published: false }])
  })
})

test('where one domain is served its name need not be written', () => {
  const config = loadConfig(undefined, { cwd: '/' }).domains[0]
  assert.ok(config !== undefined)
  const name = `${'a'.repeat(56)}.onion`
  const domains = new ServedDomains([{ name, label: 'onion', onionAddress: name, config }])
  for (const text of ['juliet', 'juliet@onion', `juliet@${name}`, `Juliet@${name.toUpperCase()}`]) {
    assert.equal(accountOf(text, domains).toString(), `juliet@${name}`)
  }
})
