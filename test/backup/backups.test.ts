import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Backups } from '../../src/backup/backups.ts'
import { identitiesIn, makeIdentity } from '../../src/backup/identity.ts'
import { unpack } from '../../src/backup/unpacking.ts'
import { configSchema } from '../../src/config/schema.ts'
import { openDatabase, type Database } from '../../src/store/database.ts'
import { TestClock } from '../clock.ts'
import { TestLog } from '../house.ts'

const HOUR = 3_600_000

describe('backups by the hour', () => {
  let folder = ''
  let database: Database
  let clock: TestClock
  let log: TestLog
  let backups: Backups
  /** The operators. */
  let told: string[]

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-backups-'))
    database = openDatabase(join(folder, 'sotto.db'))
    database.migrate('test', [{ step: 1, sql: 'CREATE TABLE said (word TEXT NOT NULL) STRICT' }])
    clock = new TestClock(Date.UTC(2026, 10, 23, 12))
    log = new TestLog()
    told = []
  })
  afterEach(async () => {
    await backups.stop()
    database.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function begin(more: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const key = join(folder, 'key.txt')
    rmSync(key, { force: true })
    const recipient = await makeIdentity(key)
    const config = configSchema.parse({ files: { data: folder }, backup: { recipients: [recipient], identity: key, ...more } })
    backups = new Backups({ config, configFile: undefined, database, socks: () => undefined, clock, log, tell: (subject, text) => { told.push(`${subject}: ${text}`) } })
    backups.start()
  }

  const names = (): string[] => backups.vault.all().map(({ name }) => name)

  /** Lets the worker work until it is so. */
  async function until(isSo: () => boolean, what: string): Promise<void> {
    for (const deadline = Date.now() + 20_000; !isSo();) {
      if (Date.now() > deadline) assert.fail(`it never came to pass: ${what}`)
      await delay(10)
    }
  }

  test('the first soon after the start, then one each hour, as long as the server runs', async () => {
    await begin()
    clock.advance(59_000)
    assert.deepEqual(names(), [])
    clock.advance(1000)
    await until(() => names().length === 1, 'the first')
    await backups.now().catch(() => undefined) // the schedule goes on after it
    const count = names().length
    await until(() => { clock.advance(HOUR); return names().length > count }, 'another')
    assert.deepEqual(log.lines.filter(({ level }) => level === 'error'), [])
  })

  test('what must not happen during a backup waits for its end, and a backup for the end of that', async () => {
    await begin()
    const order: string[] = []
    const apart = (name: string) => backups.apart(async () => {
      order.push(`${name} begins, ${readdirSync(backups.vault.folder).filter((one) => !/\.age(\.json)?$/.test(one)).length} under way`)
      await delay(20)
      order.push(`${name} ends`)
      if (name === 'first') throw new Error('it failed')
    })
    await backups.now()
    const making = backups.now().then(() => { order.push('backup') })
    await Promise.all([assert.rejects(apart('first')), apart('second'), making])
    const [another] = [apart('third'), backups.now()].map((work) => work.then(() => { order.push('done') }))
    await another
    await backups.now()
    assert.deepEqual(order, ['backup', 'first begins, 0 under way', 'first ends', 'second begins, 0 under way', 'second ends',
      'third begins, 0 under way', 'third ends', 'done', 'done'])
  })

  test('a start soon after the last one waits for what is left of the hour', async () => {
    await begin()
    await backups.now()
    await backups.stop()
    clock.advance(HOUR / 2)
    backups = new Backups({ config: configSchema.parse({ files: { data: folder }, backup: { recipients: [await makeIdentity(join(folder, 'other.txt'))] } }), configFile: undefined, database, socks: () => undefined, clock, log })
    backups.start()
    clock.advance(HOUR / 2 - 1000)
    assert.equal(names().length, 1)
    clock.advance(1000)
    await until(() => names().length === 2, 'the next')
  })

  test('what is written while one is made is in it as a whole or not at all, and waits for nobody', async () => {
    await begin()
    await database.write(() => database.statement('INSERT INTO said VALUES (?)').run('before'))
    const making = backups.now()
    await database.write(() => database.statement('INSERT INTO said VALUES (?)').run('during'))
    const rowsIn = async (name: string): Promise<number | undefined> => {
      const workspace = mkdtempSync(join(folder, 'unpacked-'))
      return (await unpack({ file: backups.vault.path(name), identities: identitiesIn(join(folder, 'key.txt')) }, workspace)).database.tables['said']?.rows
    }
    const { name, proof } = await making
    assert.equal(proof, 'restored')
    const rows = await rowsIn(name)
    assert.ok(rows === 1 || rows === 2, `${rows}`)
    assert.equal(await rowsIn((await (clock.advance(2000), backups.now())).name), 2)
  })

  test('one at a time: who asks while one is made gets that one', async () => {
    await begin()
    const [one, other] = await Promise.all([backups.now(), backups.now()])
    assert.equal(one.name, other.name)
  })

  test('whatever somebody sets the clock to: one each hour, the last one is kept and shown, and none takes the name of another', async () => {
    await begin({ hourly: 2, daily: 0, weekly: 0 })
    const start = clock.now()
    clock.advance(60_000)
    await until(() => names().length === 1, 'the first')
    const seen = new Set(names())
    await backups.now()
    const days = 24 * HOUR
    for (const time of [start - 3 * days, start + 700 * days, start, start + 59_000, start - 5000 * days]) {
      clock.set(time)
      const before = names()
      await until(() => { clock.advance(HOUR / 4); return names().some((name) => !before.includes(name)) }, 'the next')
      const receipt = await backups.now()
      assert.equal(backups.list().at(-1)?.name, receipt.name)
      assert.deepEqual(backups.list().filter(({ receipt: one }) => one === undefined), [])
      assert.ok(!seen.has(receipt.name), receipt.name)
      for (const name of names()) seen.add(name)
      assert.ok(names().length <= 4, 'they are bounded')
    }
    assert.deepEqual(log.lines.filter(({ level }) => level === 'error'), [])
  })

  test('where all of them are of the future, one is made soon: nobody knows how old they are', async () => {
    await begin()
    await backups.now()
    await backups.stop()
    clock.set(clock.now() - 48 * HOUR)
    await begin()
    const before = names()
    clock.advance(60_000)
    await until(() => names().length > before.length, 'the next')
  })

  test('a failure is told, costs none of those that are there, and is tried again within 5 minutes', async () => {
    await begin()
    await backups.now()
    copyFileSync(join(folder, 'key.txt'), join(folder, 'key.txt.old'))
    writeFileSync(join(folder, 'key.txt'), 'no key')
    clock.advance(60_000)
    await until(() => log.lines.some(({ event }) => event === 'backup.failed'), 'it is told')
    assert.equal(names().length, 1)
    const before = log.lines.length
    const secret = readFileSync(join(folder, 'key.txt.old'), 'utf8')
    await until(() => { clock.advance(5 * 60_000); return log.lines.length > before }, 'it is tried again')
    assert.deepEqual(told, ['Backups: No backup could be made (BackupError). It is tried again; the earlier ones are there. On the server, sotto backup now tells more.'])
    writeFileSync(join(folder, 'key.txt'), secret)
    await until(() => { clock.advance(60_000); return told.length > 1 }, 'they are told that it is well again')
    assert.deepEqual(told.slice(1), ['Backups: Backups are made again.'])
    await backups.stop()
    assert.deepEqual(readdirSync(backups.vault.folder).filter((name) => !/\.age(\.json)?$/.test(name)), [])
  })
})
