import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import {
  LONGEST_RUNTIME_DIRECTORY, makeMemoryDirectory, makeRuntimeDirectory, runtimeDirectory, standardRuntimeDirectory,
} from '../../src/config/runtime-directory.ts'
import type { Config } from '../../src/config/schema.ts'

let folder = ''
before(() => { folder = mkdtempSync(join(tmpdir(), 'sotto-run-')) })
after(() => rmSync(folder, { recursive: true }))

function configWith(runtime: string): Config {
  const file = join(folder, 'sotto.toml')
  writeFileSync(file, `[files]\ndata = "data"\nruntime = "${runtime}"\n`)
  return loadConfig(file, { cwd: folder })
}

describe('the runtime directory', () => {
  test('lies in the data directory where its path is short enough for a socket', () => {
    assert.equal(standardRuntimeDirectory('/srv/sotto'), '/srv/sotto/run')
    assert.equal(runtimeDirectory(configWith('')), join(folder, 'data/run'))
  })

  test('else has a short name of its own, which differs with the data directory', () => {
    const [one, other] = ['a', 'b'].map((end) => standardRuntimeDirectory(`/${'deep/'.repeat(20)}${end}`))
    assert.ok(one !== undefined && Buffer.byteLength(one) <= LONGEST_RUNTIME_DIRECTORY)
    assert.match(one, new RegExp(`/sotto-${process.getuid?.()}-[0-9a-f]{8}$`))
    assert.notEqual(one, other)
    assert.equal(standardRuntimeDirectory(`/${'deep/'.repeat(20)}a`), one)
  })

  test('counts bytes, not characters', () => {
    assert.doesNotMatch(standardRuntimeDirectory(`/${'ä'.repeat(40)}`), /ä/)
  })

  test('is made with mode 0700, with the data directory above it, and taken as it is the next time', () => {
    const config = configWith('')
    const path = makeRuntimeDirectory(config)
    assert.equal(statSync(path).mode & 0o777, 0o700)
    assert.equal(statSync(config.files.data).mode & 0o777, 0o700)
    assert.equal(makeRuntimeDirectory(config), path)
  })

  test('is refused, and left as it is, where others may enter it', () => {
    mkdirSync(join(folder, 'open'), { mode: 0o755 })
    chmodSync(join(folder, 'open'), 0o755)
    assert.throws(() => makeRuntimeDirectory(configWith('open')), { name: 'ConfigError', message: /open is open to other users\. Close it: chmod 700/ })
    assert.equal(statSync(join(folder, 'open')).mode & 0o777, 0o755)
  })

  test('is refused where somebody put a symbolic link or a file in its place', () => {
    mkdirSync(join(folder, 'elsewhere'), { mode: 0o700 })
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'link'))
    writeFileSync(join(folder, 'file'), '')
    assert.throws(() => makeRuntimeDirectory(configWith('link')), { name: 'ConfigError', message: /link is no folder/ })
    assert.throws(() => makeRuntimeDirectory(configWith('file')), { name: 'ConfigError', message: /file is no folder/ })
  })

  const skip = process.getuid?.() === 0 ? false : 'only root can give a folder away'
  test('is refused where it belongs to another user', { skip }, () => {
    mkdirSync(join(folder, 'theirs'), { mode: 0o700 })
    chownSync(join(folder, 'theirs'), 12345, 12345)
    assert.throws(() => makeRuntimeDirectory(configWith('theirs')), { name: 'ConfigError', message: /theirs belongs to another user/ })
  })

  test('that cannot be made is a problem of its key', () => {
    assert.throws(() => makeRuntimeDirectory(configWith('gone/run')), { name: 'ConfigError', message: /files\.runtime: .*gone\/run cannot be made \(ENOENT\)/ })
  })
})

describe('the folder for what must not reach a disk', () => {
  const TMPFS = 0x01021994

  test('lies in memory, mode 0700, outside of the data directory, and is empty at each start', (t) => {
    const config = configWith('')
    const path = makeMemoryDirectory(config, {})
    t.after(() => rmSync(path, { recursive: true }))
    assert.equal(statfsSync(path).type, TMPFS)
    assert.equal(statSync(path).mode & 0o777, 0o700)
    assert.ok(!path.startsWith(config.files.data))
    writeFileSync(join(path, 'left-over'), 'by a server that was killed')
    assert.equal(makeMemoryDirectory(config, {}), path)
    assert.deepEqual(readdirSync(path), [])
  })

  test('is in files.runtime, $RUNTIME_DIRECTORY or $XDG_RUNTIME_DIR where that is in memory, and never on a disk', (t) => {
    const memory = mkdtempSync('/dev/shm/sotto-test-')
    t.after(() => rmSync(memory, { recursive: true }))
    assert.ok(makeMemoryDirectory(configWith(memory), { XDG_RUNTIME_DIR: '/dev/shm' }).startsWith(`${memory}/`))
    assert.ok(makeMemoryDirectory(configWith(''), { RUNTIME_DIRECTORY: `${memory}:/other` }).startsWith(`${memory}/`))
    assert.ok(makeMemoryDirectory(configWith(''), { XDG_RUNTIME_DIR: memory }).startsWith(`${memory}/`))
    const onDisk = makeMemoryDirectory(configWith(''), { XDG_RUNTIME_DIR: import.meta.dirname })
    t.after(() => rmSync(onDisk, { recursive: true }))
    assert.equal(statfsSync(onDisk).type, TMPFS)
  })

  test('is refused, and left as it is, where it is somebody else\'s', (t) => {
    const memory = mkdtempSync('/dev/shm/sotto-test-')
    t.after(() => rmSync(memory, { recursive: true }))
    const path = makeMemoryDirectory(configWith(memory), {})
    rmSync(path, { recursive: true })
    symlinkSync(folder, path)
    assert.throws(() => makeMemoryDirectory(configWith(memory), {}), { name: 'ConfigError', message: /is no folder/ })
  })
})
