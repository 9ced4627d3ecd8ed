import assert from 'node:assert/strict'
import { test } from 'node:test'
import { costOf, Credentials, emptyVerifiers, isCheaper, keyFromPassphrase } from '../../src/auth/credentials.ts'
import { decodeVerifiers, encodeVerifiers } from '../../src/auth/verifiers.ts'
import { QueueFull } from '../../src/auth/work-queue.ts'
import { SETTINGS } from './parts.ts'

test('verifiers keep their shape, and the cost that they were made at is told from them', async () => {
  const credentials = new Credentials({ ...SETTINGS, argon2_passes: 3, argon2_memory: 128 * 1024 })
  const made = await credentials.make('Neither, fair saint')
  assert.deepEqual(decodeVerifiers(encodeVerifiers(made)), made)
  assert.deepEqual(costOf(made), { iterations: 1000, memory: 128, passes: 3, lanes: 1 })
  assert.deepEqual(costOf(made), credentials.cost)
  assert.ok(await credentials.matches(made.argon2, 'Neither, fair saint'))
  assert.ok(!await credentials.matches(made.argon2, 'Neither, fair sain'))
})

test('what stands in for no account has the same shape, length and cost, and matches nothing', async () => {
  const credentials = new Credentials(SETTINGS)
  const made = await credentials.make('Neither, fair saint')
  const empty = emptyVerifiers(credentials.cost)
  assert.equal(encodeVerifiers(empty).length, encodeVerifiers(made).length)
  assert.deepEqual(costOf(empty), costOf(made))
  assert.ok(!await credentials.matches(empty.argon2, 'Neither, fair saint'))
})

test('a malformed PHC string matches nothing', async () => {
  const credentials = new Credentials(SETTINGS)
  for (const phc of ['', '$argon2id$', 'x', '$argon2id$v=19$m=0,t=0,p=0$AAAA$AAAA', '$scrypt$v=1$AAAA$AAAA']) {
    assert.equal(await credentials.matches(phc, 'x'), false, phc)
  }
})

test('verifiers are outdated where a guess is cheaper there in any way, not where it is dearer', () => {
  const present = { iterations: 1000, memory: 100, passes: 2, lanes: 1 }
  assert.ok(!isCheaper(present, present))
  assert.ok(!isCheaper({ iterations: 2000, memory: 200, passes: 3, lanes: 1 }, present))
  for (const name of ['iterations', 'memory', 'passes'] as const) {
    assert.ok(isCheaper({ ...present, [name]: 1 }, present), name)
  }
  const other = { ...emptyVerifiers(present), argon2: '$argon2i$v=19$m=100,t=2,p=1$AAAAAAAAAAA$AAAAAAAAAAA' }
  assert.ok(isCheaper(costOf(other), present), 'another variant')
})

test('hashing is bounded in what runs and in what waits', async () => {
  const credentials = new Credentials({ ...SETTINGS, argon2_parallel: 1, argon2_queue: 2 })
  const ends = await Promise.allSettled([1, 2, 3, 4].map(() => credentials.make('Neither, fair saint')))
  assert.deepEqual(ends.map(({ status }) => status), ['fulfilled', 'fulfilled', 'fulfilled', 'rejected'])
  assert.ok(ends[3]?.status === 'rejected' && ends[3].reason instanceof QueueFull)
})

test('a passphrase and a salt give one key', async () => {
  const cost = { memory: 64, passes: 1, lanes: 1 }
  const key = await keyFromPassphrase('wherefore art thou', Buffer.alloc(16, 1), cost)
  assert.equal(key.length, 32)
  assert.deepEqual(await keyFromPassphrase('wherefore art thou', Buffer.alloc(16, 1), cost), key)
  assert.notDeepEqual(await keyFromPassphrase('wherefore art thou', Buffer.alloc(16, 2), cost), key)
})
