import type { Clock } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import type { Lifetime } from '../lifetime.ts'
import type { Log } from '../log.ts'
import type { ServedDomains } from '../routing/domains.ts'
import type { Extension } from '../routing/extension.ts'
import type { Installation } from '../routing/installation.ts'
import { Admission } from '../stream/admission.ts'
import { Ingress, type IngressSettings } from '../stream/ingress.ts'
import { Liveness } from '../stream/liveness.ts'
import { WriteTurn } from '../stream/outbox.ts'
import { starttls } from '../stream/starttls.ts'
import type { StreamSettings } from '../stream/stream.ts'
import { NS_SERVER } from '../xmpp/namespaces.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import type { Dial } from './dial.ts'
import { DialbackSecrets } from './dialback.ts'
import { dialbackFeature, IncomingStream } from './incoming.ts'
import { Outgoing } from './outgoing.ts'

/** How long other servers may take to read our farewell. */
const FAREWELL_MILLISECONDS = 2000

export interface FederationParts {
  readonly config: Config
  readonly clock: Clock
  readonly log: Log
  /** Made once the domains are known. */
  readonly dial: (domains: ServedDomains) => Dial
  /** The operator's word on a remote domain. */
  readonly mayConnect: (domain: string) => boolean
}

/** Streams with other servers (RFC 6120 §4, XEP-0220), in both directions. */
export class Federation implements Lifetime {
  readonly name = 's2s'
  readonly #parts: FederationParts
  readonly #secrets = new DialbackSecrets()
  readonly #liveness: Liveness
  readonly #turn = new WriteTurn()
  readonly #admission: Admission
  #outgoing: Outgoing | undefined

  constructor(parts: FederationParts) {
    const { config, clock } = parts
    this.#parts = parts
    this.#liveness = new Liveness(clock)
    // Servers and clients do not take each other's places.
    this.#admission = new Admission({ ...config.limits, streams: config.s2s.streams })
  }

  /** What delivers to other domains. */
  readonly extension: Extension = {
    name: 'federation',
    implements: [],
    install: ({ domains, router }) => {
      const { config, dial, mayConnect } = this.#parts
      if (!config.s2s.enabled) return {}
      const limits = config.s2s
      this.#outgoing = new Outgoing(domains, {
        dial: dial(domains), secrets: this.#secrets, router, limits, mayConnect, stream: this.#settings(limits.idle_close),
      })
      return { remote: this.#outgoing }
    },
  }

  /** A listener for other servers. */
  ingress(settings: IngressSettings, { router, tables, streamFeatures }: Installation): Ingress {
    const parts = {
      router, tables, secrets: this.#secrets, mayConnect: this.#parts.mayConnect,
      verify: (local: string, remote: string, id: string, key: string) => this.#delivery.verify(local, remote, id, key),
    }
    // Those who call end what they do not use; we wait for longer, so that no stanza crosses our farewell.
    const stream = { ...this.#settings(2 * this.#parts.config.s2s.idle_close), features: [starttls, dialbackFeature, ...streamFeatures.server] }
    return new Ingress(settings, stream, this.#admission, (domains) => new IncomingStream(domains, parts))
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
      contentNamespace: NS_SERVER, features: [], clock, log, turn: this.#turn, liveness: this.#liveness,
      limits: { ...limits, time_to_login: s2s.time_to_connect, idle_before_ping: idle },
    }
  }
}
