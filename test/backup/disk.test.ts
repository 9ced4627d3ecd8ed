import assert from 'node:assert/strict'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { STEPS } from '../../src/backup/progress.ts'
import { SmallDisk } from '../small-disk.ts'
import { MAIN, Place } from './node.ts'
import { Bench, MINUTE, until } from './originals.ts'
import type { WardQuestion } from './ward.ts'

const FINISHED = /^sotto-.*\.age(\.json)?$/

/** The program of ward.ts, whose backups lie on a small disk. */
class Ward {
  readonly disk: SmallDisk
  readonly #program: ChildProcess

  private constructor(t: TestContext, disk: SmallDisk, folder: string, bytes: number) {
    this.disk = disk
    const [program, words] = disk.argv(process.execPath, join(import.meta.dirname, 'ward.js'), folder, disk.folder, String(bytes))
    this.#program = spawn(program, words, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    t.after(async () => {
      this.#program.disconnect()
      if (this.#program.exitCode === null) await once(this.#program, 'exit')
      rmSync(folder, { recursive: true, force: true })
    })
  }

  static async make(t: TestContext, { megabytes, bytes = 1000 }: { readonly megabytes: number, readonly bytes?: number }): Promise<Ward> {
    return new Ward(t, await SmallDisk.make(t, megabytes), mkdtempSync(join(tmpdir(), 'sotto-ward-')), bytes)
  }

  /** What the program answers. */
  async asked(question: WardQuestion): Promise<readonly string[]> {
    const answer = once(this.#program, 'message') as Promise<[readonly string[]]>
    this.#program.send(question)
    return (await answer)[0]
  }

  get files(): readonly string[] {
    return readdirSync(this.disk.path()).filter((name) => name !== 'filler').sort()
  }

  /** Time goes by until it is so. */
  async until(isSo: (failures: readonly string[]) => boolean, what: string): Promise<readonly string[]> {
    for (const deadline = Date.now() + 60_000; ;) {
      const failures = await this.asked({ advance: MINUTE })
      if (isSo(failures)) return failures
      if (Date.now() > deadline) assert.fail(`it never came to pass: ${what}`)
      await delay(10)
    }
  }
}

describe('a backup for which the disk has no room', { timeout: 240_000 }, () => {
  test('fails, which the log says; the earlier ones stay, nothing of it is left, and the next one succeeds once there is room', async (t) => {
    const ward = await Ward.make(t, { megabytes: 4 })
    assert.deepEqual(await ward.asked({ now: true }), [])
    const before = ward.files
    assert.equal(before.length, 2)
    ward.disk.fill()
    const failures = await ward.until(({ length }) => length >= 3, 'it failed, and again')
    assert.deepEqual([...new Set(failures)], ['ENOSPC'])
    assert.deepEqual(ward.files, before)
    ward.disk.free()
    await ward.until(() => ward.files.length > before.length && ward.files.every((name) => FINISHED.test(name)), 'the next')
  })

  test('at whatever step it becomes full: as it was before, or a whole one', async (t) => {
    const ward = await Ward.make(t, { megabytes: 60, bytes: 12 * 1024 * 1024 })
    assert.deepEqual(await ward.asked({ now: true }), [])
    const conditions: string[] = []
    for (const full of STEPS) {
      for (let tries = 0; tries < 3; tries++) {
        const before = ward.files
        const failed = await ward.asked({ now: true, full })
        conditions.push(...failed)
        assert.equal(ward.files.length, failed.length > 0 ? before.length : before.length + 2, full)
        assert.ok(ward.files.every((name) => FINISHED.test(name)), String(ward.files))
        ward.disk.free()
        for (const name of ward.files.filter((one) => !before.includes(one))) rmSync(ward.disk.path(name))
      }
    }
    assert.ok(conditions.length > 0, 'it failed at least once')
    assert.deepEqual(conditions.filter((one) => !/^(ENOSPC|SQLITE_FULL|SQLITE_IOERR_.*)$/.test(one)), [])
  })

  test('a disk that became read-only is told as such, and the next one succeeds once it can be written', async (t) => {
    const ward = await Ward.make(t, { megabytes: 4 })
    assert.deepEqual(await ward.asked({ now: true }), [])
    const before = ward.files
    ward.disk.remount('ro')
    assert.deepEqual(await ward.asked({ now: true }), ['EROFS'])
    assert.deepEqual(ward.files, before)
    ward.disk.remount('rw')
    assert.deepEqual(await ward.asked({ now: true }), [])
    assert.equal(ward.files.length, before.length + 2)
  })
})

describe('a place for copies of which the disk', () => {
  async function benched(t: TestContext): Promise<{ readonly bench: Bench, readonly disk: SmallDisk }> {
    const disk = await SmallDisk.make(t, 2)
    const bench = new Bench(t, { copies: () => [{ kind: 'directory', path: disk.path() }] })
    bench.copies.start()
    await bench.proven(bench.add())
    return { bench, disk }
  }

  /** The next round succeeds, whenever it is. */
  async function recovers(bench: Bench, name: string): Promise<void> {
    await until(() => { bench.clock.advance(MINUTE); return bench.copies.list()[0]?.newest?.name === name }, 'the next round succeeds')
    await bench.settled()
  }

  test('is full: that is said, no half copy is left, and it goes on once there is room', async (t) => {
    const { bench, disk } = await benched(t)
    disk.fill()
    bench.clock.advance(2000)
    const { name } = bench.add()
    await bench.failed(1)
    assert.equal(bench.events('backup.copy-failed')[0]?.fields.condition, 'ENOSPC')
    await bench.settled()
    assert.deepEqual(readdirSync(disk.path()).filter((one) => one !== 'filler' && !FINISHED.test(one)), [])
    disk.free()
    await recovers(bench, name)
  })

  test('is read-only: that is said, and it goes on once it can be written', async (t) => {
    const { bench, disk } = await benched(t)
    disk.remount('ro')
    bench.clock.advance(2000)
    const { name } = bench.add()
    await bench.failed(1)
    assert.equal(bench.events('backup.copy-failed')[0]?.fields.condition, 'EROFS')
    disk.remount('rw')
    await recovers(bench, name)
  })
})

describe('a restore for which the disk has no room', { timeout: 120_000 }, () => {
  test('says so and not that the backup is damaged, leaves nothing, and succeeds once there is room', async (t) => {
    const place = await Place.inhabited(t)
    await place.sotto(['backup', 'now'])
    const [name = ''] = readdirSync(place.path('data', 'backups')).filter((one) => one.endsWith('.age'))
    const disk = await SmallDisk.make(t, 2)
    mkdirSync(disk.path('home'))
    copyFileSync(place.path('data', 'backups', name), disk.path('backup.age'))
    copyFileSync(place.key, disk.path('key.txt'))
    const sotto = (...words: readonly string[]): Promise<{ readonly code: unknown, readonly stderr: string }> => new Promise((resolve) => {
      const [program, all] = disk.argv('sh', '-c', 'cd home && exec "$@"', 'sh', process.execPath, MAIN, ...words)
      execFile(program, all, { env: { ...process.env, SOTTO_CONFIG: '', TMPDIR: disk.folder } }, (error, _stdout, stderr) => resolve({ code: error?.code ?? 0, stderr }))
    })
    disk.fill()
    const restored = await sotto('backup', 'restore', '../backup.age', '-i', '../key.txt')
    assert.deepEqual([restored.code, readdirSync(disk.path('home'))], [1, []])
    assert.match(restored.stderr, /there is no room left on its disk/)
    assert.match((await sotto('backup', 'verify', '../backup.age', '-i', '../key.txt')).stderr, /there is no room left on its disk/)
    disk.free()
    assert.equal((await sotto('backup', 'restore', '../backup.age', '-i', '../key.txt')).code, 0)
    assert.equal(readFileSync(disk.path('home', 'sotto.toml'), 'utf8'), readFileSync(place.path('sotto.toml'), 'utf8'))
  })

  test('a file that is not there, or must not be read, is no damaged backup either', async (t) => {
    const place = Place.make(t)
    writeFileSync(place.path('key.txt'), readFileSync((await Place.inhabited(t)).key))
    for (const words of [['restore', 'nothing.age', '-i', 'key.txt'], ['verify', 'nothing.age', '-i', 'key.txt']]) {
      const { code, stderr } = await place.sotto(['backup', ...words])
      assert.equal(code, 1)
      assert.match(stderr, /nothing\.age: is not there/)
    }
  })
})
