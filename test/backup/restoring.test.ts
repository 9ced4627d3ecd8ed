import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { identitiesIn, makeIdentity } from '../../src/backup/identity.ts'
import { readReceipt } from '../../src/backup/receipt.ts'
import { RESTORE_MARK } from '../../src/backup/restoring.ts'
import { unpack } from '../../src/backup/unpacking.ts'
import { MAIN, Place } from './node.ts'

/** The one backup that is there. */
function onlyBackup(place: Place): string {
  const [name, ...others] = readdirSync(place.path('data', 'backups')).filter((one) => one.endsWith('.age'))
  assert.deepEqual([name === undefined, others], [false, []])
  return place.path('data', 'backups', name ?? '')
}

async function backedUp(t: TestContext, more = ''): Promise<{ place: Place, file: string }> {
  const place = await Place.inhabited(t, more)
  const { code, stderr } = await place.sotto(['backup', 'now'])
  assert.deepEqual([code, stderr], [0, ''])
  return { place, file: onlyBackup(place) }
}

describe('a backup', () => {
  test('is restored elsewhere by one command: the same address, the same accounts, the same configuration', async (t) => {
    const { place, file } = await backedUp(t)
    const before = [(await place.sotto(['account', 'list'])).stdout, (await place.sotto(['onion', 'show'])).stdout]
    const elsewhere = Place.make(t)
    copyFileSync(file, elsewhere.path('backup.age'))
    const { code, stdout } = await elsewhere.sotto(['backup', 'restore', 'backup.age', '--identity', place.key])
    assert.equal(code, 0)
    assert.match(stdout, /^Restored what was backed up .* into .*data: \d+ rows\./)
    assert.deepEqual([(await elsewhere.sotto(['account', 'list'])).stdout, (await elsewhere.sotto(['onion', 'show'])).stdout], before)
    assert.equal(readFileSync(elsewhere.path('sotto.toml'), 'utf8'), readFileSync(place.path('sotto.toml'), 'utf8'))
    for (const name of ['keys', 'onion', 'sotto.db']) assert.equal(statSync(elsewhere.path('data', name)).mode & 0o077, 0, name)
    assert.ok(!existsSync(elsewhere.path('data', RESTORE_MARK)))
  })

  test('holds nothing in the clear, and beside it nothing of it is left in the clear', async (t) => {
    const { place, file } = await backedUp(t, `identity = "../key.txt"`)
    const bytes = readFileSync(file)
    for (const word of ['juliet', 'romeo', 'SQLite format', 'sotto-storage-key', 'manifest']) assert.ok(!bytes.includes(word), word)
    const name = file.slice(place.path('data', 'backups').length + 1)
    assert.deepEqual(readdirSync(place.path('data', 'backups')).sort(), [name, `${name}.json`])
    assert.equal(statSync(file).mode & 0o077, 0)
    const { receipt } = JSON.parse(readFileSync(`${file}.json`, 'utf8')) as { receipt: object }
    assert.deepEqual(Object.keys(receipt).sort(), ['bytes', 'made', 'name', 'proof', 'sha256'], 'it goes wherever the copies go, and counts nothing that is inside')
  })

  test('is proven by restoring it where an identity is named, else by reading it again; its receipt says which', async (t) => {
    assert.equal(readReceipt(`${(await backedUp(t, `identity = "../key.txt"`)).file}.json`).proof, 'restored')
    const { place, file } = await backedUp(t)
    assert.equal(readReceipt(`${file}.json`).proof, 'written')
    assert.match((await place.sotto(['backup', 'list'])).stdout, /proven to lie there as it was written/)
    assert.match((await place.sotto(['backup', 'verify', file])).stdout, /It was not decrypted/)
    assert.match((await place.sotto(['backup', 'verify', file, '-i', place.key])).stdout, /all of it is as it was .*: \d+ rows\.$/m)
  })

  test('with an identity that does not open it it is not kept, and the operator is told', async (t) => {
    const place = await Place.inhabited(t, 'identity = "other.txt"')
    await makeIdentity(place.path('other.txt'))
    const { code, stderr } = await place.sotto(['backup', 'now'])
    assert.deepEqual([code, readdirSync(place.path('data', 'backups'))], [65, []])
    assert.match(stderr, /cannot be decrypted with this identity/)
  })

  test('without recipients none is made, and that is said', async (t) => {
    const place = Place.make(t)
    const { code, stderr } = await place.sotto(['backup', 'now'])
    assert.equal(code, 65)
    assert.match(stderr, /backup\.recipients/)
  })

  test('brings what lies outside of the data directory to where it was, and leaves alone what is there', async (t) => {
    const outside = Place.make(t).folder
    const keyFile = join(outside, 'secret', 'storage.key')
    mkdirSync(join(outside, 'secret'))
    const { place, file } = await backedUp(t, `\n[keys]\nfile = "${keyFile}"`)
    const key = readFileSync(keyFile, 'utf8')
    const elsewhere = Place.make(t)
    writeFileSync(keyFile, 'another')
    assert.match((await elsewhere.sotto(['backup', 'restore', file, '-i', place.key])).stdout, /Left alone .*storage\.key/)
    assert.equal(readFileSync(keyFile, 'utf8'), 'another')
    rmSync(keyFile)
    const third = Place.make(t)
    assert.match((await third.sotto(['backup', 'restore', file, '-i', place.key])).stdout, /Restored .*storage\.key, too\./)
    assert.equal(readFileSync(keyFile, 'utf8'), key)
    assert.equal((await third.sotto(['account', 'list'])).code, 0)
  })
})

describe('a restore in another folder', () => {
  test('puts what lies outside of the data directory by a relative path where the configuration is now, and leaves the old place alone', async (t) => {
    const { place, file } = await backedUp(t, `\n[keys]\nfile = "../secret/storage.key"`)
    const old = place.path('..', 'secret', 'storage.key')
    const key = readFileSync(old, 'utf8')
    rmSync(place.path('..', 'secret'), { recursive: true })
    const elsewhere = Place.make(t)
    const { code, stdout } = await elsewhere.sotto(['backup', 'restore', file, '-i', place.key])
    assert.equal(code, 0)
    assert.match(stdout, /Restored .*secret\/storage\.key, too\./)
    assert.equal(readFileSync(elsewhere.path('..', 'secret', 'storage.key'), 'utf8'), key)
    assert.ok(!existsSync(old))
    assert.match((await elsewhere.sotto(['account', 'list'])).stdout, /^juliet@.*\nromeo@/)
  })

  test('by a configuration that was written anew, puts each file where that one names it', async (t) => {
    const { place, file } = await backedUp(t, `\n[keys]\nfile = "../secret/storage.key"`)
    const elsewhere = Place.make(t)
    writeFileSync(elsewhere.path('sotto.toml'), readFileSync(place.path('sotto.toml'), 'utf8').replace('../secret/storage.key', 'mine/here.key'))
    assert.equal((await elsewhere.sotto(['backup', 'restore', file, '-i', place.key])).code, 0)
    assert.equal(readFileSync(elsewhere.path('mine', 'here.key'), 'utf8'), readFileSync(place.path('..', 'secret', 'storage.key'), 'utf8'))
    assert.equal((await elsewhere.sotto(['account', 'list'])).code, 0)
  })

  test('where the passphrase lies in a file, asks for that file before anything is changed: no backup holds it', async (t) => {
    const place = Place.make(t)
    await makeIdentity(place.path('..', 'key.txt'))
    const recipient = /age1\S+/.exec(readFileSync(place.key, 'utf8'))?.[0] ?? ''
    writeFileSync(place.path('sotto.toml'), `[tor]\nenabled = false\n[keys]\npassphrase_file = "passphrase"\n[backup]\nrecipients = ["${recipient}"]\nidentity = "opens.txt"\n`)
    copyFileSync(place.key, place.path('opens.txt'))
    writeFileSync(place.path('passphrase'), 'a rose by any other name would smell as sweet\n', { mode: 0o600 })
    assert.equal((await place.sotto(['account', 'add'], 'juliet wherefore art thou\n')).code, 0)
    assert.equal((await place.sotto(['backup', 'now'])).code, 0)
    const elsewhere = Place.make(t)
    const words = ['backup', 'restore', onlyBackup(place), '-i', place.key]
    const { code, stderr } = await elsewhere.sotto(words)
    assert.deepEqual([code, readdirSync(elsewhere.folder)], [78, []])
    assert.match(stderr, /sotto\.toml: keys\.passphrase_file: .*\/passphrase is not there, and no backup holds it\. Write the passphrase into that file first .*nothing was changed\./)
    copyFileSync(place.path('passphrase'), elsewhere.path('passphrase'))
    const restored = await elsewhere.sotto(words)
    assert.equal(restored.code, 0)
    assert.match(restored.stdout, /No backup holds .*\/opens\.txt \(backup\.identity\)/)
    assert.match((await elsewhere.sotto(['account', 'list'])).stdout, /^juliet@/)
  })
})

describe('what is no good backup changes nothing', () => {
  const damages: readonly (readonly [string, (file: string) => void, RegExp])[] = [
    ['one bit was turned', (file) => { const bytes = readFileSync(file); bytes[bytes.length - 1000]! ^= 1; writeFileSync(file, bytes) }, /damaged/],
    ['its end is missing', (file) => truncateSync(file, statSync(file).size - 1000), /damaged/],
    ['its header is missing', (file) => writeFileSync(file, readFileSync(file).subarray(100)), /cannot be decrypted/],
    ['it is empty', (file) => truncateSync(file, 0), /cannot be decrypted/],
  ]
  for (const [what, damage, message] of damages) {
    test(`a file of which ${what}`, async (t) => {
      const { place, file } = await backedUp(t)
      const elsewhere = Place.make(t)
      const copy = elsewhere.path('backup.age')
      copyFileSync(file, copy)
      chmodSync(copy, 0o600)
      damage(copy)
      const { code, stderr } = await elsewhere.sotto(['backup', 'restore', copy, '-i', place.key])
      assert.deepEqual([code, readdirSync(elsewhere.folder)], [1, ['backup.age']])
      assert.match(stderr, message)
      damage(file)
      assert.equal((await place.sotto(['backup', 'verify', file])).code, 1, 'its receipt tells, without a key')
    })
  }

  test('another one\'s key', async (t) => {
    const { file } = await backedUp(t)
    const elsewhere = Place.make(t)
    await makeIdentity(elsewhere.path('wrong.txt'))
    const { code, stderr } = await elsewhere.sotto(['backup', 'restore', file, '-i', 'wrong.txt'])
    assert.deepEqual([code, readdirSync(elsewhere.folder)], [1, ['wrong.txt']])
    assert.match(stderr, /cannot be decrypted with this identity/)
  })

  test('a receipt that somebody changed', async (t) => {
    const { place, file } = await backedUp(t)
    writeFileSync(`${file}.json`, readFileSync(`${file}.json`, 'utf8').replace('"written"', '"restored"'))
    assert.match((await place.sotto(['backup', 'list'])).stdout, /no valid receipt/)
    assert.match((await place.sotto(['backup', 'verify', file])).stderr, /was changed after it was signed/)
  })

  test('over a server, running or not, it is refused, and the server is as it was', async (t) => {
    const { place, file } = await backedUp(t)
    await place.sotto(['account', 'add'], 'mercutio a plague on both your houses\n')
    const { code, stderr } = await place.sotto(['backup', 'restore', file, '-i', place.key])
    assert.equal(code, 1)
    assert.match(stderr, /holds a server already/)
    const server = spawn(process.execPath, [MAIN, 'start'], { cwd: place.folder, stdio: ['ignore', 'pipe', 'ignore'] })
    t.after(() => server.kill('SIGKILL'))
    await once(server.stdout, 'data')
    assert.match((await place.sotto(['backup', 'restore', file, '-i', place.key])).stderr, /is in use by process|holds a server already/)
    assert.match((await place.sotto(['account', 'list'])).stdout, /mercutio@/)
  })
})

describe('SIGKILL', { timeout: 240_000 }, () => {
  /** Runs the program and kills it after so many milliseconds; true if it was still running. */
  async function killed(place: Place, words: readonly string[], milliseconds: number): Promise<boolean> {
    const child = spawn(process.execPath, [MAIN, ...words], { cwd: place.folder, stdio: 'ignore' })
    const ended = once(child, 'exit') as Promise<[number | null]>
    await Promise.race([ended, delay(milliseconds)])
    child.kill('SIGKILL')
    return (await ended)[0] === null
  }

  /**
   * Kills runs at moments from the first third to the end, as long as the last run that ended by itself took: a machine
   * that others use is now slow and now quick. @returns how many were hit
   */
  async function killedAtMoments(make: () => Place, words: readonly string[], looked: (place: Place) => Promise<void>): Promise<number> {
    const begun = performance.now()
    assert.equal((await make().sotto(words)).code, 0)
    let whole = performance.now() - begun
    let hits = 0
    for (let share = 0.3; share < 1; share += 0.07) {
      for (let tries = 0; tries < 3; tries++) {
        const place = make()
        const started = performance.now()
        if (await killed(place, words, whole * share)) {
          hits++
          await looked(place)
          break
        }
        whole = Math.min(whole, performance.now() - started)
      }
    }
    return hits
  }

  test('at any moment of a backup: each one that is there can be restored, and nothing else is left by the next', async (t) => {
    const { place } = await backedUp(t)
    const hits = await killedAtMoments(() => place, ['backup', 'now'], async () => {})
    assert.ok(hits > 3, `${hits} were killed before their end`)
    assert.equal((await place.sotto(['backup', 'now'])).code, 0)
    const names = readdirSync(place.path('data', 'backups'))
    for (const name of names.filter((one) => one.endsWith('.age'))) {
      const folder = Place.make(t).folder
      await unpack({ file: place.path('data', 'backups', name), identities: identitiesIn(place.key) }, folder)
    }
    assert.deepEqual(names.filter((name) => !/\.age(\.json)?$/.test(name)), [])
  })

  test('at any moment of a restore: a server or none, and the same command ends it', async (t) => {
    const { place, file } = await backedUp(t)
    const words = ['backup', 'restore', file, '-i', place.key]
    const accounts = (await place.sotto(['account', 'list'])).stdout
    const hits = await killedAtMoments(() => Place.make(t), words, async (elsewhere) => {
      const isUnfinished = existsSync(elsewhere.path('data', RESTORE_MARK))
      if (isUnfinished) assert.match((await elsewhere.sotto(['account', 'list'])).stderr, /was not restored to its end/)
      if (isUnfinished || !existsSync(elsewhere.path('data', 'sotto.db'))) assert.equal((await elsewhere.sotto(words)).code, 0)
      assert.equal((await elsewhere.sotto(['account', 'list'])).stdout, accounts)
    })
    assert.ok(hits > 3, `${hits} were killed before their end`)
  })
})
