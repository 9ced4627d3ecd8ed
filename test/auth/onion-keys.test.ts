import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { OnionKeys } from '../../src/auth/onion-keys.ts'
import { SealBroken, StorageKey } from '../../src/auth/sealing.ts'
import { openDatabase, type Database } from '../../src/store/database.ts'
import { createOnionKey, readOnionKey, writeOnionKey } from '../../src/tor/onion-key.ts'

interface Place {
  readonly directory: string
  /** A HiddenServiceDir, as it was before anything was sealed. */
  readonly plain: string
  readonly database: Database
  readonly key: StorageKey
  keys(isSealed?: boolean): OnionKeys
}

function makePlace(t: TestContext): Place {
  const directory = mkdtempSync(join(tmpdir(), 'onion-keys-'))
  const data = join(directory, 'data')
  mkdirSync(data)
  const database = openDatabase(join(data, 'sotto.db'))
  t.after(() => {
    database.close()
    rmSync(directory, { recursive: true })
  })
  const key = new StorageKey(Buffer.alloc(32, 7))
  const memory = (): string => {
    const path = join(directory, 'memory')
    rmSync(path, { recursive: true, force: true })
    mkdirSync(path, { mode: 0o700 })
    return path
  }
  const folder = join(data, 'onion')
  return {
    directory: data, plain: join(folder, 'onion'), database, key,
    keys: (isSealed = true) => new OnionKeys({ database, key, folder, isSealed, memory }),
  }
}

/** All bytes under a folder. */
function bytesOf(folder: string): Buffer {
  return Buffer.concat(readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile()).map((entry) => readFileSync(join(entry.parentPath, entry.name))))
}

function assertNowhere(secret: Buffer, folder: string): void {
  const bytes = bytesOf(folder)
  for (const part of [secret, secret.subarray(0, 32), secret.subarray(32)]) {
    for (const text of [part, part.toString('hex'), part.toString('base64')]) assert.ok(!bytes.includes(text))
  }
}

test('without a passphrase the key lies in its folder, as tor keeps it', async (t) => {
  const { plain, keys } = makePlace(t)
  const address = await keys(false).address('onion')
  assert.equal(await keys(false).address('onion'), address)
  assert.equal(keys(false).directory('onion'), plain)
  assert.ok(existsSync(join(plain, 'hs_ed25519_secret_key')))
})

test('with one it lies sealed in the database, and in the clear in memory alone, as long as tor needs it', async (t) => {
  const { directory, keys } = makePlace(t)
  const first = keys()
  const address = await first.address('onion')
  assert.match(address, /^[a-z2-7]{56}\.onion$/)
  const folder = first.directory('onion')
  const { expandedSecretKey } = readOnionKey(folder)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  assert.ok(!folder.startsWith(directory))
  assertNowhere(expandedSecretKey, directory)
  first.forget()
  assert.ok(!existsSync(folder))

  const second = keys()
  assert.equal(await second.address('onion'), address)
  assert.deepEqual(readOnionKey(second.directory('onion')).expandedSecretKey, expandedSecretKey)
  assert.equal(second.directory('onion'), second.directory('onion'))
})

test('a key that lay in the clear is taken over under the same address, and removed', async (t) => {
  const { directory, plain, keys } = makePlace(t)
  const address = await keys(false).address('onion')
  const { expandedSecretKey } = readOnionKey(plain)
  writeFileSync(join(plain, 'hostname'), `${address}\n`)
  const sealed = keys()
  assert.equal(await sealed.address('onion'), address)
  assert.ok(!existsSync(plain))
  assertNowhere(expandedSecretKey, directory)
  assert.deepEqual(readOnionKey(sealed.directory('onion')).expandedSecretKey, expandedSecretKey)
})

test('killed between sealing and removing, the next start removes', async (t) => {
  const { plain, keys } = makePlace(t)
  const address = await keys(false).address('onion')
  const key = readOnionKey(plain)
  await keys().address('onion')
  writeOnionKey(plain, key)
  assert.equal(await keys().address('onion'), address)
  assert.ok(!existsSync(plain))
  mkdirSync(plain)
  writeFileSync(join(plain, 'hs_ed25519_public_key'), 'all that was left')
  assert.equal(await keys().address('onion'), address)
})

test('another key in the folder is neither used nor removed: that is the operator\'s to decide', async (t) => {
  const { plain, keys } = makePlace(t)
  await keys().address('onion')
  writeOnionKey(plain, createOnionKey())
  const before = readOnionKey(plain)
  await assert.rejects(keys().address('onion'), { name: 'TorError', condition: 'onion-key-twice' })
  assert.deepEqual(readOnionKey(plain), before)
})

test('whom the operator lets connect (authorized_clients) tor is told in memory, too', async (t) => {
  const { plain, keys } = makePlace(t)
  await keys(false).address('onion')
  mkdirSync(join(plain, 'authorized_clients'), { mode: 0o700 })
  writeFileSync(join(plain, 'authorized_clients', 'juliet.auth'), 'descriptor:x25519:...')
  const sealed = keys()
  await sealed.address('onion')
  assert.equal(readFileSync(join(sealed.directory('onion'), 'authorized_clients', 'juliet.auth'), 'utf8'), 'descriptor:x25519:...')
  assert.equal(statSync(join(sealed.directory('onion'), 'authorized_clients')).mode & 0o777, 0o700)
})

test('changes its seal with the storage key, and opens under no other', async (t) => {
  const { database, key, keys } = makePlace(t)
  const address = await keys().address('onion')
  const next = new StorageKey(Buffer.alloc(32, 8))
  await database.write(() => keys().reseal(key.copy(), next))
  await assert.rejects(keys().address('onion'), SealBroken)
  key.become(next)
  assert.equal(await keys().address('onion'), address)
})
