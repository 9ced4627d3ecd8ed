import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { openOffline, startServer } from '../../src/server.ts'
import { openDatabase } from '../../src/store/database.ts'
import { RawStream } from './scenario.ts'

const ROOT = dirname(dirname(dirname(import.meta.dirname)))
const ONION = 'jszwfis3fykxdj5dkg5d4uqkpxn25t6xjxkjlkk5p7ofncxrtyhajyqd.onion'

/**
 * What a server left behind that was built from commit be090e3 (2026-11-25), by its own commands and a client:
 * accounts of a name and of an onion, a contact with a pending request, a blocked JID, a blocked domain. It is never made
 * anew: what was once written must be read by every later version.
 */
const LEFT = join(ROOT, 'test', 'store', 'data-2026-11-25.tar.gz')

test('the data of an earlier version is taken over: accounts, logins, rosters, block lists, rulings, the onion address', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-upgrade-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  execFileSync('tar', ['-x', '-z', '-f', LEFT, '-C', folder])
  const file = join(folder, 'sotto.toml')
  const config = loadConfig(file, { cwd: folder })
  const offline = await openOffline(config)
  assert.deepEqual(await offline.run('account list', {}), { accounts: ['juliet@capulet.lit', 'romeo@capulet.lit', `mercutio@${ONION}`] })
  assert.deepEqual(await offline.run('domain list', {}), { rulings: [{ domain: 'spam.example', ruling: 'block' }] })
  await offline.close()

  const server = await startServer(config, { bootstrap() {}, torUnreachable() {}, async serving() {}, onionReachable() {}, listenerTaken() {}, stopping() {} })
  t.after(() => server.stop())
  const juliet = await (await RawStream.open({ host: '127.0.0.1', port: server.ports[0] ?? 0 })).login('capulet.lit', 'juliet', 'wherefore art thou', 'balcony')
  juliet.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><iq type='get' id='b'><blocklist xmlns='urn:xmpp:blocking'/></iq>")
  await juliet.expect(/<iq [^>]*id='r'.*?<item jid='romeo@capulet\.lit' name='Romeo' subscription='none' ask='subscribe'><group>Verona<\/group><\/item>/)
  await juliet.expect(/<item jid='tybalt@capulet\.lit'\/>/)
  juliet.destroy()
})

test('data of a later version is refused, and left as it is', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-upgrade-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  execFileSync('tar', ['-x', '-z', '-f', LEFT, '-C', folder])
  const database = openDatabase(join(folder, 'data', 'sotto.db'))
  await database.write(() => database.statement("INSERT INTO migration (owner, step) VALUES ('im', 99)").run())
  database.close()
  await assert.rejects(openOffline(loadConfig(join(folder, 'sotto.toml'), { cwd: folder })), { name: 'StoreError' })
})
