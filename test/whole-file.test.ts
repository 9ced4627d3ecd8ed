import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { test } from 'node:test'
import { writeWhole } from '../src/whole-file.ts'
import { SmallDisk } from './small-disk.ts'

test('a disk that has room for the first part only: the file is as it was, and nothing is left beside it', async (t) => {
  const disk = await SmallDisk.make(t, 1)
  const file = disk.path('notes')
  writeWhole(file, 'before')
  disk.fill()
  const filler = disk.path('filler')
  truncateSync(filler, statSync(filler).size - 16 * 1024)
  assert.throws(() => writeWhole(file, 'x'.repeat(64 * 1024)), { code: 'ENOSPC' })
  assert.equal(readFileSync(file, 'utf8'), 'before')
  assert.deepEqual(readdirSync(disk.path()).sort(), ['filler', 'notes'])
  disk.free()
  writeWhole(file, 'after')
  assert.equal(readFileSync(file, 'utf8'), 'after')
})
