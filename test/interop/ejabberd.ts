import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Daemon } from './daemon.ts'
import { isOpen, type PeerSettings } from './prosody.ts'
import { freePort } from './zone.ts'

/** Debian's script, which knows where its Erlang libraries are. */
const SCRIPT = '/usr/sbin/ejabberdctl'

/** ejabberd, which Debian 12 has in version 23.01: a node of Erlang without a name, so that many of them get along. */
export class Ejabberd {
  /** For clients, on 127.0.0.1. */
  readonly clientPort: number
  readonly #folder: string
  readonly #apiPort: number
  readonly #daemon: Daemon

  private constructor(folder: string, clientPort: number, apiPort: number, daemon: Daemon) {
    this.#folder = folder
    this.clientPort = clientPort
    this.#apiPort = apiPort
    this.#daemon = daemon
  }

  static async start(settings: PeerSettings): Promise<Ejabberd> {
    const { folder, zone } = settings
    const [clientPort, apiPort] = [await freePort('127.0.0.1'), await freePort('127.0.0.1')]
    const files = { configuration: join(folder, 'ejabberd.yml'), inetrc: join(folder, 'inetrc'), spool: join(folder, 'mnesia') }
    mkdirSync(files.spool)
    writeFileSync(files.configuration, configuration(settings, clientPort, apiPort))
    writeFileSync(files.inetrc, `{resolv_conf, ""}.\n{lookup, [dns]}.\n{nameserver, {127,0,0,1}, ${zone.port}}.\n`)
    const daemon = new Daemon(['erl', '-noinput', '+sbwt', 'none', '-mnesia', 'dir', `"${files.spool}"`, '-s', 'ejabberd'], {
      ERL_LIBS: /^ERL_LIBS='([^']+)'/m.exec(readFileSync(SCRIPT, 'utf8'))?.[1] ?? '',
      ERL_INETRC: files.inetrc,
      ERL_CRASH_DUMP: join(folder, 'erl_crash.dump'),
      EJABBERD_CONFIG_PATH: files.configuration,
      EJABBERD_LOG_PATH: join(folder, 'ejabberd.log'),
      HOME: folder,
      // It asks DNS for SRV records itself, and the C library for the addresses of what they name.
      LD_PRELOAD: 'libnss_wrapper.so',
      NSS_WRAPPER_HOSTS: zone.hosts,
    })
    const ejabberd = new Ejabberd(folder, clientPort, apiPort, daemon)
    try {
      for (const port of [clientPort, apiPort]) await daemon.until(() => isOpen('127.0.0.1', port), 'listening')
      await daemon.until(() => isOpen(settings.host.address, settings.host.port), 'listening')
      await daemon.until(() => ejabberd.#call('status', {}).then(() => true, () => false), 'running')
    } catch (error) {
      await ejabberd.stop()
      throw error
    }
    return ejabberd
  }

  async addAccount(jid: string, password: string): Promise<void> {
    const [user, host] = jid.split('@')
    await this.#call('register', { user, host, password })
  }

  /** How servers proved who they are, to it and by it; what is called "inbound" was opened by the others. */
  get proofs(): readonly string[] {
    return [...this.log.matchAll(/Accepted ((?:in|out)bound) s2s (\S+) authentication (\S+ -> \S+)/g)]
      .map(([, direction = '', mechanism = '', pair = '']) => `${direction} ${mechanism} ${pair}`)
  }

  get log(): string {
    return readFileSync(join(this.#folder, 'ejabberd.log'), 'utf8')
  }

  async stop(): Promise<void> {
    await this.#daemon.stop()
  }

  async #call(command: string, parameters: Readonly<Record<string, unknown>>): Promise<void> {
    const answer = await fetch(`http://127.0.0.1:${this.#apiPort}/api/${command}`, { method: 'POST', body: JSON.stringify(parameters) })
    if (!answer.ok) throw new Error(`ejabberd: ${command}: ${await answer.text()}`)
  }
}

/** JSON is YAML. */
function configuration({ host, certificates, domains }: PeerSettings, clientPort: number, apiPort: number): string {
  const modules = { mod_disco: {}, mod_roster: {}, mod_ping: {}, mod_caps: {}, mod_blocking: {}, mod_privacy: {}, mod_stream_mgmt: {} }
  const listen = [
    { port: clientPort, ip: '127.0.0.1', module: 'ejabberd_c2s', starttls: true },
    { port: host.port, ip: host.address, module: 'ejabberd_s2s_in' },
    { port: host.directTlsPort, ip: host.address, module: 'ejabberd_s2s_in', tls: true },
    { port: apiPort, ip: '127.0.0.1', module: 'ejabberd_http', request_handlers: { '/api': 'mod_http_api' } },
  ]
  return JSON.stringify({
    hosts: domains.map(({ name }) => name),
    loglevel: 'debug',
    hide_sensitive_log_data: false,
    certfiles: domains.flatMap(({ name }) => Object.values(certificates.files(name))),
    ca_file: certificates.authority,
    s2s_use_starttls: 'required',
    outgoing_s2s_families: ['ipv4'],
    auth_password_format: 'scram',
    listen,
    api_permissions: { tests: { who: { ip: '127.0.0.1/8' }, what: ['register', 'status'] } },
    modules,
    append_host_config: Object.fromEntries(domains.filter(({ dialback }) => dialback === true)
      .map(({ name }) => [name, { modules: { mod_s2s_dialback: {} } }])),
  }, undefined, 2)
}
