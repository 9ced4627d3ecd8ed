import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { StorageKey } from '../../src/auth/sealing.ts'
import { openStorageKey, readPassphrase } from '../../src/auth/storage-key.ts'
import { openDatabase, type Database } from '../../src/store/database.ts'
import { StoreError } from '../../src/store/store-error.ts'

const SECRET = Buffer.from('a secret of Romeo')

interface Place {
  readonly database: Database
  readonly directory: string
  readonly keyFile: string
  readonly saltFile: string
}

function makePlace(t: TestContext): Place {
  const directory = mkdtempSync(join(tmpdir(), 'key-'))
  const database = openDatabase(':memory:')
  t.after(() => {
    database.close()
    rmSync(directory, { recursive: true })
  })
  return {
    database, directory,
    keyFile: join(directory, 'keys', 'storage.key'), saltFile: join(directory, 'keys', 'storage.salt'),
  }
}

function same(one: StorageKey, other: StorageKey): void {
  assert.deepEqual(one.open('purpose', 'owner', other.seal('purpose', 'owner', SECRET)), SECRET)
}

function complains(file: string, problem: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof StoreError, String(error))
    assert.equal(error.file, file)
    assert.match(error.message, problem)
    return true
  }
}

test('at the first start a key is made, for its owner\'s eyes alone; afterwards it is read', async (t) => {
  const { database, directory, keyFile } = makePlace(t)
  const key = await openStorageKey(database, { keyFile })
  assert.equal(statSync(keyFile).mode & 0o777, 0o600)
  assert.equal(statSync(join(directory, 'keys')).mode & 0o777, 0o700)
  assert.deepEqual(readdirSync(join(directory, 'keys')), ['storage.key'])
  same(await openStorageKey(database, { keyFile }), key)
})

test('a key that went missing is never replaced in silence', async (t) => {
  const { database, keyFile } = makePlace(t)
  await openStorageKey(database, { keyFile })
  rmSync(keyFile)
  const complaint = complains(keyFile, /missing.*Restore it from a backup/)
  await assert.rejects(openStorageKey(database, { keyFile }), complaint)
  assert.throws(() => statSync(keyFile))
})

test('a key that is not the database\'s own, or no key at all, is refused', async (t) => {
  const { database, keyFile } = makePlace(t)
  await openStorageKey(database, { keyFile })
  for (const [text, problem] of [
    [`sotto-storage-key-1 ${Buffer.alloc(32, 3).toString('base64')}\n`, /not the storage key of this database/],
    ['', /is not a storage key/], ['sotto-storage-key-1 AAAA\n', /is not a storage key/],
    [`${Buffer.alloc(32, 3).toString('base64')}\n`, /is not a storage key/],
  ] as const) {
    writeFileSync(keyFile, text)
    await assert.rejects(openStorageKey(database, { keyFile }), complains(keyFile, problem))
    assert.equal(readFileSync(keyFile, 'utf8'), text)
  }
})

test('a passphrase gives the same key at each start, and a wrong one is told at once', async (t) => {
  const { database, directory, saltFile } = makePlace(t)
  const passphrase = 'wherefore art thou'
  const key = await openStorageKey(database, { saltFile, passphrase })
  same(await openStorageKey(database, { saltFile, passphrase }), key)
  assert.equal(statSync(saltFile).mode & 0o777, 0o600)
  await assert.rejects(openStorageKey(openDatabase(':memory:'), { saltFile, passphrase: 'deny thy father' }),
    complains(saltFile, /passphrase is not the one/))
  for (const name of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (name.isFile()) assert.ok(!readFileSync(join(name.parentPath, name.name)).includes(passphrase))
  }
})

test('a salt that is missing or of another database is refused', async (t) => {
  const { database, saltFile } = makePlace(t)
  const passphrase = 'wherefore art thou'
  await openStorageKey(database, { saltFile, passphrase })
  rmSync(saltFile)
  await assert.rejects(openStorageKey(database, { saltFile, passphrase }), complains(saltFile, /salt.*missing/))
  await openStorageKey(openDatabase(':memory:'), { saltFile, passphrase })
  await assert.rejects(openStorageKey(database, { saltFile, passphrase }), complains(saltFile, /not the storage key/))
  writeFileSync(saltFile, 'salt')
  await assert.rejects(openStorageKey(database, { saltFile, passphrase }), complains(saltFile, /not the salt/))
})

test('the passphrase is the first line of its file, and not a short one', (t) => {
  const file = join(makePlace(t).directory, 'passphrase')
  writeFileSync(file, 'wherefore art thou\nnot this\n')
  assert.equal(readPassphrase(file), 'wherefore art thou')
  writeFileSync(file, 'short\n')
  assert.throws(() => readPassphrase(file), complains(file, /12 characters/))
  assert.throws(() => readPassphrase(`${file}.none`), complains(`${file}.none`, /cannot be read/))
})
