import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createOnionKey, readOnionKey, writeOnionKey, type OnionKey } from '../../src/tor/onion-key.ts'
import { replaceOnionKey, settleOnionKey } from '../../src/tor/onion-key-replacement.ts'

interface Place {
  readonly parent: string
  readonly directory: string
  readonly before: OnionKey
}

/** A folder as tor leaves it, with a list of those who may connect. */
function makePlace(t: TestContext): Place {
  const parent = mkdtempSync(join(tmpdir(), 'onion-replaced-'))
  t.after(() => rmSync(parent, { recursive: true }))
  const directory = join(parent, 'onion')
  const before = createOnionKey()
  writeOnionKey(directory, before)
  writeFileSync(join(directory, 'hostname'), 'the name before')
  mkdirSync(join(directory, 'authorized_clients'), { mode: 0o700 })
  writeFileSync(join(directory, 'authorized_clients', 'juliet.auth'), 'descriptor:x25519:...')
  return { parent, directory, before }
}

test('another key takes the place, and of the one before nothing is left; who may connect stays the same', (t) => {
  const { parent, directory } = makePlace(t)
  const key = createOnionKey()
  replaceOnionKey(directory, key)
  assert.deepEqual(readOnionKey(directory), key)
  assert.deepEqual(readdirSync(parent), ['onion'])
  assert.deepEqual(readdirSync(directory).sort(), ['authorized_clients', 'hs_ed25519_public_key', 'hs_ed25519_secret_key'])
  assert.equal(readFileSync(join(directory, 'authorized_clients', 'juliet.auth'), 'utf8'), 'descriptor:x25519:...')
  assert.equal(statSync(join(directory, 'authorized_clients')).mode & 0o777, 0o700)
})

test('interrupted before the key before has left, that one holds', (t) => {
  const { parent, directory, before } = makePlace(t)
  writeOnionKey(join(parent, '.onion.next'), createOnionKey())
  mkdirSync(join(parent, '..onion.next.0123456789ab'))
  settleOnionKey(directory)
  assert.deepEqual(readOnionKey(directory), before)
  assert.deepEqual(readdirSync(parent), ['onion'])
})

test('interrupted after it has left, the new one holds', (t) => {
  const { parent, directory } = makePlace(t)
  const key = createOnionKey()
  writeOnionKey(join(parent, '.onion.next'), key)
  renameSync(directory, join(parent, '.onion.old'))
  settleOnionKey(directory)
  assert.deepEqual(readOnionKey(directory), key)
  assert.deepEqual(readdirSync(parent), ['onion'])
})

test('where nothing was interrupted nothing is done, nor made', (t) => {
  const { parent, directory, before } = makePlace(t)
  settleOnionKey(directory)
  assert.deepEqual(readOnionKey(directory), before)
  settleOnionKey(join(parent, 'absent', 'onion'))
  assert.ok(!existsSync(join(parent, 'absent')))
})
