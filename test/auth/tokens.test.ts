import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { StorageKey } from '../../src/auth/sealing.ts'
import { TOKEN_MIGRATIONS, Tokens, type TokenHolder } from '../../src/auth/tokens.ts'
import { jid, makeParts } from './parts.ts'

const DAY = 86_400_000
const JULIET = jid('juliet@montague.lit')

function parts(): { tokens: Tokens, clock: ReturnType<typeof makeParts>['clock'], key: StorageKey, database: ReturnType<typeof makeParts>['database'] } {
  const { database, key, clock } = makeParts()
  database.migrate('fast', TOKEN_MIGRATIONS)
  const tokens = new Tokens({ database, key, clock, domains: new Map([['montague.lit', 'montague.lit']]), lifetime: 14 * DAY, perAccount: 3 })
  return { tokens, clock, key, database }
}

const holder = (agent: string = randomUUID()): TokenHolder => ({ account: JULIET, agent, mechanism: 'HT-SHA-256-NONE' })
const isToken = (token: string) => (known: Buffer): boolean => known.equals(Buffer.from(token))

describe('tokens of clients', () => {
  test('one is good for its time and no longer, and due to be replaced past half of it', async () => {
    const { tokens, clock } = parts()
    const juliet = holder()
    const { token, expires } = await tokens.issue(juliet)
    assert.equal(expires, clock.now() + 14 * DAY)
    const fresh = tokens.find(juliet, isToken(token)) ?? assert.fail()
    assert.equal(tokens.isDue(fresh), false)
    clock.advance(7 * DAY + 1)
    assert.equal(tokens.isDue(tokens.find(juliet, isToken(token)) ?? assert.fail()), true)
    clock.advance(7 * DAY - 1)
    assert.equal(tokens.find(juliet, isToken(token)), undefined)
  })

  test('XEP-0484 §3.5: a new token that was never used is void when the next is given', async () => {
    const { tokens } = parts()
    const juliet = holder()
    const [first, second] = [await tokens.issue(juliet), await tokens.issue(juliet)]
    assert.equal(tokens.find(juliet, isToken(first.token)), undefined)
    assert.equal(tokens.find(juliet, isToken(second.token))?.slot, 'new')
  })

  test('what was deleted for one account or client opens nothing, and others keep theirs', async () => {
    const { tokens } = parts()
    const [one, other] = [holder(), holder()]
    const [first, second] = [await tokens.issue(one), await tokens.issue(other)]
    await tokens.revoke(JULIET, one.agent)
    assert.equal(tokens.find(one, isToken(first.token)), undefined)
    assert.notEqual(tokens.find(other, isToken(second.token)), undefined)
    await tokens.revoke(JULIET)
    assert.equal(tokens.find(other, isToken(second.token)), undefined)
  })

  test('an account has tokens for so many installations; the one whose tokens end first loses them', async () => {
    const { tokens, clock } = parts()
    const holders = [holder(), holder(), holder(), holder()]
    for (const one of holders) {
      await tokens.issue(one)
      clock.advance(1000)
    }
    assert.deepEqual(holders.map((one) => tokens.find(one, () => true) !== undefined), [false, true, true, true])
  })

  test('neither the token nor the name of the installation can be read from the database', async () => {
    const { tokens, database } = parts()
    const juliet = holder()
    const { token } = await tokens.issue(juliet)
    const bytes = JSON.stringify(database.statement('SELECT * FROM token').all().map((row) => (
      Object.values(row).map((value) => value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value))))
    for (const secret of [token, juliet.agent]) assert.ok(!bytes.includes(secret))
    assert.doesNotMatch(JSON.stringify(tokens.list(JULIET)), new RegExp(token))
  })

  test('tokens live on when the storage key changes', async () => {
    const { tokens, key, database } = parts()
    const juliet = holder()
    const { token } = await tokens.issue(juliet)
    const [old, next] = [key.copy(), new StorageKey(Buffer.alloc(32, 9))]
    await database.write(() => tokens.reseal(old, next))
    key.become(next)
    const found = tokens.find(juliet, isToken(token)) ?? assert.fail()
    await tokens.used(juliet, found)
    assert.equal(tokens.find(juliet, isToken(token))?.slot, 'current')
  })

  test('as many tokens are looked at for who has none as for who has one', async () => {
    const { tokens } = parts()
    const juliet = holder()
    await tokens.issue(juliet)
    const looks = (one: TokenHolder): number => {
      let count = 0
      tokens.find(one, () => { count++; return false })
      return count
    }
    assert.deepEqual([looks(juliet), looks(holder())], [1, 1])
  })
})

describe('tokens and passwords', () => {
  test('a password that is changed is told inside the transaction, one that is only hashed anew is not', async () => {
    const changed: string[] = []
    const { accounts } = makeParts({ events: { created: () => {}, deleted: () => {}, passwordChanged: (account) => { changed.push(account.toString()) } } })
    await accounts.create(JULIET, 'a first password')
    await accounts.setPassword(JULIET, 'a second password')
    assert.deepEqual(changed, ['juliet@montague.lit'])
  })
})
