import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import { Copies } from '../../src/c2s/copies.ts'
import { FormerSessions } from '../../src/c2s/former-sessions.ts'
import { ClientSession } from '../../src/c2s/session.ts'
import { configSchema, type Limits } from '../../src/config/schema.ts'
import { SocketConnection } from '../../src/net/connection.ts'
import { Admission } from '../../src/stream/admission.ts'
import { Liveness } from '../../src/stream/liveness.ts'
import { WriteTurn } from '../../src/stream/outbox.ts'
import { Stream, type StreamOwner } from '../../src/stream/stream.ts'
import { element, type Element } from '../../src/xml/element.ts'
import { NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import { jid, TestHouse } from '../house.ts'

const JULIET = 'juliet@capulet.lit'
const BALCONY = `${JULIET}/balcony`
/** 50 kB, and 25 000 halves of surrogate pairs. */
const BODY = '😀'.repeat(12_500)
const ROMEO = 'romeo@montague.lit/orchard'
const HEADER = `<stream:stream to='capulet.lit' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`

/** A session on real sockets, sent to as no client could: more at once than the policy and the operating system let pass. */
describe('a session whose client reads nothing', () => {
  let server: Server
  let house: TestHouse
  let liveness: Liveness
  let limits: Limits
  const sockets: Socket[] = []
  before(async () => {
    server = createServer()
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  })
  after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  beforeEach(() => {
    house = new TestHouse()
    liveness = new Liveness(house.clock)
    liveness.start()
  })

  for (const [what, given, wait] of [
    ['limits.time_to_drain', { outbox: '64MB', unacknowledged_bytes: '64MB' }, 65_000],
    ['limits.outbox', { outbox: '300kB', unacknowledged_bytes: '64MB' }, 0],
  ] as const) {
    test(`${what}: it loses its stream, looks as before, and its client gets all of it by another, once`, async () => {
      limits = configSchema.parse({ limits: given }).limits
      const romeo = await house.login(ROMEO)
      const { session, stream, client } = await begin()
      client.pause()
      const sent: string[] = []
      const send = (): void => {
        sent.push(`m${sent.length}`)
        session.send(long(sent.at(-1) ?? ''))
      }
      while (stream.connection.unsent === 0 || (wait === 0 && stream.open)) {
        send()
        await new Promise(setImmediate)
        assert.ok(sent.length < 600, 'nothing stops it')
      }
      for (let more = 0; more < 10; more += 1) send()
      house.clock.advance(wait)
      assert.equal(stream.open, false)
      assert.ok(session.awaySince !== undefined)
      assert.equal(house.sessions.get(jid(BALCONY)), session)

      const again = await open()
      const all = read(again.client)
      session.resume(again.stream)
      await until(() => all().endsWith(`</message><r xmlns='urn:xmpp:sm:3'/>`))
      const heard = [...all().matchAll(/<message id='(m\d+)' [^>]*><body>([^<]*)<\/body>/g)]
      assert.deepEqual(heard.map(([, id]) => id), sent)
      assert.ok(heard.every(([, , body]) => body === BODY), 'no character was cut in two')
      again.client.write(`<a xmlns='urn:xmpp:sm:3' h='${sent.length}'/>`)
      await until(() => session.management?.unacknowledged === 0)
      session.end()
      assert.deepEqual(romeo.heard(), [], 'nothing was bounced')
    })
  }

  test('limits.unacknowledged_bytes: what it costs is bounded; with more it ends, and what it has not is bounced once', async () => {
    limits = configSchema.parse({ limits: { unacknowledged_bytes: '300kB' } }).limits
    const romeo = await house.login(ROMEO)
    const { session, client } = await begin()
    client.pause()
    for (let n = 0; n < 8; n += 1) session.send(long(`m${n}`))
    assert.equal(house.sessions.get(jid(BALCONY)), undefined)
    const bounced = romeo.heard().map(({ attrs }) => `${attrs['type']} ${attrs['id']}`)
    assert.deepEqual(bounced, Array.from({ length: 7 }, (_, n) => `error m${n}`)) // what came after its end was for nobody
  })

  function long(id: string): Element {
    return element(NS_CLIENT, 'message', { id, type: 'chat', from: ROMEO, to: BALCONY }, element(NS_CLIENT, 'body', {}, BODY))
  }

  async function begin(): Promise<{ session: ClientSession, stream: Stream, client: Socket }> {
    const { stream, client } = await open()
    const { installation: { router, tables }, sessions, clock } = house
    const session = new ClientSession(stream, jid(BALCONY), {
      router, tables, sessions, clock, limits, copies: new Copies(), formerSessions: new FormerSessions(clock),
    })
    stream.established(session)
    sessions.add(session)
    stream.send(session.enable(element('urn:xmpp:sm:3', 'enable', { resume: 'true' })))
    return { session, stream, client }
  }

  async function open(): Promise<{ client: Socket, stream: Stream }> {
    const accepted = once(server, 'connection') as Promise<[Socket]>
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
    const [socket] = await accepted
    sockets.push(client, socket)
    const place = new Admission(limits).enter(undefined)
    assert.ok(place !== undefined)
    const visitor: StreamOwner = { opened: () => ({ domain: 'capulet.lit', identity: undefined }), received: () => {}, idle: () => {}, closed: () => {} }
    const stream = new Stream(new SocketConnection(socket, undefined, false), {
      contentNamespace: NS_CLIENT, features: [], limits, clock: house.clock, liveness, log: house.log, turn: new WriteTurn(),
    }, place, visitor)
    client.write(HEADER)
    await once(client, 'data')
    return { client, stream }
  }

  function read(client: Socket): () => string {
    const chunks: Buffer[] = []
    client.on('data', (chunk: Buffer) => { chunks.push(chunk) })
    return () => Buffer.concat(chunks).toString()
  }
})

async function until(isSo: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 30_000; !isSo(); await new Promise((resolve) => { setTimeout(resolve, 50) })) {
    assert.ok(Date.now() < deadline, 'it never came')
  }
}
