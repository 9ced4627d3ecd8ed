import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { baseImage } from './base-image.ts'
import { LOGIN } from './login.ts'
import { Podman } from './podman.ts'

const CHECKOUT = new URL('../../..', import.meta.url).pathname
const IMAGE = 'localhost/sotto'
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'
const HARDENED = ['--read-only', '--cap-drop=all', '--security-opt=no-new-privileges', '--memory=256m', '--memory-swap=256m', '--pids-limit=128', '--network=none']
const SERVES_SECONDS = 60
/** What an earlier version left: test/scenario/upgrade.test.ts says more. */
const LEFT = 'data-2026-11-25.tar.gz'
const LEFT_ONION = 'jszwfis3fykxdj5dkg5d4uqkpxn25t6xjxkjlkk5p7ofncxrtyhajyqd.onion'

/** Statements become garbage while promises run, outside of any call from JavaScript (src/install/object-wrap.h). */
const COLLECTED = `
  const database = new (require('better-sqlite3'))(':memory:')
  let kept = []
  async function burden() {
    for (let n = 0; n < 20000; n++) {
      database.prepare('SELECT 1').get()
      if (kept.push(new Array(2000).fill(n)) > 5000) kept = []
      if (n % 50 === 0) await require('fs').promises.readFile('package.json')
    }
  }
  burden().then(() => console.log('alive'))`

let podman: Podman
before(async () => { podman = await Podman.start() })
after(() => podman.remove())

test('the image', async (t) => {
  await t.test('is built by the Dockerfile on Debian and Node 24', (t) => {
    const base = baseImage(podman)
    t.diagnostic(`on ${base}`)
    // Chroot: a build needs no more, and not every machine grants it more. Docker's format: OCI's knows no HEALTHCHECK.
    podman.run('build', '--isolation=chroot', '--network=host', '--pull=never', '--format=docker', `--build-arg=NODE_IMAGE=${base}`,
      ...secrets(), `--tag=${IMAGE}`, CHECKOUT)
    t.diagnostic(`${Math.round(Number(podman.run('image', 'inspect', '--format={{.Size}}', IMAGE)) / 1e6)} MB`)
  })

  await t.test('holds neither a compiler nor npm nor tests', () => {
    const found = podman.run('run', '--rm', '--entrypoint=sh', IMAGE, '-c',
      'ls -d /app/dist/test /app/node_modules/typescript /run/secrets/* 2>/dev/null; command -v npm g++ cc make python3; true')
    assert.equal(found, '')
  })

  await t.test('holds a SQLite which survives that its statements are collected between two callbacks', () => {
    assert.equal(podman.run('run', '--rm', '--workdir=/app', '--entrypoint=node', IMAGE, '-e', COLLECTED), 'alive')
  })

  await t.test('runs with a read-only root, no capability, no network, as a user who is not root', async () => {
    // With its network switched off tor still makes the onion service, so nothing outside is needed.
    podman.run('volume', 'create', 'kept')
    podman.run('run', '--rm', '--volume=kept:/data', '--entrypoint=sh', IMAGE, '-c',
      'echo "DisableNetwork 1" >torrc && printf "[tor]\\ntorrc = \\"torrc\\"\\n" >sotto.toml')
    start('first')
    await serves('first')
    assert.equal(podman.run('exec', 'first', 'id', '-u'), '10001')
    assert.match(podman.run('exec', 'first', 'grep', 'CapEff', '/proc/1/status'), /^CapEff:\s+0+$/)
    assert.notEqual(podman.attempt('exec', 'first', 'touch', '/app/x').status, 0, 'the root is read-only')
  })

  await t.test('is healthy while the server answers', () => {
    podman.run('healthcheck', 'run', 'first')
  })

  await t.test('makes accounts by its own command', () => {
    assert.match(podman.run('exec', 'first', 'sh', '-c', 'printf "romeo wherefore-art-thou\\n" | sotto account add'), /romeo/)
    assert.match(podman.run('exec', 'first', 'sotto', 'account', 'list'), /^romeo@/)
  })

  await t.test('is graded by its own doctor', () => {
    const { stdout } = podman.attempt('exec', 'first', 'sotto', 'doctor')
    assert.match(stdout, /^Onion services$/m)
    assert.match(stdout, /BAD {4}None are made$/m) // no backups yet
    assert.ok(!stdout.includes('GRAVE'), stdout)
  })

  await t.test('stays within 256 MB while accounts are made and five hundred streams are opened', () => {
    const lines = Array.from({ length: 60 }, (_, index) => `guest${index} a plague on both your houses`).join('\\n')
    podman.run('exec', 'first', 'sh', '-c', `printf "${lines}\\n" | sotto account add >/dev/null`)
    assert.equal(podman.run('exec', 'first', 'node', '-e', CROWD), 'crowded')
    assert.equal(podman.run('inspect', '--format={{.State.Running}} {{.State.OOMKilled}}', 'first'), 'true false')
    t.diagnostic(podman.run('exec', 'first', 'sotto', 'status').split('\n')[0] ?? '')
  })

  await t.test('finds the same onion address and accounts after a restart in a new container', async () => {
    const before = await address('first')
    podman.run('stop', '--time=30', 'first')
    assert.equal(podman.run('inspect', '--format={{.State.ExitCode}}', 'first'), '0', 'a signal ends it in order')
    podman.run('rm', 'first')
    start('second')
    assert.equal(await address('second'), before)
    assert.match(podman.run('exec', 'second', 'sotto', 'account', 'list'), /romeo@/)
  })

  await t.test('is backed up, its volume destroyed, and restored elsewhere: the same address, the same accounts', async () => {
    const [before, accounts] = [await address('second'), podman.run('exec', 'second', 'sotto', 'account', 'list')]
    const made = podman.run('exec', 'second', 'sotto', 'backup', 'identity', 'backup-key.txt')
    const table = /\[backup\]\nrecipients = \["age1[a-z0-9]+"\]/.exec(made)?.[0] ?? assert.fail(made)
    podman.run('exec', 'second', 'sh', '-c', `echo '${table}' >>sotto.toml`)
    podman.run('stop', '--time=30', 'second')
    podman.run('rm', 'second')
    start('third')
    await serves('third')
    assert.match(podman.run('exec', 'third', 'sotto', 'backup', 'now'), /^Made sotto-.*\.age: /)
    // What an operator carries away: the encrypted file, and the key, which lies elsewhere in earnest.
    const carried = mkdtempSync(join(podman.folder, 'carried-'))
    for (const path of ['data/backups', 'backup-key.txt']) podman.run('cp', `third:/data/${path}`, carried)
    podman.run('rm', '--force', '--time=0', 'third')
    podman.run('volume', 'rm', 'kept')

    podman.run('volume', 'create', 'kept')
    const [backup = ''] = readdirSync(join(carried, 'backups')).filter((name) => name.endsWith('.age'))
    for (const name of ['.', 'backups', join('backups', backup), 'backup-key.txt']) chmodSync(join(carried, name), 0o755) // of another user there
    podman.run('run', '--rm', ...HARDENED, '--volume=kept:/data', `--volume=${carried}:/carried:ro`, IMAGE,
      'backup', 'restore', `/carried/backups/${backup}`, '--identity', '/carried/backup-key.txt')
    start('fourth')
    assert.equal(await address('fourth'), before)
    assert.equal(podman.run('exec', 'fourth', 'sotto', 'account', 'list'), accounts)
  })

  await t.test('agrees on the hybrid X25519MLKEM768 with whoever knows it, and on a classical group with whoever does not', async () => {
    const onion = await address('fourth')
    for (const [known, agreed] of [['X25519:X25519MLKEM768', 'X25519MLKEM768'], ['X25519:P-256', 'X25519'], ['P-256', 'prime256v1']] as const) {
      assert.equal(login('fourth', '5222', onion, 'romeo', 'wherefore-art-thou', known), `success ${agreed}`)
    }
    assert.equal(login('fourth', '5222', onion, 'romeo', 'some other password', 'X25519'), 'failure X25519')
    podman.run('rm', '--force', '--time=0', 'fourth')
  })

  await t.test('takes over what an earlier version left: the same onion address, and its accounts log in, by both doors', async () => {
    const carried = mkdtempSync(join(podman.folder, 'left-'))
    copyFileSync(join(CHECKOUT, 'test/store', LEFT), join(carried, LEFT))
    for (const name of ['.', LEFT]) chmodSync(join(carried, name), 0o755) // of another user there
    podman.run('volume', 'create', 'left')
    podman.run('run', '--rm', ...HARDENED, '--volume=left:/data', `--volume=${carried}:/carried:ro`, '--entrypoint=sh', IMAGE, '-c',
      `tar -xz --no-same-owner -f /carried/${LEFT} -C /data && echo "DisableNetwork 1" >torrc`
      + ` && sed -i 's/^enabled = false/torrc = "torrc"/; s/^port = 0/port = 5222/' sotto.toml`)
    for (const name of ['fifth', 'sixth']) { // the second one finds it taken over
      start(name, 'left')
      assert.equal(await address(name), LEFT_ONION)
      assert.equal(podman.run('exec', name, 'sotto', 'account', 'list'), `juliet@capulet.lit\nromeo@capulet.lit\nmercutio@${LEFT_ONION}`)
      assert.equal(login(name, '5222', 'capulet.lit', 'juliet', 'wherefore art thou', 'X25519MLKEM768'), 'success X25519MLKEM768')
      const door = podman.run('exec', name, 'sh', '-c', 'ls data/run/c2s-*.sock')
      assert.equal(login(name, `/data/${door}`, LEFT_ONION, 'mercutio', 'a plague on both your houses', 'X25519'), 'success X25519')
      podman.run('stop', '--time=30', name)
      assert.equal(podman.run('inspect', '--format={{.State.ExitCode}}', name), '0')
    }
  })
})

/** Five hundred clients who each say what is too much for one that did not sign in, and stay as long as they may. */
const CROWD = `
  const net = require('net')
  let over = 0
  for (let n = 0; n < 500; n++) {
    const socket = net.connect(5222, '127.0.0.1')
    socket.write("<stream:stream to='x.lit' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>" + 'a'.repeat(20000))
    socket.on('error', () => {}).on('close', () => over++).resume()
  }
  process.on('exit', () => console.log(over === 500 ? 'crowded' : over))`

function start(name: string, volume = 'kept'): void {
  podman.run('run', '--detach', `--name=${name}`, ...HARDENED, `--volume=${volume}:/data`, IMAGE)
}

function login(name: string, ...args: readonly string[]): string {
  return podman.attempt('exec', name, 'node', '-e', LOGIN, ...args).stdout.trim()
}

async function serves(name: string): Promise<string> {
  const deadline = performance.now() + SERVES_SECONDS * 1000
  for (;;) {
    const { stdout, stderr } = podman.attempt('logs', name)
    if (/^Listening on /m.test(stdout)) return stdout
    assert.ok(performance.now() < deadline && podman.run('inspect', '--format={{.State.Running}}', name) === 'true', stdout + stderr)
    await delay(500)
  }
}

async function address(name: string): Promise<string> {
  const [found] = /[a-z2-7]{56}\.onion/.exec(await serves(name)) ?? []
  assert.ok(found)
  return found
}

/** How npm reaches its registry from here, for the time of the build: never the whole of npm's settings, which may hold passwords. */
function secrets(): readonly string[] {
  const settings = ['registry', 'proxy', 'https-proxy', 'noproxy', 'omit-lockfile-registry-resolved'].flatMap((name) => {
    const value = execFileSync('npm', ['config', 'get', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    return ['', 'null', 'undefined'].includes(value) ? [] : [`${name}=${value}`]
  })
  if (existsSync(CERTIFICATES)) settings.push('cafile=/run/secrets/ca')
  const file = join(podman.folder, 'npmrc')
  writeFileSync(file, `${settings.join('\n')}\n`)
  return [`--secret=id=npmrc,src=${file}`, ...existsSync(CERTIFICATES) ? [`--secret=id=ca,src=${CERTIFICATES}`] : []]
}
