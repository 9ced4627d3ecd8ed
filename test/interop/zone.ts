import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Resolver } from 'node:dns/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { domainToASCII } from 'node:url'
import { Daemon } from './daemon.ts'

/** A server's host and where it listens for other servers. */
export interface Host {
  readonly name: string
  /** On loopback. */
  readonly address: string
  readonly port: number
  readonly directTlsPort: number
}

/** A domain and its server, found by `_xmpp-server._tcp` or `_xmpps-server._tcp` (XEP-0368), and in no other way. */
export interface Served {
  readonly domain: string
  readonly host: Host
  readonly tls: 'starttls' | 'direct'
}

/** A world of its own for names: unbound on loopback, which answers for `example.` and asks nobody else. */
export class Zone {
  /** On 127.0.0.1, UDP and TCP. */
  readonly port: number
  /** A file in the form of /etc/hosts, for those who do not ask DNS for addresses. */
  readonly hosts: string
  readonly #daemon: Daemon

  private constructor(port: number, hosts: string, daemon: Daemon) {
    this.port = port
    this.hosts = hosts
    this.#daemon = daemon
  }

  static async start(folder: string, domains: readonly Served[]): Promise<Zone> {
    const port = await freePort('127.0.0.1')
    const hosts = join(folder, 'hosts')
    const settings = join(folder, 'unbound.conf')
    const all = [...new Set(domains.map(({ host }) => host))]
    writeFileSync(hosts, all.map(({ name, address }) => `${address} ${name}\n`).join(''))
    writeFileSync(settings, configuration(folder, port, domains, all))
    const zone = new Zone(port, hosts, new Daemon(['unbound', '-d', '-c', settings]))
    try {
      zone.#daemon.run()
      await zone.#daemon.until(() => zone.#answers(all[0]?.name ?? ''), 'answering')
    } catch (error) {
      await zone.stop()
      throw error
    }
    return zone
  }

  async stop(): Promise<void> {
    await this.#daemon.stop()
  }

  async #answers(name: string): Promise<boolean> {
    const resolver = new Resolver({ timeout: 500, tries: 1 })
    resolver.setServers([`127.0.0.1:${this.port}`])
    return resolver.resolve4(name).then((found) => found.length > 0, () => false)
  }
}

/** A port of that address that was free a moment ago. */
export async function freePort(address: string): Promise<number> {
  const server = createServer().listen(0, address)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  server.close()
  await once(server, 'close')
  return port
}

/** A host on an address of its own within 127.0.0.0/8. */
export async function newHost(name: string): Promise<Host> {
  const byte = () => 1 + Math.floor(Math.random() * 254)
  const address = `127.${byte()}.${byte()}.${byte()}`
  return { name, address, port: await freePort(address), directTlsPort: await freePort(address) }
}

function configuration(folder: string, port: number, domains: readonly Served[], hosts: readonly Host[]): string {
  const records = [
    ...hosts.map(({ name, address }) => `${name}. 60 IN A ${address}`),
    ...domains.map(({ domain, host, tls }) => tls === 'direct'
      ? `_xmpps-server._tcp.${domainToASCII(domain)}. 60 IN SRV 0 0 ${host.directTlsPort} ${host.name}.`
      : `_xmpp-server._tcp.${domainToASCII(domain)}. 60 IN SRV 0 0 ${host.port} ${host.name}.`),
  ]
  return `
server:
  interface: 127.0.0.1
  port: ${port}
  access-control: 127.0.0.0/8 allow
  do-daemonize: no
  use-syslog: no
  log-queries: yes
  logfile: ""
  username: ""
  chroot: ""
  directory: "${folder}"
  pidfile: ""
  num-threads: 1
  module-config: "iterator"
  local-zone: "." refuse
  local-zone: "example." static
${records.map((record) => `  local-data: "${record}"`).join('\n')}
remote-control:
  control-enable: no
`
}
