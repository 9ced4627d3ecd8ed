import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { element } from '../../src/xml/element.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { ServerProcess } from './server.ts'

/** As in slixmpp.test.ts. */
const PYTHON = '/usr/bin/python3'
const PROGRAM = fileURLToPath(new URL('../../../test/interop/slixmpp-resume.py', import.meta.url))
const DOMAIN = 'capulet.lit'
const PASSWORD = 'at thy word'
const QUERY = '?OTRv23?'

const installed = spawnSync(PYTHON, ['-c', 'import slixmpp']).status === 0
const skip = installed ? false : 'not installed: python3-slixmpp (bash test/interop/setup)'

describe('slixmpp, as Debian ships it, whose connection breaks', { skip }, () => {
  let server: ServerProcess

  before(async () => {
    server = await ServerProcess.start({ domain: DOMAIN })
    for (const name of ['romeo', 'juliet']) await server.addAccount(`${name}@${DOMAIN}`, PASSWORD)
  })

  after(async () => { await server?.stop() })

  test('XEP-0198: resumes its session, and gets what it was sent meanwhile, each message once and in order', async () => {
    const { certificate } = server.identityFiles(DOMAIN)
    const child = spawn(PYTHON, [PROGRAM, `romeo@${DOMAIN}`, '127.0.0.1', `${server.port}`, certificate], { stdio: ['pipe', 'pipe', 'pipe'] })
    let complaints = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => { complaints += text })
    const closed = once(child, 'close')
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const told = async (): Promise<Record<string, unknown>> => {
      const { value, done } = await lines.next() as IteratorResult<string, undefined>
      assert.ok(done !== true && value !== undefined, `it said nothing more: ${complaints.slice(-2000)}`)
      return JSON.parse(value) as Record<string, unknown>
    }
    child.stdin.write(`${PASSWORD}\n`)
    const { bound, id } = await told()
    assert.equal(id, true)
    assert.deepEqual(await told(), { cut: true })

    const juliet = await XmppClient.login({
      jid: `juliet@${DOMAIN}/balcony`, password: PASSWORD, route: { host: '127.0.0.1', port: server.port }, security: 'starttls',
    })
    const ids = ['first', 'second', 'last']
    for (const one of ids) juliet.message(String(bound), QUERY, { id: one })
    await juliet.request(element('jabber:client', 'iq', { type: 'get', to: DOMAIN }, element('urn:xmpp:ping', 'ping')))
    assert.deepEqual(juliet.stream.takeUnread().map(String), [], 'nobody is told that he is away')

    child.stdin.end('back\n')
    assert.deepEqual([await told(), await told(), await told(), await told()], [{ resumed: true }, ...ids.map((message) => ({ message }))])
    const [code] = await closed
    assert.equal(code, 0, complaints.slice(-2000))
    juliet.cut()
  })
})
