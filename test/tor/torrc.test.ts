import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SHIPPED_TORRC } from '../../src/tor/process.ts'
import { TorFiles, checkLength, writeTorrc } from '../../src/tor/torrc.ts'
import { temporaryFolder, withoutTor } from './installed.ts'

const SHIPPED = readdirSync(SHIPPED_TORRC).sort()

/** What tor makes of a torrc, with its defaults left out; fails where tor does not accept it. */
function verified(folder: string, torrc: string): string {
  writeFileSync(join(folder, 'defaults'), '')
  writeFileSync(join(folder, 'torrc.test'), torrc)
  const args = ['-f', join(folder, 'torrc.test'), '--defaults-torrc', join(folder, 'defaults'), '--DataDirectory', join(folder, 'state')]
  execFileSync('tor', [...args, '--verify-config'], { stdio: ['ignore', 'pipe', 'pipe'] })
  return execFileSync('tor', [...args, '--dump-config', 'short', '--quiet'], { encoding: 'utf8' })
}

test('each file of torrc.d says who reads it and who writes it', () => {
  assert.deepEqual(SHIPPED, ['10-control.conf', '20-socks.conf', '30-hardening.conf'])
  for (const name of SHIPPED) assert.match(readFileSync(join(SHIPPED_TORRC, name), 'utf8'), /^# Read by: .+\n# Written by: .+\n/, name)
})

for (const name of SHIPPED) {
  test(`tor --verify-config accepts torrc.d/${name}`, { skip: withoutTor }, (t) => {
    verified(temporaryFolder(t), readFileSync(join(SHIPPED_TORRC, name), 'utf8'))
  })
}

test('tor accepts the torrc we generate, and reads in it what we mean, also where folders have blanks', { skip: withoutTor }, (t) => {
  const folder = temporaryFolder(t)
  const runtime = join(folder, 'run time')
  mkdirSync(runtime, { mode: 0o700 })
  const own = join(folder, 'my own.torrc')
  writeFileSync(own, 'LongLivedPorts 5222\n')
  const files = new TorFiles(join(folder, 'a data'), runtime)
  mkdirSync(files.state, { recursive: true, mode: 0o700 })
  const torrc = writeTorrc(files, SHIPPED_TORRC, own, 4711)
  assert.match(torrc, /^__OwningControllerProcess 4711$/m) // tor does not dump it
  const lines = verified(folder, torrc).split('\n')
  for (const line of [
    `ControlPort unix:"${runtime}/tor-control.sock"`,
    `SocksPort unix:"${runtime}/tor-socks.sock" IsolateSOCKSAuth ExtendedErrors`,
    'CookieAuthentication 1',
    'ClientOnly 1',
    'NoExec 1',
  ]) assert.ok(lines.includes(line), `${line}\n in \n${lines.join('\n')}`)
  assert.ok(lines.includes('LongLivedPorts 5222'), 'the operator has the last word')
  assert.equal(lines.some((line) => line.startsWith('Sandbox')), false, 'tor\'s sandbox ends tor when a service changes')
})

test('a path that could add lines to the torrc is refused', () => {
  for (const folder of ['/a"b', '/a\\b', '/a\nORPort 9001']) {
    assert.throws(() => new TorFiles(folder, '/run/sotto'), { condition: 'path-not-quotable' })
    assert.throws(() => writeTorrc(new TorFiles('/data', '/run/sotto'), '/torrc.d', folder, 1), { condition: 'path-not-quotable' })
  }
})

test('unix(7): a socket\'s path has at most 107 bytes; a longer one is told before tor is', () => {
  checkLength(`/${'x'.repeat(106)}`)
  assert.throws(() => checkLength(`/${'x'.repeat(107)}`), /files\.runtime/)
  assert.throws(() => checkLength(`/${'ü'.repeat(54)}`), { condition: 'path-too-long' })
  assert.throws(() => new TorFiles('/data', `/${'x'.repeat(100)}`), { condition: 'path-too-long' })
})
