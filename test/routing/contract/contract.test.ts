/** The contract has been tried with what comes later, before it is called done. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Stream } from '../../../src/stream/stream.ts'
import { element, type Element } from '../../../src/xml/element.ts'
import { NS_SERVER } from '../../../src/xmpp/namespaces.ts'
import { serialize } from '../../../src/xml/serialize.ts'
import { TestHouse, WITHOUT_POLICY } from '../../house.ts'
import { dialback, dialbackKey, NS_DIALBACK } from './dialback.ts'

/** All that the sketches use of a stream. */
class FakeStream {
  readonly id: string
  readonly #peer: (nonza: Element) => void

  constructor(id: string, peer: (nonza: Element) => void) {
    this.id = id
    this.#peer = peer
  }

  send(nonza: Element): void {
    this.#peer(nonza)
  }

  asStream(): Stream {
    return this as unknown as Stream
  }
}

describe('XEP-0220 by the contract', () => {
  /** Two servers; their streams are wires between the routes of the one and those of the other. */
  const build = () => {
    const trusted: string[] = []
    const results: string[] = []
    const houses = new Map<string, TestHouse>()
    const deliver = (domain: string, stream: FakeStream, nonza: Element): void => {
      const route = houses.get(domain)?.installation.tables.nonza('server', nonza.namespace, nonza.name)
      assert.ok(route)
      route.handle(stream.asStream(), nonza, undefined)
    }
    for (const [domain, secret] of [['capulet.lit', 's3cr3tf0rd14lb4ck'], ['verona.lit', 'another']] as const) {
      const sketch = dialback(secret, {
        send: (from, to, nonza) => {
          const stream = new FakeStream('verify', (reply) => deliver(from, stream, reply))
          deliver(to, stream, nonza)
        },
        trust: (stream, from, to) => trusted.push(`${stream.id}: ${from} to ${to}`),
      })
      houses.set(domain, new TestHouse({ extensions: [...WITHOUT_POLICY, sketch], config: { domains: [{ name: domain, onion_service: false }] } }))
    }
    const claim = (key: string): void => {
      const stream = new FakeStream('D60000229F', (reply) => results.push(serialize(reply, NS_SERVER)))
      deliver('verona.lit', stream, element(NS_DIALBACK, 'result', { from: 'capulet.lit', to: 'verona.lit' }, key))
    }
    return { claim, trusted, results }
  }

  test('§2.1: a key that the authoritative server made is valid, and the stream may speak for the domain', () => {
    const { claim, trusted, results } = build()
    claim(dialbackKey('s3cr3tf0rd14lb4ck', 'verona.lit', 'capulet.lit', 'D60000229F'))
    assert.deepEqual(results, ["<db:result from='verona.lit' to='capulet.lit' type='valid'/>"])
    assert.deepEqual(trusted, ['D60000229F: capulet.lit to verona.lit'])
  })

  test('§2.1: any other key is invalid, and the stream speaks for nobody', () => {
    const { claim, trusted, results } = build()
    claim(dialbackKey('guessed', 'verona.lit', 'capulet.lit', 'D60000229F'))
    assert.deepEqual(results, ["<db:result from='verona.lit' to='capulet.lit' type='invalid'/>"])
    assert.deepEqual(trusted, [])
  })

  test('its feature is offered on streams of servers, and on no other', () => {
    const sketch = dialback('secret', { send: () => {}, trust: () => {} })
    const { streamFeatures } = new TestHouse({ extensions: [...WITHOUT_POLICY, sketch] }).installation
    assert.equal(streamFeatures.server.filter(({ namespace }) => namespace === NS_DIALBACK).length, 1)
    assert.ok(!streamFeatures.client.some(({ namespace }) => namespace === NS_DIALBACK))
  })
})
