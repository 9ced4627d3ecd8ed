import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { ProxyLine } from '../../src/net/proxy-protocol.ts'
import { createOnionKey, loadOrCreateOnionKey } from '../../src/tor/onion-key.ts'
import { onionAddress } from '../../src/tor/onion-address.ts'
import { connectThroughTor } from '../../src/tor/socks5.ts'
import { Tor, type TorOptions } from '../../src/tor/tor.ts'
import { TestLog } from '../house.ts'
import { withoutTor } from '../tor/installed.ts'
import { joinNetwork, type JoinedNetwork } from './joined.ts'

const OPTIONS: Omit<TorOptions, 'torrc'> = {
  enabled: true, required: true, program: 'tor', control: '', bootstrap_timeout: 60_000, max_streams_per_circuit: 16,
  proof_of_work: true, proof_of_work_rate: 250, proof_of_work_burst: 2500, intro_dos_defense: true,
}
const PATIENCE_MILLISECONDS = 45_000

/** Tells each visitor the circuit and the virtual port it came by, and then repeats what it says. */
class Echo {
  readonly sockets = new Set<Socket>()
  readonly #server: Server

  constructor(path: string, proxied: boolean) {
    this.#server = createServer((socket) => {
      this.sockets.add(socket.on('error', () => {}).on('close', () => this.sockets.delete(socket)))
      if (!proxied) return void socket.write('- 0\n')
      const line = new ProxyLine()
      socket.on('data', function opened(chunk: Buffer) {
        const first = line.push(chunk)
        if (first === undefined) return
        socket.off('data', opened)
        socket.write(`${first.circuit} ${first.port}\n`)
        socket.write(first.rest)
        socket.pipe(socket)
      })
    }).listen(path)
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy()
    this.#server.close()
  }
}

/** A tor of ours with one onion service, and what is behind it. */
class Party {
  readonly address: string
  readonly tor: Tor
  readonly #folder = mkdtempSync(join(tmpdir(), 'sotto-'))
  readonly #echo: Echo
  #published: (() => void) | undefined

  constructor(torrc: string, control = '') {
    const runtime = join(this.#folder, 'run')
    mkdirSync(runtime, { mode: 0o700 })
    const socket = join(runtime, 'echo.sock')
    const key = loadOrCreateOnionKey(join(this.#folder, 'onion'))
    this.address = key.address
    this.#echo = new Echo(socket, control === '')
    this.tor = new Tor({ options: { ...OPTIONS, torrc, control }, directory: join(this.#folder, 'tor'), runtime },
      [{ ...key, ports: [{ virtual: 5222, socket }, { virtual: 5269, socket }] }], { published: () => this.#published?.() }, systemClock, new TestLog())
  }

  get controlSocket(): string {
    return join(this.#folder, 'run', 'tor-control.sock')
  }

  /** The next time that others can reach the address. */
  published(): Promise<void> {
    return new Promise((done) => { this.#published = done })
  }

  async publish(): Promise<void> {
    const published = this.published()
    await this.tor.start()
    await this.tor.publish()
    await published
  }

  async stop(): Promise<void> {
    await this.tor.withdraw()
    await this.tor.stop()
    this.#echo.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

describe('onion services on a private Tor network', { skip: withoutTor }, () => {
  let network: JoinedNetwork
  let server: Party
  let client: Party

  before(async () => {
    network = await joinNetwork(process.env['SOTTO_TORNET'], console.log)
    server = new Party(network.clientTorrc)
    client = new Party(network.clientTorrc)
    await Promise.all([server.publish(), client.tor.start()])
  }, { timeout: 180_000 })

  after(async () => {
    await client?.stop()
    await server?.stop()
    await network?.leave()
  }, { timeout: 60_000 })

  const dial = (host: string, port: number, isolation: string, milliseconds = PATIENCE_MILLISECONDS) => connectThroughTor(
    { proxy: client.tor.socks ?? assert.fail('no SOCKS port'), host, port, isolation, milliseconds }, systemClock)

  /** Connects, and reads by which circuit and port the server sees us. */
  async function visit(port: number, isolation: string, address = server.address): Promise<{ readonly socket: Socket, readonly circuit: string, readonly port: string }> {
    const socket = await dial(address, port, isolation)
    const [line] = await once(socket, 'data') as [Buffer]
    const [circuit = '', virtual = ''] = line.toString().trim().split(' ')
    return { socket, circuit, port: virtual }
  }

  async function repeats(socket: Socket, text: string): Promise<boolean> {
    socket.write(text)
    const [answer] = await once(socket, 'data') as [Buffer]
    return answer.toString() === text
  }

  test('a peer reaches the address, and is named by circuit and virtual port before it says a word', async () => {
    const c2s = await visit(5222, 'capulet.lit')
    const s2s = await visit(5269, 'capulet.lit')
    assert.match(c2s.circuit, /^\d+$/)
    assert.deepEqual([c2s.port, s2s.port], ['5222', '5269'])
    assert.ok(await repeats(c2s.socket, 'wherefore art thou?'))
    c2s.socket.destroy()
    s2s.socket.destroy()
  })

  test('streams of one isolation share a circuit, those of another have another; closing it ends just its own', async () => {
    const first = await visit(5222, 'capulet.lit')
    const second = await visit(5222, 'capulet.lit')
    const other = await visit(5222, 'verona.lit')
    assert.equal(first.circuit, second.circuit)
    assert.notEqual(first.circuit, other.circuit)
    const ended = Promise.all([once(first.socket, 'close'), once(second.socket, 'close')])
    server.tor.closeCircuit(first.circuit)
    await ended
    assert.ok(await repeats(other.socket, 'still here'))
    server.tor.closeCircuit(first.circuit) // gone already: nothing happens
    other.socket.destroy()
  })

  test('one stream too many on a circuit fails; the others live', async () => {
    const guests = []
    for (let count = 0; count < OPTIONS.max_streams_per_circuit; count += 1) guests.push(await visit(5222, 'crowd'))
    assert.equal(new Set(guests.map(({ circuit }) => circuit)).size, 1)
    await assert.rejects(visit(5222, 'crowd'), { name: 'SocksError', condition: 'connection-refused' })
    for (const { socket } of guests) assert.ok(await repeats(socket, 'still here'))
    for (const { socket } of guests) socket.destroy()
  })

  test('a port the service does not have, an address nobody has, and one that cannot be, are told apart', async () => {
    await assert.rejects(dial(server.address, 25, 'capulet.lit'), { name: 'SocksError', condition: 'connection-refused', temporary: true })
    await assert.rejects(dial(onionAddress(createOnionKey().publicKey), 5269, 'capulet.lit'), { name: 'SocksError', condition: 'onion-descriptor-not-found', temporary: true })
    const misspelled = `${server.address[0] === 'a' ? 'b' : 'a'}${server.address.slice(1)}`
    await assert.rejects(dial(misspelled, 5269, 'capulet.lit'), { name: 'SocksError', condition: 'onion-address-invalid', temporary: false })
  })

  test('an address outside of Tor is reached through an exit', async (t) => {
    const outside = createServer((socket) => socket.on('error', () => {}).end('welcome')).listen(0, '127.0.0.1')
    t.after(() => outside.close())
    await once(outside, 'listening')
    const address = outside.address()
    assert.ok(typeof address === 'object' && address !== null)
    const socket = await dial('127.0.0.1', address.port, 'resolver')
    const [greeting] = await once(socket, 'data') as [Buffer]
    assert.equal(greeting.toString(), 'welcome')
    socket.destroy()
  })

  test('tor is killed: the same address can be reached again', async (t) => {
    const guest = await visit(5222, 'before')
    const cut = once(guest.socket, 'close')
    const again = server.published()
    const { pid } = server.tor
    assert.ok(pid !== undefined)
    const begun = performance.now()
    process.kill(pid, 'SIGKILL')
    await cut
    await again
    t.diagnostic(`published again after ${((performance.now() - begun) / 1000).toFixed(1)} s`)
    const returned = await visit(5222, 'after')
    t.diagnostic(`reached again after ${((performance.now() - begun) / 1000).toFixed(1)} s`)
    assert.notEqual(server.tor.pid, pid)
    returned.socket.destroy()
  })

  test('tor reads its configuration anew: the address can still be reached', async () => {
    const again = server.published()
    assert.ok(server.tor.pid !== undefined)
    process.kill(server.tor.pid, 'SIGHUP')
    await again
    const returned = await visit(5222, 'reloaded')
    returned.socket.destroy()
  })

  test('on somebody else\'s tor the service is reached too, without circuit identifiers', async () => {
    const guest = new Party(network.clientTorrc, client.controlSocket)
    try {
      await guest.publish()
      assert.deepEqual(guest.tor.socks, client.tor.socks)
      const { socket, circuit } = await visit(5222, 'guest', guest.address)
      assert.equal(circuit, '-')
      socket.destroy()
    } finally {
      await guest.stop()
    }
  })

  test('what is withdrawn cannot be reached any longer', async () => {
    await server.tor.withdraw()
    await assert.rejects(dial(server.address, 5222, 'too late', 3000), { name: 'SocksError', temporary: true })
  })
})
