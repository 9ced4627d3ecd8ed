import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Element } from '../../src/xml/element.ts'
import { NS_CLIENT, NS_DIALBACK, NS_SERVER, NS_STREAM } from '../../src/xmpp/namespaces.ts'
import { ClientTor } from '../clients/client-tor.ts'
import { dial } from '../clients/route.ts'
import { XmlStream } from '../clients/xml-stream.ts'
import { withoutTor } from '../tor/installed.ts'
import { joinNetwork, type JoinedNetwork } from './joined.ts'
import { Node, PATIENCE_MILLISECONDS } from './node.ts'

/** In shape what passes: a query of OTR. */
const QUERY = '?OTRv23?'

describe('two servers, onion to onion, each with its own tor', { skip: withoutTor }, () => {
  let network: JoinedNetwork
  let verona: Node
  let mantua: Node

  before(async () => {
    network = await joinNetwork(process.env['SOTTO_TORNET'], console.log)
    verona = await Node.start({ clientTorrc: network.clientTorrc, name: 'juliet' })
    mantua = await Node.start({ clientTorrc: network.clientTorrc, name: 'romeo' })
  }, { timeout: 300_000 })

  after(async () => {
    await verona?.stop()
    await mantua?.stop()
    await network?.leave()
  }, { timeout: 60_000 })

  const juliet = () => verona.jid
  const romeo = () => mantua.jid
  const isPresence = (type: string | undefined, from: () => string) => ({ name, attrs }: Element) =>
    name === 'presence' && attrs['type'] === type && `${attrs['from']}/`.startsWith(`${from()}/`)
  const isRefused = (id: string) => ({ attrs }: Element) => attrs['id'] === id && attrs['type'] === 'error'

  test('RFC 6121 §3: they subscribe to each other and see each other', { timeout: 240_000 }, async (t) => {
    const begun = performance.now()
    mantua.client.send(`<presence type='subscribe' to='${juliet()}'/>`)
    await verona.client.stream.next(isPresence('subscribe', romeo), 'his request')
    t.diagnostic(`the first stanza took ${((performance.now() - begun) / 1000).toFixed(1)} s: two circuits and two dialbacks`)
    verona.client.send(`<presence type='subscribed' to='${romeo()}'/>`)
    await mantua.client.stream.next(isPresence('subscribed', juliet), 'her approval')
    await mantua.client.stream.next(isPresence(undefined, juliet), 'her presence')
    verona.client.send(`<presence type='subscribe' to='${romeo()}'/>`)
    await mantua.client.stream.next(isPresence('subscribe', juliet), 'her request')
    mantua.client.send(`<presence type='subscribed' to='${juliet()}'/>`)
    await verona.client.stream.next(isPresence(undefined, romeo), 'his presence')
  })

  test('OTR passes in both directions, in order', { timeout: 120_000 }, async () => {
    for (const id of ['1', '2', '3']) mantua.client.message(juliet(), QUERY, { id })
    for (const id of ['1', '2', '3']) {
      const message = await verona.client.stream.next(({ name, attrs }) => name === 'message' && attrs['from'] === `${romeo()}/x`, 'his message')
      assert.deepEqual([message.attrs['id'], message.childContent('body', NS_CLIENT)], [id, QUERY])
    }
    verona.client.message(`${romeo()}/x`, QUERY)
    assert.equal(await mantua.client.nextBody(juliet()), QUERY)
  })

  test('plain text is refused where it is written, once', { timeout: 60_000 }, async () => {
    mantua.client.message(juliet(), 'but soft', { id: 'plain' })
    await mantua.client.stream.next(isRefused('plain'), 'the refusal')
    mantua.client.message(juliet(), QUERY, { id: 'after' })
    const next = await verona.client.stream.next(({ name }) => name === 'message', 'the next message')
    assert.equal(next.attrs['id'], 'after')
    assert.ok(!mantua.client.stream.takeUnread().some(isRefused('plain')))
  })

  test('who comes by Tor in another one\'s name is found out by that onion, and hears so', { timeout: 180_000 }, async () => {
    const tor = await ClientTor.start(network.clientTorrc)
    try {
      const socket = await dial({ host: verona.onion, port: 5269, socks: { host: '127.0.0.1', port: tor.socksPort } }, PATIENCE_MILLISECONDS)
      const stream = new XmlStream(socket, { namespace: NS_SERVER, patience: PATIENCE_MILLISECONDS })
      await stream.open({ from: mantua.onion, to: verona.onion })
      await stream.next((features) => features.is('features', NS_STREAM), 'features')
      stream.send(`<result xmlns='${NS_DIALBACK}' from='${mantua.onion}' to='${verona.onion}'>${'a'.repeat(64)}</result>`)
      const result = await stream.next((answer) => answer.is('result', NS_DIALBACK), 'the judgement')
      assert.equal(result.attrs['type'], 'invalid')
      assert.equal(await stream.ended, 'closed')
      stream.cut()
    } finally {
      await tor.stop()
    }
  })

  test('behind the onion an own socket waits for servers: clients are not served there', { timeout: 60_000 }, async () => {
    const tor = await ClientTor.start(network.clientTorrc)
    try {
      const socket = await dial({ host: verona.onion, port: 5269, socks: { host: '127.0.0.1', port: tor.socksPort } }, PATIENCE_MILLISECONDS)
      const stream = new XmlStream(socket, { patience: PATIENCE_MILLISECONDS })
      await stream.open({ to: verona.onion })
      assert.equal(await stream.ended, 'invalid-namespace')
      stream.cut()
    } finally {
      await tor.stop()
    }
  })
})
