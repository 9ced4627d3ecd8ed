import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock, type Clock } from '../../src/clock.ts'
import { Control } from '../../src/tor/control.ts'
import { loadOrCreateOnionKey } from '../../src/tor/onion-key.ts'
import { Tor, type TorOptions, type TorOwner } from '../../src/tor/tor.ts'
import { BootstrapTimedOut, TorNotFound, type TorError } from '../../src/tor/tor-error.ts'
import { TestClock } from '../clock.ts'
import { TestLog } from '../house.ts'
import { temporaryFolder, withoutTor } from './installed.ts'

const OPTIONS: TorOptions = {
  enabled: true, required: false, program: 'tor', torrc: '', control: '', bootstrap_timeout: 300_000, max_streams_per_circuit: 16,
  proof_of_work: true, proof_of_work_rate: 250, proof_of_work_burst: 2500, intro_dos_defense: true,
}

interface Stage {
  readonly folder: string
  readonly tor: Tor
  readonly log: TestLog
  readonly errors: TorError[]
}

/** One service on a tor that keeps off the network. */
function stage(t: TestContext, options: Partial<TorOptions> = {}, clock: Clock = systemClock, owner: TorOwner = {}): Stage {
  const folder = temporaryFolder(t)
  const runtime = join(folder, 'run')
  mkdirSync(runtime, { mode: 0o700 })
  const torrc = join(folder, 'offline.torrc')
  writeFileSync(torrc, 'DisableNetwork 1\n')
  const errors: TorError[] = []
  const log = new TestLog()
  const service = { ...loadOrCreateOnionKey(join(folder, 'onion')), ports: [{ virtual: 5222, socket: join(runtime, 'c2s.sock') }] }
  const tor = new Tor({ options: { ...OPTIONS, torrc, ...options }, directory: join(folder, 'tor'), runtime }, [service],
    { unreachable: (error) => void errors.push(error), ...owner }, clock, log)
  t.after(() => tor.stop())
  return { folder, tor, log, errors }
}

/** A second controller, as an operator's nyx would be. */
async function controller(t: TestContext, { folder }: Stage): Promise<Control> {
  const control = await Control.connect({ path: join(folder, 'run', 'tor-control.sock') }, { event: () => {}, closed: () => {} }, systemClock)
  t.after(() => control.close())
  await control.authenticate()
  return control
}

const until = async (condition: () => boolean | Promise<boolean>) => {
  while (!await condition()) await delay(20)
}

test('without tor the server starts all the same, says so, and tries again', async (t) => {
  const clock = new TestClock()
  const { tor, errors, log } = stage(t, { program: '/nonexistent/tor' }, clock)
  await tor.start()
  assert.ok(errors[0] instanceof TorNotFound)
  assert.deepEqual(tor.status, { state: 'waiting', error: errors[0] })
  assert.deepEqual([tor.pid, tor.socks], [undefined, undefined])
  await tor.publish()
  await until(() => {
    clock.advance(1000)
    return errors.length === 3
  })
  assert.deepEqual(log.lines[0], { level: 'warn', event: 'tor.unreachable', fields: { part: 'tor', condition: 'tor-not-found', file: '/nonexistent/tor' }, cause: undefined })
  await tor.stop()
  assert.deepEqual(tor.status, { state: 'stopped' })
})

test('tor.enabled = false: nothing is run', async (t) => {
  const { tor, errors } = stage(t, { enabled: false, program: '/nonexistent/tor' })
  await tor.start()
  await tor.publish()
  assert.deepEqual([tor.status, tor.socks, errors], [{ state: 'stopped' }, undefined, []])
  await tor.withdraw()
  await tor.stop()
})

test('tor.required: without tor the server does not start', async (t) => {
  const { tor } = stage(t, { program: '/nonexistent/tor', required: true })
  await assert.rejects(tor.start(), TorNotFound)
  assert.deepEqual(tor.status, { state: 'stopped' })
})

test('tor.required: without a way into the network the server gives up after tor.bootstrap_timeout', { skip: withoutTor, timeout: 60_000 }, async (t) => {
  const { tor } = stage(t, { required: true, bootstrap_timeout: 1000 })
  await assert.rejects(tor.start(), BootstrapTimedOut)
  assert.equal(tor.pid, undefined)
})

test('tor.required: after tor.bootstrap_timeout the last failure is told, if there was one', { skip: withoutTor, timeout: 60_000 }, async (t) => {
  const { tor, folder } = stage(t, { required: true, bootstrap_timeout: 2000 })
  writeFileSync(join(folder, 'offline.torrc'), 'NoSuchOption 1\n')
  await assert.rejects(tor.start(), { condition: 'tor-exited' })
})

test('start, publish, withdraw, stop: tor is told each, and gone in the end', { skip: withoutTor, timeout: 60_000 }, async (t) => {
  const set = stage(t)
  const { tor, folder } = set
  await tor.start()
  assert.equal(tor.status.state, 'bootstrapping')
  assert.deepEqual(tor.socks, { path: join(folder, 'run', 'tor-socks.sock') })
  assert.equal(tor.exportsCircuits, true)
  const operator = await controller(t, set)
  await tor.publish()
  assert.match(await operator.getInfo('config-text'), /^HiddenServiceDir .*onion$/m)
  await tor.withdraw()
  assert.doesNotMatch(await operator.getInfo('config-text'), /HiddenService/)
  const { pid } = tor
  await tor.stop()
  assert.ok(pid !== undefined)
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})

test('a reload by the operator does not lose the service', { skip: withoutTor, timeout: 60_000 }, async (t) => {
  const set = stage(t)
  await set.tor.start()
  await set.tor.publish()
  const operator = await controller(t, set)
  assert.ok(set.tor.pid !== undefined)
  writeFileSync(join(set.folder, 'offline.torrc'), 'DisableNetwork 1\nNickname reloaded\n')
  process.kill(set.tor.pid, 'SIGHUP')
  await until(async () => (await operator.getInfo('config-text')).includes('Nickname reloaded'))
  await until(async () => /^HiddenServiceDir /m.test(await operator.getInfo('config-text')))
})

test('a tor that is killed is told, started again, and asked to publish again', { skip: withoutTor, timeout: 60_000 }, async (t) => {
  let exits = 0
  const set = stage(t, {}, systemClock, { exited: () => { exits += 1 } })
  await set.tor.start()
  await set.tor.publish()
  const { pid } = set.tor
  assert.ok(pid !== undefined)
  process.kill(pid, 'SIGKILL')
  await until(() => set.tor.pid !== undefined && set.tor.pid !== pid)
  assert.equal(exits, 1)
  assert.deepEqual(set.errors.map(({ condition }) => condition), ['tor-exited'])
  const operator = await controller(t, set)
  await until(async () => /^HiddenServiceDir /m.test(await operator.getInfo('config-text')))
})

test('a mistake in the operator\'s torrc is told with the file that explains it', { skip: withoutTor, timeout: 60_000 }, async (t) => {
  const { tor, errors, folder } = stage(t)
  writeFileSync(join(folder, 'offline.torrc'), 'NoSuchOption 1\n')
  await tor.start()
  assert.deepEqual([errors[0]?.condition, errors[0]?.file], ['tor-exited', join(folder, 'tor', 'tor.log')])
  assert.match(readFileSync(errors[0]?.file ?? '', 'utf8'), /NoSuchOption/)
})

test('somebody else\'s tor: the service is added beside theirs, taken back, and their tor lives on', { skip: withoutTor, timeout: 60_000 }, async (t) => {
  const theirs = stage(t)
  await theirs.tor.start()
  await theirs.tor.publish()
  const ours = stage(t, { control: join(theirs.folder, 'run', 'tor-control.sock') })
  await ours.tor.start()
  assert.deepEqual(ours.errors, [])
  assert.deepEqual([ours.tor.exportsCircuits, ours.tor.pid], [false, undefined])
  assert.equal(ours.tor.socks, undefined, 'a tor that keeps off the network has no SOCKS port open')
  await ours.tor.publish()
  const operator = await controller(t, theirs)
  assert.match(await operator.getInfo('config-text'), /^HiddenServiceDir /m)
  await ours.tor.stop()
  assert.ok(theirs.tor.pid !== undefined)
  process.kill(theirs.tor.pid, 0)
  assert.deepEqual(theirs.errors, [])
})

test('tor.control is a path or host:port', (t) => {
  for (const control of ['relative/control.sock', '9051', 'host:', 'host:99999', 'http://127.0.0.1:9051']) {
    assert.throws(() => stage(t, { control }), { condition: 'control-endpoint-invalid' }, control)
  }
  for (const control of ['/run/tor/control', '127.0.0.1:9051', '[::1]:9051', 'tor:9051']) stage(t, { control })
})
