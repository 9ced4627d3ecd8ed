import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import Sqlite from 'better-sqlite3'
import { openDatabase, type Database } from '../../src/store/database.ts'
import { StoreError } from '../../src/store/store-error.ts'

const directory = mkdtempSync(join(tmpdir(), 'store-'))
after(() => rmSync(directory, { recursive: true }))

const NOTES = [{ step: 1, sql: 'CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT' }]

function notes(database: Database): string[] {
  return database.statement<{ text: string }>('SELECT text FROM note ORDER BY id').all().map(({ text }) => text)
}

function insert(database: Database, text: string): void {
  database.statement('INSERT INTO note (text) VALUES (?)').run(text)
}

function opened(name: string): Database {
  const database = openDatabase(join(directory, name))
  database.migrate('test', NOTES)
  return database
}

test('the database and its log can be read by their owner alone', async () => {
  const database = opened('mode')
  await database.write(() => insert(database, 'Juliet'))
  for (const suffix of ['', '-wal', '-shm']) {
    assert.equal(statSync(join(directory, `mode${suffix}`)).mode & 0o777, 0o600, suffix)
  }
  database.close()
  assert.ok(!existsSync(join(directory, 'mode-wal')))
})

test('works of one tick run in order, in one transaction, and not before the tick ends', async () => {
  const database = opened('order')
  const order: number[] = []
  const all = Promise.all([1, 2, 3].map((number) => database.write(() => {
    order.push(number)
    insert(database, `${number}`)
    return number * 10
  })))
  assert.deepEqual(order, [])
  const reader = openDatabase(join(directory, 'order'))
  assert.deepEqual(await all, [10, 20, 30])
  assert.deepEqual(order, [1, 2, 3])
  assert.deepEqual(notes(reader), ['1', '2', '3'])
  reader.close()
  database.close()
})

test('works of one tick share one commit', async () => {
  const database = opened('shared')
  const path = join(directory, 'shared-wal')
  await database.write(() => insert(database, 'warm'))
  const before = statSync(path).size
  await Promise.all(Array.from({ length: 50 }, () => database.write(() => insert(database, 'x'))))
  const pages = (statSync(path).size - before) / (4096 + 24)
  assert.ok(pages <= 3, `${pages} pages were logged: 50 commits would log one each`)
  database.close()
})

test('a work that throws undoes its own changes alone', async () => {
  const database = opened('savepoint')
  const results = await Promise.allSettled([
    database.write(() => insert(database, 'first')),
    database.write(() => {
      insert(database, 'lost')
      throw new Error('changed my mind')
    }),
    database.write(() => insert(database, 'third')),
    database.write(() => database.statement('INSERT INTO note (id, text) VALUES (1, ?)').run('twice')),
  ])
  assert.deepEqual(results.map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled', 'rejected'])
  assert.deepEqual(notes(database), ['first', 'third'])
  database.close()
})

test('a work may not be asynchronous: it would outlive its transaction', async () => {
  const database = opened('asynchronous')
  await assert.rejects(database.write(async () => insert(database, 'late')), /must be synchronous/)
  assert.deepEqual(notes(database), [])
  database.close()
})

test('where the commit fails, every work of the tick is refused', async () => {
  const database = opened('commit')
  database.statement('CREATE TABLE line (note INTEGER REFERENCES note (id) DEFERRABLE INITIALLY DEFERRED) STRICT').run()
  const results = await Promise.allSettled([
    database.write(() => insert(database, 'innocent')),
    database.write(() => database.statement('INSERT INTO line (note) VALUES (99)').run()),
  ])
  assert.deepEqual(results.map(({ status }) => status), ['rejected', 'rejected'])
  assert.deepEqual(notes(database), [])
  await database.write(() => insert(database, 'after'))
  assert.deepEqual(notes(database), ['after'])
  database.close()
})

test('what write resolved is on disk: files copied in that moment hold the row', async () => {
  const database = opened('durable')
  await database.write(() => insert(database, 'kept'))
  for (const suffix of ['', '-wal']) copyFileSync(join(directory, `durable${suffix}`), join(directory, `copy${suffix}`))
  const copy = openDatabase(join(directory, 'copy'))
  assert.deepEqual(notes(copy), ['kept'])
  assert.equal(copy.statement<{ synchronous: number }>('PRAGMA synchronous').get()?.synchronous, 2)
  copy.close()
  database.close()
})

test('flush and close commit what is still held; afterwards a write is refused', async () => {
  const database = opened('flush')
  const one = database.write(() => insert(database, 'one'))
  database.flush()
  assert.deepEqual(notes(database), ['one'])
  const two = database.write(() => insert(database, 'two'))
  database.close()
  database.close()
  await Promise.all([one, two])
  await assert.rejects(database.write(() => undefined), /closed/)
  const again = opened('flush')
  assert.deepEqual(notes(again), ['one', 'two'])
  again.close()
})

test('what was deleted is in no file after the server stopped', async () => {
  const database = opened('erased')
  const secret = 'wherefore art thou'.repeat(50)
  await database.write(() => insert(database, secret))
  await database.write(() => database.statement('DELETE FROM note').run())
  database.close()
  assert.ok(!readFileSync(join(directory, 'erased')).includes('wherefore'))
})

test('values that SQLite would change in silence are refused', () => {
  const database = opened('values')
  const select = database.statement<{ value: unknown }>('SELECT ? AS value')
  const refused: unknown[] = ['\ud800', 'a\udc00b', NaN, Infinity, 2 ** 53, -(2 ** 53), 2n ** 53n, true, undefined, {}]
  for (const value of refused) assert.throws(() => select.get(value as string), `${String(value)}`)
  for (const value of ['', '\u{1f339}', 'é', 0, -1.5, 2 ** 53 - 1, null, Buffer.of(0, 255)]) {
    assert.deepEqual(select.get(value)?.value, value)
  }
  database.close()
})

test('migrations are applied in order, each once, for each owner', () => {
  const database = openDatabase(':memory:')
  const second = { step: 2, sql: 'ALTER TABLE note ADD COLUMN day TEXT' }
  database.migrate('test', NOTES)
  database.migrate('test', NOTES)
  database.migrate('test', [...NOTES, second])
  database.migrate('other', [{ step: 1, sql: 'CREATE TABLE other (id INTEGER PRIMARY KEY) STRICT' }])
  assert.deepEqual(database.statement('SELECT owner, step FROM migration').all(),
    [{ owner: 'other', step: 1 }, { owner: 'test', step: 1 }, { owner: 'test', step: 2 }])
  assert.throws(() => database.migrate('gap', [{ step: 2, sql: '' }]), /step 2 stands at place 1/)
  database.close()
})

test('migrations of one call are applied wholly or not at all', () => {
  const database = openDatabase(':memory:')
  const second = { step: 2, sql: 'CREATE TABLE note (id INTEGER)' }
  assert.throws(() => database.migrate('test', [...NOTES, second]), /exists/)
  database.migrate('test', NOTES)
  assert.deepEqual(notes(database), [])
  database.close()
})

test('a database of a newer version is refused, with file and remedy', () => {
  const database = opened('newer')
  database.migrate('test', [...NOTES, { step: 2, sql: 'ALTER TABLE note ADD COLUMN day TEXT' }])
  database.close()
  const older = openDatabase(join(directory, 'newer'))
  assert.throws(() => older.migrate('test', NOTES), (error) => {
    assert.ok(error instanceof StoreError)
    assert.equal(error.file, join(directory, 'newer'))
    assert.match(error.message, /newer version.*step 2.*backup/)
    return true
  })
  older.close()
})

test('what is no database, damaged, foreign or out of reach is refused and left as it is', async () => {
  const place = (name: string) => join(directory, name)
  writeFileSync(place('text'), 'Two households, both alike in dignity. '.repeat(200))
  const foreign = new Sqlite(place('foreign'))
  foreign.exec('CREATE TABLE theirs (id INTEGER)')
  foreign.close()
  const damaged = opened('damaged')
  const rows = Array.from({ length: 2000 }, () => damaged.write(() => insert(damaged, 'x'.repeat(100))))
  await Promise.all(rows)
  damaged.close()
  const bytes = readFileSync(place('damaged'))
  bytes.fill(0xff, 4096 * 4, 4096 * 12)
  writeFileSync(place('damaged'), bytes)

  const cases: Array<[string, RegExp]> = [
    ['text', /is not a database/], ['foreign', /another program/], ['damaged', /is damaged.*backup/],
    ['nowhere/file', /its directory does not exist/], ['', /is a directory/],
  ]
  for (const [name, problem] of cases) {
    const before = name === '' || name.includes('/') ? undefined : readFileSync(place(name))
    assert.throws(() => openDatabase(place(name)), (error) => {
      assert.ok(error instanceof StoreError, String(error))
      assert.equal(error.file, place(name))
      assert.match(error.message, problem)
      return true
    })
    if (before !== undefined) assert.deepEqual(readFileSync(place(name)), before, name)
  }
})

test('what is written now is on disk when the call returns, after what others wrote before; what throws undoes itself alone', async () => {
  const database = openDatabase(':memory:')
  database.migrate('test', [{ step: 1, sql: 'CREATE TABLE rose (name TEXT PRIMARY KEY) STRICT' }])
  const insert = database.statement('INSERT INTO rose (name) VALUES (?)')
  const names = (): unknown[] => database.statement('SELECT name FROM rose ORDER BY name').all().map((row) => row['name'])
  const before = database.write(() => insert.run('damask'))
  assert.equal(database.writeNow(() => insert.run('moss')), 1)
  assert.deepEqual(names(), ['damask', 'moss'])
  assert.equal(await before, 1)
  assert.throws(() => database.writeNow(() => {
    insert.run('tea')
    throw new Error('thorns')
  }), /thorns/)
  assert.deepEqual(names(), ['damask', 'moss'])
  database.close()
  assert.throws(() => database.writeNow(() => 1), /closed/)
})
