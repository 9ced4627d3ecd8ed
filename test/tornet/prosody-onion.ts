import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import { promisify } from 'node:util'
import { ClientTor } from '../clients/client-tor.ts'
import { dial } from '../clients/route.ts'
import { Daemon } from '../interop/daemon.ts'
import { isOpen } from '../interop/prosody.ts'
import { freePort } from '../interop/zone.ts'
import { Issued } from '../net/authority.ts'

const SERVER_PORT = 5269
const REACHING_MILLISECONDS = 60_000

/** Prosody (Debian 12 has 0.12) with an onion for a domain, on a private Tor network. It reaches `peer`, an onion, through Tor. */
export class ProsodyOnion {
  /** Its domain. */
  readonly onion: string
  /** For clients, on 127.0.0.1; without TLS. */
  readonly clientPort: number
  readonly #folder: string
  readonly #daemon: Daemon
  readonly #tor: ClientTor
  readonly #forwarder: Forwarder

  private constructor(folder: string, clientPort: number, daemon: Daemon, tor: ClientTor, forwarder: Forwarder) {
    this.#folder = folder
    this.clientPort = clientPort
    this.#daemon = daemon
    this.#tor = tor
    this.#forwarder = forwarder
    this.onion = tor.onion
  }

  static async start(clientTorrc: string, peer: string): Promise<ProsodyOnion> {
    const [clientPort, serverPort] = [await freePort('127.0.0.1'), await freePort('127.0.0.1')]
    const tor = await ClientTor.start(clientTorrc, { virtualPort: SERVER_PORT, port: serverPort })
    const forwarder = await Forwarder.start(peer, tor.socksPort)
    const folder = mkdtempSync(join(tmpdir(), 'sotto-prosody-'))
    mkdirSync(join(folder, 'modules'))
    mkdirSync(join(folder, 'data'))
    const certificate = await Issued.root({ subject: 'CN=onion', authority: false, from: Date.now() - 86_400_000, to: Date.now() + 86_400_000 })
    writeFileSync(join(folder, 'onion.crt'), certificate.pem)
    writeFileSync(join(folder, 'onion.key'), await certificate.keyPem(), { mode: 0o600 })
    writeFileSync(join(folder, 'modules', 'mod_forwarded.lua'), FORWARDED)
    writeFileSync(join(folder, 'prosody.cfg.lua'), configuration({ folder, onion: tor.onion, clientPort, serverPort, peer, forwarder: forwarder.port }))
    const daemon = new Daemon(['prosody', '--config', join(folder, 'prosody.cfg.lua'), '-F'])
    const prosody = new ProsodyOnion(folder, clientPort, daemon, tor, forwarder)
    try {
      daemon.run()
      for (const port of [clientPort, serverPort]) await daemon.until(() => isOpen('127.0.0.1', port), 'listening')
      await prosody.#published()
    } catch (error) {
      await prosody.stop()
      throw error
    }
    return prosody
  }

  async addAccount(name: string, password: string): Promise<void> {
    await promisify(execFile)('prosodyctl', ['--config', join(this.#folder, 'prosody.cfg.lua'), '--root', 'register', name, this.onion, password])
  }

  get log(): string {
    return readFileSync(join(this.#folder, 'prosody.log'), 'utf8')
  }

  async stop(): Promise<void> {
    await this.#daemon.stop()
    this.#forwarder.stop()
    await this.#tor.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Others find the onion once its own tor does. */
  async #published(): Promise<void> {
    const route = { host: this.onion, port: SERVER_PORT, socks: { host: '127.0.0.1', port: this.#tor.socksPort } }
    for (const deadline = Date.now() + REACHING_MILLISECONDS; ; await passed(200)) {
      try {
        return void (await dial(route, REACHING_MILLISECONDS)).destroy()
      } catch (error) {
        if (Date.now() > deadline) throw error
      }
    }
  }
}

/** Takes connections on 127.0.0.1 and goes on through Tor to one onion: Prosody speaks no SOCKS. */
class Forwarder {
  readonly port: number
  readonly #server: Server
  readonly #sockets: Set<Socket>

  private constructor(server: Server, sockets: Set<Socket>) {
    this.port = (server.address() as AddressInfo).port // it listens on TCP
    this.#server = server
    this.#sockets = sockets
  }

  static async start(onion: string, socksPort: number): Promise<Forwarder> {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => {}))
      dial({ host: onion, port: SERVER_PORT, socks: { host: '127.0.0.1', port: socksPort } }, REACHING_MILLISECONDS).then((through) => {
        sockets.add(through.on('error', () => {}))
        socket.on('close', () => through.destroy()).pipe(through)
        through.on('close', () => socket.destroy()).pipe(socket)
      }, () => socket.destroy())
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Forwarder(server, sockets)
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}

/** Instead of a look-up in DNS: domains that are called at a port of this machine. */
const FORWARDED = `
module:set_global()
local service = require "net.resolvers.service"
local manual = require "net.resolvers.manual"
local look_up = service.new
local ports = module:get_option("forwarded", {})
function service.new(domain, name, ...)
  local port = ports[domain]
  if not port then return look_up(domain, name, ...) end
  return manual.new(name == "xmpp-server" and { { "tcp", "127.0.0.1", port } } or {}, "tcp")
end
`

interface Places {
  readonly folder: string
  readonly onion: string
  readonly clientPort: number
  readonly serverPort: number
  readonly peer: string
  readonly forwarder: number
}

/** No certificate says anything of an onion: dialback does. */
function configuration({ folder, onion, clientPort, serverPort, peer, forwarder }: Places): string {
  return `
run_as_root = true
daemonize = false
pidfile = "${folder}/prosody.pid"
data_path = "${folder}/data"
plugin_paths = { "${folder}/modules" }
log = { debug = "${folder}/prosody.log" }
modules_enabled = { "disco"; "roster"; "saslauth"; "tls"; "dialback"; "smacks"; "ping"; "forwarded" }
authentication = "internal_plain"
forwarded = { ["${peer}"] = ${forwarder} }
interfaces = { "127.0.0.1" }
c2s_ports = { ${clientPort} }
c2s_require_encryption = false
s2s_ports = { ${serverPort} }
s2s_direct_tls_ports = {}
s2s_require_encryption = true
s2s_secure_auth = false
ssl = { certificate = "${folder}/onion.crt"; key = "${folder}/onion.key" }
VirtualHost "${onion}"
`
}
