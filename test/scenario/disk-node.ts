/** A whole server, as a process, whose data lies on a small disk of its own. */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { makeIdentity } from '../../src/backup/identity.ts'
import { SmallDisk } from '../small-disk.ts'
import { RawStream } from './scenario.ts'

const MAIN = new URL('../../src/main.js', import.meta.url).pathname
const MEGABYTES = 24
const PASSWORD = 'wherefore art thou'
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

export class DiskNode {
  readonly disk: SmallDisk
  #server: ChildProcess | undefined
  #port = 0
  stderr = ''

  private constructor(disk: SmallDisk) {
    this.disk = disk
  }

  /** It is not started yet, and has these accounts. */
  static async make(t: TestContext, ...accounts: readonly string[]): Promise<DiskNode> {
    const node = new DiskNode(await SmallDisk.make(t, MEGABYTES))
    t.after(() => node.end('SIGKILL'))
    writeFileSync(node.disk.path('sotto.toml'), `${CONFIG}[backup]\nrecipients = ["${await makeIdentity(node.disk.path('key.txt'))}"]\nidentity = "key.txt"\n`)
    await node.command(['account', 'add'], accounts.map((name) => `${name} ${PASSWORD}\n`).join(''))
    return node
  }

  get pid(): number | undefined {
    return this.#server?.pid
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
    return await (await RawStream.open({ host: '127.0.0.1', port: this.#port })).login('capulet.lit', name, PASSWORD, resource)
  }
}

/** The names of those in her roster. */
export async function contacts(client: RawStream): Promise<string[]> {
  client.send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
  const [roster] = await client.expect(/<iq [^>]*id='roster'.*?<\/iq>/)
  return [...roster.matchAll(/jid='(\d+)@montague\.lit'/g)].map(([, name]) => name ?? '').sort()
}

/** Asks for a contact; true where the server acknowledged it, and so has it on its disk. */
export async function addContact(client: RawStream, name: string): Promise<boolean> {
  client.send(`<iq type='set' id='set${name}'><query xmlns='jabber:iq:roster'><item jid='${name}@montague.lit'/></query></iq>`)
  const [answer] = await client.expect(new RegExp(`<iq [^>]*id='set${name}'[^>]*>`))
  return answer.includes("type='result'")
}
