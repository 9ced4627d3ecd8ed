import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ConfigError } from '../../src/config/config-error.ts'
import { loadConfig } from '../../src/config/load.ts'

const RECIPIENT = `age1${'q'.repeat(58)}`
const FINGERPRINT = `SHA256:${'a'.repeat(43)}`

let folder = ''
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sotto-copies-'))
  writeFileSync(join(folder, 'secret'), 'secret\n', { mode: 0o600 })
  writeFileSync(join(folder, 'open'), 'secret\n', { mode: 0o644 })
})
after(() => rmSync(folder, { recursive: true }))

function load(copy: string, backup = `recipients = ["${RECIPIENT}"]`, tor = '') {
  const file = join(folder, 'sotto.toml')
  writeFileSync(file, `${tor}\n[backup]\n${backup}\n[[backup.copies]]\n${copy}\n`)
  return loadConfig(file, { cwd: folder })
}

/** The keys, within the table, and what is wrong with each. */
function problems(...given: Parameters<typeof load>): readonly string[] {
  try {
    load(...given)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ key, problem }) => `${key.replace('backup.copies[0].', '')}: ${problem}`)
    throw error
  }
  return []
}

const SFTP = `kind = "sftp"\nhost = "backup.montague.lit"\nuser = "romeo"\nkey_file = "secret"\nhost_key = "${FINGERPRINT}"\npath = "copies"`
const S3 = 'kind = "s3"\nendpoint = "https://s3.montague.lit"\nbucket = "verona"\naccess_key = "romeo"\nsecret_key_file = "secret"'

describe('backup.copies', () => {
  test('paths start at the folder of the file, but those on a server; a command by its name is looked up in PATH', () => {
    const [directory] = load('kind = "directory"\npath = "disk"').backup.copies
    assert.equal(directory?.path, join(folder, 'disk'))
    const [sftp] = load(SFTP).backup.copies
    assert.deepEqual([sftp?.path, sftp?.key_file, sftp?.port], ['copies', join(folder, 'secret'), 22])
    assert.deepEqual(load('kind = "command"\ncommand = ["./copy", "./x"]').backup.copies[0]?.command, [join(folder, 'copy'), './x'])
    assert.deepEqual(load('kind = "command"\ncommand = ["rclone-copy"]').backup.copies[0]?.command, ['rclone-copy'])
  })

  test('servers and stores are called through Tor wherever there is Tor, unless it is said otherwise', () => {
    assert.equal(load(SFTP).backup.copies[0]?.tor, true)
    assert.equal(load(SFTP, undefined, '[tor]\nenabled = false').backup.copies[0]?.tor, false)
    assert.equal(load(`${S3}\ntor = false`).backup.copies[0]?.tor, false)
  })

  const wrong: readonly (readonly [string, string, readonly string[]])[] = [
    ['a directory without a path', 'kind = "directory"', ['path: a copy of the kind "directory" needs this key']],
    ['the folder of the backups themselves', 'kind = "directory"\npath = "data/backups"', ['path: it is the folder of the backups themselves']],
    ['an sftp server without its key', SFTP.replace(/\nhost_key.*/, ''), ['host_key: a copy of the kind "sftp" needs this key']],
    ['a host key that is no fingerprint', SFTP.replace(FINGERPRINT, 'MD5:00'), ['host_key: it is no fingerprint']],
    ['a key that others may read', SFTP.replace('"secret"', '"open"'), ['key_file: OPEN is open to other users (mode 0644)']],
    ['a secret that is not there', S3.replace('"secret"', '"gone"'), ['secret_key_file: GONE cannot be read (ENOENT)']],
    ['a store that all on the way can read', S3.replace('https', 'http'), ['endpoint: it is no address of a store, or one that everybody on the way could read']],
    ['a store with a path', S3.replace('lit"', 'lit/x"'), ['endpoint: it is no address of a store, or one that everybody on the way could read']],
    ['a bucket that is none', S3.replace('verona', 'a b'), ['bucket: it has a character that is not plain']],
    ['keys of another kind', 'kind = "directory"\npath = "disk"\nhost = "montague.lit"\ncommand = ["x"]', [
      'host: it means nothing to a copy of the kind "directory"', 'command: it means nothing to a copy of the kind "directory"',
    ]],
    ['an onion that is not to be reached through Tor', `${SFTP.replace('backup.montague.lit', `${'a'.repeat(56)}.onion`)}\ntor = false`, ['tor: an onion is reached through Tor alone']],
    ['a neighbor that is to be reached through Tor', SFTP.replace('backup.montague.lit', '192.168.1.5'), ['tor: Tor reaches no address of a network like yours, and 192.168.1.5 is one']],
    ['a kind that there is not', 'kind = "tape"', ['kind: "tape" is none of its values']],
  ]
  for (const [what, copy, expected] of wrong) {
    test(`refused: ${what}`, () => {
      assert.deepEqual(problems(copy), expected.map((one) => one.replace('OPEN', join(folder, 'open')).replace('GONE', join(folder, 'gone'))))
    })
  }

  test('refused: Tor that is switched off, copies of nothing, and an alarm before the next backup is due', () => {
    assert.deepEqual(problems(`${SFTP}\ntor = true`, undefined, '[tor]\nenabled = false'), ['tor: tor is switched off'])
    assert.deepEqual(problems('kind = "directory"\npath = "disk"', ''), ['backup.copies: no backups are made that could be copied'])
    assert.deepEqual(problems('kind = "directory"\npath = "disk"', `recipients = ["${RECIPIENT}"]\nalarm_after = "1h"`), [
      'backup.alarm_after: it would be rung before the next backup is due',
    ])
  })

  test('http is for whom nobody can listen to: an onion, this machine', () => {
    assert.deepEqual(problems(S3.replace('https://s3.montague.lit', `http://${'a'.repeat(56)}.onion`)), [])
    assert.deepEqual(problems(`${S3.replace('https://s3.montague.lit', 'http://127.0.0.1:9000')}\ntor = false`), [])
  })
})
