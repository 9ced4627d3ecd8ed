import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { loadConfig } from '../../src/config/load.ts'
import { startServer } from '../../src/server.ts'
import { openDatabase } from '../../src/store/database.ts'
import { onionAddress } from '../../src/tor/onion-address.ts'
import { readOnionKey } from '../../src/tor/onion-key.ts'
import { RawStream } from '../scenario/scenario.ts'
import { bytesOf, FIRST, NO_TOR, PASSWORD, Place } from './key-place.ts'

const ADDRESS = /[a-z2-7]{56}\.onion/
const SEALED = `${NO_TOR}[keys]\npassphrase_file = "passphrase"\n`

describe('sotto onion renew', { timeout: 300_000 }, () => {
  for (const { kept, toml } of [{ kept: 'in its folder', toml: NO_TOR }, { kept: 'sealed', toml: SEALED }]) {
    test(`gives the domain another address where its key is ${kept}; accounts log in there, and find their contacts`, async (t) => {
      const place = await inhabited(t, toml)
      const before = await addressOf(place)
      const { code, stdout, stderr } = await place.sotto(['onion', 'renew', 'onion', '--yes'])
      assert.deepEqual([code, stderr], [0, ''])
      const after = await addressOf(place)
      assert.notEqual(after, before)
      assert.ok(stdout.startsWith(`onion: ${after} is the address now; ${before} was.\n`), stdout)
      assert.equal((await place.sotto(['account', 'list', '-d', 'onion'])).stdout, `juliet@${after}\nromeo@${after}\n`)
      assert.deepEqual(tokensIn(place), ['nurse'], 'whoever has the key before may have been shown proofs of tokens')
      assert.deepEqual(namesIn(place), [before], 'another domain knows the name before, and is told nothing')

      const server = await served(t, place)
      const juliet = await server.login(after, 'juliet')
      juliet.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster' ver='7'/></iq><iq type='get' id='b'><blocklist xmlns='urn:xmpp:blocking'/></iq>")
      const [roster] = await juliet.expect(/<iq [^>]*id='r'.*?<\/iq>/)
      for (const [item] of [
        [`<item jid='romeo@${after}' subscription='both'/>`],
        [`<item jid='tybalt@verona.lit' name='Tybalt' subscription='none'><group>Verona</group></item>`],
        [`<item jid='nurse@capulet.lit' subscription='none'/>`],
      ] as const) assert.ok(roster.includes(item), roster)
      assert.equal(roster.match(/<item /g)?.length, 3, 'a request to the name before is gone')
      const [blocked] = await juliet.expect(/<iq [^>]*id='b'.*?<\/iq>/)
      for (const jid of [`paris@${after}`, `${after}/balcony`, 'spam.example']) assert.ok(blocked.includes(`jid='${jid}'`), blocked)
      assert.equal(blocked.match(/<item /g)?.length, 3)

      const romeo = await server.login(after, 'romeo')
      romeo.send('<presence/>')
      juliet.send('<presence/>')
      await juliet.expect(new RegExp(`<presence [^>]*from='romeo@${after}/here'`))
      const nurse = await server.login('capulet.lit', 'nurse')
      nurse.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
      await nurse.expect(new RegExp(`<item jid='juliet@${before}' subscription='both'/>`))
      for (const stream of [juliet, romeo, nurse]) stream.destroy()
    })
  }

  test('destroys the key before, and the certificate that names the address before', async (t) => {
    const place = await inhabited(t, NO_TOR)
    await (await served(t, place)).stop() // makes the certificate
    const before = await addressOf(place)
    const { expandedSecretKey } = readOnionKey(place.path('data', 'onion', 'onion'))
    assert.equal((await place.sotto(['onion', 'renew', '-y'])).code, 0)
    await (await served(t, place)).stop()
    const after = await addressOf(place)
    assert.deepEqual(readdirSync(place.path('data', 'onion')), ['onion'])
    assert.ok(!bytesOf(place.path('data')).includes(expandedSecretKey.subarray(0, 32)))
    const { subjectAltName = '' } = new X509Certificate(readFileSync(place.path('data', 'certificates', 'onion.crt')))
    assert.deepEqual([subjectAltName.includes(after), subjectAltName.includes(before)], [true, false])
  })

  test('leaves nothing of a sealed key, either', async (t) => {
    const place = await inhabited(t, SEALED)
    const sealed = sealedKey(place)
    assert.ok(bytesOf(place.path('data')).includes(sealed))
    assert.equal((await place.sotto(['onion', 'renew', '-y'])).code, 0)
    assert.ok(!bytesOf(place.path('data')).includes(sealed))
  })

  for (const toml of [NO_TOR, SEALED]) {
    test(`--keep writes it into a folder first, as tor keeps it, and nowhere over another${toml === SEALED ? ' (sealed)' : ''}`, async (t) => {
      const place = await inhabited(t, toml)
      const before = await addressOf(place)
      assert.equal((await place.sotto(['onion', 'renew', '-y', '--keep', 'stick'])).code, 0)
      assert.equal(onionAddress(readOnionKey(place.path('stick')).publicKey), before)
      const after = await addressOf(place)
      const refused = await place.sotto(['onion', 'renew', '-y', '--keep', 'stick'])
      assert.deepEqual([refused.code, /cannot write the onion key to .*stick/.test(refused.stderr)], [1, true], refused.stderr)
      assert.equal(await addressOf(place), after)
    })
  }

  test('is refused while the server runs', async (t) => {
    const place = await Place.byFile(t)
    const before = await addressOf(place)
    const server = await place.serving()
    const { code, stderr } = await place.sotto(['onion', 'renew', '-y'])
    assert.deepEqual([code, stderr], [65, 'the server runs, and its tor has the key: stop the server, and give this command again\n'])
    await server.stop('SIGTERM')
    assert.equal(await addressOf(place), before)
  })

  test('asks first, by the address that is lost; nothing but yes will do, and where nobody can be asked --yes', async (t) => {
    const place = await Place.byFile(t)
    const before = await addressOf(place)
    const question = `Nobody reaches onion by ${before} any more, and there is no way back. Write yes: `
    assert.equal((await place.sotto(['onion', 'renew'])).code, 64)
    const no = await place.atTerminal(['onion', 'renew'], [[question, 'y']])
    assert.deepEqual([no.code, /nothing was changed/.test(no.stdout)], [65, true], no.stdout)
    assert.equal(await addressOf(place), before)
    assert.equal((await place.atTerminal(['onion', 'renew'], [[question, 'yes']])).code, 0)
    assert.notEqual(await addressOf(place), before)
  })

  test('of a domain with a DNS name changes the way to it, and no name', async (t) => {
    const place = new Place(t, NO_TOR)
    writeFileSync(place.path('sotto.toml'), `${readFileSync(place.path('sotto.toml'), 'utf8').replace('name = "capulet.lit"\n', 'name = "capulet.lit"\nonion_service = true\n')}`)
    await place.addJuliet()
    const unsaid = await place.sotto(['onion', 'renew', '-y'])
    assert.deepEqual([unsaid.code, unsaid.stderr], [64, 'name the domain whose onion gets another key: onion, capulet.lit\n'])
    const [onion, capulet] = await addressesOf(place)
    const { code, stdout } = await place.sotto(['onion', 'renew', 'capulet.lit', '-y'])
    assert.equal(code, 0)
    assert.doesNotMatch(stdout, /Accounts/)
    const [sameOnion, otherCapulet] = await addressesOf(place)
    assert.equal(sameOnion, onion)
    assert.notEqual(otherCapulet, capulet)
    assert.deepEqual(await place.loginsBy(PASSWORD), ['juliet'])
  })

  test('killed at each step: the key before or the new one, and the rosters are of its name', async (t) => {
    const place = await inhabited(t, NO_TOR)
    const before = await addressOf(place)
    const isNew: boolean[] = []
    for (let step = 0; ; step++) {
      const copy = new Place(t, NO_TOR)
      cpSync(place.folder, copy.folder, { recursive: true })
      const kill = pathToFileURL(join(import.meta.dirname, 'kill-at-step.js')).href
      const { code } = await copy.sotto(['onion', 'renew', '-y'], '', { NODE_OPTIONS: `--import=${kill}`, SOTTO_KILL_AT: String(step) })
      const after = await addressOf(copy)
      isNew.push(after !== before)
      assert.equal((await copy.sotto(['account', 'list', '-d', 'onion'])).stdout, `juliet@${after}\nromeo@${after}\n`, `step ${step}`)
      assert.deepEqual(namesIn(copy), after === before ? [] : [before], `step ${step}`)
      assert.deepEqual(readdirSync(copy.path('data', 'onion')), ['onion'], `step ${step}: something is left`)
      if (code === 0) break
      assert.equal(code, null, `step ${step} was the last`)
    }
    assert.ok(!isNew[0] && isNew.at(-1) && isNew.length > 6, `${isNew}`)
    assert.deepEqual(isNew, [...isNew].sort(), 'once it is the new one, it stays so')
  })
})

/** With accounts of an onion and of another domain, who know each other and others. */
async function inhabited(t: TestContext, toml: string): Promise<Place> {
  const place = new Place(t, toml)
  writeFileSync(place.path('sotto.toml'), readFileSync(place.path('sotto.toml'), 'utf8').replace('domains = ["capulet.lit"]', 'domains = ["onion", "capulet.lit"]'))
  if (toml === SEALED) place.write('passphrase', FIRST)
  const made = await place.sotto(['account', 'add'], ['juliet@onion', 'romeo@onion', 'nurse@capulet.lit'].map((name) => `${name} ${PASSWORD}\n`).join(''))
  assert.equal(made.code, 0, made.stderr)
  const onion = await addressOf(place)
  const [juliet, romeo, nurse] = [`juliet@${onion}`, `romeo@${onion}`, 'nurse@capulet.lit']
  const database = openDatabase(place.path('data', 'sotto.db'))
  const item = (account: string, contact: string, state: string, more: { name?: string, groups?: string, listed?: number } = {}): void => {
    database.statement('INSERT INTO roster_item (account, contact, name, groups, state, approved, listed) VALUES (?, ?, ?, ?, ?, 0, ?)')
      .run(account, contact, more.name ?? '', more.groups ?? '[]', state, more.listed ?? 1)
  }
  await database.write(() => {
    item(juliet, romeo, 'both')
    item(romeo, juliet, 'both')
    item(juliet, 'tybalt@verona.lit', 'both', { name: 'Tybalt', groups: '["Verona"]' })
    item(juliet, 'stranger@verona.lit', 'none+in', { listed: 0 })
    item(juliet, nurse, 'both')
    item(nurse, juliet, 'both')
    database.statement('INSERT INTO roster_version (account, version) VALUES (?, 7)').run(juliet)
    for (const jid of [`paris@${onion}`, `${onion}/balcony`, 'spam.example']) {
      database.statement('INSERT INTO blocked_jid (account, jid) VALUES (?, ?)').run(juliet, jid)
    }
    for (const [local, domain] of [['juliet', 'onion'], ['nurse', 'capulet.lit']] as const) {
      database.statement("INSERT INTO token (localpart, domain, agent, slot, mechanism, expires, sealed) VALUES (?, ?, x'00', 'new', 'HT-SHA-256-NONE', 4e12, x'00')")
        .run(local, domain)
    }
  })
  database.close()
  return place
}

async function served(t: TestContext, place: Place) {
  const config = loadConfig(place.path('sotto.toml'), { cwd: place.folder })
  const server = await startServer(config, { bootstrap() {}, torUnreachable() {}, async serving() {}, onionReachable() {}, listenerTaken() {}, stopping() {} })
  const ended = { stopping: undefined as Promise<void> | undefined }
  const stop = (): Promise<void> => ended.stopping ??= server.stop()
  t.after(stop)
  return {
    stop,
    login: async (domain: string, name: string) =>
      await (await RawStream.open({ host: '127.0.0.1', port: server.ports[0] ?? 0 })).login(domain, name, PASSWORD, 'here'),
  }
}

async function addressesOf(place: Place): Promise<readonly string[]> {
  const { stdout } = await place.sotto(['onion', 'show'])
  return [...stdout.matchAll(new RegExp(ADDRESS, 'g'))].map(([address]) => address)
}

async function addressOf(place: Place): Promise<string> {
  const [address] = await addressesOf(place)
  return address ?? assert.fail('there is no onion')
}

/** The onion addresses in the tables that are not the one under which they know the domain. */
function namesIn(place: Place): readonly string[] {
  const database = openDatabase(place.path('data', 'sotto.db'))
  try {
    const rows = [
      ...database.statement('SELECT account, contact FROM roster_item').all(), ...database.statement('SELECT account, jid FROM blocked_jid').all(),
      ...database.statement('SELECT account FROM roster_version').all(),
    ]
    const names = rows.flatMap((row) => Object.values(row)).flatMap((value) => ADDRESS.exec(String(value)) ?? [])
    const own = database.statement<{ name: string }>("SELECT name FROM onion_name WHERE domain = 'onion'").get()?.name
    return [...new Set(names)].filter((name) => name !== own)
  } finally {
    database.close()
  }
}

/** Whose clients may log in by a token. */
function tokensIn(place: Place): readonly string[] {
  const database = openDatabase(place.path('data', 'sotto.db'))
  try {
    return database.statement<{ localpart: string }>('SELECT localpart FROM token').all().map(({ localpart }) => localpart)
  } finally {
    database.close()
  }
}

function sealedKey(place: Place): Buffer {
  const database = openDatabase(place.path('data', 'sotto.db'))
  try {
    return database.statement<{ secret: Buffer }>("SELECT secret FROM onion_key WHERE domain = 'onion'").get()?.secret ?? assert.fail('it is not sealed')
  } finally {
    database.close()
  }
}
