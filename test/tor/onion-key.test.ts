import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isOnionAddress } from '../../src/tor/onion-address.ts'
import { createOnionKey, loadOrCreateOnionKey, readOnionKey, writeOnionKey } from '../../src/tor/onion-key.ts'
import { TorError } from '../../src/tor/tor-error.ts'
import { temporaryFolder, withoutTor } from './installed.ts'

const mode = (path: string) => statSync(path).mode & 0o777

test('the first start makes a key, the second finds it', (t) => {
  const directory = join(temporaryFolder(t), 'onion', 'capulet')
  const made = loadOrCreateOnionKey(directory)
  assert.ok(isOnionAddress(made.address))
  assert.equal(made.directory, directory)
  assert.deepEqual(loadOrCreateOnionKey(directory), made)
})

test('an empty folder that the operator made is used', (t) => {
  const directory = join(temporaryFolder(t), 'onion')
  mkdirSync(directory)
  assert.deepEqual(loadOrCreateOnionKey(directory), loadOrCreateOnionKey(directory))
})

test('only the owner can read a key; what was opened to others is closed again', (t) => {
  const directory = join(temporaryFolder(t), 'onion')
  loadOrCreateOnionKey(directory)
  chmodSync(directory, 0o755)
  chmodSync(join(directory, 'hs_ed25519_secret_key'), 0o644)
  loadOrCreateOnionKey(directory)
  assert.equal(mode(directory), 0o700)
  for (const name of readdirSync(directory)) assert.equal(mode(join(directory, name)), 0o600, name)
})

test('nothing half-made is left beside the key', (t) => {
  const parent = temporaryFolder(t)
  loadOrCreateOnionKey(join(parent, 'onion'))
  assert.deepEqual(readdirSync(parent), ['onion'])
})

test('a key is never written over another', (t) => {
  const directory = join(temporaryFolder(t), 'onion')
  const { address } = loadOrCreateOnionKey(directory)
  assert.throws(() => writeOnionKey(directory, createOnionKey()), { name: 'TorError', condition: 'onion-key-not-written' })
  assert.equal(loadOrCreateOnionKey(directory).address, address)
})

const SECRET = 'hs_ed25519_secret_key'
const PUBLIC = 'hs_ed25519_public_key'
for (const [what, file, damage] of [
  ['a lost secret key', SECRET, (path: string) => rmSync(path)],
  ['a lost public key', PUBLIC, (path: string) => rmSync(path)],
  ['a secret key that was cut', SECRET, (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 50))],
  ['an empty public key', PUBLIC, (path: string) => writeFileSync(path, '')],
  ['a file that is no key', SECRET, (path: string) => writeFileSync(path, Buffer.alloc(96))],
  ['a public key of another', PUBLIC, (path: string) => writeFileSync(path, Buffer.concat([readFileSync(path).subarray(0, 32), createOnionKey().publicKey]))],
] as const) {
  test(`${what} is told with its file and the remedy, and nothing is overwritten`, (t) => {
    const directory = join(temporaryFolder(t), 'onion')
    loadOrCreateOnionKey(directory)
    damage(join(directory, file))
    const before = readdirSync(directory).map((name) => readFileSync(join(directory, name), 'hex'))
    assert.throws(() => loadOrCreateOnionKey(directory), (error) => (
      error instanceof TorError && error.file === join(directory, file) && error.message.includes('restore the folder from your backup')))
    assert.deepEqual(readdirSync(directory).map((name) => readFileSync(join(directory, name), 'hex')), before)
  })
}

test('no error repeats what a key file holds', (t) => {
  const directory = join(temporaryFolder(t), 'onion')
  loadOrCreateOnionKey(directory)
  writeFileSync(join(directory, SECRET), 'my secret')
  assert.throws(() => loadOrCreateOnionKey(directory), (error) => error instanceof Error && !error.message.includes('my secret'))
})

test('RFC 8032 §5.1.5: the scalar of a new key is clamped', () => {
  for (let count = 0; count < 50; count += 1) {
    const { expandedSecretKey } = createOnionKey()
    assert.equal(expandedSecretKey.length, 64)
    assert.equal((expandedSecretKey[0] ?? 0) & 7, 0)
    assert.equal((expandedSecretKey[31] ?? 0) & 0xc0, 0x40)
  }
})

test('tor takes our key and calls the service by the same address', { skip: withoutTor, timeout: 60_000 }, async (t) => {
  const folder = temporaryFolder(t)
  const service = join(folder, 'onion')
  const { address } = loadOrCreateOnionKey(service)
  const before = readOnionKey(service)
  writeFileSync(join(folder, 'torrc'), [
    'DisableNetwork 1', 'SocksPort 0', `DataDirectory ${folder}/data`, `HiddenServiceDir ${service}`, 'HiddenServicePort 5222 unix:/nowhere',
    `__OwningControllerProcess ${process.pid}`, ''].join('\n'))
  writeFileSync(join(folder, 'defaults'), '')
  const tor = spawn('tor', ['-f', join(folder, 'torrc'), '--defaults-torrc', join(folder, 'defaults')], { stdio: 'ignore' })
  t.after(async () => {
    tor.kill('SIGKILL')
    if (tor.exitCode === null && tor.signalCode === null) await new Promise((done) => tor.once('exit', done))
  })
  while (!readdirSync(service).includes('hostname')) await delay(20)
  await delay(20)
  assert.equal(readFileSync(join(service, 'hostname'), 'utf8').trim(), address)
  assert.deepEqual(readOnionKey(service), before)
})
