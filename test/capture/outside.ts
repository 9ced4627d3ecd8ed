import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { XmppClient } from '../clients/xmpp-client.ts'
import { ServerProcess } from '../interop/server.ts'
import { CLIENT_AUTH, dns, Issued, SERVER_AUTH } from '../net/authority.ts'
import { address, answer, dnsServer, NXDOMAIN, srv, type DnsServer, type Reply } from '../net/dns-server.ts'
import { TorNetwork } from '../tornet/network.ts'
import { Namespace } from './namespace.ts'

export const MONTAGUE = 'montague.lit'
export const PASSWORD = 'wherefore art thou'
export const PATIENCE_MILLISECONDS = 60_000
/** Where Romeo's server is, as DNS says and nobody else. */
const MONTAGUE_HOST = `xmpp.${MONTAGUE}`
const HOUR = 3_600_000

/**
 * A network namespace, and what is outside of it: a Tor network, DNS, which is the resolver of both the namespace and
 * the exits, and the server of montague.lit, which has a tor, too, and where Romeo is.
 */
export class Outside {
  /** For what a test writes; it goes with the rest. */
  readonly folder = mkdtempSync(join(tmpdir(), 'sotto-capture-'))
  readonly #authority: Issued
  readonly #ends: (() => unknown)[] = [() => rmSync(this.folder, { recursive: true, force: true })]
  // Made by `start` before anybody gets the object.
  namespace!: Namespace
  network!: TorNetwork
  resolver!: DnsServer
  romeo!: XmppClient

  private constructor(authority: Issued) {
    this.#authority = authority
    writeFileSync(this.authorities, authority.pem)
  }

  static async start(): Promise<Outside> {
    const outside = new Outside(await Issued.root(validity()))
    try {
      await outside.#start()
      return outside
    } catch (error) {
      await outside.stop()
      throw error
    }
  }

  /** File of the one authority that all certificates are from. */
  get authorities(): string {
    return join(this.folder, 'authority.pem')
  }

  /** For the configuration of a domain: a certificate that all others believe. */
  async certificateLines(domain: string): Promise<readonly string[]> {
    const issued = await this.#authority.issue({ names: [dns(domain)], purposes: [SERVER_AUTH, CLIENT_AUTH], ...validity() })
    const [certificate, key] = [join(this.folder, `${domain}.crt`), join(this.folder, `${domain}.key`)]
    writeFileSync(certificate, issued.pem)
    writeFileSync(key, await issued.keyPem(), { mode: 0o600 })
    return [`certificate = "${certificate}"`, `key = "${key}"`]
  }

  async stop(): Promise<void> {
    for (const end of this.#ends.splice(0)) await end()
  }

  async #start(): Promise<void> {
    const resolvConf = join(this.folder, 'resolv.conf')
    const namespace = this.namespace = await Namespace.make(resolvConf)
    this.#atLast(() => namespace.remove())
    this.resolver = await dnsServer({ after: (end) => this.#atLast(end) }, montague(namespace.peer), { host: namespace.resolver, port: 53 })
    const network = this.network = await TorNetwork.start(join(this.folder, 'tornet'), { address: namespace.relays, resolvConf, report: console.log })
    this.#atLast(() => network.stop())
    this.romeo = await this.#callRomeo()
  }

  async #callRomeo(): Promise<XmppClient> {
    const { namespace: { peer, resolver }, network: { clientTorrc } } = this
    const server = await ServerProcess.start({
      domain: MONTAGUE, domainLines: await this.certificateLines(MONTAGUE), clientTorrc, enter: ['setpriv', '--pdeathsig', 'KILL'],
      tables: `[s2s]\nauthorities = "${this.authorities}"\ndirect_resolvers = ["${resolver}:53"]\n
[[listeners]]\nkind = "s2s"\naddress = "${peer}"\nport = 5269\ndomains = ["${MONTAGUE}"]`,
    })
    this.#atLast(() => server.stop())
    const jid = `romeo@${MONTAGUE}`
    await server.addAccount(jid, PASSWORD)
    const route = { host: '127.0.0.1', port: server.port }
    const client = await XmppClient.login({ route, security: 'starttls', jid: `${jid}/orchard`, password: PASSWORD, patience: PATIENCE_MILLISECONDS })
    this.#atLast(() => client.cut())
    await client.appear()
    await server.onionAddress()
    return client
  }

  /** What was made last ends first. */
  #atLast(end: () => unknown): void {
    this.#ends.unshift(end)
  }
}

function montague(host: string): Reply {
  return (asked) => {
    const [{ name = '', type = '' } = {}] = asked.questions
    // Tor writes names with capitals here and there, and wants them back.
    if (name.toLowerCase() === `_xmpp-server._tcp.${MONTAGUE}`) return answer(asked, type === 'SRV' ? [srv(name, MONTAGUE_HOST)] : [])
    if (name.toLowerCase() === MONTAGUE_HOST) return answer(asked, type === 'A' ? [address(name, host)] : [])
    return answer(asked, [], { flags: NXDOMAIN })
  }
}

function validity(): { readonly from: number, readonly to: number } {
  return { from: Date.now() - HOUR, to: Date.now() + HOUR }
}
