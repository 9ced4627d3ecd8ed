import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { srv } from '../net/dns-server.ts'
import type { RawStream } from './scenario.ts'
import { header, LISTENERS, QUERY, receive, UnlinkedHouse } from './unlinked-house.ts'

const SOTTO = fileURLToPath(new URL('../../src/main.js', import.meta.url))
const EXTERNAL = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>`
/** RFC 6120 §4.9.3.14, and the end of stream and connection. */
const RULED_OUT = /<stream:error><policy-violation [^>]*\/><\/stream:error><\/stream:stream>$/

describe('sotto domain, while the server runs', () => {
  let house: UnlinkedHouse
  let juliet: RawStream

  before(async () => {
    house = await UnlinkedHouse.start()
    house.resolve((question) => question.startsWith('_xmpp-server') ? [srv('_xmpp-server._tcp.verona.lit', 'xmpp.verona.lit')] : [])
    juliet = await house.login('capulet.lit')
  })
  after(() => house.stop())

  /** The program itself, another process, by the control socket. */
  async function sotto(...words: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(process.execPath, [SOTTO, '--config', join(house.scenario.folder, 'sotto.toml'), ...words])
    return stdout
  }

  /** A stream that verona.lit opens, up to what it may negotiate. */
  async function knock(): Promise<RawStream> {
    const stream = await house.scenario.raw(LISTENERS.serversTls)
    await stream.upgrade('capulet.lit', house.verona)
    return stream.send(header({ from: 'verona.lit', to: 'capulet.lit' }))
  }

  /** The same, on which verona.lit has proved itself and was answered. */
  async function enter(): Promise<RawStream> {
    const stream = await knock()
    await stream.expect(/<\/stream:features>/)
    stream.send(EXTERNAL)
    await stream.expect(/<success[^>]*>/)
    stream.send(header({ from: 'verona.lit', to: 'capulet.lit' }))
    await stream.expect(/<\/stream:features>/)
    stream.send(`<enable xmlns='urn:xmpp:sm:3'/>`)
    await stream.expect(/<enabled [^>]*>/)
    return stream
  }

  /** What Juliet says to Romeo makes our server call his; the stream, once she is heard on it. */
  async function call(): Promise<RawStream> {
    const called = house.tor.visited('xmpp.verona.lit')
    say()
    const { stream } = await receive((await called).socket, 'verona.lit', house.verona)
    await stream.expect(/<auth [^>]*mechanism='EXTERNAL'>=<\/auth>/)
    stream.send(`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`)
    await stream.expect(/<stream:stream [^>]*>/)
    stream.send(`${header({ from: 'verona.lit', id: 'third' })}<stream:features/>`)
    await stream.expect(/<message [^>]*from='juliet@capulet\.lit\/balcony'.*?<\/message>/)
    return stream
  }

  function say(): void {
    juliet.send(`<message to='romeo@verona.lit' type='chat' id='m'><body>${QUERY}</body></message>`)
  }

  test('block ends the streams of both directions at once, and none begins; forget and allow bring them back; list tells', async () => {
    assert.equal((await sotto('domain', 'list')).trim(), '')
    const [incoming, outgoing] = [await enter(), await call()]

    await sotto('domain', 'block', 'Verona.lit')
    for (const stream of [incoming, outgoing]) assert.match(await stream.rest(), RULED_OUT)
    assert.equal((await sotto('domain', 'list')).trim(), 'block verona.lit')
    assert.match(await (await knock()).rest(), RULED_OUT)
    const before = house.tor.errands.length
    say()
    assert.match((await juliet.expect(/<message [^>]*type='error'.*?<\/message>/))[0], /<not-allowed /)
    assert.equal(house.tor.errands.length, before)

    await sotto('domain', 'forget', 'verona.lit')
    assert.equal((await sotto('domain', 'list')).trim(), '')
    for (const stream of [await enter(), await call()]) stream.destroy()
  })

  test('who blocks all and allows one keeps the streams of that one', async () => {
    const incoming = await enter()
    await sotto('domain', 'allow', 'verona.lit')
    await sotto('domain', 'block', '*')
    incoming.send(`<r xmlns='urn:xmpp:sm:3'/>`)
    await incoming.expect(/<a [^>]*>/)
    assert.equal((await sotto('domain', 'list')).trim(), 'block *\nallow verona.lit')
    await sotto('domain', 'forget', 'verona.lit')
    assert.match(await incoming.rest(), RULED_OUT)
    await sotto('domain', 'forget', '*')
    ;(await enter()).destroy()
  })
})
