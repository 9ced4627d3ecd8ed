import assert from 'node:assert/strict'
import { createHmac, randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { setTimeout as passed } from 'node:timers/promises'
import { element, type Element } from '../../src/xml/element.ts'
import { NS_BIND, NS_CLIENT, NS_ROSTER, NS_SASL, NS_STREAM, NS_TLS } from '../../src/xmpp/namespaces.ts'
import { ClientTor } from '../clients/client-tor.ts'
import { dial, type Route } from '../clients/route.ts'
import { ScramClient } from '../clients/scram.ts'
import { XmlStream } from '../clients/xml-stream.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { readPages } from '../docs/pages.ts'
import { ServerProcess } from '../interop/server.ts'
import { withoutTor } from '../tor/installed.ts'
import { joinNetwork, type JoinedNetwork } from './joined.ts'
import { LongWay } from './long-way.ts'
import { PATIENCE_MILLISECONDS } from './node.ts'

/** What the relays of a circuit to an onion service add on the internet is not there where all are on one machine. */
const ONE_WAY_MILLISECONDS = 150
const PASSWORD = 'wherefore art thou'
const AGENT = randomUUID()
const TOKEN_MECHANISM = 'HT-SHA-256-NONE'
const [NS_SASL2, NS_BIND2, NS_FAST, NS_SM] = ['urn:xmpp:sasl:2', 'urn:xmpp:bind:0', 'urn:xmpp:fast:0', 'urn:xmpp:sm:3']

/** What a client brings along: what it was given by earlier logins, and the session to which it comes back. */
interface Memory {
  readonly onion: string
  readonly token: string
  readonly previous: string
  /** Of the offer by which it logs in before it sees it. */
  readonly version: Element
}

/** From a connection to a session that is usable: bound, to be resumed, with the roster, and present; or resumed. */
type Login = (stream: XmlStream, memory: Memory) => Promise<unknown>

/** How clients log in, as docs/login.md has it: each with its round trips. The connection itself comes on top. */
const LOGINS: readonly (readonly [how: string, roundTrips: number, login: Login])[] = [
  ['STARTTLS, SCRAM, bind', 9, async (stream, { onion }) => {
    await opened(stream, onion)
    await answered(stream, element(NS_TLS, 'starttls'), 'proceed')
    await stream.secure(onion, undefined)
    await opened(stream, onion)
    await scram(stream, element(NS_SASL, 'auth', { mechanism: 'SCRAM-SHA-256' }), NS_SASL)
    await opened(stream, onion)
    await bound(stream)
    await present(stream, true)
  }],
  ['SCRAM, bind', 6, async (stream, { onion }) => {
    await opened(stream, onion)
    await scram(stream, element(NS_SASL, 'auth', { mechanism: 'SCRAM-SHA-256' }), NS_SASL)
    await opened(stream, onion)
    await bound(stream)
    await present(stream, true)
  }],
  ['SASL2 with Bind 2, SCRAM', 4, async (stream, { onion }) => {
    await opened(stream, onion)
    await scram(stream, element(NS_SASL2, 'authenticate', { mechanism: 'SCRAM-SHA-256' }, bind2()), NS_SASL2)
    await present(stream, false)
  }],
  ['SASL2 with Bind 2, FAST', 3, async (stream, { onion, token }) => {
    await opened(stream, onion)
    await answered(stream, fast(token, bind2()), 'success')
    await present(stream, false)
  }],
  ['the same, pipelined (XEP-0509)', 2, async (stream, { onion, token, version }) => {
    const header = stream.open({ to: onion })
    await answered(stream, fast(token, bind2(), version), 'success')
    await header
    await present(stream, false)
  }],
  ['SCRAM, resumed', 5, async (stream, { onion, previous }) => {
    await opened(stream, onion)
    await scram(stream, element(NS_SASL, 'auth', { mechanism: 'SCRAM-SHA-256' }), NS_SASL)
    await opened(stream, onion)
    await answered(stream, resume(previous), 'resumed')
  }],
  ['SASL2, FAST, resumed', 2, async (stream, { onion, token, previous }) => {
    await opened(stream, onion)
    assert.ok((await answered(stream, fast(token, resume(previous)), 'success')).child('resumed', NS_SM) !== undefined)
  }],
  ['the same, pipelined (XEP-0509)', 1, async (stream, { onion, token, previous, version }) => {
    const header = stream.open({ to: onion })
    assert.ok((await answered(stream, fast(token, resume(previous), version), 'success')).child('resumed', NS_SM) !== undefined)
    await header
  }],
]

describe('a login through the onion', { skip: withoutTor }, () => {
  let network: JoinedNetwork
  let server: ServerProcess
  let tor: ClientTor
  let way: LongWay
  let onion: string
  let version: Element

  before(async () => {
    network = await joinNetwork(process.env['SOTTO_TORNET'], console.log)
    server = await ServerProcess.start(network)
    tor = await ClientTor.start(network.clientTorrc)
    way = await LongWay.to(tor.socksPort, ONE_WAY_MILLISECONDS)
    onion = await server.onionAddress()
    await server.addAccount('juliet@onion', PASSWORD)
    await reach({ host: onion, port: 5222, socks: { host: '127.0.0.1', port: tor.socksPort } })
    const stream = await connected()
    version = (await opened(stream, onion)).child('config-version', 'urn:xmpp:iap:0') ?? assert.fail('the offer has no version')
    stream.cut()
  })

  after(async () => {
    way?.close()
    await tor?.stop()
    await server?.stop()
    await network?.leave()
  })

  async function connected(): Promise<XmlStream> {
    return new XmlStream(await dial({ host: onion, port: 5222, socks: { host: '127.0.0.1', port: way.port } }, PATIENCE_MILLISECONDS), { patience: PATIENCE_MILLISECONDS })
  }

  for (const [how, roundTrips, login] of LOGINS) {
    test(`${how}: ${roundTrips} ${roundTrips === 1 ? 'round trip' : 'round trips'}`, async (t) => {
      const memory = { onion, version, ...await earlier({ host: '127.0.0.1', port: server.port }, onion) }
      const stream = await connected()
      way.begin()
      const begun = performance.now()
      await login(stream, memory)
      const milliseconds = performance.now() - begun
      t.diagnostic(`${(milliseconds / 1000).toFixed(1)} s`)
      assert.equal(way.roundTrips, roundTrips)
      assert.ok(milliseconds >= roundTrips * 2 * ONE_WAY_MILLISECONDS - 1, 'the way was not as long as it should be')
      stream.cut()
    })
  }

  test('docs/login.md has these numbers', () => {
    const rows = [...(readPages('docs', /login\.md$/).get('docs/login.md') ?? '').matchAll(/^\| (.+?) \| (\d+) \| [\d.]+ s \|$/gm)]
    assert.deepEqual(rows.map(([, how, count]) => [how, Number(count)]), LOGINS.map(([how, count]) => [how, count]))
  })
})

/** Waits until the onion is there, and with it a circuit. */
async function reach(route: Route): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MILLISECONDS; ; await passed(200)) {
    const socket = await dial(route, PATIENCE_MILLISECONDS).catch((error: unknown) => {
      if (Date.now() > deadline) throw error
      return undefined
    })
    if (socket !== undefined) return void socket.destroy()
  }
}

/** A login of before, by the listener of this machine, which leaves a session that can be resumed, and a token; its connection is lost. */
async function earlier(route: Route, onion: string): Promise<{ token: string, previous: string }> {
  const { stream } = await XmppClient.reach({ route, security: 'starttls' }, onion)
  const success = await answered(stream, element(NS_SASL2, 'authenticate', { mechanism: 'PLAIN' },
    element(NS_SASL2, 'initial-response', {}, Buffer.from(`\0juliet\0${PASSWORD}`).toString('base64')), agent(),
    element(NS_FAST, 'request-token', { mechanism: TOKEN_MECHANISM }), bind2()), 'success')
  stream.cut()
  const token = success.child('token', NS_FAST)?.attrs['token']
  const previous = success.child('bound', NS_BIND2)?.child('enabled', NS_SM)?.attrs['id']
  assert.ok(token !== undefined && previous !== undefined)
  return { token, previous }
}

async function opened(stream: XmlStream, onion: string): Promise<Element> {
  await stream.open({ to: onion })
  return await stream.next((features) => features.is('features', NS_STREAM), 'stream features')
}

async function answered(stream: XmlStream, request: Element, name: string): Promise<Element> {
  stream.send(request)
  return await stream.next((answer) => answer.name === name, `<${name}/>`)
}

/** SCRAM in either profile; `request` lacks the initial response alone. */
async function scram(stream: XmlStream, request: Element, namespace: string): Promise<void> {
  const client = new ScramClient('sha256', 'juliet', PASSWORD, { flag: 'n' })
  const first = Buffer.from(client.first).toString('base64')
  const begun = namespace === NS_SASL ? element(NS_SASL, 'auth', request.attrs, first)
    : element(namespace, request.name, request.attrs, element(namespace, 'initial-response', {}, first), ...request.elements())
  const challenge = await answered(stream, begun, 'challenge')
  const final = client.final(Buffer.from(challenge.content(), 'base64').toString())
  await answered(stream, element(namespace, 'response', {}, Buffer.from(final).toString('base64')), 'success')
}

/** XEP-0484 §3.4: the proof is keyed by the token. */
function fast(token: string, ...requests: readonly Element[]): Element {
  const proof = createHmac('sha256', token).update('Initiator').digest()
  const response = Buffer.concat([Buffer.from('juliet\0'), proof]).toString('base64')
  return element(NS_SASL2, 'authenticate', { mechanism: TOKEN_MECHANISM }, element(NS_SASL2, 'initial-response', {}, response), agent(), element(NS_FAST, 'fast'), ...requests)
}

function agent(): Element {
  return element(NS_SASL2, 'user-agent', { id: AGENT })
}

function bind2(): Element {
  return element(NS_BIND2, 'bind', {}, element(NS_SM, 'enable', { resume: 'true' }))
}

function resume(previous: string): Element {
  return element(NS_SM, 'resume', { previd: previous, h: '0' })
}

async function bound(stream: XmlStream): Promise<void> {
  await answered(stream, element(NS_CLIENT, 'iq', { type: 'set', id: 'bind' }, element(NS_BIND, 'bind')), 'iq')
}

/** What a client says once it may talk: all at once, as nothing of it waits for an answer. */
async function present(stream: XmlStream, enables: boolean): Promise<void> {
  if (enables) stream.send(element(NS_SM, 'enable', { resume: 'true' }))
  stream.send(element(NS_CLIENT, 'iq', { type: 'get', id: 'roster' }, element(NS_ROSTER, 'query')))
  stream.send(element(NS_CLIENT, 'presence'))
  await stream.next(({ name, attrs }) => name === 'iq' && attrs['id'] === 'roster', 'the roster')
  await stream.next(({ name }) => name === 'presence', 'our own presence')
}
