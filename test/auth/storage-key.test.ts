import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { SealBroken, type StorageKey } from '../../src/auth/sealing.ts'
import { PassphraseError, readPassphrase } from '../../src/auth/passphrase.ts'
import { openStorageKey, type Reseal, type StorageKeySource } from '../../src/auth/storage-key.ts'
import { openDatabase, type Database } from '../../src/store/database.ts'
import { StoreError } from '../../src/store/store-error.ts'

const SECRET = Buffer.from('a secret of Romeo')

interface Place {
  readonly database: Database
  readonly directory: string
  readonly keyFile: string
  readonly saltFile: string
  readonly byFile: StorageKeySource
  byPassphrase(passphrase: string): StorageKeySource
}

function makePlace(t: TestContext): Place {
  const directory = mkdtempSync(join(tmpdir(), 'key-'))
  const database = openDatabase(':memory:')
  t.after(() => {
    database.close()
    rmSync(directory, { recursive: true })
  })
  const [keyFile, saltFile] = [join(directory, 'keys', 'storage.key'), join(directory, 'keys', 'storage.salt')]
  return {
    database, directory, keyFile, saltFile,
    byFile: { keyFile, saltFile, passphrase: undefined },
    byPassphrase: (passphrase) => ({ keyFile, saltFile, passphrase: async () => passphrase }),
  }
}

function same(one: StorageKey, other: StorageKey): void {
  assert.deepEqual(one.open('purpose', 'owner', other.seal('purpose', 'owner', SECRET)), SECRET)
}

/** `isPassphrase` where the passphrase is what is wrong: such a start is not tried again (exit code 78). */
function complains(file: string, problem: RegExp, isPassphrase = false): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof StoreError, String(error))
    assert.equal(error instanceof PassphraseError, isPassphrase)
    assert.equal(error.file, file)
    assert.match(error.message, problem)
    return true
  }
}

test('at the first start a key is made, for its owner\'s eyes alone; afterwards it is read', async (t) => {
  const { database, directory, keyFile, byFile } = makePlace(t)
  const { key } = await openStorageKey(database, byFile)
  assert.equal(statSync(keyFile).mode & 0o777, 0o600)
  assert.equal(statSync(join(directory, 'keys')).mode & 0o777, 0o700)
  assert.deepEqual(readdirSync(join(directory, 'keys')), ['storage.key'])
  same((await openStorageKey(database, byFile)).key, key)
})

test('a key that went missing is never replaced in silence', async (t) => {
  const { database, keyFile, byFile } = makePlace(t)
  await openStorageKey(database, byFile)
  rmSync(keyFile)
  const complaint = complains(keyFile, /missing.*Restore it from a backup/)
  await assert.rejects(openStorageKey(database, byFile), complaint)
  assert.throws(() => statSync(keyFile))
})

test('a key that is not the database\'s own, or no key at all, is refused', async (t) => {
  const { database, keyFile, byFile } = makePlace(t)
  await openStorageKey(database, byFile)
  for (const [text, problem] of [
    [`sotto-storage-key-1 ${Buffer.alloc(32, 3).toString('base64')}\n`, /not the storage key of this database/],
    ['', /is not a storage key/], ['sotto-storage-key-1 AAAA\n', /is not a storage key/],
    [`${Buffer.alloc(32, 3).toString('base64')}\n`, /is not a storage key/],
  ] as const) {
    writeFileSync(keyFile, text)
    await assert.rejects(openStorageKey(database, byFile), complains(keyFile, problem))
    assert.equal(readFileSync(keyFile, 'utf8'), text)
  }
})

test('a passphrase gives the same key at each start, and a wrong one is told at once', async (t) => {
  const { database, directory, saltFile, byPassphrase } = makePlace(t)
  const passphrase = 'wherefore art thou'
  const { key } = await openStorageKey(database, byPassphrase(passphrase))
  same((await openStorageKey(database, byPassphrase(passphrase))).key, key)
  assert.equal(statSync(saltFile).mode & 0o777, 0o600)
  await assert.rejects(openStorageKey(openDatabase(':memory:'), byPassphrase('deny thy father')),
    complains(saltFile, /passphrase is not the one/, true))
  for (const name of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (name.isFile()) assert.ok(!readFileSync(join(name.parentPath, name.name)).includes(passphrase))
  }
})

test('a salt that is missing or of another database is refused', async (t) => {
  const { database, saltFile, byPassphrase } = makePlace(t)
  const passphrase = 'wherefore art thou'
  await openStorageKey(database, byPassphrase(passphrase))
  rmSync(saltFile)
  await assert.rejects(openStorageKey(database, byPassphrase(passphrase)), complains(saltFile, /salt.*missing/))
  await openStorageKey(openDatabase(':memory:'), byPassphrase(passphrase))
  await assert.rejects(openStorageKey(database, byPassphrase(passphrase)), complains(saltFile, /not the storage key/))
  writeFileSync(saltFile, 'salt')
  await assert.rejects(openStorageKey(database, byPassphrase(passphrase)), complains(saltFile, /not the salt/))
})

test('the passphrase is the first line of its file, and not a short one', (t) => {
  const file = join(makePlace(t).directory, 'passphrase')
  writeFileSync(file, 'wherefore art thou\nnot this\n')
  assert.equal(readPassphrase(file), 'wherefore art thou')
  writeFileSync(file, 'short\n')
  assert.throws(() => readPassphrase(file), complains(file, /12 characters/, true))
  assert.throws(() => readPassphrase(`${file}.none`), complains(`${file}.none`, /cannot be read/))
})

describe('the storage key is changed', () => {
  const SEALED = 'romeo'

  /** What somebody keeps sealed: one row of a table. */
  function keepSecret(database: Database, key: StorageKey): Reseal {
    database.statement('CREATE TABLE IF NOT EXISTS secret (sealed BLOB)').run()
    database.statement('INSERT INTO secret (sealed) VALUES (?)').run(key.seal('secret.sealed', SEALED, SECRET))
    return (old, next) => {
      for (const { sealed } of database.statement<{ sealed: Buffer }>('SELECT sealed FROM secret').all()) {
        database.statement('UPDATE secret SET sealed = ?').run(next.seal('secret.sealed', SEALED, old.open('secret.sealed', SEALED, sealed)))
      }
    }
  }

  function secret(database: Database, key: StorageKey): string {
    const row = database.statement<{ sealed: Buffer }>('SELECT sealed FROM secret').get()
    return key.open('secret.sealed', SEALED, row?.sealed ?? Buffer.alloc(0)).toString()
  }

  test('for another one, which opens all that was sealed, now and at the next start; the old one opens nothing', async (t) => {
    const { database, keyFile, byFile } = makePlace(t)
    const holder = await openStorageKey(database, byFile)
    const [reseal, old, oldFile] = [keepSecret(database, holder.key), holder.key.copy(), readFileSync(keyFile, 'utf8')]
    await holder.rotate(reseal)
    assert.equal(secret(database, holder.key), SECRET.toString())
    assert.throws(() => secret(database, old), SealBroken)
    assert.notEqual(readFileSync(keyFile, 'utf8'), oldFile)
    assert.equal(statSync(keyFile).mode & 0o777, 0o600)
    assert.deepEqual(readdirSync(dirname(keyFile)), ['storage.key'])
    assert.equal(secret(database, (await openStorageKey(database, byFile)).key), SECRET.toString())
    writeFileSync(keyFile, oldFile)
    await assert.rejects(openStorageKey(database, byFile), complains(keyFile, /not the storage key of this database/))
  })

  test('twice at once: one after the other', async (t) => {
    const { database, byFile } = makePlace(t)
    const holder = await openStorageKey(database, byFile)
    const reseal = keepSecret(database, holder.key)
    await Promise.all([holder.rotate(reseal), holder.rotate(reseal), holder.rotate(reseal)])
    assert.equal(secret(database, (await openStorageKey(database, byFile)).key), SECRET.toString())
  })

  test('not at all where something does not open: nothing has changed', async (t) => {
    const { database, keyFile, byFile } = makePlace(t)
    const holder = await openStorageKey(database, byFile)
    const reseal = keepSecret(database, holder.key)
    const file = readFileSync(keyFile, 'utf8')
    await assert.rejects(holder.rotate((old, next) => {
      reseal(old, next)
      throw new SealBroken('something else')
    }), SealBroken)
    assert.equal(secret(database, holder.key), SECRET.toString())
    assert.equal(readFileSync(keyFile, 'utf8'), file)
    assert.deepEqual(readdirSync(dirname(keyFile)), ['storage.key'])
    await holder.rotate(reseal)
    assert.equal(secret(database, (await openStorageKey(database, byFile)).key), SECRET.toString())
  })

  test('not where its file cannot be written: nothing has changed', async (t) => {
    const { database, keyFile, byFile } = makePlace(t)
    const holder = await openStorageKey(database, byFile)
    const reseal = keepSecret(database, holder.key)
    mkdirSync(`${keyFile}.next.new`)
    await assert.rejects(holder.rotate(reseal), complains(`${keyFile}.next`, /cannot be written/))
    assert.equal(secret(database, holder.key), SECRET.toString())
  })

  test('a file that could not be put in its place is put there by the next rotation or start, and never written over', async (t) => {
    const { database, keyFile, byFile } = makePlace(t)
    const holder = await openStorageKey(database, byFile)
    const reseal = keepSecret(database, holder.key)
    const old = readFileSync(keyFile, 'utf8')
    rmSync(keyFile)
    mkdirSync(join(keyFile, 'in the way'), { recursive: true })
    await assert.rejects(holder.rotate(reseal), complains(keyFile, /cannot be written/))
    await assert.rejects(holder.rotate(reseal), complains(keyFile, /cannot be written/))
    assert.equal(secret(database, holder.key), SECRET.toString(), 'the new key holds')
    rmSync(keyFile, { recursive: true })
    writeFileSync(keyFile, old)
    assert.equal(secret(database, (await openStorageKey(database, byFile)).key), SECRET.toString())
    assert.deepEqual(readdirSync(dirname(keyFile)), ['storage.key'])
  })

  test('for that of another passphrase: from then on the old one is wrong', async (t) => {
    const { database, saltFile, byPassphrase } = makePlace(t)
    const holder = await openStorageKey(database, byPassphrase('wherefore art thou'))
    await holder.rotate(keepSecret(database, holder.key), 'deny thy father')
    await assert.rejects(openStorageKey(database, byPassphrase('wherefore art thou')), complains(saltFile, /passphrase is not the one/, true))
    assert.equal(secret(database, (await openStorageKey(database, byPassphrase('deny thy father'))).key), SECRET.toString())
  })

  test('by the same passphrase with another salt, where none is given', async (t) => {
    const { database, saltFile, byPassphrase } = makePlace(t)
    const holder = await openStorageKey(database, byPassphrase('wherefore art thou'))
    const salt = readFileSync(saltFile, 'utf8')
    await holder.rotate(keepSecret(database, holder.key))
    assert.notEqual(readFileSync(saltFile, 'utf8'), salt)
    assert.equal(secret(database, (await openStorageKey(database, byPassphrase('wherefore art thou'))).key), SECRET.toString())
  })

  test('from a file to a passphrase, which is asked for as a new one; the file is removed in the end, and there is no way back', async (t) => {
    const { database, keyFile, saltFile, byFile, byPassphrase } = makePlace(t)
    const before = await openStorageKey(database, byFile)
    const reseal = keepSecret(database, before.key)
    const asked: boolean[] = []
    const source: StorageKeySource = { ...byFile, passphrase: async (isNew) => { asked.push(isNew); return 'wherefore art thou' } }
    // Whoever ends here has changed nothing.
    assert.equal((await openStorageKey(database, source)).isDue, true)
    assert.equal((await openStorageKey(database, byFile)).isDue, false)
    const holder = await openStorageKey(database, source)
    await holder.rotate(reseal)
    assert.deepEqual([asked, holder.isDue], [[true, true], false])
    assert.deepEqual(readdirSync(dirname(keyFile)), ['storage.salt'])
    const again = await openStorageKey(database, byPassphrase('wherefore art thou'))
    assert.deepEqual([secret(database, again.key), again.isDue], [SECRET.toString(), false])
    await assert.rejects(openStorageKey(database, byFile), complains(saltFile, /sealed by a passphrase.*no way back/s, true))
  })
})
