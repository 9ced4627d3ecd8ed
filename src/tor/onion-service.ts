import type { Clock, Timer } from '../clock.ts'
import type { Control, Setting } from './control.ts'
import type { ControlEvent } from './control-reply.ts'
import { readOnionKey } from './onion-key.ts'
import { ControlClosed, DescriptorNotUploaded, TorError } from './tor-error.ts'
import { quotePath } from './torrc.ts'

export interface OnionServiceSpec {
  /** 56 characters and ".onion". */
  readonly address: string
  /** The HiddenServiceDir with the key (loadOrCreateOnionKey). */
  readonly directory: string
  /** Virtual ports and the unix sockets behind them, absolute paths. */
  readonly ports: readonly { readonly virtual: number, readonly socket: string }[]
}

/** What each service does against floods; the names are those of the configuration. */
export interface OnionDefenses {
  /** One more stream on a circuit fails; the others stay. */
  readonly max_streams_per_circuit: number
  readonly proof_of_work: boolean
  /** Introductions per second that are served under attack, and how many may come at once. */
  readonly proof_of_work_rate: number
  readonly proof_of_work_burst: number
  readonly intro_dos_defense: boolean
}

export interface PublicationOwner {
  published(address: string): void
  unreachable(error: TorError): void
}

export interface PublicationSettings {
  readonly services: readonly OnionServiceSpec[]
  readonly defenses: OnionDefenses
  /** A tor that others use too: services are added beside theirs, and cannot tell circuits apart. */
  readonly shared: boolean
  /** Several services appear at random moments within these milliseconds, so that nobody sees them come together. */
  readonly spread: number
}

/** Uploading takes seconds once tor has bootstrapped. */
const UPLOAD_MILLISECONDS = 180_000
const RETRY_MILLISECONDS = 60_000

/** The services on one control connection, from publish() until it ends. HS_DESC must be subscribed to before. */
export class Publication {
  readonly #control: Control
  readonly #settings: PublicationSettings
  readonly #owner: PublicationOwner
  readonly #clock: Clock
  readonly #timers = new Set<Timer>()
  /** What tor was told of, and what it has uploaded. */
  readonly #open = new Set<OnionServiceSpec>()
  readonly #uploaded = new Set<string>()
  readonly #reasons = new Map<string, string>()
  #begun = false

  constructor(control: Control, settings: PublicationSettings, owner: PublicationOwner, clock: Clock) {
    this.#control = control
    this.#settings = settings
    this.#owner = owner
    this.#clock = clock
  }

  /** The addresses whose descriptor is uploaded. */
  get uploaded(): readonly string[] {
    return [...this.#uploaded]
  }

  /** Resolves when tor has taken those services that are not held back; what tor refuses is told to the owner. */
  async publish(): Promise<void> {
    if (this.#begun) return
    this.#begun = true
    const { services, spread } = this.#settings
    const [first] = services
    if (first !== undefined && services.length === 1) return await this.#add(first)
    for (const service of services) this.#later(Math.random() * spread, () => this.#add(service))
  }

  descriptor(event: ControlEvent & { readonly event: 'descriptor' }): void {
    const { action, address, reason } = event
    if (![...this.#open].some((service) => service.address === address)) return
    if (action === 'FAILED') this.#reasons.set(address, reason ?? 'no reason given')
    if (action !== 'UPLOADED' || this.#uploaded.has(address)) return
    this.#uploaded.add(address)
    this.#owner.published(address)
  }

  /** A reload makes tor forget services set by SETCONF; those of ADD_ONION survive it. */
  async reloaded(): Promise<void> {
    if (this.#settings.shared || this.#open.size === 0) return
    this.#uploaded.clear()
    await this.#control.setConf(this.#all())
  }

  /** Takes the services back; to be called while the connection lives. */
  async withdraw(): Promise<void> {
    const open = [...this.#open]
    this.end()
    if (open.length === 0) return
    if (!this.#settings.shared) return await this.#control.resetConf('HiddenServiceDir')
    for (const service of open) await this.#control.deleteOnion(service.address)
  }

  /** Stops all that is under way here. */
  end(): void {
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    this.#begun = false
    this.#open.clear()
    this.#uploaded.clear()
  }

  async #add(service: OnionServiceSpec): Promise<void> {
    this.#open.add(service)
    try {
      if (this.#settings.shared) await this.#control.addOnion(...onionCommand(service, this.#settings.defenses))
      else await this.#control.setConf(this.#all())
    } catch (error) {
      if (error instanceof ControlClosed) return // told by the session, and followed by another
      this.#failed(error)
      if (this.#open.delete(service)) this.#later(RETRY_MILLISECONDS, () => this.#add(service))
      return
    }
    this.#later(UPLOAD_MILLISECONDS, () => this.#checkUploaded(service.address))
  }

  /** SETCONF HiddenServiceDir replaces every service there is, so all of ours are named each time. */
  #all(): readonly Setting[] {
    return [...this.#open].flatMap((service) => onionSettings(service, this.#settings.defenses))
  }

  #checkUploaded(address: string): void {
    if (this.#uploaded.has(address)) return
    this.#owner.unreachable(new DescriptorNotUploaded(address, this.#reasons.get(address) ?? 'no answer yet'))
  }

  #failed(error: unknown): void {
    this.#owner.unreachable(error instanceof TorError ? error : new TorError('publish-failed', 'publishing failed', undefined, { cause: error }))
  }

  #later(milliseconds: number, work: () => void | Promise<void>): void {
    const timer = this.#clock.after(milliseconds, () => {
      this.#timers.delete(timer)
      Promise.resolve(work()).catch((error: unknown) => this.#failed(error))
    })
    this.#timers.add(timer)
  }
}

/** The lines of a torrc that make one service, in order: tor takes them for the HiddenServiceDir before them. */
export function onionSettings(service: OnionServiceSpec, defenses: OnionDefenses): readonly Setting[] {
  return [
    ['HiddenServiceDir', service.directory],
    ...service.ports.map(({ virtual, socket }): Setting => ['HiddenServicePort', `${virtual} unix:${quotePath(socket)}`]),
    ['HiddenServiceExportCircuitID', 'haproxy'],
    ['HiddenServiceMaxStreams', String(defenses.max_streams_per_circuit)],
    ['HiddenServiceEnableIntroDoSDefense', defenses.intro_dos_defense ? '1' : '0'],
    ...defenses.proof_of_work ? [
      ['HiddenServicePoWDefensesEnabled', '1'],
      ['HiddenServicePoWQueueRate', String(defenses.proof_of_work_rate)],
      ['HiddenServicePoWQueueBurst', String(defenses.proof_of_work_burst)],
    ] satisfies Setting[] : [],
  ]
}

/** The arguments of ADD_ONION, which has no word for the intro defense nor for circuit identifiers. @throws TorError */
export function onionCommand(service: OnionServiceSpec, defenses: OnionDefenses): [key: Buffer, parameters: readonly string[]] {
  return [readOnionKey(service.directory).expandedSecretKey, [
    'Flags=DiscardPK',
    `MaxStreams=${defenses.max_streams_per_circuit}`,
    ...defenses.proof_of_work ? [
      'PoWDefensesEnabled=1',
      `PoWQueueRate=${defenses.proof_of_work_rate}`,
      `PoWQueueBurst=${defenses.proof_of_work_burst}`,
    ] : [],
    ...service.ports.map(({ virtual, socket }) => `Port=${virtual},unix:${socket}`),
  ]]
}
