import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { hashBytes, digestName } from '../../src/auth/credentials.ts'
import { SealBroken, StorageKey } from '../../src/auth/sealing.ts'
import { openStorageKey } from '../../src/auth/storage-key.ts'
import { SCRAM_HASHES } from '../../src/auth/verifiers.ts'
import { openDatabase } from '../../src/store/database.ts'
import { jid, makeParts, SETTINGS } from './parts.ts'

const PASSWORD = 'Neither, fair saint'

interface Loot {
  /** All bytes of the database and its log, taken while the server runs. */
  readonly bytes: Buffer
  /** A copy that can be opened. */
  readonly file: string
  readonly keyFile: string
}

async function steal(t: TestContext): Promise<Loot> {
  const directory = mkdtempSync(join(tmpdir(), 'stolen-'))
  const file = join(directory, 'data.db')
  const database = openDatabase(file)
  const keyFile = join(directory, 'storage.key')
  const { key } = await openStorageKey(database, { keyFile, saltFile: '', passphrase: undefined })
  const { accounts } = makeParts({ database, key })
  await accounts.create(jid('romeo@montague.lit'), PASSWORD)
  await accounts.create(jid('benvolio@montague.lit'), 'another password')
  const copy = join(directory, 'copy.db')
  const bytes = ['', '-wal', '-shm'].map((suffix) => {
    copyFileSync(file + suffix, copy + suffix)
    return readFileSync(file + suffix)
  })
  t.after(() => {
    database.close()
    rmSync(directory, { recursive: true })
  })
  return { bytes: Buffer.concat(bytes), file: copy, keyFile }
}

interface Blob {
  readonly localpart: string
  readonly verifiers: Buffer
}

function blobsOf(file: string): Blob[] {
  const database = openDatabase(file)
  const rows = database.statement<Blob>('SELECT localpart, verifiers FROM account').all()
  database.close()
  return rows
}

test('the database alone holds no salt, no SCRAM key, no argon2 string: nothing to test a password by', async (t) => {
  const { bytes, file, keyFile } = await steal(t)
  const key = new StorageKey(Buffer.from(readFileSync(keyFile, 'utf8').split(' ')[1] ?? '', 'base64'))
  const { accounts } = makeParts({ database: openDatabase(file), key })
  const { scram, argon2 } = accounts.claim('romeo', 'montague.lit').verifiers
  const [, , , , salt = '', hash = ''] = argon2.split('$')
  const secrets: Buffer[] = [salt, hash].map((text) => Buffer.from(text, 'base64'))
  for (const verifier of Object.values(scram)) secrets.push(verifier.salt, verifier.storedKey, verifier.serverKey)
  assert.equal(secrets.length, 11)
  for (const secret of [...secrets, key.derive('account.verifiers')]) {
    assert.ok(secret.length >= 16)
    for (const text of [secret, secret.toString('base64'), secret.toString('hex')]) assert.ok(!bytes.includes(text))
  }
  for (const text of ['argon2', PASSWORD, readFileSync(keyFile, 'utf8').trim()]) assert.ok(!bytes.includes(text), text)
  assert.ok(bytes.includes('romeo'), 'the bytes are those of the database')
})

test('with the right password in hand nothing derived from it opens a seal or is found in the database', async (t) => {
  const { bytes, file } = await steal(t)
  const blobs = blobsOf(file)
  assert.equal(blobs.length, 2)
  // Whatever the thief can take for a salt: nothing, names, and every 16 bytes of what is sealed.
  const salts: Buffer[] = [Buffer.alloc(16), Buffer.from('romeo'), Buffer.from('romeo@montague.lit')]
  for (const { verifiers } of blobs) {
    for (let at = 0; at + 16 <= verifiers.length; at += 97) salts.push(verifiers.subarray(at, at + 16))
  }
  let tried = 0
  for (const salt of salts) {
    for (const hash of SCRAM_HASHES) {
      const digest = digestName(hash)
      const salted = pbkdf2Sync(PASSWORD, salt, SETTINGS.scram_iterations, hashBytes(hash), digest)
      const clientKey = createHmac(digest, salted).update('Client Key').digest()
      const serverKey = createHmac(digest, salted).update('Server Key').digest()
      const keys = [salted, clientKey, createHash(digest).update(clientKey).digest(), serverKey]
      for (const derived of keys) {
        assert.ok(!bytes.includes(derived))
        const key = new StorageKey(createHash('sha256').update(derived).digest())
        for (const { localpart, verifiers } of blobs) {
          tried++
          assert.throws(() => key.open('account.verifiers', `${localpart}@montague.lit`, verifiers), SealBroken)
        }
      }
    }
  }
  assert.ok(tried > 100, `${tried}`)
})

test('with the storage key as well the password can be tested: it is the key that protects', async (t) => {
  const { file, keyFile } = await steal(t)
  const database = openDatabase(file)
  const { key } = await openStorageKey(database, { keyFile, saltFile: '', passphrase: undefined })
  const parts = makeParts({ database, key })
  const { argon2, scram } = parts.accounts.claim('romeo', 'montague.lit').verifiers
  assert.ok(await parts.credentials.matches(argon2, PASSWORD))
  assert.ok(!await parts.credentials.matches(argon2, 'another password'))
  const { salt, iterations, storedKey } = scram['SHA-256']
  const salted = pbkdf2Sync(PASSWORD, salt, iterations, 32, 'sha256')
  const clientKey = createHmac('sha256', salted).update('Client Key').digest()
  assert.deepEqual(createHash('sha256').update(clientKey).digest(), storedKey)
  database.close()
})

test('verifiers that were moved to another account, or are another server\'s, do not open', async (t) => {
  const { file, keyFile } = await steal(t)
  const database = openDatabase(file)
  const { key } = await openStorageKey(database, { keyFile, saltFile: '', passphrase: undefined })
  database.statement(`UPDATE account SET verifiers = (SELECT verifiers FROM account WHERE localpart = 'benvolio')
    WHERE localpart = 'romeo'`).run()
  assert.throws(() => makeParts({ database, key }).accounts.claim('romeo', 'montague.lit'), SealBroken)
  const stranger = makeParts({ database, key: new StorageKey(Buffer.alloc(32, 9)) })
  assert.throws(() => stranger.accounts.claim('benvolio', 'montague.lit'), SealBroken)
  database.close()
})
