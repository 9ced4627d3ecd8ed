import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { componentSecret, type ComponentConfig } from '../config/components.ts'
import { ONION } from '../config/domain-name.ts'
import type { Config } from '../config/schema.ts'
import type { Lifetime } from '../lifetime.ts'
import type { Log } from '../log.ts'
import type { Extension, Host, Neighbors, Remote } from '../routing/extension.ts'
import { Admissions } from '../stream/admission.ts'
import { Ingress } from '../stream/ingress.ts'
import { Liveness } from '../stream/liveness.ts'
import { WriteTurn } from '../stream/outbox.ts'
import type { StreamSettings } from '../stream/stream.ts'
import { NS_COMPONENT } from '../xmpp/namespaces.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import { ComponentStream } from './component-stream.ts'

/** Streams that one component's listener takes, most of them from who has not proved to be it. */
const MOST_STREAMS = 8
const FAREWELL_MILLISECONDS = 2000

const AWAY = new StanzaError('remote-server-timeout')

export const COMPONENT_PROTOCOL = {
  name: 'components',
  implements: [{
    xep: 114, title: 'Jabber Component Protocol', version: '1.6', since: '0.1.0', status: 'partial',
    note: '`accept` alone; for the domains that a component is for, and no other server; off by default',
  }],
  clauses: [
    { clause: 'XEP-0114 §3', text: 'a stream header answers' },
    { clause: 'XEP-0114 §3', text: 'a stream error for a name that is not serviced' },
    { clause: 'XEP-0114 §3', text: 'invalid-namespace for another namespace' },
    { clause: 'XEP-0114 §3', text: 'stream and connection close where the credentials are not valid' },
    { clause: 'XEP-0114 §3', text: 'an empty handshake where they are' },
    { clause: 'XEP-0114 §3', text: 'stanzas have from and to' },
    { clause: 'XEP-0114 §3', text: 'from is of the component\'s domain' },
  ],
} as const satisfies Omit<Extension, 'install'>

export interface ComponentsParts {
  readonly config: Config
  readonly runtime: string
  readonly clock: Clock
  readonly log: Log
}

/** External components (XEP-0114): programs on this machine that the operator trusts to speak for a domain of their own. */
export class Components implements Lifetime, Neighbors {
  readonly name = 'components'
  readonly #parts: ComponentsParts
  readonly #liveness: Liveness
  readonly #ways = new Map<string, ComponentWay>()
  #ingresses: readonly Ingress[] = []

  readonly extension: Extension = { ...COMPONENT_PROTOCOL, install: (host) => this.#install(host) }

  constructor(parts: ComponentsParts) {
    this.#parts = parts
    this.#liveness = new Liveness(parts.clock)
  }

  /** Where each component connects to, in the order of the configuration: 0 where that is a unix socket. */
  get ports(): readonly number[] {
    return this.#ingresses.map(({ port }) => port)
  }

  of(from: string, to: string): Remote | undefined {
    const way = this.#ways.get(to)
    return way?.domains.has(from) === true ? way : undefined
  }

  /** @throws ListenError */
  async start(): Promise<void> {
    this.#liveness.start()
    for (const ingress of this.#ingresses) await ingress.start()
  }

  async stop(): Promise<void> {
    for (const ingress of this.#ingresses) ingress.stop()
    for (const stream of [...this.#liveness.streams]) stream.fail(new StreamError('system-shutdown'))
    await this.#liveness.emptied(FAREWELL_MILLISECONDS)
    for (const stream of [...this.#liveness.streams]) stream.destroy()
    this.#liveness.stop()
  }

  #install(host: Host): { readonly neighbors: Neighbors } {
    const { config, runtime } = this.#parts
    const turn = new WriteTurn()
    this.#ingresses = config.components.map((component, index) => {
      const way = new ComponentWay(host, component)
      this.#ways.set(way.name, way)
      return new Ingress(
        { kind: 'component', address: component.listen ?? { socket: componentSocket(runtime, index) }, domains: new Map() },
        this.#settings(turn), new Admissions({ ...config.limits, streams: MOST_STREAMS, streams_before_login: MOST_STREAMS }), () => way.receive(),
      )
    })
    return { neighbors: this }
  }

  #settings(turn: WriteTurn): StreamSettings {
    const { config: { limits, s2s }, clock, log } = this.#parts
    return { contentNamespace: NS_COMPONENT, features: [], limits, clock, log, turn, liveness: this.#liveness, rate: s2s.rate }
  }
}

/** Where the component with that index connects to; only who runs the server may. */
export function componentSocket(runtime: string, index: number): string {
  return join(runtime, `component-${index}.sock`)
}

/** The way to one component: its stream, where it has one. Nothing waits for one that is away. */
class ComponentWay implements Remote {
  readonly name: string
  readonly domains: ReadonlySet<string>
  readonly #host: Host
  readonly #secret: string
  #stream: ComponentStream | undefined

  constructor(host: Host, component: ComponentConfig) {
    const names = new Map(host.domains.all().map(({ label, name }) => [label, name]))
    this.#host = host
    this.#secret = componentSecret(component.secret_file)
    this.name = component.name.replace(/(?<=\.)onion$/, names.get(ONION) ?? ONION)
    this.domains = new Set(component.domains.flatMap((label) => names.get(label) ?? []))
  }

  send(envelope: Parameters<Remote['send']>[0]): StanzaError | undefined {
    if (this.#stream === undefined) return AWAY
    this.#stream.send(envelope)
    return undefined
  }

  receive(): ComponentStream {
    return new ComponentStream({
      name: this.name, secret: this.#secret, domains: this.domains, router: this.#host.router,
      isTaken: () => this.#stream !== undefined,
      connected: (stream) => {
        this.#stream = stream
        for (const local of this.domains) this.#host.servers.found(local, this.name)
      },
      gone: (stream) => {
        if (this.#stream !== stream) return
        this.#stream = undefined
        for (const local of this.domains) this.#host.servers.lost(local, this.name)
      },
    })
  }
}
