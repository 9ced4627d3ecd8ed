import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { CopyLedger } from '../../src/backup/copy-ledger.ts'
import { configSchema, type Config } from '../../src/config/schema.ts'
import { backups } from '../../src/operate/doctor/backups.ts'
import { certificates } from '../../src/operate/doctor/certificates.ts'
import { clock } from '../../src/operate/doctor/clock.ts'
import { examine, gradeOf } from '../../src/operate/doctor/examination.ts'
import { exposure } from '../../src/operate/doctor/exposure.ts'
import { fileModes } from '../../src/operate/doctor/file-modes.ts'
import type { Check, Finding, Verdict } from '../../src/operate/doctor/finding.ts'
import { listenersTls } from '../../src/operate/doctor/listeners-tls.ts'
import { logging } from '../../src/operate/doctor/logging.ts'
import { onions } from '../../src/operate/doctor/onions.ts'
import { storageKey } from '../../src/operate/doctor/storage-key.ts'
import { torVersion } from '../../src/operate/doctor/tor-version.ts'
import { dns as dnsName, Issued } from '../net/authority.ts'
import { Scenario } from '../scenario/scenario.ts'

const NOW = Date.UTC(2026, 10, 22, 12)
const DAY = 86_400_000
const folder = mkdtempSync(join(tmpdir(), 'sotto-doctor-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const config = (given: Readonly<Record<string, unknown>> = {}): Config => configSchema.parse({ files: { data: folder, runtime: join(folder, 'run') }, ...given })
const look = async (check: Check, given: Config, now = NOW): Promise<readonly Finding[]> => await check.examine({ config: given, now, status: undefined })
const verdicts = async (check: Check, given: Config, now = NOW): Promise<readonly Verdict[]> => (await look(check, given, now)).map(({ verdict }) => verdict)

describe('what the doctor finds', () => {
  test('grades: one grave thing is F, several bad ones D, one C, notices B', () => {
    const of = (...given: Verdict[]): string => gradeOf(given.map((verdict) => ({ verdict, says: '' })))
    assert.deepEqual([of(), of('good', 'notice'), of('notice', 'notice'), of('bad'), of('bad', 'bad'), of('good', 'grave')], ['A', 'A', 'B', 'C', 'D', 'F'])
  })

  test('a check that fails is a finding, and keeps none of the others from being told', async () => {
    const broken: Check = { name: 'Broken', examine: () => { throw new TypeError('a bug') } }
    const { checks } = await examine({ config: config(), now: NOW, status: undefined }, [broken, logging])
    assert.deepEqual(checks.map(({ findings }) => findings[0]?.verdict), ['bad', 'good'])
  })

  test('certificates: whom they name, by whom they are signed, and for how long', async () => {
    const root = await Issued.root()
    const write = async (name: string, issued: Issued): Promise<Config> => {
      writeFileSync(join(folder, `${name}.pem`), issued.pem)
      return config({ domains: [{ name: 'capulet.lit', certificate: join(folder, `${name}.pem`), key: 'x' }] })
    }
    const names = [dnsName('capulet.lit')]
    assert.deepEqual(await verdicts(certificates, await write('right', await root.issue({ names }))), ['good'])
    assert.deepEqual(await verdicts(certificates, await write('late', await root.issue({ names, to: NOW + 20 * DAY }))), ['notice'])
    assert.deepEqual(await verdicts(certificates, await write('later', await root.issue({ names, to: NOW + 6 * DAY }))), ['bad'])
    assert.deepEqual(await verdicts(certificates, await write('old', await root.issue({ names, to: NOW - 1000 }))), ['grave'])
    assert.deepEqual(await verdicts(certificates, await write('other', await root.issue({ names: [dnsName('verona.lit')] }))), ['bad'])
    assert.deepEqual(await verdicts(certificates, await write('own', await Issued.root({ names, authority: false }))), ['notice'])
    writeFileSync(join(folder, 'none.pem'), 'none')
    assert.deepEqual(await verdicts(certificates, config({ domains: [{ name: 'capulet.lit', certificate: join(folder, 'none.pem'), key: 'x' }] })), ['grave'])
  })

  test('listeners: one that shows where the onion is, is bad', async () => {
    const listener = (address: string, domains?: readonly string[]): Config => config({
      domains: [{ name: 'onion' }, { name: 'capulet.lit', onion_service: false }], listeners: [{ kind: 'c2s', address, port: 5222, ...domains === undefined ? {} : { domains } }],
    })
    assert.deepEqual(await verdicts(exposure, listener('127.0.0.1')), ['good'])
    assert.deepEqual(await verdicts(exposure, listener('0.0.0.0')), ['good'])
    assert.deepEqual(await verdicts(exposure, listener('0.0.0.0', ['onion'])), ['bad'])
    assert.deepEqual(await verdicts(exposure, listener('::', ['onion', 'capulet.lit'])), ['bad', 'notice'])
  })

  test('files that others can open are grave, and it says which', async () => {
    mkdirSync(join(folder, 'keys'), { mode: 0o700 })
    assert.deepEqual(await verdicts(fileModes, config()), ['good'])
    chmodSync(join(folder, 'keys'), 0o750)
    const [finding] = await look(fileModes, config())
    assert.equal(finding?.verdict, 'grave')
    assert.match(finding?.remedy ?? '', /chmod go= .*keys$/)
    chmodSync(join(folder, 'keys'), 0o700)
  })

  test('a storage key beside the database is worth a notice', async () => {
    assert.deepEqual(await verdicts(storageKey, config({ keys: { file: join(folder, 'keys', 'storage.key') } })), ['notice'])
    assert.deepEqual(await verdicts(storageKey, config({ keys: { file: '/elsewhere/storage.key' } })), ['good'])
    assert.deepEqual(await verdicts(storageKey, config({ keys: { passphrase_file: '/run/passphrase' } })), ['good'])
  })

  test('without backups it is bad; one that is late is grave', async () => {
    assert.deepEqual(await verdicts(backups, config()), ['bad'])
    const directory = join(folder, 'backups')
    const given = config({ backup: { recipients: [`age1${'q'.repeat(58)}`], directory } })
    assert.deepEqual(await verdicts(backups, given), ['bad', 'bad'], 'none, and no copy of it')
    mkdirSync(directory)
    writeFileSync(join(directory, 'sotto-2026-11-22T11-30-00Z.age'), 'x')
    assert.deepEqual(await verdicts(backups, given), ['good', 'bad', 'bad'], 'there is no receipt, and no copy')
    assert.deepEqual(await verdicts(backups, given, NOW + DAY), ['grave', 'bad', 'bad'])
  })

  test('a copy elsewhere is wanted, proven, and not too old', async () => {
    const directory = join(folder, 'copied')
    mkdirSync(directory)
    const given = config({ backup: { recipients: [`age1${'q'.repeat(58)}`], directory, copies: [{ kind: 'directory', path: '/elsewhere' }] } })
    const last = async (now = NOW): Promise<Verdict | undefined> => (await verdicts(backups, given, now)).at(-1)
    assert.equal(await last(), 'bad', 'nothing is known')
    const ledger = CopyLedger.read(join(directory, 'copies.json'))
    ledger.keep(['directory /elsewhere'], NOW)
    assert.equal(await last(), 'bad', 'there is none')
    ledger.prove('directory /elsewhere', 'sotto-2026-11-22T11-30-00Z.age', { at: NOW, bytes: 1, sha256: 'x' })
    assert.deepEqual([await last(), await last(NOW + DAY)], ['good', 'grave'])
    const more = config({ backup: { ...given.backup, every: '1h', alarm_after: '6h', copies: [
      { kind: 'directory', path: '/elsewhere' }, { kind: 'command', command: ['/usr/local/bin/keep'] }] } })
    const added = (await look(backups, more)).at(-1)
    assert.deepEqual([added?.verdict, added?.says], ['bad', 'No copy in command /usr/local/bin/keep is proven yet'], 'a place that was added since the start')
    ledger.prove('directory /elsewhere', 'sotto-2036-11-22T11-30-00Z.age', { at: NOW, bytes: 1, sha256: 'x' })
    assert.equal(await last(NOW + DAY), 'grave', 'one of the future is of unknown age')
  })

  test('the clock is judged by what Tor\'s authorities signed', async () => {
    assert.deepEqual(await verdicts(clock, config()), ['notice'])
    mkdirSync(join(folder, 'tor', 'state'), { recursive: true })
    writeFileSync(join(folder, 'tor', 'state', 'cached-microdesc-consensus'),
      'network-status-version 3 microdesc\nvalid-after 2026-11-22 11:00:00\nfresh-until 2026-11-22 12:00:00\nvalid-until 2026-11-22 14:00:00\n')
    assert.deepEqual(await verdicts(clock, config()), ['good'])
    assert.deepEqual(await verdicts(clock, config(), NOW - 2 * 3_600_000), ['bad'])
    assert.deepEqual(await verdicts(clock, config(), NOW + DAY), ['notice'])
  })

  test('a log that tells more than errors for good, or who changed whom, is worth a notice', async () => {
    assert.deepEqual(await verdicts(logging, config()), ['good'])
    assert.deepEqual(await verdicts(logging, config({ log: { level: 'debug', roster: true } })), ['notice', 'notice'])
  })

  test('tor that is not there is bad; an onion without a server is, too', async () => {
    assert.deepEqual(await verdicts(torVersion, config({ tor: { program: '/nonexistent/tor' } })), ['bad'])
    assert.deepEqual(await verdicts(onions, config()), ['bad'])
    assert.deepEqual(await verdicts(onions, config({ tor: { enabled: false } })), ['notice'])
  })
})

test('TLS of each listener is spoken to: STARTTLS and direct, for clients and servers; a port with nobody is bad', async (t) => {
  const kinds = ['c2s', 'c2s-tls', 's2s', 's2s-tls'] as const
  const scenario = await Scenario.start(`[[domains]]\nname = "capulet.lit"\n[tor]\nenabled = false\n${kinds.map((kind) => `[[listeners]]\nkind = "${kind}"\nport = 0\n`).join('')}`)
  t.after(() => scenario.stop())
  const given = config({
    domains: [{ name: 'capulet.lit', onion_service: false }],
    listeners: [...kinds.map((kind, index) => ({ kind, port: scenario.ports[index] })), { kind: 'c2s', port: 1 }],
  })
  const findings = await listenersTls.examine({ config: given, now: NOW, status: { tor: { state: 'stopped' }, onions: [] } })
  assert.deepEqual(findings.map(({ verdict }) => verdict), ['good', 'good', 'good', 'good', 'bad'])
  for (const { says } of findings.slice(0, 4)) assert.match(says, /TLSv1\.3/)
})

test('sotto doctor: says all of it, grades it, and ends with 2 where something is bad; --json is for programs', async () => {
  const place = mkdtempSync(join(tmpdir(), 'sotto-doctor-'))
  after(() => rmSync(place, { recursive: true, force: true }))
  writeFileSync(join(place, 'sotto.toml'), '[tor]\nenabled = false\n')
  const run = (...words: string[]): Promise<{ code: unknown, stdout: string, stderr: string }> => new Promise((resolve) => {
    const main = new URL('../../src/main.js', import.meta.url).pathname
    execFile(process.execPath, [main, 'doctor', ...words], { cwd: place }, (error, stdout, stderr) => resolve({ code: error?.code, stdout, stderr }))
  })
  const { code, stdout, stderr } = await run()
  assert.equal(code, 2)
  assert.match(stdout, /^Onion services\n {2}notice Tor is not used/)
  assert.match(stdout, /Backups\n {2}BAD {4}None are made\n {9}Make a key pair: /)
  assert.match(stdout, /Grade: [CD]\n$/)
  assert.match(stderr, /Something is to be mended/)
  const json = JSON.parse((await run('--json')).stdout) as { grade: string, checks: readonly unknown[] }
  assert.match(json.grade, /[CD]/)
  assert.ok(json.checks.length > 8)
})
