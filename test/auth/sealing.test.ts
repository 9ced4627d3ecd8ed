import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SealBroken, StorageKey } from '../../src/auth/sealing.ts'

const KEY = new StorageKey(Buffer.alloc(32, 1))
const SECRET = Buffer.from('a secret of Romeo')

test('what is sealed opens again, for its own purpose and owner alone', () => {
  const sealed = KEY.seal('account.verifiers', 'romeo@montague.lit', SECRET)
  assert.deepEqual(KEY.open('account.verifiers', 'romeo@montague.lit', sealed), SECRET)
  for (const [purpose, owner] of [
    ['account.verifiers', 'juliet@capulet.lit'], ['account.token', 'romeo@montague.lit'],
    ['account.verifiersromeo', '@montague.lit'],
  ] as const) assert.throws(() => KEY.open(purpose, owner, sealed), SealBroken)
})

test('under another key, and with any byte changed or missing, it does not open', () => {
  const sealed = KEY.seal('purpose', 'owner', SECRET)
  assert.throws(() => new StorageKey(Buffer.alloc(32, 2)).open('purpose', 'owner', sealed), SealBroken)
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed)
    changed[at] = (changed[at] ?? 0) ^ 1
    assert.throws(() => KEY.open('purpose', 'owner', changed), SealBroken, `byte ${at}`)
    assert.throws(() => KEY.open('purpose', 'owner', sealed.subarray(0, at)), SealBroken, `cut at ${at}`)
  }
})

test('two seals of the same secret have nothing in common', () => {
  const [one, other] = [KEY.seal('purpose', 'owner', SECRET), KEY.seal('purpose', 'owner', SECRET)]
  assert.notDeepEqual(one.subarray(1, 13), other.subarray(1, 13))
  assert.notDeepEqual(one.subarray(13), other.subarray(13))
})

test('each purpose has a key of its own, the same after a restart', () => {
  assert.notDeepEqual(KEY.derive('one'), KEY.derive('two'))
  assert.deepEqual(KEY.derive('one'), new StorageKey(Buffer.alloc(32, 1)).derive('one'))
  assert.throws(() => new StorageKey(Buffer.alloc(31)), RangeError)
})

test('a key shows itself in no log: neither inspected nor as JSON', async () => {
  const { inspect } = await import('node:util')
  const key = new StorageKey(Buffer.from('0123456789abcdef0123456789abcdef'))
  key.derive('purpose')
  assert.doesNotMatch(inspect(key, { depth: 9, showHidden: true }) + JSON.stringify(key), /30 31 32|0123|48/)
})
