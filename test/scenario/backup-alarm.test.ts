import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeIdentity } from '../../src/backup/identity.ts'
import { loadConfig } from '../../src/config/load.ts'
import { openOffline, startServer } from '../../src/server.ts'
import { TestClock } from '../clock.ts'
import { RawStream } from './scenario.ts'

test('an operator who is signed in hears that no backup could be made, and nobody else does', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-alarm-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'sotto.toml'), `
operators = ["juliet@capulet.lit"]
[log]
level = "silent"
[[domains]]
name = "capulet.lit"
onion_service = false
[tor]
enabled = false
[[listeners]]
kind = "c2s"
port = 0
domains = ["capulet.lit"]
[backup]
recipients = ["${await makeIdentity(join(folder, 'key.txt'))}"]
identity = "other.txt"
`)
  await makeIdentity(join(folder, 'other.txt')) // it does not open them, so none is proven
  const config = loadConfig(join(folder, 'sotto.toml'), { cwd: folder })
  const offline = await openOffline(config)
  for (const name of ['juliet', 'romeo']) await offline.run('account add', { account: `${name}@capulet.lit`, password: 'wherefore art thou' })
  await offline.close()
  const clock = new TestClock(Date.UTC(2026, 10, 23, 12))
  const server = await startServer(config, { bootstrap() {}, torUnreachable() {}, async serving() {}, onionReachable() {}, listenerTaken() {}, stopping() {} }, { clock })
  t.after(() => server.stop())
  const login = async (name: string): Promise<RawStream> => {
    const stream = await (await RawStream.open({ host: '127.0.0.1', port: server.ports[0] ?? 0 })).login('capulet.lit', name, 'wherefore art thou', 'balcony')
    stream.send('<presence/>')
    await stream.expect(/<presence /)
    return stream
  }
  const [juliet, romeo] = [await login('juliet'), await login('romeo')]
  clock.advance(60_000)
  await juliet.expect(/<message [^>]*type='headline'.*?<subject>Backups<\/subject><body>No backup could be made \(BackupError\)\..*?<\/message>/)
  romeo.send("<iq type='get' id='ping' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>")
  await romeo.expect(/<iq [^>]*id='ping'/)
  assert.doesNotMatch(romeo.heard, /headline/)
  juliet.destroy()
  romeo.destroy()
})
