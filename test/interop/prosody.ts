import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Certificates } from './certificates.ts'
import { Daemon } from './daemon.ts'
import { freePort, type Host, type Zone } from './zone.ts'

const run = promisify(execFile)

/** How a domain of theirs differs from what is usual. */
export interface PeerDomain {
  readonly name: string
  /** Prosody: SASL EXTERNAL is neither offered nor taken. ejabberd: dialback is there, and certificates do not matter. */
  readonly dialback?: boolean
  /** XEP-0288, which Prosody alone has. */
  readonly bidi?: boolean
}

export interface PeerSettings {
  readonly folder: string
  readonly host: Host
  readonly zone: Zone
  /** They have issued one for each of the domains. */
  readonly certificates: Certificates
  readonly domains: readonly PeerDomain[]
  /** Domains whose certificate it does not ask for. */
  readonly unverified: readonly string[]
}

/** Prosody, which Debian 12 has in version 0.12, as its users run it: with what Debian's configuration turns on. */
export class Prosody {
  /** For clients, on 127.0.0.1. */
  readonly clientPort: number
  readonly #settings: PeerSettings
  readonly #file: string
  readonly #daemon: Daemon

  private constructor(settings: PeerSettings, file: string, clientPort: number) {
    this.#settings = settings
    this.#file = file
    this.clientPort = clientPort
    this.#daemon = new Daemon(['prosody', '--config', file, '-F'])
  }

  static async start(settings: PeerSettings): Promise<Prosody> {
    const { folder } = settings
    const clientPort = await freePort('127.0.0.1')
    const file = join(folder, 'prosody.cfg.lua')
    mkdirSync(join(folder, 'modules'))
    mkdirSync(join(folder, 'data'))
    writeFileSync(join(folder, 'modules', 'mod_without_external.lua'), WITHOUT_EXTERNAL)
    writeFileSync(join(folder, 'modules', 'mod_proofs.lua'), PROOFS)
    writeFileSync(file, configuration(settings, clientPort))
    const prosody = new Prosody(settings, file, clientPort)
    try {
      await prosody.run()
    } catch (error) {
      await prosody.stop()
      throw error
    }
    return prosody
  }

  /** Starts it, again after it was ended; resolves when it listens. */
  async run(): Promise<void> {
    const { host: { address, port, directTlsPort } } = this.#settings
    this.#daemon.run()
    await this.#daemon.until(() => isOpen('127.0.0.1', this.clientPort), 'listening')
    for (const one of [port, directTlsPort]) await this.#daemon.until(() => isOpen(address, one), 'listening')
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#daemon.end(signal)
  }

  async addAccount(jid: string, password: string): Promise<void> {
    const [local = '', domain = ''] = jid.split('@')
    await run('prosodyctl', ['--config', this.#file, '--root', 'register', local, domain, password])
  }

  /** How servers proved who they are, to it and by it; what is called "inbound" was opened by the others. */
  get proofs(): readonly string[] {
    return this.log.match(/(?:in|out)bound \S+ \S+ -> \S+/g) ?? []
  }

  get log(): string {
    return readFileSync(join(this.#settings.folder, 'prosody.log'), 'utf8')
  }

  async stop(): Promise<void> {
    await this.#daemon.stop()
  }
}

/** Whether somebody listens there. */
export function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false)).once('connect', () => socket.destroy())
  })
}

/** Takes EXTERNAL out of what is offered to others and of what others offer, so that dialback is what is left. */
const WITHOUT_EXTERNAL = `
local function without_mechanisms(stanza)
  stanza:maptags(function (tag) if tag.name ~= "mechanisms" then return tag end end)
end
module:hook("s2s-stream-features", function (event) without_mechanisms(event.features) end, -1000)
module:hook_tag("http://etherx.jabber.org/streams", "features", function (session, stanza)
  if session.type == "s2sout_unauthed" then without_mechanisms(stanza) end
end, 1000)
`

/** A line of the log for each proof, as ejabberd has one. */
const PROOFS = `
module:hook("s2s-authenticated", function (event)
  local session = event.session
  local direction = session.direction == "incoming" and "inbound" or "outbound"
  module:log("info", "%s %s %s -> %s", direction, event.mechanism, session.from_host, session.to_host)
end)
`

function configuration({ folder, host, zone, certificates, domains, unverified }: PeerSettings, clientPort: number): string {
  const quoted = (names: readonly string[]) => names.map((name) => `"${name}"`).join('; ')
  return `
run_as_root = true
daemonize = false
pidfile = "${folder}/prosody.pid"
data_path = "${folder}/data"
plugin_paths = { "${folder}/modules" }
log = { debug = "${folder}/prosody.log" }
certificates = "${certificates.folder}"
ssl = { cafile = "${certificates.authority}" }
unbound = {
  resolvconf = false; hoststxt = false; forward = { "127.0.0.1@${zone.port}" };
  options = { ["do-not-query-localhost:"] = "no"; ["module-config:"] = "iterator" };
}
modules_enabled = {
  "disco"; "roster"; "saslauth"; "tls"; "dialback"; "blocklist"; "carbons"; "pep"; "private"; "smacks"; "vcard4"; "ping"; "time"; "version";
  "stanza_debug";
}
authentication = "internal_plain"
use_ipv6 = false
c2s_interfaces = { "127.0.0.1" }
c2s_ports = { ${clientPort} }
s2s_interfaces = { "${host.address}" }
s2s_ports = { ${host.port} }
s2s_direct_tls_interfaces = { "${host.address}" }
s2s_direct_tls_ports = { ${host.directTlsPort} }
s2s_secure_auth = true
s2s_insecure_domains = { ${quoted(unverified)} }
${domains.map(({ name, dialback, bidi }) => `
VirtualHost "${name}"
  modules_enabled = { ${quoted(['proofs', ...dialback === true ? ['without_external'] : [], ...bidi === true ? ['s2s_bidi'] : []])} }
`).join('')}`
}
