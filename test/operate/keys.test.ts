import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { makeIdentity } from '../../src/backup/identity.ts'
import { SealBroken } from '../../src/auth/sealing.ts'
import { systemClock } from '../../src/clock.ts'
import { loadConfig } from '../../src/config/load.ts'
import { openHouse } from '../../src/house.ts'
import { createLog } from '../../src/log.ts'
import type { Extension } from '../../src/routing/extension.ts'
import { readOnionKey } from '../../src/tor/onion-key.ts'
import { withoutTor } from '../tor/installed.ts'
import { bytesOf, FIRST, NO_TOR, PASSWORD, Place, SECOND } from './key-place.ts'

describe('a passphrase', { timeout: 120_000 }, () => {
  test('is asked for at the terminal, twice at the first start, and not shown', async (t) => {
    const place = new Place(t, `${NO_TOR}[keys]\npassphrase_prompt = true\n`)
    const made = await place.atTerminal(['account', 'add', 'juliet@capulet.lit'], [
      ['New passphrase, without which nobody can log in any more: ', FIRST], ['The same again: ', FIRST], ['Password: ', PASSWORD], ['The same again: ', PASSWORD],
    ])
    assert.match(made.stdout, /Made juliet@capulet\.lit/)
    assert.ok(!made.stdout.includes(FIRST))
    const listed = await place.atTerminal(['account', 'list'], [['Passphrase: ', FIRST]])
    assert.deepEqual([listed.code, /juliet@capulet\.lit/.test(listed.stdout)], [0, true], listed.stdout)
    const wrong = await place.atTerminal(['account', 'list'], [['Passphrase: ', SECOND]])
    assert.deepEqual([wrong.code, /the passphrase is not the one/.test(wrong.stdout)], [78, true], wrong.stdout)
  })

  test('that was mistyped or is short is none at the first start', async (t) => {
    const place = new Place(t, `${NO_TOR}[keys]\npassphrase_prompt = true\n`)
    for (const [typed, again, problem] of [[FIRST, SECOND, /the two passphrases differ/], ['short', 'short', /12 characters or more/]] as const) {
      const { code, stdout } = await place.atTerminal(['start'], [
        ['New passphrase, without which nobody can log in any more: ', typed], ['The same again: ', again],
      ])
      assert.equal(code, 64)
      assert.match(stdout, problem)
    }
    assert.ok(!existsSync(place.path('data', 'keys')))
  })

  test('cannot be asked for where stdin is no terminal, which is said with what to do', async (t) => {
    const place = new Place(t, `${NO_TOR}[keys]\npassphrase_prompt = true\n`)
    const { code, stderr } = await place.sotto(['start'])
    assert.equal(code, 78)
    assert.match(stderr, /^configuration: keys\.passphrase_prompt: .*stdin is none\. Start the server at a terminal.*passphrase_file/)
  })

  test('comes from a credential of systemd, which nobody else may read; commands without a server read it, too', async (t) => {
    const place = new Place(t, `${NO_TOR}[keys]\npassphrase_credential = "sotto.passphrase"\n`)
    const credentials = { CREDENTIALS_DIRECTORY: place.path('credentials') }
    mkdirSync(place.path('credentials'))
    const without = await place.sotto(['account', 'list'])
    assert.deepEqual([without.code, /CREDENTIALS_DIRECTORY is not set.*LoadCredential=sotto\.passphrase:FILE/.test(without.stderr)], [78, true])
    assert.match((await place.sotto(['account', 'list'], '', credentials)).stderr, /sotto\.passphrase is not there/)
    writeFileSync(place.path('credentials', 'sotto.passphrase'), FIRST, { mode: 0o444 })
    assert.match((await place.sotto(['account', 'list'], '', credentials)).stderr, /open to other users \(mode 0444\)/)
    rmSync(place.path('credentials', 'sotto.passphrase'))
    writeFileSync(place.path('credentials', 'sotto.passphrase'), FIRST, { mode: 0o440 })
    assert.equal((await place.sotto(['account', 'add', 'juliet@capulet.lit'], PASSWORD, credentials)).code, 0)
    const server = await place.serving(credentials)
    assert.equal((await place.sotto(['account', 'list'])).stdout, 'juliet@capulet.lit\n', 'a running server needs to read none')
    await server.stop('SIGTERM')
  })

  test('takes over from a key in a file: same accounts, same onion, and neither key is left in the clear', async (t) => {
    const place = await Place.byFile(t)
    const { stdout: before } = await place.sotto(['onion', 'show'])
    const { expandedSecretKey } = readOnionKey(place.path('data', 'onion', 'onion'))
    const [, storageKey = ''] = readFileSync(place.path('data', 'keys', 'storage.key'), 'utf8').trim().split(' ')
    place.configure(`${NO_TOR}[keys]\npassphrase_file = "passphrase"\n`)
    place.write('passphrase', FIRST)
    assert.equal((await place.sotto(['onion', 'show'])).stdout, before)
    assert.deepEqual(await place.loginsBy(PASSWORD), ['juliet'])
    const bytes = bytesOf(place.path('data'))
    for (const secret of [expandedSecretKey, expandedSecretKey.subarray(0, 32), storageKey, Buffer.from(storageKey, 'base64')]) assert.ok(!bytes.includes(secret))
    place.configure(NO_TOR)
    const { code, stderr } = await place.sotto(['account', 'list'])
    assert.deepEqual([code, /sealed by a passphrase, and the configuration names none/.test(stderr)], [78, true])
  })
})

describe('sotto keys rotate', { timeout: 120_000 }, () => {
  const keyFile = (place: Place): string => readFileSync(place.path('data', 'keys', 'storage.key'), 'utf8')

  test('makes a new storage key while the server runs; everybody logs in as before, after a kill -9, too', async (t) => {
    const place = await Place.byFile(t)
    const server = await place.serving()
    const before = keyFile(place)
    const { code, stdout, stderr } = await place.sotto(['keys', 'rotate'])
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /^Changed the storage key\. Backups that were made before hold the one before; make a new one\.\n$/)
    assert.notEqual(keyFile(place), before)
    assert.equal((await place.sotto(['account', 'add', 'nurse@capulet.lit'], PASSWORD)).code, 0)
    await server.stop('SIGKILL')
    assert.deepEqual(await place.loginsBy(PASSWORD), ['juliet', 'nurse'])
  })

  test('and where none runs; a passphrase is refused where the key lies in a file', async (t) => {
    const place = await Place.byFile(t)
    const before = keyFile(place)
    const refused = await place.sotto(['keys', 'rotate', '--passphrase'], SECOND)
    assert.deepEqual([refused.code, /lies in a file/.test(refused.stderr), keyFile(place)], [64, true, before])
    assert.equal((await place.sotto(['keys', 'rotate'])).code, 0)
    assert.notEqual(keyFile(place), before)
    assert.deepEqual(await place.loginsBy(PASSWORD), ['juliet'])
  })

  test('--passphrase takes a new one, tells where it must be from now on, and the old one opens nothing', async (t) => {
    const place = await Place.byPassphraseFile(t)
    const server = await place.serving()
    assert.equal((await place.sotto(['keys', 'rotate', '--passphrase'], 'short')).code, 64)
    const { code, stdout } = await place.sotto(['keys', 'rotate', '--passphrase'], SECOND)
    assert.deepEqual([code, /Now write the new passphrase into .*passphrase: the next start reads it there/.test(stdout)], [0, true], stdout)
    await server.stop('SIGTERM')
    assert.match((await place.sotto(['account', 'list'])).stderr, /the passphrase is not the one/)
    place.write('passphrase', SECOND)
    assert.deepEqual(await place.loginsBy(PASSWORD), ['juliet'])
  })

  test('asks for the passphrase where the start does', async (t) => {
    const place = new Place(t, `${NO_TOR}[keys]\npassphrase_prompt = true\n`)
    await place.atTerminal(['account', 'list'], [['New passphrase, without which nobody can log in any more: ', FIRST], ['The same again: ', FIRST]])
    const { code, stdout } = await place.atTerminal(['keys', 'rotate'], [['Passphrase: ', FIRST], ['New passphrase: ', SECOND], ['The same again: ', SECOND]])
    assert.deepEqual([code, /Changed the storage key/.test(stdout)], [0, true], stdout)
    assert.equal((await place.atTerminal(['account', 'list'], [['Passphrase: ', SECOND]])).code, 0)
  })
})

describe('a backup', { timeout: 120_000 }, () => {
  async function withBackups(t: TestContext, toml: string): Promise<Place> {
    const place = new Place(t, '')
    const recipient = await makeIdentity(place.path('key.txt'))
    place.configure(`${NO_TOR}[backup]\nrecipients = ["${recipient}"]\n${toml}`)
    place.write('passphrase', FIRST)
    await place.addJuliet()
    return place
  }

  /** Each backup that is there, restored into a place of its own. */
  async function restored(t: TestContext, place: Place, passphrase?: string): Promise<Place[]> {
    const names = readdirSync(place.path('data', 'backups')).filter((name) => name.endsWith('.age'))
    return await Promise.all(names.map(async (name) => {
      const elsewhere = new Place(t, '')
      rmSync(elsewhere.path('sotto.toml'))
      if (passphrase !== undefined) elsewhere.write('passphrase', passphrase)
      const { code, stderr } = await elsewhere.sotto(['backup', 'restore', place.path('data', 'backups', name), '-i', place.path('key.txt')])
      assert.deepEqual([code, stderr], [0, ''])
      return elsewhere
    }))
  }

  test('that is made while the storage key changes holds the key that belongs to its database', async (t) => {
    const place = await withBackups(t, '')
    const server = await place.serving()
    const work = ['backup', 'rotate', 'rotate', 'backup', 'rotate', 'rotate', 'backup']
    const ended = await Promise.all(work.map((what) => place.sotto(what === 'backup' ? ['backup', 'now'] : ['keys', 'rotate'])))
    assert.deepEqual(ended.map(({ code }) => code), work.map(() => 0))
    await server.stop('SIGTERM')
    for (const elsewhere of await restored(t, place)) assert.deepEqual(await elsewhere.loginsBy(PASSWORD), ['juliet'])
  })

  test('of a server that is started by a passphrase brings back the same onion, for whoever knows the passphrase', async (t) => {
    const place = await withBackups(t, '[keys]\npassphrase_file = "passphrase"\n')
    assert.equal((await place.sotto(['backup', 'now'])).code, 0)
    const [elsewhere] = await restored(t, place, SECOND)
    assert.ok(elsewhere)
    assert.equal(readFileSync(elsewhere.path('passphrase'), 'utf8'), `${SECOND}\n`, 'the passphrase itself is in no backup')
    assert.match((await elsewhere.sotto(['onion', 'show'])).stderr, /the passphrase is not the one/)
    elsewhere.write('passphrase', FIRST)
    assert.equal((await elsewhere.sotto(['onion', 'show'])).stdout, (await place.sotto(['onion', 'show'])).stdout)
  })
})

describe('an extension that keeps something sealed', () => {
  test('seals it anew when the storage key changes, and where it cannot the key does not change', async (t) => {
    const place = await Place.byFile(t)
    const opened: string[] = []
    let isBroken = false
    const keeper: Extension = {
      name: 'keeper',
      implements: [],
      migrations: [{ step: 1, sql: 'CREATE TABLE kept (secret BLOB NOT NULL) STRICT' }],
      install: ({ database, key }) => {
        const stored = database.statement<{ secret: Buffer }>('SELECT secret FROM kept')
        if (stored.get() === undefined) database.statement('INSERT INTO kept (secret) VALUES (?)').run(key.seal('kept.secret', '', Buffer.from('a ring')))
        const open = (holder: typeof key): string => holder.open('kept.secret', '', stored.get()?.secret ?? Buffer.alloc(0)).toString()
        return {
          seals: {
            resealed: (old, next) => {
              if (isBroken) throw new SealBroken('kept.secret')
              database.statement('UPDATE kept SET secret = ?').run(next.seal('kept.secret', '', Buffer.from(open(old))))
            },
          },
          commands: [{ name: 'kept show', run: () => { opened.push(open(key)) } }],
        }
      },
    }
    const config = loadConfig(place.path('sotto.toml'), { cwd: place.folder })
    const house = await openHouse(config, systemClock, createLog({ level: 'silent', roster: false }), [keeper])
    const show = (): unknown => house.installation.tables.commands.get('kept show')?.run({})
    show()
    await house.rotateKey()
    show()
    isBroken = true
    await assert.rejects(house.rotateKey(), SealBroken)
    show()
    house.close()
    assert.deepEqual(opened, ['a ring', 'a ring', 'a ring'])
    assert.deepEqual(await place.loginsBy(PASSWORD), ['juliet'])
  })
})

describe('a data directory that is stolen while the server runs', { timeout: 120_000 }, () => {
  test('holds no usable onion key where it was started by a passphrase, and tor has it all the same', { skip: withoutTor }, async (t) => {
    const place = new Place(t, `[tor]\ntorrc = "offline.torrc"\n[keys]\npassphrase_file = "passphrase"\n`)
    writeFileSync(place.path('offline.torrc'), 'DisableNetwork 1\n')
    place.write('passphrase', FIRST)
    const memory = mkdtempSync('/dev/shm/sotto-test-')
    t.after(() => rmSync(memory, { recursive: true }))
    const server = await place.serving({ XDG_RUNTIME_DIR: memory })
    const [folder = ''] = readdirSync(memory)
    const onion = join(memory, folder, 'onion')
    // tor writes this file when it takes the service.
    while (!existsSync(join(onion, 'hostname'))) await delay(50)
    const { expandedSecretKey } = readOnionKey(onion)
    const loot = bytesOf(place.path('data'))
    for (const secret of [expandedSecretKey, expandedSecretKey.subarray(0, 32), expandedSecretKey.subarray(32)]) {
      for (const written of [secret, secret.toString('hex'), secret.toString('base64')]) assert.ok(!loot.includes(written))
    }
    const address = readFileSync(join(onion, 'hostname'), 'utf8').trim()
    assert.match((await place.sotto(['onion', 'show'])).stdout, new RegExp(address))
    await server.stop('SIGTERM')
    assert.deepEqual(readdirSync(memory), [], 'and when it was stopped, memory holds none either')
    cpSync(place.path('data'), place.path('stolen'), { recursive: true })
    place.configure(`${NO_TOR}[files]\ndata = "stolen"\n[keys]\npassphrase_file = "passphrase"\n`)
    place.write('passphrase', SECOND)
    assert.match((await place.sotto(['onion', 'show'])).stderr, /the passphrase is not the one/)
  })
})
