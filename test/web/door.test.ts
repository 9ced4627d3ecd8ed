import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { loadConfig } from '../../src/config/load.ts'
import { createLog } from '../../src/log.ts'
import { selfSignedFiles, TlsIdentity } from '../../src/net/tls.ts'
import { RegistrationRefused, type RegistrationOffice } from '../../src/registration/application.ts'
import type { ServedDomain } from '../../src/routing/domains.ts'
import type { WebDoor } from '../../src/web/door.ts'
import { Web } from '../../src/web/web.ts'
import { TestClock } from '../clock.ts'
import { ask, everything, reach, type Way } from './browser.ts'

/** For tests in which nobody asks for an account. */
const OFFICE: RegistrationOffice = {
  mode: () => 'closed',
  challenge: () => { throw new RegistrationRefused('closed') },
  invitation: () => undefined,
  register: () => Promise.reject(new RegistrationRefused('closed')),
  objection: () => undefined,
}
const ADDRESS = `${'a'.repeat(56)}.onion`
const MOST = 6
const MOST_OF_ONE = 3

describe('the doors of the web server', () => {
  const clock = new TestClock(Date.now())
  let folder = ''
  let web: Web
  const doors: WebDoor[] = []
  let onion: Way
  let https: Way
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-door-'))
    const standard = loadConfig(undefined, { cwd: folder })
    const config = { ...standard, web: { ...standard.web, connections: MOST, connections_per_peer: MOST_OF_ONE } }
    web = new Web({ config, clock, log: createLog({ level: 'silent', roster: false }), office: OFFICE, logState: () => ({ level: 'error', raised: undefined }) })
    const [first] = config.domains
    assert.ok(first)
    const domain = async (name: string, onionAddress: string | undefined): Promise<[ServedDomain, TlsIdentity]> => {
      const identity = new TlsIdentity(await selfSignedFiles(folder, name.slice(0, 9), name, Date.now()), Date.now())
      return [{ name, label: name === ADDRESS ? 'onion' : name, onionAddress, config: first }, identity]
    }
    const path = join(folder, 'web.sock')
    doors.push(web.door('onion', { socket: path }, new Map([await domain(ADDRESS, ADDRESS)])))
    doors.push(web.door('https', { host: '127.0.0.1', port: 0 }, new Map([await domain('capulet.lit', undefined), await domain('montague.lit', undefined)])))
    for (const door of doors) await door.start()
    onion = { address: { path }, host: ADDRESS, circuit: 31 }
    https = { address: { host: '127.0.0.1', port: doors[1]?.port ?? 0 }, host: 'capulet.lit', serverName: 'capulet.lit' }
  })
  after(() => {
    for (const door of doors) door.stop()
    web.stop()
    rmSync(folder, { recursive: true })
  })

  const closed = (socket: Socket): Promise<unknown> => socket.destroyed ? Promise.resolve() : new Promise((resolve) => socket.once('close', resolve))
  /** Until the server knows of it. */
  const settled = async (connections: number): Promise<void> => {
    for (const end = Date.now() + 10_000; web.connections !== connections;) {
      assert.ok(Date.now() < end, `${web.connections} connections instead of ${connections}`)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const leave = async (...sockets: readonly Socket[]): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    await settled(0)
  }

  test('each circuit has a limit, and what one fills is free for another', async () => {
    const held = []
    for (let i = 0; i < MOST_OF_ONE; i++) held.push(await reach(onion))
    await settled(MOST_OF_ONE)
    assert.equal(await everything(await reach(onion)), '')
    assert.equal((await ask({ ...onion, circuit: 32 }, '/')).status, 200)
    await leave(...held)
    assert.equal((await ask(onion, '/')).status, 200)
  })

  test('all circuits together have a limit, and the DNS names have one of their own', async () => {
    const held = []
    for (let i = 0; i < MOST; i++) held.push(await reach({ ...onion, circuit: 40 + i }))
    await settled(MOST)
    assert.equal(await everything(await reach({ ...onion, circuit: 99 })), '')
    assert.equal((await ask(https, '/')).status, 200)
    await leave(...held)
  })

  test('nobody is served behind an onion whom tor did not announce', async () => {
    const { circuit: _, ...untold } = onion
    const socket = await reach(untold)
    socket.write(`GET / HTTP/1.1\r\nHost: ${ADDRESS}\r\nX: ${'x'.repeat(200)}\r\n\r\n`)
    assert.equal(await everything(socket), '')
  })

  test('tor\'s line and the request may come in one piece, or byte by byte', async () => {
    const { circuit: _, ...untold } = onion
    const text = `PROXY TCP6 fc00:dead:beef:4dad::0:1f ::1 31 80\r\nGET /style.css HTTP/1.1\r\nHost: ${ADDRESS}\r\nConnection: close\r\n\r\n`
    const whole = await reach(untold)
    whole.write(text)
    assert.match(await everything(whole), /^HTTP\/1\.1 200 /)
    const slow = await reach(untold)
    slow.setNoDelay(true)
    for (const byte of text) {
      slow.write(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.match(await everything(slow), /^HTTP\/1\.1 200 /)
  })

  const SLOW: readonly (readonly [title: string, text: string])[] = [
    ['nothing', ''],
    ['half a header', `GET / HTTP/1.1\r\nHost: ${ADDRESS}\r\nX: `],
    ['half a form', `POST /register HTTP/1.1\r\nHost: ${ADDRESS}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nname=`],
  ]
  for (const [title, text] of SLOW) {
    test(`who sends ${title} and then nothing is cut off after 30 s`, async () => {
      const socket = await reach(onion)
      await settled(1)
      socket.resume().write(text)
      clock.advance(29_000)
      assert.ok(!socket.destroyed)
      clock.advance(31_000)
      await closed(socket)
      await settled(0)
    })
  }

  test('who comes back on the same connection has 30 s again, and then not', async () => {
    const socket = await reach(onion)
    await settled(1)
    clock.advance(20_000)
    socket.write(`GET /style.css HTTP/1.1\r\nHost: ${ADDRESS}\r\n\r\n`)
    await once(socket, 'data')
    socket.resume()
    clock.advance(20_000)
    assert.ok(!socket.destroyed)
    clock.advance(11_000)
    await closed(socket)
    await settled(0)
  })

  test('who does not shake hands is cut off', async () => {
    const { serverName: _, ...plain } = https
    const socket = await reach(plain)
    socket.resume()
    while (clock.waiting === 0) await new Promise((resolve) => setImmediate(resolve))
    clock.advance(30_000)
    await closed(socket)
  })

  test('RFC 7301 §3.2: HTTP/1.1 is what TLS leads to; RFC 6066 §3: a name that is not served gets no certificate', async () => {
    const socket = await reach(https) as TLSSocket
    assert.equal(socket.alpnProtocol, 'http/1.1')
    assert.match(socket.getPeerCertificate().subjectaltname ?? '', /capulet\.lit/)
    await leave(socket)
    const other = await reach({ ...https, serverName: 'montague.lit' }) as TLSSocket
    assert.match(other.getPeerCertificate().subjectaltname ?? '', /montague\.lit/)
    await leave(other)
    await assert.rejects(reach({ ...https, serverName: 'verona.lit' }))
    await settled(0)
  })

  test('HTTP in the clear is not spoken where TLS is expected', async () => {
    const { serverName: _, ...plain } = https
    const socket = await reach(plain)
    socket.write('GET / HTTP/1.1\r\nHost: capulet.lit\r\n\r\n')
    assert.doesNotMatch(await everything(socket), /HTTP/)
  })
})
