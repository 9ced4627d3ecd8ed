import assert from 'node:assert/strict'
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { LOG_LEVELS } from '../../src/log.ts'
import { loadConfig } from '../../src/config/load.ts'
import { openOffline } from '../../src/server.ts'
import { RawStream } from './scenario.ts'

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url))
const PASSWORD = 'wherefore art thou'
const BODY = 'a rose by any other name'
const WRONG = 'the lark, the herald of the morn'
/** A name of this machine on its loopback network that nothing else here uses: a client's address. */
const CLIENT_ADDRESS = '127.42.42.42'

describe('what is written down of a whole evening', () => {
  for (const level of LOG_LEVELS) {
    for (const roster of [false, true]) {
      test(`log.level = ${level}, log.roster = ${roster}: no body, no password, no address, ${roster ? 'people in roster changes alone' : 'nobody'}`, async (t) => {
        const folder = mkdtempSync(join(tmpdir(), 'sotto-silence-'))
        t.after(() => rmSync(folder, { recursive: true }))
        const said = await evening(folder, level, roster)
        const lines = said.split('\n').filter((line) => line.startsWith('{'))
        const people = lines.filter((line) => /juliet|romeo/.test(line))
        assert.deepEqual(people.filter((line) => !line.includes('"roster.changed"')), [])
        assert.equal(people.length > 0, roster && level !== 'silent')
        for (const secret of [BODY, PASSWORD, WRONG, CLIENT_ADDRESS, Buffer.from(`\0juliet\0${PASSWORD}`).toString('base64')]) {
          assert.ok(!said.includes(secret), `${secret} was told`)
          for (const [file, bytes] of filesOf(folder)) {
            assert.ok(!bytes.includes(secret) && !bytes.includes(Buffer.from(secret, 'utf16le')), `${secret} stands in ${file}`)
          }
        }
      })
    }
  }
})

/** Juliet logs in, fails to, changes her roster, is refused a plaintext message and breaks a stream. All that is told. */
async function evening(folder: string, level: string, roster: boolean): Promise<string> {
  const file = join(folder, 'sotto.toml')
  writeFileSync(file, `
[log]
level = "${level}"
roster = ${roster}
[[domains]]
name = "capulet.lit"
[[listeners]]
kind = "c2s"
port = 0
[tor]
enabled = false
`)
  const offline = await openOffline(loadConfig(file, { cwd: folder }))
  await offline.run('account add', { account: 'juliet', password: PASSWORD })
  await offline.close()
  const child = spawn(process.execPath, [MAIN, 'start', '--config', file], { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder })
  const said = new Said(child)
  const port = Number((await said.until(/127\.0\.0\.1:(\d+)/))[1])
  const enter = (): Promise<RawStream> => RawStream.open({ host: '127.0.0.1', port, localAddress: CLIENT_ADDRESS })

  const wrong = await (await enter()).secure('capulet.lit')
  for (let n = 0; n < 3; n++) {
    wrong.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0juliet\0${WRONG}`).toString('base64')}</auth>`)
    await wrong.expect(/<failure.*?<\/failure>/)
  }
  await wrong.rest()
  const juliet = await (await enter()).login('capulet.lit', 'juliet', PASSWORD, 'balcony')
  juliet.send(`<presence/><iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='romeo@capulet.lit'/></query></iq>`)
  await juliet.expect(/<iq [^>]*id='r'/)
  juliet.send(`<presence to='romeo@capulet.lit' type='subscribe'/>`)
  juliet.send(`<message to='romeo@capulet.lit' type='chat' id='m'><body>${BODY}</body></message>`)
  await juliet.expect(/<message [^>]*type='error'.*?<\/message>/)
  await juliet.send(`<message><body>${BODY}</body></presence>`).rest()
  child.kill('SIGTERM')
  await once(child, 'close')
  return said.text
}

/** What a process tells on stdout and stderr. */
class Said {
  text = ''
  readonly #child: ChildProcessByStdio<null, Readable, Readable>

  constructor(child: ChildProcessByStdio<null, Readable, Readable>) {
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { this.text += chunk.toString() })
  }

  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.text)
      if (match !== null) return match
      if (this.#child.exitCode !== null) throw new Error(`ended: ${this.text}`)
      await Promise.race([once(this.#child.stdout, 'data'), once(this.#child.stderr, 'data'), once(this.#child, 'exit')])
    }
  }
}

function filesOf(folder: string): [string, Buffer][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    // Reading the lock of the data directory would release it for a process that holds it; it is empty.
    .map((entry) => join(entry.parentPath, entry.name)).filter((file) => !file.endsWith('/lock'))
    .map((file) => [file, readFileSync(file)])
}
