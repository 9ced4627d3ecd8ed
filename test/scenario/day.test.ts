import assert from 'node:assert/strict'
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { describe, test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { makeIdentity } from '../../src/backup/identity.ts'
import { loadConfig } from '../../src/config/load.ts'
import { ControlClient } from '../../src/operate/control-client.ts'
import { controlPath } from '../../src/operate/control-protocol.ts'
import { openOffline } from '../../src/server.ts'
import { RawStream } from './scenario.ts'

const SERVER = fileURLToPath(new URL('./day-server.js', import.meta.url))
const HOUR = 3_600_000
/** Words that nobody but the test knows; each must be found nowhere. */
const CANARIES = {
  body: 'canary-of-the-body', password: 'canary of the password', wrong: 'canary of the wrong password', status: 'canary-of-the-status',
  resource: 'canary-of-the-resource', reply: 'canary-of-the-reply', garbage: 'canary-of-the-garbage',
}
const NAMES = ['juliet', 'romeo', 'mercutio', 'tybalt']

describe('twenty-four hours of a server\'s life, and what is written down of them', () => {
  for (const raised of [false, true]) {
    test(`at ${raised ? 'a raised level' : 'the default level'}: no canary, no address, and nobody outside of the database`, { timeout: 120_000 }, async (t) => {
      const { folder, said, backups } = await day(t, raised)
      assert.ok(backups > 20, `${backups} backups were made meanwhile`)
      const secrets = [...Object.values(CANARIES), '127.0.7.', Buffer.from(`\0juliet\0${CANARIES.password}`).toString('base64')]
      const files = [...filesOf(folder), ['stdout and stderr', Buffer.from(said)] as const]
      for (const [file, bytes] of files) {
        for (const secret of secrets) {
          assert.ok(!bytes.includes(secret) && !bytes.includes(Buffer.from(secret, 'utf16le')), `${secret} stands in ${file}`)
        }
        if (/sotto\.db(-wal|-shm)?$/.test(file)) continue
        for (const name of NAMES) assert.ok(!bytes.includes(`${name}@`), `${name} stands in ${file}`)
      }
      assert.equal(said.includes('"log.raised"'), raised)
    })
  }

  test('the search finds what is there: the database has names, and a log of rosters tells them', async (t) => {
    const { folder, said } = await day(t, false, 'roster = true', 1)
    assert.ok(filesOf(folder).some(([file, bytes]) => file.endsWith('sotto.db') && bytes.includes('juliet')))
    assert.match(said, /"roster\.changed"/)
    for (const line of said.split('\n')) assert.ok(line.includes('roster.changed') || !NAMES.some((name) => line.includes(`${name}@`)), line)
  })
})

async function day(t: TestContext, raised: boolean, log = '', hours = 24): Promise<{ folder: string, said: string, backups: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-day-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'sotto.toml')
  const recipient = await makeIdentity(join(folder, 'key.txt'))
  writeFileSync(file, `[[domains]]\nname = "capulet.lit"\n[[listeners]]\nkind = "c2s"\nport = 0\n[tor]\nenabled = false\n[log]\n${log}\n[backup]\nrecipients = ["${recipient}"]\nhourly = 100\n`)
  const config = loadConfig(file, { cwd: folder })
  const kept = join(folder, 'data', 'backups')
  const backups = (): string[] => existsSync(kept) ? readdirSync(kept).filter((name) => name.endsWith('.age')) : []
  const offline = await openOffline(config)
  for (const name of NAMES) await offline.run('account add', { account: name, password: CANARIES.password })
  await offline.close()

  const server = new DayServer(file, folder)
  t.after(() => server.kill())
  const port = await server.port()
  if (raised) {
    const operator = await ControlClient.connect(controlPath(config)) ?? assert.fail('it runs')
    await operator.run('log raise', { milliseconds: 23 * HOUR, reason: 'a rehearsal', level: 'debug' })
    await operator.close()
  }
  for (let hour = 0; hour < hours; hour++) {
    await anHour(port, hour)
    const before = backups().length
    for (let quarter = 0; quarter < 4; quarter++) await server.pass(HOUR / 4)
    await until(() => backups().length > before, `the backup of hour ${hour}`)
  }
  await server.stop()
  return { folder, said: server.said, backups: backups().length }
}

/** A thread makes backups, in real time. */
async function until(isSo: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 20_000; !isSo();) {
    if (Date.now() > deadline) assert.fail(`it never came to pass: ${what}`)
    await new Promise((resolve) => { setTimeout(resolve, 5) })
  }
}

/** Two who talk, one who cannot sign in, and one who breaks off in the middle of nonsense: each from an address of its own. */
async function anHour(port: number, hour: number): Promise<void> {
  const enter = (host: number): Promise<RawStream> => RawStream.open({ host: '127.0.0.1', port, localAddress: `127.0.7.${host + 1}` })
  const [juliet, romeo] = await Promise.all(['juliet', 'romeo'].map(async (name, index) => {
    const stream = await (await enter(hour * 4 + index)).login('capulet.lit', name, CANARIES.password, `${CANARIES.resource}-${hour}`)
    return stream.send(`<presence><status>${CANARIES.status}</status></presence>`)
  })) as [RawStream, RawStream]
  juliet.send(`<iq type='set' id='roster'><query xmlns='jabber:iq:roster'><item jid='romeo@capulet.lit' name='${hour}'/></query></iq>`)
  await juliet.expect(/<iq [^>]*id='roster'/)
  juliet.send(`<presence to='romeo@capulet.lit' type='subscribe'/>`)
  romeo.send(`<presence to='juliet@capulet.lit' type='subscribed'/><message to='juliet@capulet.lit' type='chat' id='plain'><body>${CANARIES.body}</body></message>`)
  await romeo.expect(/<message [^>]*id='plain'.*?<\/message>/)
  romeo.send(`<message to='juliet@capulet.lit' type='chat' id='otr'><body>?OTRv3?</body></message><iq to='tybalt@capulet.lit' type='get' id='x'><query xmlns='${CANARIES.reply}'/></iq>`)
  await juliet.expect(/\?OTRv3\?/)
  const wrong = await (await enter(hour * 4 + 2)).secure('capulet.lit')
  wrong.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0mercutio\0${CANARIES.wrong}`).toString('base64')}</auth>`)
  await wrong.expect(/<failure.*?<\/failure>/)
  wrong.destroy()
  const broken = (await enter(hour * 4 + 3)).send(`<stream:stream to='${CANARIES.garbage}.lit'><${CANARIES.garbage}`)
  broken.socket.end()
  await broken.rest()
  await juliet.send(`<message><body>${CANARIES.body}</presence>`).rest()
  romeo.destroy()
}

class DayServer {
  said = ''
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  #changed: () => void = () => {}

  constructor(file: string, cwd: string) {
    this.#child = spawn(process.execPath, [SERVER, file], { stdio: ['pipe', 'pipe', 'pipe'], cwd })
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream.on('data', (chunk: Buffer) => {
      this.said += chunk.toString()
      this.#changed()
    })
    this.#child.on('exit', () => this.#changed())
  }

  async port(): Promise<number> {
    return Number((await this.#until(/Listening on 127\.0\.0\.1:(\d+)/, 0))[1])
  }

  async pass(milliseconds: number): Promise<void> {
    const before = this.said.length
    this.#child.stdin.write(`${milliseconds}\n`)
    await this.#until(/^passed /m, before)
  }

  async stop(): Promise<void> {
    this.#child.stdin.end()
    await once(this.#child, 'close')
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  async #until(pattern: RegExp, from: number): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.said.slice(from))
      if (match !== null) return match
      if (this.#child.exitCode !== null) throw new Error(`ended: ${this.said}`)
      await new Promise<void>((resolve) => { this.#changed = resolve })
    }
  }
}

function filesOf(folder: string): [string, Buffer][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).map((file) => [file, readFileSync(file)])
}
