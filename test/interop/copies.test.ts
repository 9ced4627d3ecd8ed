import assert from 'node:assert/strict'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import { createServer } from 'node:tls'
import { verify } from '../../src/backup/verifying.ts'
import { MAIN, Place } from '../backup/node.ts'
import { Bench, HOUR, MINUTE, pass, until } from '../backup/originals.ts'
import { ClientTor } from '../clients/client-tor.ts'
import { joinNetwork, type JoinedNetwork } from '../tornet/joined.ts'
import { NarrowWay } from './narrow-way.ts'
import { missing } from './programs.ts'
import { S3Server } from './s3-server.ts'
import { SftpServer } from './sftp-server.ts'

type Table = Readonly<Record<string, unknown>>

/** A real server, and a room in it for each test. */
interface Keeper {
  readonly port: number
  start(): Promise<void>
  stop(): Promise<void>
  /** A table of backup.copies for that room. */
  room(name: string): Table
  /** The same, with a key that is not let in; and by what that is told. */
  readonly strangers: Table
  readonly refusal: RegExp
  files(room: string): readonly string[]
  read(room: string, name: string): Buffer
  /** Makes that file one that is shorter. */
  truncate(room: string, name: string): void
  write(room: string, name: string): void
}

function sftpKeeper(server: SftpServer): Keeper {
  const folder = (room: string): string => join(server.files, room)
  return {
    port: server.daemon.port,
    start: () => server.daemon.start(),
    stop: () => server.daemon.stop(),
    room: (name) => {
      mkdirSync(folder(name), { recursive: true })
      return { ...server.copy, path: folder(name) }
    },
    strangers: { key_file: server.otherKey },
    refusal: /^client-authentication$/,
    files: (room) => readdirSync(folder(room)).sort(),
    read: (room, name) => readFileSync(join(folder(room), name)),
    truncate: (room, name) => truncateSync(join(folder(room), name), 1000),
    write: (room, name) => writeFileSync(join(folder(room), name), 'mine'),
  }
}

function s3Keeper(server: S3Server): Keeper {
  return {
    port: server.daemon.port,
    start: () => server.daemon.start(),
    stop: () => server.daemon.stop(),
    room: (name) => ({ ...server.copy, prefix: `${name}/` }),
    strangers: { secret_key_file: server.otherSecretFile },
    refusal: /^s3-403-SignatureDoesNotMatch$/,
    files: (room) => server.list(`${room}/`),
    read: (room, name) => server.get(`${room}/${name}`),
    truncate: (room, name) => server.put(`${room}/${name}`, 'short'),
    write: (room, name) => server.put(`${room}/${name}`, 'mine'),
  }
}

const skip = missing('ssh-keygen', 'sftp', 'swift-proxy-server', 'swift-object-server', 's3cmd', 'tor') ?? false
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

describe('copies of backups at the servers of others', { skip }, () => {
  let folder = ''
  let sftp: SftpServer
  let s3: S3Server
  const keepers: { sftp?: Keeper, s3?: Keeper } = {}

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-keepers-'))
    for (const name of ['sftp', 's3']) mkdirSync(join(folder, name))
    sftp = await SftpServer.start(join(folder, 'sftp'))
    s3 = await S3Server.start(join(folder, 's3'))
    keepers.sftp = sftpKeeper(sftp)
    keepers.s3 = s3Keeper(s3)
  })
  after(async () => {
    await sftp?.daemon.stop()
    await s3?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  for (const kind of ['sftp', 's3'] as const) {
    const keeper = (): Keeper => keepers[kind] ?? assert.fail('it runs')
    const name = { sftp: 'OpenSSH', s3: 'Swift by S3' }[kind]

    test(`${name} holds each backup with its receipt, whatever its size, and it is read back whole`, async (t) => {
      const bench = new Bench(t, { copies: () => [keeper().room('whole')] })
      bench.copies.start()
      for (const size of [1, 32_768, 5_000_001]) {
        const one = bench.add(size)
        await bench.proven(one)
        assert.equal(digest(keeper().read('whole', one.name)), one.receipt.sha256)
        const fetched = join(bench.folder, one.name)
        for (const each of ['', '.json']) writeFileSync(`${fetched}${each}`, keeper().read('whole', `${one.name}${each}`))
        assert.deepEqual((await verify(fetched, [])).receipt, one.receipt)
        bench.clock.advance(2000)
      }
      assert.equal(keeper().files('whole').length, 6)
      assert.deepEqual(bench.events('backup.copy-failed'), [])
    })

    test(`${name} keeps what is kept here, and what is not ours`, async (t) => {
      const bench = new Bench(t, { copies: () => [keeper().room('kept')], more: { hourly: 2, daily: 0, weekly: 0 } })
      keeper().write('kept', 'notes.txt')
      bench.copies.start()
      const names: string[] = []
      for (let count = 0; count < 4; count++) {
        const one = bench.add(3000)
        names.push(one.name, `${one.name}.json`)
        await bench.proven(one)
        await bench.settled()
        bench.clock.advance(2000)
      }
      assert.deepEqual(keeper().files('kept'), ['notes.txt', ...names.slice(4)].sort())
    })

    test(`${name} refuses another key, and nothing is there`, async (t) => {
      const bench = new Bench(t, { copies: () => [{ ...keeper().room('strange'), ...keeper().strangers }] })
      bench.copies.start()
      bench.add()
      await bench.failed(1)
      assert.match(String(bench.events('backup.copy-failed')[0]?.fields.condition), keeper().refusal)
      assert.deepEqual(keeper().files('strange'), [])
    })

    test(`${name} is down for a day; when it is back it gets the newest, and all that is kept`, async (t) => {
      const bench = new Bench(t, { copies: () => [keeper().room('down')] })
      bench.copies.start()
      await bench.proven(bench.add())
      await keeper().stop()
      for (let hour = 0; hour < 24; hour++) {
        await pass(bench, HOUR)
        bench.add(1000)
      }
      assert.ok(bench.events('backup.copy-overdue').length >= 3)
      assert.deepEqual(new Set(bench.events('backup.copy-failed').map(({ fields }) => fields.condition)), new Set(['ECONNREFUSED']))
      await keeper().start()
      await pass(bench, HOUR)
      const [state] = bench.copies.list()
      assert.deepEqual([state?.count, state?.failure, state?.isOverdue], [24, undefined, false])
      assert.equal(keeper().files('down').length, 48)
    })

    test(`a copy at ${name} that somebody cut short is found out and made again`, async (t) => {
      const bench = new Bench(t, { copies: () => [keeper().room('short')] })
      bench.copies.start()
      const one = bench.add()
      await bench.proven(one)
      keeper().truncate('short', one.name)
      await pass(bench, HOUR)
      assert.equal(bench.events('backup.copy-damaged').length, 1)
      assert.equal(digest(keeper().read('short', one.name)), one.receipt.sha256)
      assert.equal(bench.copies.list()[0]?.count, 1)
    })

    test(`where the way to ${name} falls silent in the middle, that is noticed, nothing half counts, and it is made again`, async (t) => {
      const way = await NarrowWay.to(keeper().port)
      t.after(() => way.close())
      const room = keeper().room('silent')
      const bench = new Bench(t, { copies: () => [kind === 'sftp' ? { ...room, port: way.port } : { ...room, endpoint: `http://127.0.0.1:${way.port}` }] })
      bench.copies.start()
      const one = bench.add(1_000_000)
      way.left = 300_000
      await until(() => way.left === 0, 'it is silent')
      await until(() => { bench.clock.advance(MINUTE); return bench.events('backup.copy-failed').length > 0 }, 'it is noticed')
      assert.equal(bench.events('backup.copy-failed')[0]?.fields.condition, 'timed-out')
      assert.ok(!keeper().files('silent').includes(one.name))
      way.left = undefined
      await pass(bench, 5 * MINUTE)
      await bench.proven(one)
      assert.deepEqual(keeper().files('silent'), [one.name, `${one.name}.json`])
    })
  }

  test('a server with another host key is not spoken to', async (t) => {
    const bench = new Bench(t, { copies: () => [{ ...(keepers.sftp?.room('other')), host_key: sftp.otherHostKey }] })
    bench.copies.start()
    bench.add()
    await bench.failed(1)
    assert.equal(bench.events('backup.copy-failed')[0]?.fields.condition, 'host-key-differs')
    assert.deepEqual(keepers.sftp?.files('other'), [])
  })

  test('a folder that is not there is not made, and that is told', async (t) => {
    const bench = new Bench(t, { copies: () => [{ ...sftp.copy, path: join(sftp.files, 'nowhere') }, { ...s3.copy, bucket: 'mantua' }] })
    bench.copies.start()
    bench.add()
    await bench.failed(2)
    assert.deepEqual(bench.copies.list().map(({ failure }) => failure?.condition), ['sftp-2', 's3-404-NoSuchBucket'])
  })

  test('SIGKILL in the middle of a copy leaves none that counts; the next life makes it, and it restores', async (t) => {
    const way = await NarrowWay.to(sftp.daemon.port)
    t.after(() => way.close())
    const place = await Place.inhabited(t, toml({ ...keepers.sftp?.room('killed'), port: way.port, tor: false }))
    const [room, key] = [join(sftp.files, 'killed'), place.key]
    const first = await started(t, place)
    way.left = 40_000
    assert.equal((await place.sotto(['backup', 'now'])).code, 0)
    await until(() => way.left === 0 && readdirSync(room).some((name) => /\.age\.partial$/.test(name)), 'it is in the middle')
    first.kill('SIGKILL')
    await until(() => first.signalCode !== null, 'it has ended')
    assert.deepEqual(readdirSync(room).filter((name) => name.endsWith('.age')), [])
    assert.match((await place.sotto(['backup', 'list'])).stdout, /no proven copy/)

    way.left = undefined
    const second = await started(t, place)
    assert.equal((await place.sotto(['backup', 'now'])).code, 0)
    const local = (): string[] => readdirSync(place.path('data', 'backups')).filter((name) => /\.age(\.json)?$/.test(name)).sort()
    await until(() => local().length === 4 && readdirSync(room).sort().join() === local().join(), 'both are there, and nothing else')
    await listed(place, /the newest of 2 proven copies, read back/)
    const accounts = (await place.sotto(['account', 'list'])).stdout
    second.kill('SIGTERM')

    const elsewhere = Place.make(t)
    const newest = readdirSync(room).filter((name) => name.endsWith('.age')).sort().at(-1) ?? ''
    execFileSync('sftp', ['-q', '-b', '-', '-P', String(sftp.daemon.port), '-i', sftp.key, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null',
      `${String(sftp.copy['user'])}@127.0.0.1`], { input: `get ${join(room, newest)} ${elsewhere.path('backup.age')}\n`, stdio: ['pipe', 'ignore', 'ignore'] })
    const restored = await elsewhere.sotto(['backup', 'restore', 'backup.age', '-i', key])
    assert.equal(restored.code, 0, restored.stderr)
    assert.equal((await elsewhere.sotto(['account', 'list'])).stdout, accounts)
  })

  test('a store is spoken to by TLS if somebody vouches for its certificate, and only then', async (t) => {
    const pem = join(folder, 'certificate.pem')
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost',
      '-addext', 'subjectAltName=DNS:localhost', '-keyout', `${pem}.key`, '-out', pem], { stdio: 'ignore' })
    const front = createServer({ cert: readFileSync(pem), key: readFileSync(`${pem}.key`) }, (near) => {
      const far = connect(s3.daemon.port, '127.0.0.1')
      near.on('error', () => far.destroy()).pipe(far).on('error', () => near.destroy()).pipe(near)
    }).on('tlsClientError', () => {}).listen(0, '127.0.0.1')
    t.after(() => front.close())
    await once(front, 'listening')
    const { port } = front.address() as AddressInfo // it listens on TCP
    const place = await Place.inhabited(t, toml({ ...keepers.s3?.room('tls'), endpoint: `https://localhost:${port}`, tor: false }))
    const first = await started(t, place)
    await place.sotto(['backup', 'now'])
    await listed(place, /failed .*: DEPTH_ZERO_SELF_SIGNED_CERT/)
    first.kill('SIGKILL')
    await until(() => first.signalCode !== null, 'it has ended')
    await started(t, place, { NODE_EXTRA_CA_CERTS: pem })
    await place.sotto(['backup', 'now'])
    await listed(place, /the newest of 2 proven copies/)
  })

  describe('through Tor', () => {
    let network: JoinedNetwork
    let tor: ClientTor
    before(async () => {
      network = await joinNetwork(process.env['SOTTO_TORNET'], console.log)
      tor = await ClientTor.start(network.clientTorrc)
    })
    after(async () => {
      await tor?.stop()
      await network?.leave()
    })

    test('both are reached, and without Tor nobody is', async (t) => {
      const tables = (): Table[] => ['sftp', 's3'].map((kind) => ({ ...keepers[kind as 'sftp' | 's3']?.room('tor'), tor: true }))
      const bench = new Bench(t, { copies: tables, socks: { host: '127.0.0.1', port: tor.socksPort } })
      bench.copies.start()
      const one = bench.add(300_000)
      for (const index of [0, 1]) await bench.proven(one, index)
      assert.ok(bench.copies.list().every(({ place }) => place.endsWith('through Tor')))
      const without = new Bench(t, { copies: tables })
      without.copies.start()
      without.add()
      await without.failed(2)
      assert.deepEqual(without.copies.list().map(({ failure }) => failure?.condition), ['tor-not-there', 'tor-not-there'])
    })
  })
})

/** The server as an operator runs it; it serves. */
async function started(t: TestContext, place: Place, env: Readonly<Record<string, string>> = {}): Promise<ChildProcess> {
  const child = spawn(process.execPath, [MAIN, 'start'], { cwd: place.folder, stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, SOTTO_CONFIG: '', ...env } })
  t.after(() => child.kill('SIGKILL'))
  let said = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => { said += text })
  await until(() => /Listening on/.test(said) || child.exitCode !== null, 'it serves')
  return child
}

/** `sotto backup list` says so, sooner or later. */
async function listed(place: Place, pattern: RegExp): Promise<void> {
  for (const deadline = Date.now() + 30_000; ;) {
    const { stdout } = await place.sotto(['backup', 'list'])
    if (pattern.test(stdout)) return
    assert.ok(Date.now() < deadline, `it never said ${pattern}: ${stdout}`)
  }
}

function toml(copy: Table): string {
  return `[[backup.copies]]\n${Object.entries(copy).map(([key, value]) => `${key} = ${JSON.stringify(value)}`).join('\n')}`
}
