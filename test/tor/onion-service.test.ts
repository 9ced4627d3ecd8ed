import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { loadOrCreateOnionKey } from '../../src/tor/onion-key.ts'
import { Publication, onionCommand, onionSettings, type OnionDefenses, type OnionServiceSpec } from '../../src/tor/onion-service.ts'
import { DescriptorNotUploaded, type TorError } from '../../src/tor/tor-error.ts'
import { TestClock } from '../clock.ts'
import { temporaryFolder } from './installed.ts'
import { ScriptedTor, type Script } from './scripted-tor.ts'

const DEFENSES: OnionDefenses = {
  max_streams_per_circuit: 16, proof_of_work: true, proof_of_work_rate: 250, proof_of_work_burst: 2500, intro_dos_defense: true,
}

function service(t: TestContext): OnionServiceSpec {
  const key = loadOrCreateOnionKey(join(temporaryFolder(t), 'onion'))
  return { ...key, ports: [{ virtual: 5222, socket: '/run/sotto/c2s.sock' }, { virtual: 5269, socket: '/run/sotto/s2s.sock' }] }
}

interface Stage {
  readonly services: readonly OnionServiceSpec[]
  readonly tor: ScriptedTor
  readonly clock: TestClock
  readonly publication: Publication
  readonly published: string[]
  readonly errors: TorError[]
  uploaded(service: OnionServiceSpec | undefined): void
}

async function stage(t: TestContext, count: number, { shared = false, script = () => '250 OK\r\n' }: { readonly shared?: boolean, readonly script?: Script } = {}): Promise<Stage> {
  const clock = new TestClock()
  const tor = await ScriptedTor.start(t, clock, script)
  const services = Array.from({ length: count }, () => service(t))
  const published: string[] = []
  const errors: TorError[] = []
  const owner = { published: (address: string) => void published.push(address), unreachable: (error: TorError) => void errors.push(error) }
  const publication = new Publication(tor.control, { services, defenses: DEFENSES, shared, spread: 60_000 }, owner, clock)
  const uploaded = (one: OnionServiceSpec | undefined) => publication.descriptor({ event: 'descriptor', action: 'UPLOADED', address: one?.address ?? '', reason: undefined })
  return { services, tor, clock, publication, published, errors, uploaded }
}

/** How often each HiddenServiceDir is named in a command. */
const named = (line: string | undefined) => line?.match(/HiddenServiceDir=/g)?.length ?? 0

test('a service is set with its ports, circuit identifiers and defenses', (t) => {
  const spec = service(t)
  assert.deepEqual(onionSettings(spec, DEFENSES), [
    ['HiddenServiceDir', spec.directory],
    ['HiddenServicePort', '5222 unix:"/run/sotto/c2s.sock"'],
    ['HiddenServicePort', '5269 unix:"/run/sotto/s2s.sock"'],
    ['HiddenServiceExportCircuitID', 'haproxy'],
    ['HiddenServiceMaxStreams', '16'],
    ['HiddenServiceEnableIntroDoSDefense', '1'],
    ['HiddenServicePoWDefensesEnabled', '1'],
    ['HiddenServicePoWQueueRate', '250'],
    ['HiddenServicePoWQueueBurst', '2500'],
  ])
  assert.equal(onionSettings(spec, { ...DEFENSES, proof_of_work: false }).some(([key]) => key.includes('PoW')), false)
})

test('on somebody else\'s tor a service is added beside the others, with our key', (t) => {
  const spec = service(t)
  const [key, parameters] = onionCommand(spec, DEFENSES)
  assert.equal(key.length, 64)
  assert.deepEqual(parameters, ['Flags=DiscardPK', 'MaxStreams=16', 'PoWDefensesEnabled=1', 'PoWQueueRate=250', 'PoWQueueBurst=2500',
    'Port=5222,unix:/run/sotto/c2s.sock', 'Port=5269,unix:/run/sotto/s2s.sock'])
})

test('one service is published at once, and told once its descriptor is uploaded', async (t) => {
  const { publication, tor, published, services: [spec], uploaded } = await stage(t, 1)
  await publication.publish()
  assert.equal(named(tor.heard[0]), 1)
  assert.deepEqual(published, [])
  publication.descriptor({ event: 'descriptor', action: 'UPLOAD', address: spec?.address ?? '', reason: undefined })
  publication.descriptor({ event: 'descriptor', action: 'UPLOADED', address: 'another.onion', reason: undefined })
  assert.deepEqual(published, [])
  uploaded(spec)
  uploaded(spec)
  assert.deepEqual(published, [spec?.address])
  assert.deepEqual(publication.uploaded, published)
})

test('publishing twice publishes once', async (t) => {
  const { publication, tor } = await stage(t, 1)
  await publication.publish()
  await publication.publish()
  assert.equal(tor.heard.length, 1)
})

test('several services appear one by one within the spread, and each command names all that are there', async (t) => {
  const { publication, tor, clock } = await stage(t, 3)
  await publication.publish()
  assert.deepEqual(tor.heard, [])
  for (let seconds = 0; seconds < 60; seconds += 1) {
    clock.advance(1000)
    for (let turns = 0; turns < 5; turns += 1) await turn() // tor answers in time
  }
  while (tor.heard.length < 3) await turn()
  assert.deepEqual(tor.heard.map(named), [1, 2, 3])
})

test('after a reload all services are set again, for tor has forgotten them', async (t) => {
  const { publication, tor, uploaded, services: [spec], published } = await stage(t, 1)
  await publication.reloaded()
  assert.deepEqual(tor.heard, [], 'nothing is published that was not before')
  await publication.publish()
  uploaded(spec)
  await publication.reloaded()
  assert.equal(tor.heard[1], tor.heard[0])
  assert.deepEqual(publication.uploaded, [])
  uploaded(spec)
  assert.equal(published.length, 2)
})

test('a reload of somebody else\'s tor keeps our services', async (t) => {
  const { publication, tor } = await stage(t, 1, { shared: true })
  await publication.publish()
  await publication.reloaded()
  assert.equal(tor.heard.length, 1)
})

test('withdrawn is withdrawn: tor is told, and nothing held back comes later', async (t) => {
  const own = await stage(t, 1)
  await own.publication.publish()
  await own.publication.withdraw()
  assert.equal(own.tor.heard[1], 'RESETCONF HiddenServiceDir')
  const several = await stage(t, 2)
  await several.publication.publish()
  await several.publication.withdraw()
  several.clock.advance(600_000)
  assert.deepEqual([several.tor.heard, several.errors], [[], []])
  const shared = await stage(t, 1, { shared: true })
  await shared.publication.publish()
  await shared.publication.withdraw()
  assert.equal(shared.tor.heard[1], `DEL_ONION ${shared.services[0]?.address.slice(0, 56)}`)
})

test('what tor refuses is told and tried again after a minute', async (t) => {
  let refusals = 1
  const { publication, tor, errors, clock } = await stage(t, 1, { script: () => refusals-- > 0 ? '513 Unacceptable option value\r\n' : '250 OK\r\n' })
  await publication.publish()
  assert.deepEqual(errors.map(({ condition }) => condition), ['control-refused-513'])
  clock.advance(60_000)
  while (tor.heard.length < 2) await turn()
  assert.equal(named(tor.heard[1]), 1)
})

test('a descriptor that is not uploaded in three minutes is told, with tor\'s reason', async (t) => {
  const { publication, errors, clock, services: [spec] } = await stage(t, 1)
  await publication.publish()
  publication.descriptor({ event: 'descriptor', action: 'FAILED', address: spec?.address ?? '', reason: 'UPLOAD_REJECTED' })
  clock.advance(180_000)
  const [error] = errors
  assert.ok(error instanceof DescriptorNotUploaded && error.address === spec?.address && error.message.includes('UPLOAD_REJECTED'))
  assert.equal(error.message.includes(error.address), false, 'an address is not text for a log')
})
