import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { answerTo } from '../clients/applicant.ts'
import { ClientTor } from '../clients/client-tor.ts'
import { dial } from '../clients/route.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { joinNetwork, type JoinedNetwork } from '../tornet/joined.ts'
import { ServerProcess } from './server.ts'

/** Debian's Python, for which Debian's slixmpp is; another one earlier in PATH does not have it. */
const PYTHON = '/usr/bin/python3'
/** The compiler copies no Python: it runs where it was written. */
const PROGRAM = fileURLToPath(new URL('../../../test/interop/slixmpp-register.py', import.meta.url))
const PASSWORD = 'deny thy father and refuse thy name'
/** An onion that is called for the first time takes some seconds. */
const PATIENCE_MILLISECONDS = 90_000

const installed = spawnSync(PYTHON, ['-c', 'import slixmpp']).status === 0
const skip = installed ? false : 'not installed: python3-slixmpp (bash test/interop/setup)'

type Told = Record<string, unknown>

describe('an account is had with slixmpp, as Debian ships it, through the onion', { skip }, () => {
  let network: JoinedNetwork
  let server: ServerProcess
  let tor: ClientTor
  let onion: string
  let way: Server

  before(async () => {
    network = await joinNetwork(process.env['SOTTO_TORNET'], console.log)
    server = await ServerProcess.start({ clientTorrc: network.clientTorrc, domainLines: ['registration = "open"'] })
    tor = await ClientTor.start(network.clientTorrc)
    onion = await server.onionAddress()
    way = await wayTo(onion, tor.socksPort)
  }, { timeout: 300_000 })

  after(async () => {
    way?.close()
    await tor?.stop()
    await server?.stop()
    await network?.leave()
  }, { timeout: 60_000 })

  test('XEP-0077, XEP-0158: by data form, with the picture at hand and the question answered; a wrong answer gets another form', { timeout: 240_000 }, async () => {
    const questions: string[] = []
    const told = await register('juliet', (question) => {
      questions.push(question)
      return questions.length === 1 ? 'I do bite my thumb, sir' : answerTo(question) ?? ''
    })
    const forms = told.filter(({ form }) => form !== undefined)
    assert.equal(forms.length, 2)
    assert.deepEqual(forms[1]?.['form'], {
      FORM_TYPE: 'hidden', challenge: 'hidden', sid: 'hidden', answers: 'hidden',
      username: 'text-single', password: 'text-private', ocr: 'text-single', qa: 'text-single',
    })
    assert.ok(told.filter(({ picture }) => Number(picture) > 100).length === 2)
    assert.deepEqual(told.filter(({ refused }) => refused !== undefined), [{ refused: 'not-acceptable' }])
    assert.ok(told.some(({ registered }) => registered === true))
    assert.match(String(told.at(-1)?.['presence']), new RegExp(`^juliet@${onion}/`))
    await login('juliet')
  })

  test('XEP-0445: by an invitation, which is good once', { timeout: 240_000 }, async () => {
    const token = await invited()
    const told = await register('romeo', () => '', token)
    assert.deepEqual(told.slice(0, 1), [{ registered: true }])
    assert.match(String(told.at(-1)?.['presence']), new RegExp(`^romeo@${onion}/`))
    await login('romeo')
    const again = await register('mercutio', () => '', token).catch((error: unknown) => String(error))
    assert.match(String(again), /item-not-found/)
  })

  /** The `sotto` program says it as a URI, for people to pass on. */
  async function invited(): Promise<string> {
    const printed = await server.command(['invite', 'create'])
    const [, token = ''] = /preauth=([^;&\s]+)/.exec(printed) ?? []
    assert.notEqual(token, '', printed)
    return token
  }

  async function login(name: string): Promise<void> {
    const client = await XmppClient.login({
      route: { host: onion, port: 5222, socks: { host: '127.0.0.1', port: tor.socksPort } }, jid: `${name}@${onion}/x`, password: PASSWORD, patience: PATIENCE_MILLISECONDS,
    })
    await client.leave()
  }

  /** What the program told, line by line; `answer` is asked where it shows a question. */
  async function register(name: string, answer: (question: string) => string, ...token: readonly string[]): Promise<Told[]> {
    const { certificate } = server.identityFiles('onion')
    const { port } = way.address() as AddressInfo // it listens on TCP
    const child = spawn(PYTHON, [PROGRAM, `${name}@${onion}`, '127.0.0.1', String(port), certificate, ...token], { stdio: ['pipe', 'pipe', 'pipe'] })
    const told: Told[] = []
    let complaints = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => { complaints += text })
    createInterface(child.stdout).on('line', (line) => {
      const said = JSON.parse(line) as Told
      told.push(said)
      if (typeof said['question'] === 'string') child.stdin.write(`${answer(said['question'])}\n`)
    })
    child.stdin.write(`${PASSWORD}\n`)
    const [code] = await once(child, 'close')
    assert.equal(code, 0, `${JSON.stringify(told)}${complaints.slice(-2000)}`)
    return told
  }
})

/** A port of this machine behind which the onion is: slixmpp knows no SOCKS. */
async function wayTo(onion: string, socksPort: number): Promise<Server> {
  const server = createServer((near) => {
    near.on('error', () => {})
    dial({ host: onion, port: 5222, socks: { host: '127.0.0.1', port: socksPort } }, PATIENCE_MILLISECONDS).then((far) => {
      far.on('error', () => {}).on('close', () => near.destroy())
      near.on('close', () => far.destroy())
      near.pipe(far).pipe(near)
    }).catch(() => near.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
