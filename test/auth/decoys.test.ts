import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Plain } from '../../src/auth/plain.ts'
import { Scram } from '../../src/auth/scram.ts'
import { SCRAM_HASHES } from '../../src/auth/verifiers.ts'
import { contextOf, jid, makeParts, ScramClient, type TestParts } from './parts.ts'

const ROMEO = jid('romeo@montague.lit')
const PASSWORD = 'Neither, fair saint'

async function withRomeo(settings: Parameters<typeof makeParts>[0] = {}): Promise<TestParts> {
  const parts = makeParts(settings)
  await parts.accounts.create(ROMEO, PASSWORD)
  return parts
}

interface Seen {
  readonly nonce: number
  readonly salt: number
  readonly rest: string | undefined
  readonly end: unknown
}

/** What a peer sees of a SCRAM login with a wrong password, but for what is random by definition. */
function seen({ accounts, attempts }: TestParts, hash: typeof SCRAM_HASHES[number], username: string): Seen {
  const exchange = new Scram({ hash, plus: false, claims: accounts, attempts }).start(contextOf({ peer: undefined }))
  const client = new ScramClient(hash, username, 'a wrong password')
  const first = exchange.step(client.first())
  assert.ok('state' in first && first.state === 'challenge')
  const [, nonce = '', salt = '', rest] = /^r=([^,]+),s=([^,]+),(.*)$/.exec(first.data.toString()) ?? []
  return {
    nonce: nonce.length, salt: Buffer.from(salt, 'base64').length, rest,
    end: exchange.step(client.final(first.data).message),
  }
}

test('by SCRAM an unknown account answers as a wrong password does, to the byte and the iteration', async () => {
  const parts = await withRomeo()
  for (const hash of SCRAM_HASHES) {
    assert.deepEqual(seen(parts, hash, 'nobody'), seen(parts, hash, 'romeo'))
    assert.deepEqual(seen(parts, hash, 'no body/at=3Dall'), seen(parts, hash, 'romeo'))
  }
})

test('an unknown account shows the same salts at each try and after a restart, others than any other name', () => {
  const parts = makeParts()
  const restarted = makeParts({ database: parts.database })
  const saltsOf = ({ accounts }: TestParts, name: string): string[] =>
    SCRAM_HASHES.map((hash) => accounts.claim(name, 'montague.lit').verifiers.scram[hash].salt.toString('hex'))
  assert.deepEqual(saltsOf(parts, 'nobody'), saltsOf(parts, 'nobody'))
  assert.deepEqual(saltsOf(parts, 'nobody'), saltsOf(parts, 'NoBody'))
  assert.deepEqual(saltsOf(parts, 'nobody'), saltsOf(restarted, 'nobody'))
  assert.equal(new Set([...saltsOf(parts, 'nobody'), ...saltsOf(parts, 'noone')]).size, 6)
})

test('after the cost was raised unknown accounts show the costs that accounts have, each always its own', async () => {
  const old = await withRomeo()
  const iterationsOf = (parts: TestParts, name: string): number =>
    parts.accounts.claim(name, 'montague.lit').verifiers.scram['SHA-256'].iterations
  const names = Array.from({ length: 60 }, (_, n) => `nobody-${n}`)
  const raised = makeParts({ database: old.database, settings: { scram_iterations: 2000 } })
  assert.deepEqual(new Set(names.map((name) => iterationsOf(raised, name))), new Set([1000]))
  await raised.accounts.create(jid('benvolio@montague.lit'), PASSWORD)
  const mixed = names.map((name) => iterationsOf(raised, name))
  assert.deepEqual(new Set(mixed), new Set([1000, 2000]))
  assert.deepEqual(names.map((name) => iterationsOf(raised, name)), mixed)
  await raised.accounts.delete(ROMEO)
  assert.deepEqual(new Set(names.map((name) => iterationsOf(raised, name))), new Set([2000]))
})

test('no proof and no password opens a decoy', async () => {
  const parts = makeParts()
  const claim = parts.accounts.claim('nobody', 'montague.lit')
  assert.ok(!claim.exists)
  for (const hash of SCRAM_HASHES) {
    assert.deepEqual(seen(parts, hash, 'nobody').end, { state: 'failure', condition: 'not-authorized' })
  }
})

/** Median milliseconds of each of two works, run by turns so that a busy machine slows both. */
async function medians(rounds: number, one: () => unknown, other: () => unknown): Promise<[number, number]> {
  const times: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    const turns = round % 2 === 0 ? [0, 1] as const : [1, 0] as const
    for (const turn of turns) {
      const start = process.hrtime.bigint()
      await (turn === 0 ? one : other)()
      times[turn].push(Number(process.hrtime.bigint() - start) / 1e6)
    }
  }
  const median = (list: number[]): number => list.sort((a, b) => a - b)[list.length >> 1] ?? NaN
  return [median(times[0]), median(times[1])]
}

/**
 * The same, until both are as long as the other to within 30 %, five times at the most: what else runs on the machine can make
 * a difference once, and one that is there in earnest is there each time.
 */
async function alike(rounds: number, one: () => unknown, other: () => unknown): Promise<[number, number]> {
  for (let tries = 1; ; tries++) {
    const [first, second] = await medians(rounds, one, other)
    if (Math.abs(first - second) < first * 0.3 || tries === 5) return [first, second]
  }
}

test('by PLAIN an unknown account takes the time of a wrong password, and answers alike', async () => {
  const parts = await withRomeo({ settings: { argon2_memory: 4096 * 1024, attempts_per_account: 1000 } })
  const plain = new Plain(parts.accounts, parts.credentials, parts.attempts)
  const ends = new Set<string>()
  const login = async (name: string): Promise<void> => {
    const message = Buffer.from(`\0${name}\0a wrong password`)
    ends.add(JSON.stringify(await plain.start(contextOf({ peer: undefined })).step(message)))
  }
  const [known, unknown] = await alike(60, () => login('romeo'), () => login('nobody'))
  assert.deepEqual([...ends], ['{"state":"failure","condition":"not-authorized"}'])
  assert.ok(known > 0.5, `${known} ms: argon2 was not run`)
  assert.ok(Math.abs(known - unknown) < known * 0.3, `${known} ms and ${unknown} ms`)
})

test('by SCRAM an unknown account takes the time of an account', async () => {
  const { accounts } = await withRomeo()
  const [known, unknown] = await medians(2000,
    () => accounts.claim('romeo', 'montague.lit'), () => accounts.claim('nobody', 'montague.lit'))
  assert.ok(Math.abs(known - unknown) < Math.max(known, unknown) * 0.4, `${known} ms and ${unknown} ms`)
})
