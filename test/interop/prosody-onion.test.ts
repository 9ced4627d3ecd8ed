import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Element } from '../../src/xml/element.ts'
import { NS_CLIENT, NS_STANZA_ERRORS } from '../../src/xmpp/namespaces.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { joinNetwork, type JoinedNetwork } from '../tornet/joined.ts'
import { Node, PATIENCE_MILLISECONDS } from '../tornet/node.ts'
import { numberedBody, numberIn } from '../tornet/numbered.ts'
import { ProsodyOnion } from '../tornet/prosody-onion.ts'

const PASSWORD = 'at thy word'

describe('Prosody behind an onion of its own', () => {
  let network: JoinedNetwork
  let capulet: Node
  let prosody: ProsodyOnion
  let romeo: XmppClient

  before(async () => {
    network = await joinNetwork(process.env['SOTTO_TORNET'], console.log)
    const { clientTorrc } = network
    capulet = await Node.start({ clientTorrc, name: 'juliet' })
    prosody = await ProsodyOnion.start(clientTorrc, capulet.onion)
    await prosody.addAccount('romeo', PASSWORD)
    romeo = await XmppClient.login({
      jid: `romeo@${prosody.onion}/x`, password: PASSWORD, route: { host: '127.0.0.1', port: prosody.clientPort }, patience: PATIENCE_MILLISECONDS,
    })
    await romeo.appear()
  }, { timeout: 300_000 })

  after(async () => {
    romeo?.cut()
    await prosody?.stop()
    await capulet?.stop()
    await network?.leave()
  }, { timeout: 60_000 })

  const numberFrom = async (client: XmppClient, from: string): Promise<number> => {
    const message = await client.stream.next(({ name, attrs }: Element) => name === 'message' && `${attrs['from']}` === from, `a message from ${from}`)
    assert.notEqual(message.attrs['type'], 'error')
    return numberIn(message.childContent('body', NS_CLIENT) ?? '')
  }

  test('XEP-0220: each proves itself by dialback over Tor, and OTR goes both ways, in order', { timeout: 240_000 }, async () => {
    for (let number = 1; number <= 20; number += 1) {
      romeo.message(capulet.jid, numberedBody(number))
      capulet.client.message(`romeo@${prosody.onion}`, numberedBody(number))
    }
    for (let number = 1; number <= 20; number += 1) {
      assert.equal(await numberFrom(capulet.client, romeo.jid), number)
      assert.equal(await numberFrom(romeo, `${capulet.jid}/x`), number)
    }
    for (const [from, to] of [[capulet.onion, prosody.onion], [prosody.onion, capulet.onion]]) {
      assert.ok(prosody.log.includes(`connection ${from}->${to} is now authenticated`))
    }
    // XEP-0220 §2.1.2: each was asked by the other whether a key is its own; no certificate says anything of an onion.
    for (const answer of ['Sending', 'Received']) assert.match(prosody.log, new RegExp(`${answer}\\[s2s(in|out)(_unauthed)?\\]: <(db:)?verify [^>]*type='valid'`))
  })

  test('plain text is refused where it comes in, and the other side hears so, once', { timeout: 240_000 }, async () => {
    romeo.message(capulet.jid, 'but soft', { id: 'plain' })
    romeo.message(capulet.jid, numberedBody(100), { id: 'after' })
    const isAnswer = ({ attrs }: Element) => attrs['id'] === 'plain'
    const refused = await romeo.stream.next(isAnswer, 'the refusal')
    assert.ok(refused.child('error', NS_CLIENT)?.child('policy-violation', NS_STANZA_ERRORS))
    assert.equal(await numberFrom(capulet.client, romeo.jid), 100)
    assert.ok(!romeo.stream.takeUnread().some(isAnswer))
  })

  test('who is not there is told to be unavailable', { timeout: 240_000 }, async () => {
    capulet.client.message(`mercutio@${prosody.onion}`, numberedBody(1), { id: 'dead' })
    const refused = await capulet.client.stream.next(({ attrs }) => attrs['id'] === 'dead', 'the answer')
    assert.ok(refused.child('error', NS_CLIENT)?.child('service-unavailable', NS_STANZA_ERRORS))
  })
})
