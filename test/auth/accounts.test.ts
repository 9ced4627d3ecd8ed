import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AccountError, type AccountErrorCode } from '../../src/auth/account-error.ts'
import { openDatabase } from '../../src/store/database.ts'
import type { Jid } from '../../src/xmpp/jid.ts'
import { jid, makeParts, ONION } from './parts.ts'

const ROMEO = jid('romeo@montague.lit')
const PASSWORD = 'Neither, fair saint'

function failsWith(code: AccountErrorCode): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof AccountError, String(error))
    assert.equal(error.code, code)
    return true
  }
}

test('an account exists from its creation to its removal, across restarts, by bare and full JID', async () => {
  const { accounts, database, key } = makeParts()
  assert.ok(!accounts.exists(ROMEO))
  await accounts.create(ROMEO, PASSWORD)
  assert.ok(accounts.exists(ROMEO))
  assert.ok(accounts.exists(jid('romeo@montague.lit/orchard')))
  assert.ok(!accounts.exists(jid(`romeo@${ONION}`)))
  assert.equal(accounts.createdOn(ROMEO), '2025-01-31')

  const again = makeParts({ database, key }).accounts
  assert.ok(again.exists(ROMEO))
  again.delete(ROMEO)
  assert.ok(!again.exists(ROMEO))
  assert.ok(!makeParts({ database, key }).accounts.exists(ROMEO))
})

test('an account of the onion is kept by its label: the database does not hold the address', async () => {
  const { accounts, database, key } = makeParts()
  const romeo = jid(`romeo@${ONION}`)
  await accounts.create(romeo, PASSWORD)
  const rows = database.statement('SELECT localpart, domain FROM account').all()
  assert.deepEqual(rows, [{ localpart: 'romeo', domain: 'onion' }])
  assert.deepEqual(accounts.list(ONION).map(String), [`romeo@${ONION}`])
  const moved = `${'w'.repeat(56)}.onion`
  const elsewhere = makeParts({ database, key, domains: new Map([[moved, 'onion']]) }).accounts
  assert.ok(elsewhere.exists(jid(`romeo@${moved}`)))
  assert.ok(elsewhere.claim('romeo', moved).exists)
})

test('accounts of a domain are listed by name', async () => {
  const { accounts } = makeParts()
  for (const name of ['tybalt', 'benvolio', 'romeo']) await accounts.create(jid(`${name}@montague.lit`), PASSWORD)
  assert.deepEqual(accounts.list('montague.lit').map(({ local }) => local), ['benvolio', 'romeo', 'tybalt'])
  assert.deepEqual(accounts.list(ONION), [])
})

test('names are of ASCII, so that none looks like another', async () => {
  const { accounts } = makeParts()
  for (const name of ['r\u043emeo', '-romeo', '.romeo', 'ro+meo', 'x'.repeat(65), 'ro~meo']) {
    await assert.rejects(accounts.create(jid(`${name}@montague.lit`), PASSWORD), failsWith('name-invalid'), name)
  }
  await assert.rejects(accounts.create(jid('montague.lit'), PASSWORD), failsWith('name-invalid'))
  await assert.rejects(accounts.create(jid('romeo@montague.lit/home'), PASSWORD), failsWith('name-invalid'))
  for (const name of ['r', '1', 'ro.me-o_1', 'x'.repeat(64)]) {
    await accounts.create(jid(`${name}@montague.lit`), PASSWORD)
  }
})

test('a domain that is not served has no accounts', async () => {
  const { accounts } = makeParts()
  await assert.rejects(accounts.create(jid('juliet@capulet.lit'), PASSWORD), failsWith('domain-unknown'))
  assert.throws(() => accounts.list('capulet.lit'), failsWith('domain-unknown'))
})

test('a password has 8 characters at least and 1024 bytes at most', async () => {
  const { accounts } = makeParts()
  for (const [password, code] of [
    ['', 'password-short'], ['seven77', 'password-short'], ['\u{1f339}'.repeat(7), 'password-short'],
    ['x'.repeat(1025), 'password-invalid'], ['half\ud83c half', 'password-invalid'],
  ] as const) await assert.rejects(accounts.create(ROMEO, password), failsWith(code), password)
  assert.ok(!accounts.exists(ROMEO))
  await accounts.create(ROMEO, '\u{1f339}'.repeat(8))
  await assert.rejects(accounts.setPassword(ROMEO, 'short'), failsWith('password-short'))
})

test('of two who want one name at once, one gets it', async () => {
  const created: string[] = []
  const events = { created: (account: Jid) => { created.push(account.toString()) }, deleted: () => undefined }
  const { accounts } = makeParts({ events })
  const ends = await Promise.allSettled([accounts.create(ROMEO, PASSWORD), accounts.create(ROMEO, `${PASSWORD}!`)])
  assert.deepEqual(ends.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  await assert.rejects(accounts.create(ROMEO, PASSWORD), failsWith('exists'))
  assert.deepEqual(created, ['romeo@montague.lit'])
})

test('what others hold of an account goes in the transaction that removes it, or nothing goes', async () => {
  const database = openDatabase(':memory:')
  database.migrate('test', [{ step: 1, sql: 'CREATE TABLE rose (account TEXT PRIMARY KEY) STRICT' }])
  let broken = true
  const { accounts } = makeParts({
    database,
    events: {
      created: (account) => { database.statement('INSERT INTO rose (account) VALUES (?)').run(account.toString()) },
      deleted: (account) => {
        database.statement('DELETE FROM rose WHERE account = ?').run(account.toString())
        if (broken) throw new Error('by any other name')
      },
    },
  })
  await accounts.create(ROMEO, PASSWORD)
  const roses = (): number => database.statement('SELECT * FROM rose').all().length
  assert.throws(() => accounts.delete(ROMEO), /any other name/)
  assert.ok(accounts.exists(ROMEO))
  assert.equal(roses(), 1)
  broken = false
  accounts.delete(ROMEO)
  assert.equal(roses(), 0)
  assert.throws(() => accounts.delete(ROMEO), failsWith('not-found'))
  await assert.rejects(accounts.setPassword(ROMEO, PASSWORD), failsWith('not-found'))
})

test('each hash has a salt of its own, and a new password new ones', async () => {
  const { accounts } = makeParts()
  await accounts.create(ROMEO, PASSWORD)
  await accounts.create(jid('benvolio@montague.lit'), PASSWORD)
  const salts = (): string[] => ['romeo', 'benvolio'].flatMap((name) =>
    Object.values(accounts.claim(name, 'montague.lit').verifiers.scram).map(({ salt }) => salt.toString('hex')))
  const before = salts()
  await accounts.setPassword(ROMEO, PASSWORD)
  assert.equal(new Set([...before, ...salts()]).size, 9)
})
