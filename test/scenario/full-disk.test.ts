import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { describe, test, type TestContext } from 'node:test'
import { SmallDisk } from '../small-disk.ts'
import { RawStream } from './scenario.ts'

const MAIN = new URL('../../src/main.js', import.meta.url).pathname
const CONFIG = `
[[domains]]
name = "capulet.lit"
onion_service = false
[tor]
enabled = false
[[listeners]]
kind = "c2s"
port = 0
domains = ["capulet.lit"]
`

/** A server whose data lies on a disk that can be filled. */
class Node {
  readonly disk: SmallDisk
  #server: ChildProcess | undefined
  #port = 0
  stderr = ''

  constructor(t: TestContext, disk: SmallDisk) {
    this.disk = disk
    writeFileSync(disk.path('sotto.toml'), CONFIG)
    t.after(() => this.end('SIGKILL'))
  }

  async start(): Promise<void> {
    const [program, words] = this.disk.argv(process.execPath, MAIN, 'start')
    const server = this.#server = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] })
    server.stderr.on('data', (chunk: Buffer) => { this.stderr += chunk.toString() })
    let said = ''
    for await (const chunk of server.stdout) {
      said += String(chunk)
      const [, port] = /Listening on 127\.0\.0\.1:(\d+)/.exec(said) ?? []
      if (port !== undefined) {
        this.#port = Number(port)
        server.stdout.resume()
        return
      }
    }
    throw new Error(`no server: ${this.stderr}`)
  }

  /** Its exit code. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const server = this.#server
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return null
    server.kill(signal)
    const [code] = await once(server, 'exit') as [number | null]
    return code
  }

  limitFiles(bytes: string): void {
    execFileSync('prlimit', [`--pid=${this.#server?.pid}`, `--fsize=${bytes}:unlimited`])
  }

  command(words: readonly string[], input = ''): Promise<{ readonly code: unknown, readonly stdout: string, readonly stderr: string }> {
    const [program, all] = this.disk.argv(process.execPath, MAIN, ...words)
    return new Promise((resolve) => {
      const child = execFile(program, all, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }))
      child.stdin?.end(input)
    })
  }

  async login(name: string, resource = 'orchard'): Promise<RawStream> {
    return await (await RawStream.open({ host: '127.0.0.1', port: this.#port })).login('capulet.lit', name, 'wherefore art thou', resource)
  }
}

async function contacts(client: RawStream): Promise<string[]> {
  client.send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
  const [roster] = await client.expect(/<iq [^>]*id='roster'.*?<\/iq>/)
  return [...roster.matchAll(/jid='(\d+)@montague\.lit'/g)].map(([, name]) => name ?? '').sort()
}

const PING = "<iq type='get' id='ping' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>"

describe('a disk that is full', { timeout: 300_000 }, () => {
  test('what could not be stored is refused, the rest goes on, and once there is room all of it does; nothing acknowledged is lost', async (t) => {
    const node = new Node(t, await SmallDisk.make(t, 24))
    assert.equal((await node.command(['account', 'add'], 'juliet wherefore art thou\nromeo wherefore art thou\n')).code, 0)
    await node.start()
    const [juliet, other] = [await node.login('juliet'), await node.login('juliet', 'chamber')]
    await contacts(other)
    const [acknowledged, refused]: [string[], string[]] = [[], []]
    const add = async (): Promise<void> => {
      const name = String(acknowledged.length + refused.length).padStart(4, '0')
      juliet.send(`<iq type='set' id='set${name}'><query xmlns='jabber:iq:roster'><item jid='${name}@montague.lit' name='${'x'.repeat(900)}'/></query></iq>`)
      const [answer] = await juliet.expect(new RegExp(`<iq [^>]*id='set${name}'.*?(/>|</iq>)`))
      if (answer.includes("type='result'")) acknowledged.push(name)
      else {
        refused.push(name)
        assert.match(answer, /<error type='wait'><resource-constraint /)
        await other.expect(new RegExp(`<item jid='${name}@montague.lit' name=`))
        await other.expect(new RegExp(`<item jid='${name}@montague.lit' subscription='remove'/>`)) // RFC 6121 §2.1.6: it was pushed before
      }
    }
    for (let count = 0; count < 10; count++) await add()
    node.disk.fill()
    while (refused.length < 3 && acknowledged.length < 20_000) await add()
    assert.equal(refused.length, 3)
    assert.deepEqual(await contacts(juliet), acknowledged)
    const { code, stdout } = await node.command(['account', 'add'], 'nurse wherefore art thou\n')
    assert.deepEqual([code, /cannot grow\. Free some space on its disk\./.test(stdout)], [65, true], stdout)
    assert.doesNotMatch((await node.command(['account', 'list'])).stdout, /nurse/)
    const romeo = await node.login('romeo')
    await romeo.send(PING).expect(/<iq [^>]*id='ping'/)
    node.disk.free()
    await add()
    assert.equal(acknowledged.at(-1), String(acknowledged.length + refused.length - 1).padStart(4, '0'))
    assert.equal((await node.command(['account', 'add'], 'nurse wherefore art thou\n')).code, 0)
    assert.match(node.stderr, /"condition":"SQLITE_FULL".*"event":"store\.failed"/)
    assert.doesNotMatch(node.stderr, /handler-failed|process\.failed/)
    await node.end('SIGKILL')
    await node.start()
    assert.deepEqual(await contacts(await node.login('juliet')), acknowledged)
  })

  test('a server that is stopped meanwhile ends as it always does, says why it does not start, and starts once there is room', async (t) => {
    const node = new Node(t, await SmallDisk.make(t, 24))
    await node.command(['account', 'add'], 'juliet wherefore art thou\n')
    await node.start()
    const juliet = await node.login('juliet')
    juliet.send("<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='0001@montague.lit'/></query></iq>")
    await juliet.expect(/<iq [^>]*id='s'[^>]*type='result'|<iq [^>]*type='result'[^>]*id='s'/)
    node.disk.fill()
    assert.equal(await node.end('SIGTERM'), 0)
    node.disk.fill() // what its log took is free now
    await assert.rejects(node.start(), /cannot grow\. Free some space on its disk\./)
    node.disk.free()
    await node.start()
    assert.deepEqual(await contacts(await node.login('juliet')), ['0001'])
  })

  test('a limit of the size of files is like one: it can be raised while the server runs', async (t) => {
    const node = new Node(t, await SmallDisk.make(t, 24))
    await node.command(['account', 'add'], 'juliet wherefore art thou\n')
    await node.start()
    const juliet = await node.login('juliet')
    const set = async (name: string): Promise<string> => {
      juliet.send(`<iq type='set' id='${name}'><query xmlns='jabber:iq:roster'><item jid='${name}@montague.lit'/></query></iq>`)
      return (await juliet.expect(new RegExp(`<iq [^>]*id='${name}'[^>]*>`)))[0]
    }
    assert.match(await set('0001'), /type='result'/)
    node.limitFiles('4096')
    assert.match(await set('0002'), /type='error'/)
    assert.match(await set('0003'), /type='error'/)
    node.limitFiles('unlimited')
    assert.match(await set('0004'), /type='result'/)
    assert.deepEqual(await contacts(juliet), ['0001', '0004'])
  })
})
