import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLog } from '../../src/log.ts'
import { CertificateWatch } from '../../src/net/certificate-watch.ts'
import { selfSignedFiles, TlsIdentity } from '../../src/net/tls.ts'
import { TestClock } from '../clock.ts'

test('a renewed certificate is in use within a minute, without a restart; a broken one is refused and the old one kept', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-watch-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const now = Date.now()
  const files = await selfSignedFiles(folder, 'capulet', 'capulet.lit', now)
  const identity = new TlsIdentity(files, now)
  const lines: string[] = []
  const clock = new TestClock(now)
  const watch = new CertificateWatch([identity], clock, createLog({ level: 'info', roster: false }, { write: (line) => { lines.push(line) } }))
  watch.start()
  t.after(() => watch.stop())
  const first = identity.endPoint

  writeFileSync(files.certificate, 'half a certif')
  clock.advance(60_000)
  assert.deepEqual(identity.endPoint, first)
  assert.match(lines.join(''), /"condition":"not-a-certificate".*"certificate\.refused"/)
  assert.doesNotMatch(lines.join(''), /capulet/)

  const renewed = await selfSignedFiles(folder, 'renewed', 'capulet.lit', now)
  copyFileSync(renewed.certificate, files.certificate)
  copyFileSync(renewed.key, files.key)
  clock.advance(60_000)
  assert.notDeepEqual(identity.endPoint, first)
  assert.match(lines.join(''), /"certificate\.reloaded"/)
})

test('a renewed key that others may read is refused as at the start, and taken up once it is closed; a group may read it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-watch-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const now = Date.now()
  const files = await selfSignedFiles(folder, 'capulet', 'capulet.lit', now)
  const renewed = await selfSignedFiles(folder, 'renewed', 'capulet.lit', now)
  const identity = new TlsIdentity(files, now)
  const lines: string[] = []
  const clock = new TestClock(now)
  const watch = new CertificateWatch([identity], clock, createLog({ level: 'error', roster: false }, { write: (line) => { lines.push(line) } }))
  watch.start()
  t.after(() => watch.stop())
  const first = identity.endPoint

  copyFileSync(renewed.certificate, files.certificate)
  copyFileSync(renewed.key, files.key)
  for (const mode of [0o644, 0o604, 0o660]) {
    chmodSync(files.key, mode)
    clock.advance(60_000)
    assert.deepEqual(identity.endPoint, first)
    assert.throws(() => new TlsIdentity(files, now), { name: 'CertificateError', message: /is open to other users .*chmod 640/ })
  }
  assert.equal(lines.filter((line) => /"condition":"open-to-others".*"certificate\.refused"/.test(line)).length, 3)
  assert.doesNotMatch(lines.join(''), /capulet/)

  chmodSync(files.key, 0o640)
  clock.advance(60_000)
  assert.notDeepEqual(identity.endPoint, first)
})
