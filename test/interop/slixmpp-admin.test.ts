import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { element } from '../../src/xml/element.ts'
import { NS_CLIENT, NS_DISCO_INFO } from '../../src/xmpp/namespaces.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { freePort, ServerProcess } from './server.ts'

/** Debian's Python, for which Debian's slixmpp is; another one earlier in PATH does not have it. */
const PYTHON = '/usr/bin/python3'
/** The compiler copies no Python: it runs where it was written. */
const program = (name: string): string => fileURLToPath(new URL(`../../../test/interop/${name}`, import.meta.url))
const DOMAIN = 'capulet.lit'
const PASSWORD = 'deny thy father and refuse thy name'
const SECRET = 'a rose by any other name'
const OTR = '?OTRv23?'

const installed = spawnSync(PYTHON, ['-c', 'import slixmpp']).status === 0
const skip = installed ? false : 'not installed: python3-slixmpp (bash test/interop/setup)'

type Told = Record<string, unknown>

describe('slixmpp, as Debian ships it, administers the server and is a component of it', { skip }, () => {
  let folder: string
  let port: number
  let server: ServerProcess

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-gate-'))
    writeFileSync(join(folder, 'secret'), `${SECRET}\n`, { mode: 0o600 })
    port = await freePort()
    const gate = `[[components]]\nname = "gate.${DOMAIN}"\nsecret_file = "${join(folder, 'secret')}"\nlisten = "127.0.0.1:${port}"`
    server = await ServerProcess.start({ domain: DOMAIN, operators: [`nurse@${DOMAIN}`], tables: gate })
    for (const name of ['nurse', 'juliet']) await server.addAccount(`${name}@${DOMAIN}`, PASSWORD)
  })
  after(async () => {
    await server?.stop()
    rmSync(folder, { recursive: true })
  })

  test('XEP-0050, XEP-0133: it lists, adds, counts, goes back, cancels and deletes', async () => {
    const told = await administer(`nurse@${DOMAIN}`, `benvolio@${DOMAIN}`)
    const nodes = told[0]?.['commands'] as string[]
    assert.ok(nodes.includes('http://jabber.org/protocol/admin#add-user'))
    assert.deepEqual(told.slice(1), [
      { added: 'The account was made.', status: 'completed' },
      { registered: '3' },
      { confirm: `These accounts are deleted: benvolio@${DOMAIN}.`, actions: ['complete', 'prev'] },
      { back: ['accountjids'] },
      { canceled: 'canceled' },
      { deleted: '1 account was deleted.' },
      { refused: 'item-not-found' },
    ])
    assert.doesNotMatch(server.log, /deny thy father|benvolio/)
  })

  test('XEP-0114: ComponentXMPP proves who it is, answers, and is heard where it speaks OTR', async (t) => {
    const gate = Gate.start(`gate.${DOMAIN}`, port, SECRET)
    t.after(() => gate.stop())
    assert.deepEqual(await gate.next(), { ready: `gate.${DOMAIN}` })
    const juliet = await XmppClient.login({ route: { host: '127.0.0.1', port: server.port }, security: 'starttls', jid: `juliet@${DOMAIN}/balcony`, password: PASSWORD })
    t.after(() => juliet.cut())
    const info = await juliet.request(element(NS_CLIENT, 'iq', { type: 'get', to: `gate.${DOMAIN}` }, element(NS_DISCO_INFO, 'query')))
    assert.ok(info.child('query', NS_DISCO_INFO)?.elements().some(({ attrs }) => attrs['category'] === 'gateway'))
    juliet.message(`friar@gate.${DOMAIN}`, OTR)
    assert.deepEqual(await gate.next(), { heard: OTR, from: juliet.jid })
    assert.equal(await juliet.nextBody(`friar@gate.${DOMAIN}`), OTR)
    assert.deepEqual(await gate.next(), { refused: 'policy-violation' })
  })

  test('XEP-0114: with another secret it is refused', async () => {
    const gate = Gate.start(`gate.${DOMAIN}`, port, 'a rose by another name')
    assert.match(String((await gate.next())['failed']), /not-authorized/)
    await gate.stop()
  })

  /** What the program told, line by line. */
  async function administer(jid: string, created: string): Promise<Told[]> {
    const { certificate } = server.identityFiles(DOMAIN)
    const child = spawn(PYTHON, [program('slixmpp-admin.py'), jid, '127.0.0.1', `${server.port}`, certificate, created], { stdio: ['pipe', 'pipe', 'pipe'] })
    let told = ''
    let complaints = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => { told += text })
    child.stderr.setEncoding('utf8').on('data', (text: string) => { complaints += text })
    child.stdin.end(`${PASSWORD}\n`)
    const [code] = await once(child, 'close')
    assert.equal(code, 0, `${told}${complaints.slice(-2000)}`)
    return told.trim().split('\n').map((one) => JSON.parse(one) as Told)
  }
})

/** The component, as a process. */
class Gate {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #exit = (): void => { this.#child.kill('SIGKILL') }

  private constructor(child: ChildProcess) {
    this.#child = child
    if (child.stdout === null) throw new Error('it has no stdout')
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    process.on('exit', this.#exit)
  }

  static start(name: string, port: number, secret: string): Gate {
    const child = spawn(PYTHON, [program('slixmpp-component.py'), name, '127.0.0.1', `${port}`], { stdio: ['pipe', 'pipe', 'ignore'] })
    child.stdin?.write(`${secret}\n`)
    return new Gate(child)
  }

  /** The next line that it tells. */
  async next(): Promise<Told> {
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error('it told nothing more')
    return JSON.parse(String(value)) as Told
  }

  async stop(): Promise<void> {
    process.off('exit', this.#exit)
    if (this.#child.exitCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.stdin?.end()
    const deadline = setTimeout(this.#exit, 10_000)
    await ended
    clearTimeout(deadline)
  }
}
