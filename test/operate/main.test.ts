import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { text } from 'node:stream/consumers'

const MAIN = join(dirname(dirname(import.meta.dirname)), 'src', 'main.js')
const CONFIG = '[tor]\nenabled = false\n[auth]\nargon2_memory = "7168kB"\nargon2_passes = 1\n[[listeners]]\nkind = "c2s"\nport = 0\n'

let folder = ''
const running: ChildProcess[] = []
before(() => { folder = mkdtempSync(join(tmpdir(), 'sotto-main-')) })
after(() => rmSync(folder, { recursive: true }))
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})

function launch(args: readonly string[]) {
  const environment = { ...process.env, SOTTO_CONFIG: '' }
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, env: environment, stdio: 'pipe' })
  running.push(child)
  return child
}

async function sotto(args: readonly string[], input = '') {
  const child = launch(args)
  child.stdin.end(input)
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close') as Promise<[number]>])
  return { code, stdout, stderr }
}

/** A server that serves already, and what it has said so far. */
async function serving(...args: string[]) {
  const child = launch(args)
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => { said += chunk })
  const port = () => Number(/^Listening on 127\.0\.0\.1:(\d+)$/m.exec(said)?.[1])
  const saying = async (what: RegExp): Promise<void> => {
    while (!what.test(said)) await once(child.stdout, 'data')
  }
  await saying(/^Listening on .*\n/m)
  return { child, port, said: () => said, saying }
}

describe('the program', () => {
  before(() => writeFileSync(join(folder, 'sotto.toml'), CONFIG))

  test('`config check` tells all problems of a broken file at once and ends with 78, having made nothing', async () => {
    writeFileSync(join(folder, 'broken.toml'), '[log]\nlevel = "loud"\n[limts]\n[[listeners]]\nkind = "c2s"\nport = 0\ndomains = ["verona.lit"]\n')
    const { code, stdout, stderr } = await sotto(['--config', 'broken.toml', 'config', 'check'])
    assert.equal(code, 78)
    assert.equal(stdout, '')
    assert.deepEqual(stderr.trimEnd().split('\n').map((line) => line.split('. ')[0]), [
      'broken.toml:2: log.level: "loud" is none of its values',
      'broken.toml:3: limts: there is no such key',
      'broken.toml:7: listeners[0].domains[0]: no domain is called "verona.lit"',
    ])
    assert.equal(existsSync(join(folder, 'data')), false)
  })

  test('`config check` of a right file says so and ends with 0', async () => {
    assert.deepEqual(await sotto(['config', 'check']), { code: 0, stdout: 'sotto.toml is right.\n', stderr: '' })
  })

  test('a broken file starts nothing', async () => {
    writeFileSync(join(folder, 'broken.toml'), 'x')
    const { code, stderr } = await sotto(['-c', 'broken.toml', 'start'])
    assert.equal(code, 78)
    assert.match(stderr, /^broken\.toml:1: /)
  })

  test('a wrong command line ends with 64', async () => {
    const { code, stdout, stderr } = await sotto(['nonsense'])
    assert.equal(code, 64)
    assert.equal(stdout, '')
    assert.match(stderr, /no command "nonsense"/)
  })

  test('accounts are made, changed and removed without a server', async () => {
    assert.match((await sotto(['account', 'add', 'juliet'], 'wherefore art thou\n')).stdout, /^Made juliet@[a-z2-7]{56}\.onion\n$/)
    assert.deepEqual((await sotto(['account', 'add', 'juliet'], 'wherefore art thou\n')).code, 65)
    assert.equal((await sotto(['account', 'password', 'juliet'], 'another password')).code, 0)
    assert.match((await sotto(['account', 'list'])).stdout, /^juliet@[a-z2-7]{56}\.onion\n$/)
    assert.match((await sotto(['onion', 'show'])).stdout, /^onion: [a-z2-7]{56}\.onion \(not published\)\n/)
    assert.equal((await sotto(['account', 'delete', 'juliet'])).code, 64)
    assert.equal((await sotto(['account', 'delete', 'juliet', '--yes'])).code, 0)
    assert.equal((await sotto(['account', 'list'])).stdout, '')
  })

  test('and by the server while it runs; lines of stdin are told one by one, and 65 says that one was refused', async () => {
    const server = await serving()
    await server.saying(/\n  node \S*main\.js --config sotto\.toml account add NAME\n/)
    const { code, stdout, stderr } = await sotto(['account', 'add'], 'romeo violet mountain seldom borrows\nbad\ntybalt copper lantern rarely whispers\n')
    assert.equal(code, 65)
    assert.match(stdout, /^line 1: made romeo@\S+\nline 2: write: .*\nline 3: made tybalt@\S+\n$/)
    assert.equal(stderr, '1 line was not carried out\n')
    assert.match((await sotto(['account', 'list'])).stdout, /^romeo@\S+\ntybalt@\S+\n$/)
    server.child.kill('SIGTERM')
    assert.deepEqual(await once(server.child, 'exit'), [0, null])
    assert.equal(existsSync(join(folder, 'data', 'run', 'control.sock')), false)
  })

  test('`tls` prints the fingerprint of the certificate that the server shows while it runs', async () => {
    const server = await serving()
    const { code, stdout, stderr } = await sotto(['tls'])
    assert.deepEqual([code, stderr], [0, ''])
    const certificate = new X509Certificate(readFileSync(join(folder, 'data', 'certificates', 'onion.crt')))
    assert.ok(stdout.startsWith(`onion\n  SHA-256   ${certificate.fingerprint256}\n`), stdout)
    assert.match((await sotto(['tls', 'verona.lit'])).stderr, /^that domain is not served here; these are: onion\n$/)
    server.child.kill('SIGTERM')
    assert.deepEqual(await once(server.child, 'exit'), [0, null])
  })

  test('a second server on the same data is refused with 1', async () => {
    await serving()
    const { code, stderr } = await sotto(['start'])
    assert.equal(code, 1)
    assert.match(stderr, /is in use by process \d+\. Stop that server first/)
  })

  test('an address that is taken is named with its key and the remedy, in one line, and ends with 1', async (t) => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    t.after(() => other.close())
    const { port } = other.address() as AddressInfo // it listens on TCP
    writeFileSync(join(folder, 'taken.toml'), CONFIG.replace('port = 0', `port = ${port}`))
    const { code, stderr } = await sotto(['-c', 'taken.toml'])
    assert.equal(code, 1)
    assert.equal(stderr, `cannot listen on 127.0.0.1:${port}: another program uses it (listeners[0].port). `
      + 'Stop that program (ss -ltnp shows it), or write another port.\n')
  })

  test('a signal stops it in order, and a second one at once, however long a client takes', async () => {
    const server = await serving()
    // An orderly stop gives clients a while to read the farewell and hang up; this one does neither.
    const client = connect(server.port(), '127.0.0.1')
    client.on('error', () => {})
    client.write("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
      + `version='1.0' to='${/^Onion address: (.*)$/m.exec(server.said())?.[1]}'>`)
    await once(client, 'data')
    client.pause()
    server.child.kill('SIGINT')
    await server.saying(/Stopping\./)
    server.child.kill('SIGINT')
    assert.deepEqual(await once(server.child, 'exit'), [1, null])
    client.destroy()
  })

  test('it goes on where nobody reads its output any more', async () => {
    const server = await serving()
    server.child.stdout?.destroy()
    server.child.stderr?.destroy()
    assert.equal((await sotto(['account', 'list'])).code, 0)
    server.child.kill('SIGTERM')
    assert.deepEqual(await once(server.child, 'exit'), [0, null])
  })
})
