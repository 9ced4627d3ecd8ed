import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { BareRoot, isInstaller, type Run } from './root.ts'

/** How the server says that it serves (operate/console.ts). */
const LISTENING = /^Listening on 127\.0\.0\.1:(\d+)$/m
const INSTALLED_SECONDS = 600
const POLL_MILLISECONDS = 20

/** A moment of the installation, as it shows from outside. */
interface Point {
  readonly title: string
  readonly whom: 'installer' | 'everything'
  /** What must have been killed beside the installer. */
  readonly with?: RegExp
  reached(root: BareRoot): boolean
}

/** In the order in which an installation comes to them. */
const POINTS: readonly Point[] = [
  { title: 'while apt unpacks', whom: 'everything', with: /^apt-get /, reached: (root) => unpacked(root, 'g++') },
  { title: 'while npm unpacks', whom: 'installer', reached: (root) => staged(root, 'node_modules').length > 20 },
  {
    title: 'while the compiler runs', whom: 'installer',
    reached: (root) => [...root.processes().values()].some((command) => command.includes('cc1')),
  },
]

let root: BareRoot
before(async () => { root = await BareRoot.make() })
after(() => root.remove())

test('a fresh clone on a Debian with nothing but git, Node and npm', async (t) => {
  await t.test('without root, one line says what to type', async () => {
    const run = root.run('setpriv --reuid=1000 --regid=1000 --clear-groups npm start', { HOME: '/tmp' })
    assert.equal(await within(run.ended, INSTALLED_SECONDS, run), 1, run.output)
    assert.match(run.output, /^sotto: Not installed: g\+\+, make, python3, tor\. .*sudo apt-get install .*g\+\+ make python3 tor$/m)
  })

  for (const { title, whom, with: other, reached } of POINTS) {
    await t.test(`npm start is killed ${title}`, async () => {
      const run = root.run('npm start')
      await until(() => reached(root), run)
      const hit = await root.kill(whom)
      assert.ok(hit.some(isInstaller) && (other === undefined || hit.some((command) => other.test(command))), hit.join('\n'))
      assert.notEqual(await run.ended, 0)
    })
  }

  await t.test('npm start is killed between the two renames that put the packages in place', async () => {
    mkdirSync(root.path('node_modules/of-an-earlier-version'), { recursive: true })
    cpSync(new URL('../../../test/bare/killed-at-rename.mjs', import.meta.url), join(root.folder, 'srv/killed-at-rename.mjs'))
    const run = root.run('npm start', { NODE_OPTIONS: '--import=/srv/killed-at-rename.mjs' })
    await within(run.ended, INSTALLED_SECONDS, run)
    assert.ok(!existsSync(root.path('node_modules')), run.output)
  })

  await t.test('npm start is killed while it compiles, having taken the packages of the run before', async () => {
    const run = root.run('npm start')
    await until(() => existsSync(root.path('dist/src')), run)
    assert.ok((await root.kill('installer')).some(isInstaller), run.output)
    await run.ended
    assert.doesNotMatch(run.output, /installing npm packages/)
    assert.deepEqual(readdirSync(root.path('.install')), ['lock'], 'nothing of the installation is left over')
  })

  await t.test('the next npm start serves', async () => {
    const run = root.run('npm start')
    await serves(run)
    await stop(run)
  })

  await t.test('the one after it serves at once', async (t) => {
    const begun = performance.now()
    const run = root.run('npm start')
    await until(() => LISTENING.test(run.output), run)
    const seconds = (performance.now() - begun) / 1000
    t.diagnostic(`serves after ${seconds.toFixed(1)} s`)
    assert.ok(seconds < 15, run.output)
    assert.doesNotMatch(run.output, /^sotto: /m, 'nothing is installed or compiled again')
    await stop(run)
  })

  await t.test('npm test passes: what was compiled here, a whole server, and the private Tor network', async () => {
    // The other rooms know nothing of what was installed; they are run once, on the machine itself.
    const run = root.run(`npm test -- ${ROOMS.join(' ')}`)
    assert.equal(await within(run.ended, INSTALLED_SECONDS, run), 0, run.output.slice(-8000))
    assert.match(run.output, /^sotto: unit: \d+ passed, 0 failed, 0 skipped/m)
  })

  await t.test('nothing is left running: neither of ours nor the tor service that apt starts', async () => {
    assert.deepEqual([...root.processes().values()], [])
  })
})

/** SQLite, argon2, TLS, the file system, the program as it is started, and tor. */
const ROOMS = ['test/store', 'test/auth', 'test/net', 'test/install', 'test/operate/main', 'test/scenario/streams', 'test/web', 'test/tornet/onion.test']

/** A client that connects is answered with a stream header (RFC 6120 §4.2). */
async function serves(run: Run): Promise<void> {
  await until(() => LISTENING.test(run.output), run)
  const socket = connect(Number(LISTENING.exec(run.output)?.[1]), '127.0.0.1')
  socket.write("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a.onion' version='1.0'>")
  const [answer] = await once(socket, 'data') as [Buffer]
  socket.destroy()
  assert.match(answer.toString(), /<stream:stream /)
}

/** As Ctrl-C in a terminal does. */
async function stop(run: Run): Promise<void> {
  assert.ok(root.signal('SIGINT').some(isInstaller), run.output)
  await within(run.ended, 60, run)
}

function staged(root: BareRoot, folder: string): readonly string[] {
  const workshop = root.path('.install')
  const staging = existsSync(workshop) ? readdirSync(workshop).find((name) => name.startsWith('staging-')) : undefined
  const path = join(workshop, staging ?? '', folder)
  return staging !== undefined && existsSync(path) ? readdirSync(path) : []
}

/** Whether dpkg knows files of the package: it is being installed, or is. */
function unpacked(root: BareRoot, name: string): boolean {
  return existsSync(join(root.folder, 'var/lib/dpkg/info', `${name}.list`))
}

async function until(condition: () => boolean, run: Run): Promise<void> {
  const deadline = performance.now() + INSTALLED_SECONDS * 1000
  while (!condition()) {
    assert.ok(run.running, `ended too early: ${run.output}`)
    assert.ok(performance.now() < deadline, `too late: ${run.output}`)
    await delay(POLL_MILLISECONDS)
  }
}

async function within<T>(result: Promise<T>, seconds: number, run: Run): Promise<T> {
  const deadline = new AbortController()
  const late = delay(seconds * 1000, undefined, { signal: deadline.signal }).then(() => assert.fail(`not ended after ${seconds} s: ${run.output}`))
  try {
    return await Promise.race([result, late])
  } finally {
    deadline.abort()
    late.catch(() => {})
  }
}
