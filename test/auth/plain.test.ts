import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SaslContext, SaslExchange, SaslStep } from '../../src/auth/mechanism.ts'
import { Plain } from '../../src/auth/plain.ts'
import type { Verifiers } from '../../src/auth/verifiers.ts'
import { contextOf, jid, makeParts, type TestParts } from './parts.ts'

const ROMEO = jid('romeo@montague.lit')
const PASSWORD = 'Neither, fair saint'

function exchange({ accounts, credentials, attempts }: TestParts, context: SaslContext = contextOf()): SaslExchange {
  return new Plain(accounts, credentials, attempts).start(context)
}

async function withRomeo(settings: Parameters<typeof makeParts>[0] = {}): Promise<TestParts> {
  const parts = makeParts(settings)
  await parts.accounts.create(ROMEO, PASSWORD)
  return parts
}

function say(parts: TestParts, message: string | Buffer): SaslStep | Promise<SaslStep> {
  return exchange(parts).step(Buffer.from(message))
}

test('RFC 4616 §2: the right password opens, whether the own address is named or not', async () => {
  const parts = await withRomeo()
  for (const authzid of ['', 'romeo@montague.lit', 'Romeo@Montague.LIT']) {
    const end = await say(parts, `${authzid}\0romeo\0${PASSWORD}`)
    assert.ok(end.state === 'success', authzid)
    assert.equal(end.account.toString(), 'romeo@montague.lit')
    assert.equal(end.data, undefined)
  }
})

test('RFC 6120 §6.5: what fails, fails by its condition', async () => {
  const parts = await withRomeo()
  const cases: Array<[string | Buffer, string]> = [
    [`\0romeo\0${PASSWORD}!`, 'not-authorized'],
    [`\0juliet\0${PASSWORD}`, 'not-authorized'],
    [`\0ro meo\0${PASSWORD}`, 'not-authorized'],
    [`\0romeo@montague.lit\0${PASSWORD}`, 'not-authorized'],
    [`\0romeo\0${'x'.repeat(2000)}`, 'not-authorized'],
    [`juliet@montague.lit\0romeo\0${PASSWORD}`, 'invalid-authzid'],
    [`romeo\0romeo\0${PASSWORD}`, 'invalid-authzid'],
    [`romeo\0${PASSWORD}`, 'malformed-request'],
    ['\0romeo\0', 'malformed-request'],
    [`\0\0${PASSWORD}`, 'malformed-request'],
    [`\0romeo\0${PASSWORD}\0`, 'malformed-request'],
    [Buffer.of(0, 0x61, 0, 0xff), 'malformed-request'],
  ]
  for (const [message, condition] of cases) {
    assert.deepEqual(await say(parts, message), { state: 'failure', condition }, JSON.stringify(message))
  }
})

test('RFC 6120 §6.4.2: without initial response the client is asked for it, once', async () => {
  const parts = await withRomeo()
  const asked = exchange(parts)
  assert.deepEqual(await asked.step(Buffer.alloc(0)), { state: 'challenge', data: Buffer.alloc(0) })
  assert.equal((await asked.step(Buffer.from(`\0romeo\0${PASSWORD}`))).state, 'success')
  const again = await asked.step(Buffer.from(`\0romeo\0${PASSWORD}`))
  assert.deepEqual(again, { state: 'failure', condition: 'malformed-request' })
})

test('an account that is removed while the password is hashed does not open any more', async () => {
  const parts = await withRomeo()
  const end = say(parts, `\0romeo\0${PASSWORD}`)
  parts.accounts.delete(ROMEO)
  assert.deepEqual(await end, { state: 'failure', condition: 'not-authorized' })
})

test('where too much hashing waits, a login is told to come again, and that is no failed try', async () => {
  const parts = await withRomeo({ settings: { argon2_parallel: 1, argon2_queue: 1, attempts_per_account: 3 } })
  const ends = await Promise.all([1, 2, 3].map(() => say(parts, `\0romeo\0${PASSWORD}`)))
  assert.deepEqual(ends.map((end) => end.state), ['success', 'success', 'failure'])
  assert.deepEqual(ends[2], { state: 'failure', condition: 'temporary-auth-failure' })
  for (let login = 0; login < 5; login++) assert.equal((await say(parts, `\0romeo\0${PASSWORD}`)).state, 'success')
})

test('after so many wrong passwords the right one has to wait, too; tries at once are no way around', async () => {
  const parts = await withRomeo()
  const ends = await Promise.all(Array.from({ length: 30 }, (_, n) => say(parts, `\0romeo\0wrong password ${n}`)))
  const conditions = ends.map((end) => end.state === 'failure' ? end.condition : end.state)
  assert.equal(conditions.filter((condition) => condition === 'not-authorized').length, 10)
  assert.equal(conditions.filter((condition) => condition === 'temporary-auth-failure').length, 20)
  const right = { state: 'failure', condition: 'temporary-auth-failure' }
  assert.deepEqual(await say(parts, `\0romeo\0${PASSWORD}`), right)
  parts.clock.advance(600_000)
  assert.equal((await say(parts, `\0romeo\0${PASSWORD}`)).state, 'success')
})

test('a login by PLAIN brings verifiers of an older cost to the present one', async () => {
  const old = await withRomeo({ settings: { scram_iterations: 500 } })
  const parts = makeParts({ database: old.database, key: old.key, settings: { argon2_passes: 2 } })
  const verifiers = (): Verifiers => parts.accounts.claim('romeo', 'montague.lit').verifiers
  const before = verifiers()
  assert.equal(before.scram['SHA-256'].iterations, 500)
  assert.equal((await say(parts, `\0romeo\0${PASSWORD}`)).state, 'success')
  while (verifiers().argon2 === before.argon2) await new Promise(setImmediate)
  const { scram, argon2 } = verifiers()
  assert.equal(scram['SHA-1'].iterations, 1000)
  assert.match(argon2, /^\$argon2id\$v=19\$m=64,(p=1,t=2|t=2,p=1)\$/)
  assert.equal((await say(parts, `\0romeo\0${PASSWORD}`)).state, 'success')
  assert.equal(verifiers().argon2, argon2, 'once is enough')
})

test('RFC 6120 §6.5.1: an account that is locked is account-disabled to whoever has its password, and to nobody else', async () => {
  const parts = await withRomeo({ settings: { attempts_per_account: 3 } })
  await parts.accounts.lock(ROMEO, 'banished')
  assert.deepEqual(await say(parts, '\0romeo\0wrong password'), { state: 'failure', condition: 'not-authorized' })
  // The right one is no failed try.
  for (let login = 0; login < 5; login++) assert.deepEqual(await say(parts, `\0romeo\0${PASSWORD}`), { state: 'failure', condition: 'account-disabled' })
  const again = makeParts({ database: parts.database, key: parts.key })
  assert.deepEqual(await say(again, `\0romeo\0${PASSWORD}`), { state: 'failure', condition: 'account-disabled' })
  await parts.accounts.unlock(ROMEO)
  assert.equal((await say(parts, `\0romeo\0${PASSWORD}`)).state, 'success')
})

test('an account that is locked while the password is hashed does not open any more', async () => {
  const parts = await withRomeo()
  const end = say(parts, `\0romeo\0${PASSWORD}`)
  const locked = parts.accounts.lock(ROMEO, '')
  parts.database.flush()
  await locked
  assert.deepEqual(await end, { state: 'failure', condition: 'account-disabled' })
})
