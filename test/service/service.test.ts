import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { LOGIN } from '../container/login.ts'
import { Machine } from './machine.ts'

const CHECKOUT = new URL('../../..', import.meta.url).pathname
const PAGE = readFileSync(join(CHECKOUT, 'docs/operating.md'), 'utf8')
const SERVES_SECONDS = 60
/** In tenths: `systemd-analyze security` rates from 0 (safe) to 100. */
const EXPOSURE = 15
const PASSPHRASE = 'a rose by any other name'
const PASSWORD = 'wherefore art thou'

let machine: Machine
before(async () => { machine = await Machine.boot() })
after(() => machine.remove())

test('the unit for systemd', async (t) => {
  let onion = ''

  await t.test('is installed as its first lines say, and systemd finds nothing wrong with it', () => {
    // With its network switched off tor still makes the onion service, so nothing outside is needed.
    mkdirSync(machine.path('var/lib/sotto'))
    writeFileSync(machine.path('var/lib/sotto/torrc'), 'DisableNetwork 1\n')
    configure('')
    const [, install = ''] = /^# {3}(cp config\/sotto\.service .*)$/m.exec(machine.run('cat', '/opt/sotto/config/sotto.service')) ?? []
    machine.run('sh', '-c', `cd /opt/sotto && ${install}`)
    assert.deepEqual(machine.attempt('systemd-analyze', 'verify', 'sotto.service'), { status: 0, output: '' })
  })

  await t.test('serves, without a capability, under a filter of system calls, with nothing writable but its data', async () => {
    onion = await serves()
    const status = machine.run('cat', `/proc/${machine.property('MainPID')}/status`)
    assert.match(status, /^CapEff:\s+0+$/m)
    assert.match(status, /^NoNewPrivs:\s+1$/m)
    assert.match(status, /^Seccomp:\s+2$/m)
    assert.doesNotMatch(status, /^Uid:\s+0\s/m)
    const exposed = machine.attempt('systemd-analyze', 'security', `--threshold=${EXPOSURE}`, '--no-pager', 'sotto')
    assert.equal(exposed.status, 0, exposed.output)
    const writable = inside(`find / -xdev -writable ! -type l ! -path '/proc/*' ! -path '/dev/*' 2>/dev/null`).split('\n')
    assert.deepEqual(writable.filter((path) => !/^\/(var\/)?tmp(\/|$)|^\/(var\/lib\/private|run)\/sotto(\/|$)/.test(path)), [])
  })

  await t.test('obeys commands as docs/operating.md gives them, while it runs; accounts log in', () => {
    assert.match(sotto('account add juliet', PASSWORD), /^Made juliet@/m)
    assert.match(sotto('account list'), /^juliet@/m)
    assert.equal(login(onion), 'success X25519')
    assert.equal(inside('find /var/lib/sotto/ ! -writable'), '', 'nothing became root\'s')
  })

  await t.test('starts again when it is killed, under the same onion address', async () => {
    const killed = machine.property('MainPID')
    machine.run('sh', '-c', `kill -9 ${killed}`)
    assert.equal(await serves(killed), onion)
    assert.equal(login(onion), 'success X25519')
  })

  await t.test('stops in order', () => {
    machine.run('systemctl', 'stop', 'sotto')
    assert.deepEqual([machine.property('Result'), machine.property('ExecMainStatus')], ['success', '0'])
    assert.equal(machine.property('TasksCurrent'), '[not set]', 'tor went with it')
  })

  await t.test('and commands are obeyed as well while it does not run', async () => {
    assert.match(sotto('account add nurse', PASSWORD), /^Made nurse@/m)
    machine.run('systemctl', 'start', 'sotto')
    assert.equal(await serves(), onion)
    assert.match(sotto('account list'), /^juliet@.*\nnurse@/m)
    machine.run('systemctl', 'stop', 'sotto')
  })

  await t.test('starts by a passphrase that systemd hands over, from a file that this machine alone can read, as docs/operating.md says', async () => {
    const [, make = ''] = /^systemd-ask-password -n (\| systemd-creds encrypt .*)$/m.exec(PAGE) ?? []
    const [, unit = ''] = /^```ini\n(\[Service\]\n[^`]*LoadCredentialEncrypted[^`]*)```$/m.exec(PAGE) ?? []
    mkdirSync(machine.path('etc/sotto'))
    machine.run('sh', '-c', `printf '${PASSPHRASE}' ${make}`)
    mkdirSync(machine.path('etc/systemd/system/sotto.service.d'))
    writeFileSync(machine.path('etc/systemd/system/sotto.service.d/passphrase.conf'), unit)
    machine.run('systemctl', 'daemon-reload')
    configure('[keys]\npassphrase_credential = "sotto.passphrase"\n')
    machine.run('systemctl', 'start', 'sotto')
    assert.equal(await serves(), onion)
    assert.equal(login(onion), 'success X25519')
    const kept = readdirSync(machine.path('var/lib/private/sotto/data'), { recursive: true, encoding: 'utf8' })
    assert.deepEqual(kept.filter((name) => /secret_key|storage\.key/.test(name)), [], 'neither key is on the disk in the clear')
    assert.match(machine.run('find', '/run/sotto', '-name', 'hs_ed25519_secret_key'), /^\/run\/sotto\//, 'tor reads its own in memory')
    machine.run('systemctl', 'restart', 'sotto')
    assert.equal(await serves(), onion)
    machine.run('systemctl', 'stop', 'sotto')
    assert.ok(!machine.run('find', '/run', '-name', 'hs_ed25519_secret_key').includes('/'))
    const [, handed = ''] = /^`(--property=LoadCredentialEncrypted=[^`]+)`\.$/m.exec(PAGE) ?? []
    assert.match(sotto('account list', '', handed), /^juliet@/m)
  })

  await t.test('does not start by another passphrase, says so, and does not try again', async () => {
    writeFileSync(machine.path('etc/sotto/other'), 'a rose by another name')
    writeFileSync(machine.path('etc/systemd/system/sotto.service.d/passphrase.conf'), '[Service]\nLoadCredential=sotto.passphrase:/etc/sotto/other\n')
    machine.run('systemctl', 'daemon-reload')
    machine.run('systemctl', 'start', 'sotto')
    await ended()
    assert.deepEqual([machine.property('ExecMainStatus'), machine.property('NRestarts')], ['78', '0'])
    assert.ok(/the passphrase is not the one/.test(journal()), journal())
  })

  await t.test('does not start without it, and does not try again', async () => {
    writeFileSync(machine.path('etc/systemd/system/sotto.service.d/passphrase.conf'), '')
    machine.run('systemctl', 'daemon-reload')
    machine.run('systemctl', 'start', 'sotto')
    await ended()
    assert.deepEqual([machine.property('ExecMainStatus'), machine.property('NRestarts')], ['78', '0'])
    assert.ok(/CREDENTIALS_DIRECTORY is not set/.test(journal()), journal())
    assert.ok(!machine.run('journalctl', '--no-pager').includes(PASSPHRASE))
  })
})

/** A command to the server, by the function that the page defines. */
function sotto(command: string, input = '', more = ''): string {
  const [definition] = /^sotto\(\) \{\n[^}]*\n\}$/m.exec(PAGE) ?? assert.fail('the page defines no function')
  return machine.run('sh', '-c', `${definition.replace('systemd-run', `systemd-run ${more}`)}\nprintf '%s\\n' '${input}' | sotto ${command}`)
}

/** Where systemd has moved the data by then, see DynamicUser= in systemd.exec(5). */
function configure(more: string): void {
  const moved = machine.path('var/lib/private/sotto')
  writeFileSync(join(existsSync(moved) ? moved : machine.path('var/lib/sotto'), 'sotto.toml'),
    `[tor]\ntorrc = "torrc"\n[[listeners]]\nkind = "c2s"\nport = 5222\n[[domains]]\nname = "onion"\n${more}`)
}

/** Waits until a start that is not that of `before` serves; its onion address. */
async function serves(before = ''): Promise<string> {
  const deadline = performance.now() + SERVES_SECONDS * 1000
  for (;;) {
    const pid = machine.property('MainPID')
    const told = pid === '0' || pid === before ? '' : machine.run('journalctl', '--no-pager', '--output=cat', `_PID=${pid}`)
    const [address] = /[a-z2-7]{56}\.onion/.exec(told) ?? []
    if (address !== undefined && /^Listening on /m.test(told)) return address
    assert.ok(performance.now() < deadline, `${machine.attempt('systemctl', 'status', '--no-pager', 'sotto').output}${journal()}`)
    await delay(200)
  }
}

async function ended(): Promise<void> {
  const deadline = performance.now() + SERVES_SECONDS * 1000
  while (machine.property('ActiveState') !== 'failed') {
    assert.ok(performance.now() < deadline, journal())
    await delay(200)
  }
}

function journal(): string {
  return machine.run('journalctl', '--no-pager', '--output=cat', '--unit=sotto').slice(-4000)
}

/** A command that sees and may what the server sees and may. */
function inside(command: string): string {
  const pid = machine.property('MainPID')
  const [, uid = ''] = /^Uid:\s+(\d+)/m.exec(machine.run('cat', `/proc/${pid}/status`)) ?? []
  return machine.attempt('nsenter', '--target', pid, '--mount', 'setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', 'sh', '-c', command).output.trim()
}

function login(onion: string): string {
  return machine.attempt('node', '-e', LOGIN, '5222', onion, 'juliet', PASSWORD, 'X25519').output.trim()
}
