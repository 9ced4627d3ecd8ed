import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import { XmppClient } from '../clients/xmpp-client.ts'
import { Certificates, type CertificateKind } from './certificates.ts'
import type { Door } from './chat-client.ts'
import { Ejabberd } from './ejabberd.ts'
import { Prosody, type PeerDomain } from './prosody.ts'
import { ServerProcess } from './server.ts'
import { freePort, newHost, Zone, type Host } from './zone.ts'

export const PEERS = {
  Prosody: { start: Prosody.start, domain: 'montague.example' },
  ejabberd: { start: Ejabberd.start, domain: 'verona.example' },
} as const
export type PeerName = keyof typeof PEERS
type Peer = Prosody | Ejabberd

/** Our domains. Each is well but for what is said of it. */
export const OURS = {
  plain: 'capulet.example',
  /** Direct TLS alone. */
  sealed: 'balcony.example',
  /** Others do not ask for its certificate, which it signed itself. */
  unverified: 'nurse.example',
  /** Its certificate is for servers alone. */
  certified: 'friar.example',
  international: 'müller.example',
  'other-name': 'mercutio.example',
  'unknown-authority': 'paris.example',
} as const

/** Kinds of certificates that nobody accepts, and how our log calls them. */
export const BAD = [['expired', 'expired'], ['other-name', 'other-name'], ['unknown-authority', 'untrusted']] as const
const BAD_KINDS = BAD.map(([kind]) => kind)
/** Domains of theirs, which stand below their first one. */
const THEIRS = ['sealed', 'keys', 'unverified', 'both-ways', 'echo', 'bücher', ...BAD_KINDS] as const
export type Theirs = typeof THEIRS[number]

const LOG_MILLISECONDS = 10_000
const POLL_MILLISECONDS = 50
const PASSWORD = 'at thy word'

/** Our server and one of somebody else, with several domains each, in a world of their own: its DNS, its authority. */
export class TwoHouses {
  readonly ours: ServerProcess
  readonly theirs: Peer
  readonly #folder: string
  readonly #zone: Zone
  readonly #authority: string
  readonly #domain: string
  /** Where all of our domains serve clients. */
  readonly #ourClientPort: number

  private constructor(folder: string, domain: string, authority: string, zone: Zone, theirs: Peer, ours: ServerProcess, port: number) {
    this.#folder = folder
    this.#domain = domain
    this.#authority = authority
    this.#zone = zone
    this.theirs = theirs
    this.ours = ours
    this.#ourClientPort = port
  }

  static async start(name: PeerName): Promise<TwoHouses> {
    const { domain, start } = PEERS[name]
    const folder = mkdtempSync(join(tmpdir(), 'sotto-houses-'))
    const ends: { stop(): Promise<void> }[] = []
    try {
      const certificates = await certificatesFor(join(folder, 'certificates'), domain)
      const [ourHost, theirHost] = [await newHost('palace.capulet.example'), await newHost(`palace.${domain}`)]
      const zone = await Zone.start(folder, [
        ...Object.values(OURS).map((one) => ({ domain: one, host: ourHost, tls: tlsOf(one, OURS.sealed) })),
        ...namesBelow(domain).map((one) => ({ domain: one, host: theirHost, tls: tlsOf(one, `sealed.${domain}`) })),
      ])
      ends.push(zone)
      const theirs = await start({
        folder, zone, certificates, host: theirHost, domains: peerDomains(domain), unverified: [OURS.unverified],
      })
      ends.push(theirs)
      const ourClientPort = await freePort('127.0.0.1')
      const ours = await ServerProcess.start({
        domain: OURS.plain,
        domainLines: shown(OURS.plain, certificates),
        tables: tables(ourHost, ourClientPort, zone, certificates, [`unverified.${domain}`]),
      })
      return new TwoHouses(folder, domain, certificates.authority, zone, theirs, ours, ourClientPort)
    } catch (error) {
      for (const end of ends.reverse()) await end.stop()
      rmSync(folder, { recursive: true })
      throw error
    }
  }

  /** The name of a domain of theirs; the first one, which is well in everything, without a prefix. */
  their(prefix?: Theirs): string {
    return prefix === undefined ? this.#domain : `${prefix}.${this.#domain}`
  }

  /** Logs a new account in. */
  async juliet(domain: string): Promise<XmppClient> {
    return this.#login(this.ours, this.#ourClientPort, `juliet-${crypto.randomUUID().slice(0, 8)}@${domain}`)
  }

  async romeo(domain: string): Promise<XmppClient> {
    return this.#login(this.theirs, this.theirs.clientPort, `romeo-${crypto.randomUUID().slice(0, 8)}@${domain}`)
  }

  /** Logs in who was logged in before. */
  async again({ jid }: XmppClient): Promise<XmppClient> {
    const port = jid.startsWith('juliet') ? this.#ourClientPort : this.theirs.clientPort
    // ejabberd and Prosody bind channels in ways that TLS 1.3 no longer has.
    const options = { jid, password: PASSWORD, mechanism: 'SCRAM-SHA-1', security: 'starttls' } as const
    return XmppClient.login({ ...options, route: { host: '127.0.0.1', port } })
  }

  /** How the two domains proved themselves to each other, in the order of the alphabet, once there are so many ways. */
  async proofs(ours: string, theirs: string, count: number): Promise<readonly string[]> {
    const ends = [` ${ours} -> ${theirs}`, ` ${theirs} -> ${ours}`]
    // ejabberd asks about keys on streams of their own, and proves itself there, too.
    const found = (): string[] => [...new Set(this.theirs.proofs)].filter((line) => ends.some((end) => line.endsWith(end))).sort()
    await this.#logged(() => found().length >= count)
    return found()
  }

  /** Waits until their log matches, or has had the time to: ejabberd writes it every two seconds. */
  async theirLog(pattern: RegExp): Promise<void> {
    await this.#logged(() => pattern.test(this.theirs.log))
    const { log } = this.theirs
    assert.ok(pattern.test(log), `${pattern} is not in:\n${log.match(/.*(?:Failed|Destroying).*/g)?.slice(-10).join('\n')}`)
  }

  /** For clients of others, which want a certificate: that of the authority will do. */
  door(side: 'ours' | 'theirs'): Door {
    return { host: '127.0.0.1', port: side === 'ours' ? this.#ourClientPort : this.theirs.clientPort, authority: this.#authority }
  }

  async stop(): Promise<void> {
    await this.ours.stop()
    await this.theirs.stop()
    await this.#zone.stop()
    rmSync(this.#folder, { recursive: true })
  }

  async #logged(isIt: () => boolean): Promise<void> {
    for (const deadline = Date.now() + LOG_MILLISECONDS; !isIt() && Date.now() < deadline; await passed(POLL_MILLISECONDS));
  }

  async #login(server: Peer | ServerProcess, port: number, account: string): Promise<XmppClient> {
    await server.addAccount(account, PASSWORD)
    const options = { jid: `${account}/window`, password: PASSWORD, mechanism: 'SCRAM-SHA-1', security: 'starttls' } as const
    return XmppClient.login({ ...options, route: { host: '127.0.0.1', port } })
  }
}

async function certificatesFor(folder: string, domain: string): Promise<Certificates> {
  mkdirSync(folder)
  const certificates = await Certificates.in(folder)
  const kinds: Readonly<Record<string, CertificateKind>> = {
    unverified: 'self-signed', certified: 'servers-alone', keys: 'servers-alone', ...Object.fromEntries(BAD_KINDS.map((kind) => [kind, kind])),
  }
  for (const [role, name] of Object.entries(OURS)) await certificates.issue(name, kinds[role] ?? 'valid')
  for (const name of namesBelow(domain)) await certificates.issue(name, kinds[name.split('.')[0] ?? ''] ?? 'valid')
  return certificates
}

function namesBelow(domain: string): readonly string[] {
  return [domain, ...THEIRS.map((prefix) => `${prefix}.${domain}`)]
}

function tlsOf(name: string, sealed: string): 'direct' | 'starttls' {
  return name === sealed ? 'direct' : 'starttls'
}

/** Who shows a bad certificate tries dialback all the same. */
function peerDomains(domain: string): readonly PeerDomain[] {
  return namesBelow(domain).map((name) => {
    const prefix = name.split('.')[0] ?? ''
    return {
      name,
      dialback: ['keys', 'unverified', ...BAD_KINDS].includes(prefix),
      bidi: ['both-ways', 'echo'].includes(prefix),
    }
  })
}

function tables(host: Host, clientPort: number, zone: Zone, certificates: Certificates, unverified: readonly string[]): string {
  const further = Object.values(OURS).filter((name) => name !== OURS.plain)
  return [
    `[s2s]
authorities = "${certificates.authority}"
direct_resolvers = ["127.0.0.1:${zone.port}"]
unverified = ${JSON.stringify(unverified)}`,
    ...further.map((name) => ['[[domains]]', `name = "${name}"`, ...shown(name, certificates)].join('\n')),
    ...([['c2s', '127.0.0.1', clientPort], ['s2s', host.address, host.port], ['s2s-tls', host.address, host.directTlsPort]] as const)
      .map(([kind, address, port]) => `[[listeners]]\nkind = "${kind}"\naddress = "${address}"\nport = ${port}`),
  ].join('\n\n')
}

function shown(domain: string, certificates: Certificates): readonly string[] {
  const { certificate, key } = certificates.files(domain)
  return [`certificate = "${certificate}"`, `key = "${key}"`]
}
