import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as passed } from 'node:timers/promises'
import { ClientTor } from '../clients/client-tor.ts'
import { dial } from '../clients/route.ts'
import { WebSocketClient } from '../clients/web-socket.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { ServerProcess } from '../interop/server.ts'
import { withoutTor } from '../tor/installed.ts'
import { joinNetwork, type JoinedNetwork } from './joined.ts'
import { PATIENCE_MILLISECONDS } from './node.ts'

const PASSWORD = 'a thousand times good night'
const QUERY = '?OTRv23?'

describe('RFC 7395: XMPP by WebSocket through the onion', { skip: withoutTor }, () => {
  let network: JoinedNetwork
  let server: ServerProcess
  let tor: ClientTor
  let onion = ''

  before(async () => {
    network = await joinNetwork(process.env['SOTTO_TORNET'], console.log)
    server = await ServerProcess.start(network)
    tor = await ClientTor.start(network.clientTorrc)
    onion = await server.onionAddress()
    for (const name of ['juliet', 'romeo']) await server.addAccount(`${name}@onion`, PASSWORD)
  })

  after(async () => {
    await tor?.stop()
    await server?.stop()
    await network?.leave()
  })

  /** A connection of HTTP to the onion, by a circuit of its own; the onion is there a moment after it was published. */
  async function open(isolation: string, origin?: string): Promise<WebSocketClient> {
    const route = { host: onion, port: 80, socks: { host: '127.0.0.1', port: tor.socksPort, isolation } }
    for (const deadline = Date.now() + PATIENCE_MILLISECONDS; ; await passed(200)) {
      const socket = await dial(route, PATIENCE_MILLISECONDS).catch((error: unknown) => {
        if (Date.now() > deadline) throw error
        return undefined
      })
      if (socket !== undefined) return await WebSocketClient.open(socket, onion, origin)
    }
  }

  test('a page of the onion logs in at ws://ADDRESS.onion/xmpp-websocket, and exchanges OTR queries with another account', async () => {
    const juliet = await (await open('juliet', `http://${onion}`)).login(onion, 'juliet', PASSWORD, 'balcony')
    const romeo = await XmppClient.login({
      jid: `romeo@${onion}/orchard`, password: PASSWORD, mechanism: 'PLAIN', patience: PATIENCE_MILLISECONDS,
      route: { host: onion, port: 5222, socks: { host: '127.0.0.1', port: tor.socksPort, isolation: 'romeo' } }, security: 'none',
    })
    juliet.send(`<message xmlns='jabber:client' to='${romeo.jid}' type='chat' id='there'><body>${QUERY}</body></message>`)
    assert.equal(await romeo.nextBody(`juliet@${onion}/balcony`), QUERY)
    romeo.message(`juliet@${onion}/balcony`, QUERY)
    const [answer] = await juliet.expect(/^<message [^>]*>.*/)
    assert.match(answer, /^<message xmlns='jabber:client'/)
    assert.ok(answer.includes(` from='${romeo.jid}'`) && answer.includes(`<body>${QUERY}</body>`), answer)
    juliet.send(`<message xmlns='jabber:client' to='${romeo.jid}' type='chat' id='plain'><body>But soft</body></message>`)
    assert.match((await juliet.expect(/<message [^>]*type='error'.*/))[0], /<policy-violation /)
    juliet.send(`<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>`)
    assert.match((await juliet.rest()).at(-1) ?? '', /^<close /)
    assert.equal(juliet.code, 1000)
    await romeo.leave()
  })

  test('RFC 6455 §10.2: a page of another origin is refused there, too, whatever its circuit', async () => {
    for (const origin of ['http://verona.lit', `https://${onion}`, 'null']) await assert.rejects(open('page', origin), /403/, origin)
  })
})
