import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../src/clock.ts'
import { TorProcess, askVersion, checkVersion } from '../../src/tor/process.ts'
import { TorNotFound, TorTooOld } from '../../src/tor/tor-error.ts'
import { TorFiles } from '../../src/tor/torrc.ts'
import { TestClock } from '../clock.ts'
import { temporaryFolder, withoutTor } from './installed.ts'

/** Folders, and a torrc that keeps tor off the network. */
function prepare(t: TestContext): { readonly files: TorFiles, readonly offline: string } {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'run'), { mode: 0o700 })
  const offline = join(folder, 'offline.torrc')
  writeFileSync(offline, 'DisableNetwork 1\n')
  return { files: new TorFiles(join(folder, 'tor'), join(folder, 'run')), offline }
}

const isAlive = (pid: number) => existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(20)
}

test('tor must be 0.4.8 or newer', () => {
  for (const version of ['0.4.8', '0.4.8.1-alpha', '0.4.9.11', '0.5.0.1', '1.0.0']) checkVersion(version)
  for (const version of ['0.4.7.16', '0.3.5.10', '0.4', 'unknown', '']) assert.throws(() => checkVersion(version), TorTooOld, version)
})

test('a program that is not there, and one that is no tor, are told', async (t) => {
  const { files } = prepare(t)
  await assert.rejects(TorProcess.spawn('/nonexistent/tor', files, '', systemClock), TorNotFound)
  await assert.rejects(TorProcess.spawn('true', files, '', systemClock), TorTooOld)
})

test('tor runs with our files, which only we can read, and ends when asked', { skip: withoutTor, timeout: 60_000 }, async (t) => {
  const { files, offline } = prepare(t)
  assert.match(await askVersion('tor'), /^\d+\.\d+\.\d+/)
  const tor = await TorProcess.spawn('tor', files, offline, systemClock)
  await until(() => readFileSync(files.log, 'utf8').includes('Bootstrapped 0%')) // asked before that, tor aborts
  for (const file of [files.torrc, files.log, files.cookie]) assert.equal(statSync(file).mode & 0o077, 0, file)
  for (const folder of [files.directory, files.state]) assert.equal(statSync(folder).mode & 0o777, 0o700, folder)
  assert.ok(tor.running && isAlive(tor.pid))
  await tor.stop()
  assert.deepEqual([tor.running, isAlive(tor.pid), await tor.exited], [false, false, 'exit 0'])
  await tor.stop()
})

test('a mistake in the operator\'s torrc ends tor, and its log says what it was', { skip: withoutTor, timeout: 60_000 }, async (t) => {
  const { files, offline } = prepare(t)
  writeFileSync(offline, 'NoSuchOption 1\n')
  const tor = await TorProcess.spawn('tor', files, offline, systemClock)
  assert.equal(await tor.exited, 'exit 1')
  assert.match(readFileSync(files.log, 'utf8'), /NoSuchOption/)
})

test('tor\'s log is cut when it has grown beyond 1 MB', { skip: withoutTor, timeout: 60_000 }, async (t) => {
  const { files, offline } = prepare(t)
  const clock = new TestClock()
  const tor = await TorProcess.spawn('tor', files, offline, clock)
  t.after(() => tor.stop())
  const kept = 1000 * 1024 // tor may be saying something at this moment: there must be room for that, too
  truncateSync(files.log, kept)
  clock.advance(10 * 60_000)
  assert.ok(statSync(files.log).size >= kept, 'up to 1 MB it is kept')
  truncateSync(files.log, 2 * 1024 * 1024)
  clock.advance(10 * 60_000)
  assert.ok(statSync(files.log).size < 1024 * 1024)
})

const PARENT = `
  import { systemClock } from '${new URL('../../src/clock.js', import.meta.url).href}'
  import { TorSession } from '${new URL('../../src/tor/session.js', import.meta.url).href}'
  import { TorFiles } from '${new URL('../../src/tor/torrc.js', import.meta.url).href}'
  const [directory, runtime, torrc] = process.argv.slice(1)
  const settings = { program: 'tor', torrc, files: new TorFiles(directory, runtime), foreign: undefined }
  const session = await TorSession.open(settings, () => {}, systemClock, new AbortController().signal)
  console.log(session.process.pid)
`

test('when the server is killed, tor and the onion service go too', { skip: withoutTor, timeout: 60_000 }, async (t) => {
  const { files, offline } = prepare(t)
  const parent = spawn(process.execPath, ['--input-type=module', '-e', PARENT, files.directory, join(files.control, '..'), offline], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => parent.kill('SIGKILL'))
  const [line] = await once(parent.stdout, 'data') as [Buffer]
  const pid = Number(line.toString())
  assert.ok(isAlive(pid))
  parent.kill('SIGKILL')
  const begun = performance.now()
  await until(() => !isAlive(pid))
  t.diagnostic(`tor gone after ${((performance.now() - begun) / 1000).toFixed(1)} s`)
})
