import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Scram } from '../../src/auth/scram.ts'
import { StorageKey } from '../../src/auth/sealing.ts'
import { openStorageKey, type KeyHolder } from '../../src/auth/storage-key.ts'
import { SCRAM_HASHES } from '../../src/auth/verifiers.ts'
import { openDatabase } from '../../src/store/database.ts'
import { contextOf, jid, makeParts, ScramClient, type TestParts } from './parts.ts'

const PASSWORD = 'Neither, fair saint'
const ROMEO = jid('romeo@montague.lit')

interface Held extends TestParts {
  readonly holder: KeyHolder
  readonly directory: string
  rotate(): Promise<void>
  /** The same database, as the next start opens it. */
  restarted(): Promise<TestParts>
}

async function held(t: TestContext): Promise<Held> {
  const directory = mkdtempSync(join(tmpdir(), 'rotation-'))
  const database = openDatabase(join(directory, 'sotto.db'))
  t.after(() => {
    database.close()
    rmSync(directory, { recursive: true })
  })
  const source = { keyFile: join(directory, 'storage.key'), saltFile: '', passphrase: undefined }
  const holder = await openStorageKey(database, source)
  const parts = makeParts({ database, key: holder.key })
  return {
    ...parts, holder, directory,
    rotate: () => holder.rotate((old, next) => parts.accounts.reseal(old, next)),
    restarted: async () => makeParts({ database, key: (await openStorageKey(database, source)).key }),
  }
}

async function logsIn({ accounts, credentials }: TestParts, name: string, password: string): Promise<boolean> {
  const { exists, verifiers } = accounts.claim(name, 'montague.lit')
  return exists && await credentials.matches(verifiers.argon2, password)
}

function saltsOf({ accounts }: TestParts, name: string): string[] {
  return SCRAM_HASHES.map((hash) => accounts.claim(name, 'montague.lit').verifiers.scram[hash].salt.toString('hex'))
}

test('everybody logs in as before, at once and after a restart', async (t) => {
  const parts = await held(t)
  await parts.accounts.create(ROMEO, PASSWORD)
  await parts.rotate()
  await parts.accounts.create(jid('benvolio@montague.lit'), PASSWORD)
  await parts.rotate()
  for (const one of [parts, await parts.restarted()]) {
    for (const name of ['romeo', 'benvolio']) {
      assert.ok(await logsIn(one, name, PASSWORD))
      assert.ok(!await logsIn(one, name, 'another password'))
    }
  }
})

test('an account of a domain that is not served now is sealed anew, too', async (t) => {
  const parts = await held(t)
  const elsewhere = makeParts({ database: parts.database, key: parts.key, domains: new Map([['capulet.lit', 'capulet.lit']]) })
  await elsewhere.accounts.create(jid('juliet@capulet.lit'), PASSWORD)
  await parts.rotate()
  assert.ok(elsewhere.accounts.claim('juliet', 'capulet.lit').exists)
})

test('accounts and passwords that are being made meanwhile are sealed under the key that holds then', async (t) => {
  const parts = await held(t)
  const names = ['abraham', 'balthasar', 'gregory', 'potpan', 'sampson']
  await parts.accounts.create(ROMEO, PASSWORD)
  const making = [...names.map((name) => parts.accounts.create(jid(`${name}@montague.lit`), PASSWORD)), parts.accounts.setPassword(ROMEO, 'a new password')]
  let isMade = false
  const made = Promise.all(making).then(() => { isMade = true })
  let rotations = 0
  for (; !isMade; rotations++) await parts.rotate()
  await made
  assert.ok(rotations > 2, `${rotations}`)
  const again = await parts.restarted()
  for (const name of names) assert.ok(await logsIn(again, name, PASSWORD), name)
  assert.ok(await logsIn(again, 'romeo', 'a new password'))
})

test('a login that is under way ends well', async (t) => {
  const parts = await held(t)
  await parts.accounts.create(ROMEO, PASSWORD)
  const exchange = new Scram({ hash: 'SHA-256', plus: false, claims: parts.accounts, attempts: parts.attempts }).start(contextOf())
  const client = new ScramClient('SHA-256', 'romeo', PASSWORD)
  const first = exchange.step(client.first())
  assert.ok('state' in first && first.state === 'challenge')
  await parts.rotate()
  const end = exchange.step(client.final(first.data).message)
  assert.ok('state' in end && end.state === 'success', JSON.stringify(end))
})

test('what a name that is no account shows stays the same, as salts that changed would tell it from one', async (t) => {
  const parts = await held(t)
  await parts.accounts.create(ROMEO, PASSWORD)
  const before = [saltsOf(parts, 'nobody'), saltsOf(parts, 'romeo')]
  for (let times = 0; times < 2; times++) {
    await parts.rotate()
    assert.deepEqual([saltsOf(parts, 'nobody'), saltsOf(parts, 'romeo')], before)
    const again = await parts.restarted()
    assert.deepEqual([saltsOf(again, 'nobody'), saltsOf(again, 'romeo')], before)
  }
})

test('whoever knows the old key opens nothing that is in the files any more', async (t) => {
  const parts = await held(t)
  await parts.accounts.create(ROMEO, PASSWORD)
  const old = parts.key.copy()
  const row = () => parts.database.statement<{ verifiers: Buffer }>('SELECT verifiers FROM account').get()?.verifiers ?? Buffer.alloc(0)
  const sealed = row()
  const files = () => Buffer.concat(['sotto.db', 'sotto.db-wal'].map((name) => readFileSync(join(parts.directory, name))))
  assert.ok(old.open('account.verifiers', 'romeo@montague.lit', sealed).length > 0)
  assert.ok(files().includes(sealed.subarray(0, 64)), 'it is looked for in the right place')
  await parts.rotate()
  for (let at = 0; at + 64 <= sealed.length; at += 64) assert.ok(!files().includes(sealed.subarray(at, at + 64)), `${at}`)
  assert.ok(files().includes(row().subarray(0, 64)))
})

test('a storage key that becomes another leaves its copies as they are', () => {
  const [key, other] = [new StorageKey(Buffer.alloc(32, 1)), new StorageKey(Buffer.alloc(32, 2))]
  const copy = key.copy()
  const before = key.seal('purpose', 'owner', Buffer.from('x'))
  key.become(other)
  assert.throws(() => key.open('purpose', 'owner', before))
  assert.equal(copy.open('purpose', 'owner', before).toString(), 'x')
  assert.equal(other.open('purpose', 'owner', key.seal('purpose', 'owner', Buffer.from('y'))).toString(), 'y')
})
