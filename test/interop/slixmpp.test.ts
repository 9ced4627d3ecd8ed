import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { REFUSAL } from './chat-client.ts'
import { ServerProcess } from './server.ts'

/** Debian's Python, for which Debian's slixmpp is; another one earlier in PATH does not have it. */
const PYTHON = '/usr/bin/python3'
/** The compiler copies no Python: it runs where it was written. */
const LOGIN = fileURLToPath(new URL('../../../test/interop/slixmpp-login.py', import.meta.url))
const PEOPLE = fileURLToPath(new URL('../../../test/interop/slixmpp-people.py', import.meta.url))
const DOMAIN = 'capulet.lit'
const PASSWORD = 'at thy word'

const installed = spawnSync(PYTHON, ['-c', 'import slixmpp']).status === 0
const skip = installed ? false : 'not installed: python3-slixmpp (bash test/interop/setup)'

describe('slixmpp, as Debian ships it', { skip }, () => {
  let server: ServerProcess

  before(async () => {
    server = await ServerProcess.start({ domain: DOMAIN })
    for (const name of ['romeo', 'juliet']) await server.addAccount(`${name}@${DOMAIN}`, PASSWORD)
  })

  after(async () => { await server?.stop() })

  test('logs in with SCRAM and channel binding, gets its roster, appears, and is refused a plain message', async () => {
    const [login, roster, presence, refusal] = await run()
    assert.match(String(login?.['mechanism']), /^SCRAM-SHA-(256|512)(-PLUS)?$/)
    assert.equal(login?.['tls'], 'TLSv1.3')
    assert.deepEqual(roster, { roster: 0 })
    assert.match(String(presence?.['presence']), new RegExp(`^romeo@${DOMAIN}/`))
    assert.deepEqual(refusal, { refused: 'policy-violation', type: 'modify', text: REFUSAL.text })
  })

  test('logs in with SCRAM-SHA-256-PLUS where it is told to', async () => {
    const [login] = await run('SCRAM-SHA-256-PLUS')
    assert.equal(login?.['mechanism'], 'SCRAM-SHA-256-PLUS')
  })

  test('two people show each other their faces, by PEP, vCard and presence; words and private data stay where they are; one blocks the other', async () => {
    const { certificate } = server.identityFiles(DOMAIN)
    const told = Object.assign({}, ...await program(PEOPLE, `${PASSWORD}\n${PASSWORD}\n`,
      [`juliet@${DOMAIN}`, `romeo@${DOMAIN}`, '127.0.0.1', `${server.port}`, certificate])) as Record<string, unknown>
    const image = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from('the face of Juliet')])
    const id = createHash('sha1').update(image).digest('hex')
    const metadata = { from: `juliet@${DOMAIN}`, id, type: 'image/png', bytes: image.length }
    assert.deepEqual(told, {
      account: ['account/registered', 'pubsub/pep'],
      features: ['http://jabber.org/protocol/pubsub#publish', 'http://jabber.org/protocol/pubsub#publish-options'],
      metadata, avatar: id,
      vcard: { name: '', nickname: ['Jule'], photo: id }, own: { name: 'Juliet Capulet', nickname: ['Jule'], photo: id },
      hash: id, later: metadata, tune: 'feature-not-implemented',
      bookmarks: ['words'], contact: 'item-not-found', private: ['words'],
      blocked: [`romeo@${DOMAIN}`], asked: 'not-acceptable', told: 'service-unavailable', unblocked: [],
    })
  })

  /** A login of Romeo's. */
  async function run(...mechanism: readonly string[]): Promise<Record<string, unknown>[]> {
    const { certificate } = server.identityFiles(DOMAIN)
    return await program(LOGIN, `${PASSWORD}\n`, [`romeo@${DOMAIN}`, '127.0.0.1', `${server.port}`, certificate, `juliet@${DOMAIN}`, ...mechanism])
  }

  /** What the program told, line by line. */
  async function program(file: string, input: string, line: readonly string[]): Promise<Record<string, unknown>[]> {
    const child = spawn(PYTHON, [file, ...line], { stdio: ['pipe', 'pipe', 'pipe'] })
    let told = ''
    let complaints = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => { told += text })
    child.stderr.setEncoding('utf8').on('data', (text: string) => { complaints += text })
    child.stdin.end(input)
    const [code] = await once(child, 'close')
    assert.equal(code, 0, `${told}${complaints.slice(-2000)}`)
    return told.trim().split('\n').map((one) => JSON.parse(one) as Record<string, unknown>)
  }
})
