import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { configLocation } from '../../src/config/location.ts'

test('the command line counts before the environment, and both before the usual places', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-location-'))
  t.after(() => rmSync(folder, { recursive: true }))
  assert.equal(configLocation(undefined, {}, folder), undefined)
  mkdirSync(join(folder, 'config'))
  writeFileSync(join(folder, 'config', 'sotto.toml'), '')
  assert.equal(configLocation(undefined, {}, folder), 'config/sotto.toml')
  writeFileSync(join(folder, 'sotto.toml'), '')
  assert.equal(configLocation(undefined, {}, folder), 'sotto.toml')
  assert.equal(configLocation(undefined, { SOTTO_CONFIG: '' }, folder), 'sotto.toml')
  // A file that was named is never passed over in silence, even where it is not there.
  assert.equal(configLocation(undefined, { SOTTO_CONFIG: 'gone.toml' }, folder), 'gone.toml')
  assert.equal(configLocation('other.toml', { SOTTO_CONFIG: 'gone.toml' }, folder), 'other.toml')
})
