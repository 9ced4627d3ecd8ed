import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { describe, test } from 'node:test'
import { MAIN, Place } from '../backup/node.ts'

describe('a backup that is waited for', () => {
  test('shows at a terminal how far it is, and takes that away in the end; in a pipe it writes nothing of it', async (t) => {
    const place = await Place.inhabited(t, 'identity = "../key.txt"')
    const atTerminal = (...words: readonly string[]): string => execFileSync(
      'script', ['--quiet', '--return', '--command', [process.execPath, MAIN, ...words].join(' '), '/dev/null'],
      { cwd: place.folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, SOTTO_CONFIG: '' } })
    const now = atTerminal('backup', 'now')
    // Ten times a second, and this is a small one: which of the steps are seen is chance.
    assert.match(now, /Copying the database \[ {30}\] 0 %/)
    // ECMA-48 §8.3.39 and §8.3.41 (ED, EL): the line of the bar is empty before the next one is written.
    assert.match(now, /%[^[%]*(\x1b\[[0-9]*[A-Z])*\x1b\[[0-2]?[JK][^%]*Made sotto-/)
    const [file = ''] = readdirSync(place.path('data', 'backups')).filter((name) => name.endsWith('.age'))
    assert.match(atTerminal('backup', 'verify', `data/backups/${file}`), /Reading it again \[ {30}\] 0 %[^]*It can be decrypted/)
    const { stdout, stderr } = await place.sotto(['backup', 'now'])
    assert.deepEqual([stderr, stdout.split('\n').length], ['', 2])
  })
})
