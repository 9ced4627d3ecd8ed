import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import { configSchema } from '../../src/config/schema.ts'
import { createLog } from '../../src/log.ts'
import { SocketConnection } from '../../src/net/connection.ts'
import { Admission } from '../../src/stream/admission.ts'
import { Liveness } from '../../src/stream/liveness.ts'
import { WriteTurn } from '../../src/stream/outbox.ts'
import { Stream, type OpenedDomain, type StreamOwner } from '../../src/stream/stream.ts'
import { NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import { TestClock } from '../clock.ts'

const HEADER = `<stream:stream to='capulet.lit' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`
const MINUTE = 60_000

describe('the deadlines of a stream', () => {
  let server: Server
  let clock: TestClock
  let liveness: Liveness
  before(async () => {
    server = createServer()
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  })
  after(() => { server.close() })
  beforeEach(() => {
    clock = new TestClock(1_000_000)
    liveness = new Liveness(clock)
    liveness.start()
  })

  test('limits.time_to_login: a client that does not log in is cut off with connection-timeout', async () => {
    const { client, said } = await open()
    client.write(HEADER)
    await said(/<stream:features\/>/)
    clock.advance(MINUTE - 5000)
    assert.equal(liveness.streams.size, 1)
    clock.advance(10_000)
    await said(/<stream:error><connection-timeout[^]*<\/stream:stream>$/)
    await once(client, 'close')
  })

  test('limits.idle_before_ping, idle_after_ping: a silent client is asked once, and cut off where it does not answer', async () => {
    const { client, stream, owner, said } = await open()
    client.write(HEADER)
    await said(/<stream:features\/>/)
    stream.established(owner)
    clock.advance(5 * MINUTE + 5000)
    assert.equal(owner.asked, 1)
    clock.advance(30_000)
    assert.equal(owner.asked, 1)
    const answered = owner.next()
    client.write('<presence/>')
    await answered
    clock.advance(MINUTE) // a whole minute after the question, but it was answered
    assert.equal(stream.open, true)
    clock.advance(5 * MINUTE + 5000)
    assert.equal(owner.asked, 2)
    clock.advance(MINUTE + 5000)
    assert.equal(stream.open, false)
    assert.equal(owner.ends, 1)
    await once(client, 'close')
  })

  test('a clock that is set forward ends nobody, and one that is set back lets nobody who is dead stay', async () => {
    const { client, stream, owner, said } = await open()
    client.write(HEADER)
    await said(/<stream:features\/>/)
    clock.set(clock.now() + 24 * 60 * MINUTE)
    clock.advance(10_000)
    assert.equal(stream.open, true)
    stream.established(owner)
    clock.set(clock.now() - 365 * 24 * 60 * MINUTE)
    clock.advance(6 * MINUTE)
    assert.equal(owner.asked, 1)
    clock.advance(MINUTE + 5000)
    assert.equal(stream.open, false)
    await once(client, 'close')
  })

  test('limits.time_to_drain: a client that reads nothing is cut off, however writable its socket seems', async () => {
    const { client, stream, owner } = await open()
    client.pause()
    client.write(HEADER)
    await owner.opening
    stream.established(owner)
    const text = 'x'.repeat(60_000)
    while (stream.connection.unsent === 0) {
      stream.sendText(text)
      await new Promise(setImmediate)
    }
    stream.receivedBytes(Buffer.from(' ')) // it talks, so it lives; but it does not read
    clock.advance(MINUTE - 5000)
    assert.equal(stream.open, true)
    clock.advance(10_000)
    assert.equal(stream.open, false)
    client.resume()
    await once(client, 'close')
  })

  test('limits.outbox: what waits for a client that does not read is bounded', async () => {
    const { client, stream, owner } = await open()
    client.pause()
    client.write(HEADER)
    await owner.opening
    stream.established(owner)
    const text = 'x'.repeat(100_000)
    let sent = 0
    while (stream.open) {
      stream.sendText(text)
      sent += text.length
      await new Promise(setImmediate)
      assert.ok(sent < 64 * 1024 * 1024, 'nothing stops it')
    }
    assert.equal(owner.ends, 1)
    client.destroy()
  })

  test('what is sent in one turn goes out in one write, in order', async () => {
    const { client, stream, owner, said } = await open()
    client.write(HEADER)
    await said(/<stream:features\/>/)
    stream.established(owner)
    for (let n = 0; n < 10; n++) stream.sendText(`<n${n}/>`)
    const [chunk] = await once(client, 'data') as [Buffer]
    assert.equal(chunk.toString(), Array.from({ length: 10 }, (_, n) => `<n${n}/>`).join(''))
    stream.end()
    await once(client, 'close')
  })

  async function open(): Promise<{ client: Socket; stream: Stream; owner: TestOwner; said: (pattern: RegExp) => Promise<void> }> {
    const accepted = once(server, 'connection') as Promise<[Socket]>
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    const [socket] = await accepted
    const { limits } = configSchema.parse({})
    const owner = new TestOwner()
    const place = new Admission(limits).enter(undefined)
    assert.ok(place !== undefined)
    const stream = new Stream(new SocketConnection(socket, undefined, false), {
      contentNamespace: NS_CLIENT, features: [], limits, clock, liveness,
      log: createLog({ level: 'silent', roster: false }), turn: new WriteTurn(),
    }, place, owner)
    let text = ''
    client.on('data', (chunk: Buffer) => { text += chunk.toString() })
    const said = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(text)) await Promise.race([once(client, 'data'), once(client, 'close')])
    }
    return { client, stream, owner, said }
  }
})

class TestOwner implements StreamOwner {
  asked = 0
  ends = 0
  readonly opening: Promise<void>
  #opened: () => void = () => {}
  #received: () => void = () => {}

  constructor() {
    this.opening = new Promise((resolve) => { this.#opened = resolve })
  }

  next(): Promise<void> {
    return new Promise((resolve) => { this.#received = resolve })
  }

  opened(): OpenedDomain {
    this.#opened()
    return { domain: 'capulet.lit', identity: undefined }
  }

  received(): void {
    this.#received()
  }

  idle(): void {
    this.asked++
  }

  closed(): void {
    this.ends++
  }
}
