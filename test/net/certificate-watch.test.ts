import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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
  assert.match(lines.join(''), /"certificate\.refused"/)
  assert.doesNotMatch(lines.join(''), /capulet/)

  const renewed = await selfSignedFiles(folder, 'renewed', 'capulet.lit', now)
  copyFileSync(renewed.certificate, files.certificate)
  copyFileSync(renewed.key, files.key)
  clock.advance(60_000)
  assert.notDeepEqual(identity.endPoint, first)
  assert.match(lines.join(''), /"certificate\.reloaded"/)
})
