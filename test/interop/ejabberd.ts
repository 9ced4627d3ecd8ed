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
  readonly #settings: PeerSettings
  readonly #apiPort: number
  readonly #daemon: Daemon

  private constructor(settings: PeerSettings, clientPort: number, apiPort: number) {
    const { folder, zone } = settings
    this.#settings = settings
    this.clientPort = clientPort
    this.#apiPort = apiPort
    this.#daemon = new Daemon(['erl', '-noinput', '+sbwt', 'none', '-mnesia', 'dir', `"${join(folder, 'mnesia')}"`, '-s', 'ejabberd'], {
      ERL_LIBS: /^ERL_LIBS='([^']+)'/m.exec(readFileSync(SCRIPT, 'utf8'))?.[1] ?? '',
      ERL_INETRC: join(folder, 'inetrc'),
      ERL_CRASH_DUMP: join(folder, 'erl_crash.dump'),
      EJABBERD_CONFIG_PATH: join(folder, 'ejabberd.yml'),
      EJABBERD_LOG_PATH: join(folder, 'ejabberd.log'),
      HOME: folder,
      // It asks DNS for SRV records itself, and the C library for the addresses of what they name.
      LD_PRELOAD: 'libnss_wrapper.so',
      NSS_WRAPPER_HOSTS: zone.hosts,
    })
  }

  static async start(settings: PeerSettings): Promise<Ejabberd> {
    const { folder, zone } = settings
    const [clientPort, apiPort] = [await freePort('127.0.0.1'), await freePort('127.0.0.1')]
    mkdirSync(join(folder, 'mnesia'))
    writeFileSync(join(folder, 'ejabberd.yml'), configuration(settings, clientPort, apiPort))
    // Else the machine's own resolvers would be read, and asked first.
    writeFileSync(join(folder, 'inetrc'), `{resolv_conf, ""}.\n{lookup, [dns]}.\n{nameserver, {127,0,0,1}, ${zone.port}}.\n`)
    const ejabberd = new Ejabberd(settings, clientPort, apiPort)
    try {
      await ejabberd.run()
    } catch (error) {
      await ejabberd.stop()
      throw error
    }
    return ejabberd
  }

  /** Starts it, again after it was ended; resolves when it listens. */
  async run(): Promise<void> {
    const { host: { address, port, directTlsPort } } = this.#settings
    this.#daemon.run()
    for (const one of [this.clientPort, this.#apiPort]) await this.#daemon.until(() => isOpen('127.0.0.1', one), 'listening')
    for (const one of [port, directTlsPort]) await this.#daemon.until(() => isOpen(address, one), 'listening')
    await this.#daemon.until(() => this.#call('status', {}).then(() => true, () => false), 'running')
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#daemon.end(signal)
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
    return readFileSync(join(this.#settings.folder, 'ejabberd.log'), 'utf8')
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
