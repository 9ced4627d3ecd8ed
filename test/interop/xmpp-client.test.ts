import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { REFUSAL } from './chat-client.ts'
import { freePort, ServerProcess } from './server.ts'

const SESSION = fileURLToPath(new URL('xmpp-client-session.js', import.meta.url))
/** A name that leads to this machine everywhere, so that the library can check whom it talks to. */
const DOMAIN = 'localhost'
const PASSWORD = 'at thy word'
const PATIENCE = 60_000

describe('@xmpp/client', () => {
  let server: ServerProcess
  let port = 0

  before(async () => {
    port = await freePort()
    server = await ServerProcess.start({ domain: DOMAIN, tables: `[[listeners]]\nkind = "https"\naddress = "127.0.0.1"\nport = ${port}` })
    for (const name of ['juliet', 'nurse']) await server.addAccount(`${name}@${DOMAIN}`, PASSWORD)
  })

  after(async () => { await server?.stop() })

  for (const [way, service] of [
    ['TCP', () => `xmpp://127.0.0.1:${server.port}`],
    ['WebSocket', () => `wss://${DOMAIN}:${port}/xmpp-websocket`],
  ] as const) {
    test(`by ${way}: logs in by SASL2 with Bind 2, is refused a plain message with the reason, and resumes with a token`, async () => {
      const inline = ['bind', 'request-token']
      assert.deepEqual(await session(service()), [
        { online: `juliet@${DOMAIN}`, profile: 'SASL2', mechanism: 'SCRAM-SHA-1', inline, token: 'HT-SHA-256-NONE' },
        { roster: [] },
        { present: true },
        { ping: 'result' },
        { refused: 'policy-violation', text: REFUSAL.text },
        { resumed: true, profile: 'SASL2', mechanism: 'HT-SHA-256-NONE', inline: ['bind', 'fast', 'resume'], ping: 'result' },
      ])
    })
  }

  /** What the library tells of a session of Juliet's. */
  async function session(service: string): Promise<unknown[]> {
    const { certificate } = server.identityFiles(DOMAIN)
    const child = spawn(process.execPath, [SESSION, service, DOMAIN], {
      stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, NODE_EXTRA_CA_CERTS: certificate }, timeout: PATIENCE,
    })
    let told = ''
    let complaints = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => { told += text })
    child.stderr.setEncoding('utf8').on('data', (text: string) => { complaints += text })
    child.stdin.end(`juliet\n${PASSWORD}\n`)
    const [code] = await once(child, 'close')
    assert.equal(code, 0, `${told}${complaints.slice(-2000)}`)
    return told.trim().split('\n').map((one) => JSON.parse(one) as unknown)
  }
})
