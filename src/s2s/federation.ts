import type { Clock } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import type { Lifetime } from '../lifetime.ts'
import type { Log } from '../log.ts'
import { trustedAuthorities } from '../net/authorities.ts'
import { judge, type Judged } from '../net/certificate-judge.ts'
import type { Connection } from '../net/connection.ts'
import type { TlsIdentity } from '../net/tls.ts'
import type { ServedDomains } from '../routing/domains.ts'
import type { Extension } from '../routing/extension.ts'
import type { Installation } from '../routing/installation.ts'
import { Admissions } from '../stream/admission.ts'
import { Ingress, type IngressSettings } from '../stream/ingress.ts'
import { Liveness } from '../stream/liveness.ts'
import { WriteTurn } from '../stream/outbox.ts'
import type { StreamSettings } from '../stream/stream.ts'
import { NS_SERVER } from '../xmpp/namespaces.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import type { Dial } from './dial.ts'
import { DialbackSecrets } from './dialback.ts'
import { IncomingStream, type IncomingParts } from './incoming.ts'
import { Occupancy } from './occupancy.ts'
import { Outgoing } from './outgoing.ts'
import { serverFeatures } from './server-features.ts'

/** How long other servers may take to read our farewell. */
const FAREWELL_MILLISECONDS = 2000

export interface FederationParts {
  readonly config: Config
  readonly clock: Clock
  readonly log: Log
  /** Made once the domains are known. */
  readonly dial: (domains: ServedDomains) => Dial
  /** Who we are in TLS as that domain of ours, where a certificate says so. */
  readonly identityOf: (local: string) => TlsIdentity | undefined
  /** The operator's word on a remote domain. */
  readonly mayConnect: (domain: string) => boolean
}

/** Streams with other servers (RFC 6120 §4, XEP-0178, XEP-0220), in both directions. */
export class Federation implements Lifetime {
  readonly name = 's2s'
  readonly #parts: FederationParts
  readonly #secrets = new DialbackSecrets()
  readonly #liveness: Liveness
  readonly #turn = new WriteTurn()
  readonly #admissions: Admissions
  readonly #occupancy: Occupancy
  readonly #incoming = new Set<IncomingStream>()
  readonly #judge: (connection: Connection) => Judged
  #outgoing: Outgoing | undefined
  #dial: Dial | undefined

  /** @throws CertificateError where `s2s.authorities` cannot be read */
  constructor(parts: FederationParts) {
    const { config: { limits, s2s }, clock } = parts
    this.#parts = parts
    this.#liveness = new Liveness(clock)
    // Servers and clients do not take each other's places.
    this.#admissions = new Admissions({ ...limits, streams: s2s.streams })
    this.#occupancy = new Occupancy(s2s.streams_per_domain)
    const authorities = trustedAuthorities(s2s.authorities)
    this.#judge = (connection) => judge(connection.peerChain(), { authorities, now: clock.now() })
  }

  /** What delivers to other domains. */
  readonly extension: Extension = {
    name: 'federation',
    implements: [],
    install: ({ domains, router, servers }) => {
      const { config, dial, identityOf, mayConnect } = this.#parts
      if (!config.s2s.enabled) return {}
      const limits = config.s2s
      this.#dial = dial(domains)
      this.#outgoing = new Outgoing(domains, {
        dial: this.#dial, secrets: this.#secrets, router, limits, mayConnect, identityOf, judge: this.#judge,
        stream: this.#settings(limits.idle_close),
        servers,
      })
      return { remote: this.#outgoing }
    },
  }

  /** A listener for other servers. */
  ingress(settings: IngressSettings, { router, tables, streamFeatures }: Installation): Ingress {
    const { config: { s2s: limits }, clock, mayConnect } = this.#parts
    const parts: IncomingParts = {
      router, tables, clock, limits, mayConnect,
      secrets: this.#secrets, occupancy: this.#occupancy, streams: this.#incoming, judge: this.#judge,
      reaches: (local, remote) => this.#dial?.reaches(local, remote) ?? false,
      verify: (local, remote, id, key) => this.#delivery.verify(local, remote, id, key),
      heard: (local, remote, carrier) => this.#delivery.heard(local, remote, carrier),
      release: (local, remote, carrier, cleanly) => this.#delivery.release(local, remote, carrier, cleanly),
    }
    // Those who call end what they do not use; we wait for longer, so that no stanza crosses our farewell.
    const stream = { ...this.#settings(2 * limits.idle_close), features: [...serverFeatures(), ...streamFeatures.server] }
    return new Ingress(settings, stream, this.#admissions, (domains) => new IncomingStream(domains, parts))
  }

  /** Streams of others to us, ways of ours to others, and how often there was no place for a stream. */
  get counts(): { readonly incoming: number, readonly outgoing: number, readonly refused: number } {
    return { incoming: this.#incoming.size, outgoing: this.#outgoing?.size ?? 0, refused: this.#admissions.refused }
  }

  /** The operator's rulings changed: what they do not allow ends. */
  recheck(): void {
    this.#outgoing?.recheck()
    for (const stream of [...this.#incoming]) stream.recheck()
  }

  start(): void {
    this.#liveness.start()
  }

  /** Bounces what waits, ends every stream, and waits a while for the other side to do so. */
  async stop(): Promise<void> {
    this.#outgoing?.stop()
    for (const stream of [...this.#liveness.streams]) stream.fail(new StreamError('system-shutdown'))
    await this.#liveness.emptied(FAREWELL_MILLISECONDS)
    for (const stream of [...this.#liveness.streams]) stream.destroy()
    this.#liveness.stop()
  }

  get #delivery(): Outgoing {
    if (this.#outgoing === undefined) throw new Error('federation was not installed')
    return this.#outgoing
  }

  #settings(idle: number): StreamSettings {
    const { config: { limits, s2s }, clock, log } = this.#parts
    return {
      contentNamespace: NS_SERVER, features: [], clock, log, turn: this.#turn, liveness: this.#liveness, rate: s2s.rate,
      limits: { ...limits, time_to_login: s2s.time_to_connect, idle_before_ping: idle },
    }
  }
}
