import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { verify } from '../../src/backup/verifying.ts'
import { Bench, HOUR, MINUTE, pass, until } from './originals.ts'

/** A program that keeps the contract of docs/operating.md with a folder, and writes down what it was asked. */
const KEEPER = `#!/bin/sh
set -eu
folder=$1; action=$2; shift 2
echo "$action $*" >>"$folder.log"
cd "$folder"
case $action in
  put) cp "$1" "$2.tmp"; mv "$2.tmp" "$2" ;;
  list) for name in *; do if [ -e "$name" ]; then echo "$name $(stat -c %s "$name")"; fi; done ;;
  get) cat "$1" ;;
  remove) rm -f "$1" ;;
esac
`

const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')

/** One place, of that kind. */
function benched(t: TestContext, kind: 'directory' | 'command', more: Readonly<Record<string, unknown>> = {}): { bench: Bench, folder: string } {
  const bench = new Bench(t, {
    copies: (folder) => kind === 'directory' ? [{ kind, path: join(folder, 'copies') }] : [{ kind, command: [join(folder, 'keeper'), join(folder, 'copies')] }],
    more,
  })
  writeFileSync(join(bench.folder, 'keeper'), KEEPER, { mode: 0o755 })
  return { bench, folder: bench.directory('copies') }
}

for (const kind of ['directory', 'command'] as const) {
  describe(`copies by ${kind}`, () => {
    test('each backup is copied with its receipt and read back, soon after it was made', async (t) => {
      const { bench, folder } = benched(t, kind)
      bench.copies.start()
      const one = bench.add()
      await bench.proven(one)
      assert.deepEqual(readdirSync(folder).sort(), [one.name, `${one.name}.json`])
      assert.equal(digest(join(folder, one.name)), one.receipt.sha256)
      assert.deepEqual((await verify(join(folder, one.name), [])).receipt, one.receipt)
      assert.deepEqual(bench.copies.list().map(({ newest, count, failure, isOverdue }) => ({ newest, count, failure, isOverdue })), [
        { newest: { name: one.name, made: one.receipt.made, proven: bench.clock.now() }, count: 1, failure: undefined, isOverdue: false },
      ])
    })

    test('there is kept what is kept here, and nothing else is touched', async (t) => {
      const { bench, folder } = benched(t, kind, { hourly: 2, daily: 0, weekly: 0 })
      for (const name of ['notes.txt', 'sotto-notes.age', 'other.age']) writeFileSync(join(folder, name), 'mine')
      bench.copies.start()
      const names: string[] = []
      for (let count = 0; count < 4; count++) {
        const one = bench.add(5000)
        names.push(one.name, `${one.name}.json`)
        await bench.proven(one)
        bench.clock.advance(2000)
      }
      await until(() => readdirSync(folder).length === 7, 'the first two are gone')
      assert.deepEqual(readdirSync(folder).sort(), ['notes.txt', 'other.age', 'sotto-notes.age', ...names.slice(4)].sort())
    })

    test('a copy that was cut short or removed is found out, told and made again', async (t) => {
      const { bench, folder } = benched(t, kind)
      bench.copies.start()
      const [one, other] = [bench.add(), (bench.clock.advance(2000), bench.add())]
      await bench.proven(other)
      // A round that still goes on would see one of the two losses and not the other.
      await until(() => bench.copies.list()[0]?.count === 2 && !bench.copies.list()[0]?.isBusy, 'both are proven, and nothing is looked at')
      truncateSync(join(folder, one.name), 1000)
      rmSync(join(folder, other.name))
      await pass(bench, HOUR)
      await until(() => bench.copies.list()[0]?.count === 2, 'both are proven again')
      for (const { name, receipt } of [one, other]) assert.equal(digest(join(folder, name)), receipt.sha256)
      assert.deepEqual(bench.events('backup.copy-damaged')[0]?.fields, { index: 0, count: 2 })
    })

    test('a proof is good for a week; then the copy is read once more, and one that rotted is made again', async (t) => {
      const { bench, folder } = benched(t, kind)
      bench.copies.start()
      const one = bench.add()
      await bench.proven(one)
      writeFileSync(join(folder, one.name), Buffer.alloc(one.receipt.bytes))
      await pass(bench, 7 * 24 * HOUR, { step: HOUR })
      assert.deepEqual(bench.events('backup.copy-damaged'), [])
      await pass(bench, 3 * HOUR, { step: HOUR })
      assert.equal(bench.events('backup.copy-damaged').length, 1)
      assert.equal(digest(join(folder, one.name)), one.receipt.sha256)
      assert.equal(bench.copies.list()[0]?.count, 1)
    })

    test('what lies there under the right name and size, but is something else, is no copy', async (t) => {
      const { bench, folder } = benched(t, kind)
      const one = bench.add()
      writeFileSync(join(folder, one.name), Buffer.alloc(one.receipt.bytes))
      bench.copies.start()
      bench.clock.advance(MINUTE)
      await bench.proven(one)
      assert.equal(digest(join(folder, one.name)), one.receipt.sha256)
    })
  })
}

describe('a place that is down', () => {
  test('is tried again, later and later, and then gets all that is kept, the newest first', async (t) => {
    const { bench, folder } = benched(t, 'command')
    renameSync(folder, `${folder}.away`)
    bench.copies.start()
    for (let hour = 1; hour <= 24; hour++) {
      bench.add(1000)
      await pass(bench, HOUR, { step: 10 * MINUTE })
    }
    assert.ok(bench.events('backup.copy-failed').length >= 24)
    assert.deepEqual(new Set(bench.events('backup.copy-failed').map(({ fields }) => fields.condition)), new Set(['command-exit-2']))
    assert.equal(bench.copies.list()[0]?.failure?.condition, 'command-exit-2')
    renameSync(`${folder}.away`, folder)
    writeFileSync(`${folder}.log`, '')
    await pass(bench, HOUR)
    assert.equal(bench.copies.list()[0]?.count, 24)
    const put = readFileSync(`${folder}.log`, 'utf8').split('\n').filter((line) => /^put .*\.age$/.test(line)).map((line) => line.split(' ')[2])
    assert.deepEqual(put, put.toSorted().reverse())
    assert.equal(bench.copies.list()[0]?.failure, undefined)
  })

  test('waits a minute after the first failure, then two, four, and an hour at the most', async (t) => {
    const bench = new Bench(t, { copies: (folder) => [{ kind: 'directory', path: join(folder, 'nowhere') }] })
    bench.copies.start()
    const waits: number[] = []
    bench.clock.advance(MINUTE)
    for (let times = 1; times <= 9; times++) {
      await bench.failed(times)
      await until(() => bench.copies.list()[0]?.failure?.at === bench.clock.now(), 'it is written down')
      let minutes = 0
      const begun = (): boolean => bench.events('backup.copy-failed').length > times
      while (!begun() && minutes < 100) {
        bench.clock.advance(MINUTE)
        minutes++
        await bench.settled()
      }
      waits.push(minutes)
    }
    assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60])
    assert.equal(bench.events('backup.copy-failed')[0]?.fields.condition, 'ENOENT')
  })

  test('keeps no other place from its copies', async (t) => {
    const bench = new Bench(t, { copies: (folder) => [
      { kind: 'directory', path: join(folder, 'nowhere') }, { kind: 'command', command: ['sleep', '1000'] }, { kind: 'directory', path: join(folder, 'copies') },
    ] })
    bench.directory('copies')
    bench.copies.start()
    await bench.proven(bench.add(), 2)
    assert.equal(bench.copies.list()[0]?.newest, undefined)
  })

  test('a command that neither ends nor says anything is ended after an hour, with all that it started', async (t) => {
    const bench = new Bench(t, { copies: (folder) => [{ kind: 'command', command: ['sh', '-c', `sleep 1000 & echo $! >${folder}/pid; sleep 1000`] }] })
    bench.copies.start()
    bench.add()
    await until(() => read(join(bench.folder, 'pid')).endsWith('\n'), 'it runs')
    const pid = Number(read(join(bench.folder, 'pid')))
    bench.clock.advance(HOUR)
    await bench.failed(1)
    assert.equal(bench.events('backup.copy-failed')[0]?.fields.condition, 'timed-out')
    await until(() => !/^\d+ \(sleep\) [^Z]/.test(read(`/proc/${pid}/stat`)), 'what it started has ended')
  })
})

describe('the alarm', () => {
  test('rings once in each backup.alarm_after in which the newest proven copy is older than that, not at each retry', async (t) => {
    const { bench, folder } = benched(t, 'directory')
    bench.copies.start()
    await bench.proven(bench.add())
    renameSync(folder, `${folder}.away`)
    const overdue = (): number => bench.events('backup.copy-overdue').length
    await pass(bench, 6 * HOUR - MINUTE)
    assert.equal(overdue(), 0)
    assert.equal(bench.copies.list()[0]?.isOverdue, false)
    await pass(bench, 2 * MINUTE)
    assert.equal(overdue(), 1)
    assert.equal(bench.copies.list()[0]?.isOverdue, true)
    const [{ level, fields } = { level: '', fields: {} }] = bench.events('backup.copy-overdue')
    assert.deepEqual([level, fields], ['error', { index: 0, milliseconds: 6 * HOUR, condition: 'ENOENT' }])
    await pass(bench, 18 * HOUR)
    assert.equal(overdue(), 4)
    assert.ok(bench.events('backup.copy-failed').length > 10)
    assert.deepEqual(bench.told, [6, 12, 18, 24].map((hours) => (
      `Copies of backups: Place 1 of backup.copies has had no new proven copy for ${hours} hours (ENOENT). On the server, sotto backup list tells more.`)))
  })

  test('the operators are told once when it is well again, and never while it is', async (t) => {
    const { bench, folder } = benched(t, 'directory')
    bench.copies.start()
    await bench.proven(bench.add())
    await pass(bench, 5 * HOUR)
    await bench.proven(bench.add())
    assert.deepEqual(bench.told, [])
    renameSync(folder, `${folder}.away`)
    await pass(bench, 7 * HOUR)
    renameSync(`${folder}.away`, folder)
    assert.equal(bench.told.length, 1)
    await pass(bench, 2 * HOUR) // what is copied now is as old as what was there
    assert.equal(bench.told.length, 1)
    for (let count = 0; count < 2; count++) {
      await bench.proven(bench.add())
      await pass(bench, HOUR)
    }
    assert.deepEqual(bench.told.slice(1), ['Copies of backups: Place 1 of backup.copies has a proven copy again that is new enough.'])
  })

  test('rings where there never was a copy, and a restart does not put it off', async (t) => {
    const bench = new Bench(t, { copies: (folder) => [{ kind: 'directory', path: join(folder, 'nowhere') }] })
    bench.copies.start()
    for (let times = 0; times < 5; times++) {
      await pass(bench, HOUR)
      await bench.again()
    }
    assert.equal(bench.events('backup.copy-overdue').length, 0)
    await pass(bench, HOUR)
    assert.equal(bench.events('backup.copy-overdue').length, 1)
  })

  test('a server that was off for days copies before it rings', async (t) => {
    const { bench } = benched(t, 'directory')
    bench.copies.start()
    await bench.proven(bench.add())
    await bench.copies.stop()
    bench.clock.advance(72 * HOUR)
    await bench.again()
    await bench.proven(bench.add())
    await pass(bench, HOUR)
    assert.deepEqual(bench.events('backup.copy-overdue'), [])
  })
})

describe('a clock that somebody sets', () => {
  const DAY = 24 * HOUR

  test('forward by years and back again: the alarm is not silent until the clock comes there once more', async (t) => {
    const { bench, folder } = benched(t, 'directory')
    bench.copies.start()
    await bench.proven(bench.add())
    const now = bench.clock.now()
    bench.clock.set(now + 3650 * DAY)
    const future = bench.add()
    await until(() => bench.copies.list()[0]?.newest?.name === future.name, 'it is proven')
    bench.clock.set(now + HOUR)
    await bench.proven(bench.add())
    assert.equal(bench.copies.list()[0]?.count, 3)
    renameSync(folder, `${folder}.away`)
    await pass(bench, 13 * HOUR)
    assert.equal(bench.events('backup.copy-overdue').length, 2)
  })

  test('back by years, while nothing was ever copied: it rings by the time that really passes', async (t) => {
    const bench = new Bench(t, { copies: (folder) => [{ kind: 'directory', path: join(folder, 'nowhere') }] })
    bench.copies.start()
    await pass(bench, HOUR)
    bench.clock.set(bench.clock.now() - 3650 * DAY)
    await pass(bench, 12 * HOUR)
    assert.ok(bench.events('backup.copy-overdue').length > 0)
  })

  test('takes no copy away that was proven, neither here nor there, and makes those that are missing', async (t) => {
    const { bench, folder } = benched(t, 'command', { hourly: 2, daily: 0, weekly: 0 })
    bench.copies.start()
    const first = bench.add(1000)
    await bench.proven(first)
    const now = bench.clock.now()
    for (const time of [now - 30 * DAY, now + 3650 * DAY, now - 29 * DAY]) {
      bench.clock.set(time)
      const one = bench.add(1000)
      await bench.proven(one)
      await bench.settled()
      assert.ok(readdirSync(folder).includes(one.name))
    }
    assert.equal(bench.copies.list()[0]?.failure, undefined)
  })

  test('in the middle of a round: neither is it cut short, nor does one that hangs hang for ever', async (t) => {
    const bench = new Bench(t, { copies: (folder) => [{ kind: 'command', command: ['sh', '-c', `echo x >>${folder}/begun; sleep 1000`] }] })
    bench.copies.start()
    bench.add()
    await until(() => read(join(bench.folder, 'begun')) !== '', 'it runs')
    bench.clock.set(bench.clock.now() + 30 * DAY)
    bench.clock.advance(50 * MINUTE)
    assert.deepEqual(bench.events('backup.copy-failed'), [])
    bench.clock.set(bench.clock.now() - 3650 * DAY)
    bench.clock.advance(10 * MINUTE)
    await bench.failed(1)
    assert.equal(bench.events('backup.copy-failed')[0]?.fields.condition, 'timed-out')
  })
})

describe('an end at any moment', () => {
  test('what was not written to its end counts for nothing, and is removed', async (t) => {
    const { bench, folder } = benched(t, 'directory')
    const one = bench.add()
    writeFileSync(join(folder, `${one.name}.partial`), 'half')
    writeFileSync(join(folder, 'sotto-2026-11-20T00-00-00Z.age.partial'), 'half')
    writeFileSync(join(folder, 'sotto-2026-11-20T00-00-00Z.age.json'), 'of a backup that is gone')
    bench.copies.start()
    assert.equal(bench.copies.list()[0]?.count, 0)
    bench.clock.advance(MINUTE)
    await bench.proven(one)
    await until(() => readdirSync(folder).length === 2, 'nothing else is there')
    assert.deepEqual(readdirSync(folder).sort(), [one.name, `${one.name}.json`])
  })

  test('what was proven is known after a restart; without that knowledge it is read once more, not written', async (t) => {
    const { bench, folder } = benched(t, 'command')
    bench.copies.start()
    const one = bench.add()
    await bench.proven(one)
    await bench.again()
    assert.equal(bench.copies.list()[0]?.newest?.name, one.name)
    await bench.copies.stop()
    rmSync(join(bench.vault.folder, 'copies.json'))
    writeFileSync(`${folder}.log`, '')
    await bench.again()
    assert.equal(bench.copies.list()[0]?.count, 0)
    bench.clock.advance(MINUTE)
    await bench.proven(one)
    assert.doesNotMatch(readFileSync(`${folder}.log`, 'utf8'), /^put/m)
    assert.match(readFileSync(`${folder}.log`, 'utf8'), /^get/m)
  })

  test('a stop in the middle ends what is going on', async (t) => {
    const bench = new Bench(t, { copies: () => [{ kind: 'command', command: ['sleep', '1000'] }] })
    bench.copies.start()
    bench.add()
    await bench.copies.stop()
    assert.deepEqual(bench.log.lines, [])
  })
})

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
