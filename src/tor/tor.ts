import type { Clock, Timer } from '../clock.ts'
import type { Lifetime } from '../lifetime.ts'
import type { Log } from '../log.ts'
import { backoff } from './backoff.ts'
import { parseBootstrap, type ControlEvent } from './control-reply.ts'
import { Publication, type OnionDefenses, type OnionServiceSpec, type PublicationSettings } from './onion-service.ts'
import { TorSession, parseEndpoint, type SessionSettings } from './session.ts'
import type { TorEndpoint } from './socks5.ts'
import { AuthenticationFailed, BootstrapTimedOut, TorError, TorNotFound, TorTooOld } from './tor-error.ts'
import { TorFiles, checkLength } from './torrc.ts'

/** The section [tor] of the configuration, times in milliseconds. */
export interface TorOptions extends OnionDefenses {
  /** Without it nothing is run, reached or published. */
  readonly enabled: boolean
  readonly required: boolean
  readonly program: string
  /** A file of the operator's that is read after ours; '' for none. */
  readonly torrc: string
  /** The control socket (a path, or "host:port") of a tor that is not ours; '' to run our own. */
  readonly control: string
  readonly bootstrap_timeout: number
}

export interface TorSettings {
  readonly options: TorOptions
  /** Kept between runs: tor's torrc, log and state (guards). Made with mode 0700. */
  readonly directory: string
  /** For sockets and the cookie: mode 0700 and a short path, as a unix socket's ends at 108 bytes. */
  readonly runtime: string
  /** Several services are published at random moments within these milliseconds; 60 s by default. */
  readonly spread?: number
}

export interface TorOwner {
  bootstrapped?(percent: number, summary: string): void
  /** The descriptor is uploaded: others can reach the address from now on. Again after each restart of tor. */
  published?(address: string): void
  /** Tor is not running, not usable, or could not publish; it is tried again. */
  unreachable?(error: TorError): void
  /** The tor we spawned ended without being asked to; it is started again. */
  exited?(): void
}

export type TorStatus =
  | { readonly state: 'stopped' }
  | { readonly state: 'starting' }
  | { readonly state: 'waiting', readonly error: TorError }
  | { readonly state: 'bootstrapping', readonly version: string, readonly percent: number }
  /** `published`: the addresses that others can reach. */
  | { readonly state: 'ready', readonly version: string, readonly published: readonly string[] }

const SPREAD_MILLISECONDS = 60_000
/** A tor that lived that long was well: the next failure is a first one. */
const WELL_MILLISECONDS = 120_000

/** Tor and our onion services: keeps one running, and the services published on it once they are wanted. */
export class Tor implements Lifetime {
  readonly name = 'tor'
  readonly #settings: TorSettings
  readonly #session: SessionSettings
  readonly #publication: PublicationSettings
  readonly #services: readonly OnionServiceSpec[]
  readonly #owner: TorOwner
  readonly #clock: Clock
  readonly #log: Log
  #stop = new AbortController()
  #life: Promise<void> = Promise.resolve()
  #current: { readonly session: TorSession, readonly publication: Publication } | undefined
  /** The status while there is no session. */
  #idle: TorStatus = { state: 'stopped' }
  /** Why there is no session. */
  #failure: TorError | undefined
  #percent = 0
  #wanted = false
  #starting: { readonly resolve: () => void, readonly reject: (error: TorError) => void } | undefined

  /** @throws TorError where a path or the control endpoint cannot be used */
  constructor(settings: TorSettings, services: readonly OnionServiceSpec[], owner: TorOwner, clock: Clock, log: Log) {
    const { program, torrc, control } = settings.options
    for (const { socket } of services.flatMap(({ ports }) => ports)) checkLength(socket)
    this.#settings = settings
    this.#session = { program, torrc, files: new TorFiles(settings.directory, settings.runtime), foreign: control === '' ? undefined : endpoint(control) }
    this.#publication = { services, defenses: settings.options, shared: control !== '', spread: settings.spread ?? SPREAD_MILLISECONDS }
    this.#services = services
    this.#owner = owner
    this.#clock = clock
    this.#log = log
  }

  /**
   * Resolves when tor is authenticated, or after the first failure: it is then tried again in the background.
   * Where tor is required, resolves when it has bootstrapped.
   *
   * @throws TorError where tor is required and cannot be used, or has not bootstrapped in time
   */
  async start(): Promise<void> {
    const { enabled, required, bootstrap_timeout } = this.#settings.options
    if (!enabled) return
    this.#stop = new AbortController()
    this.#idle = { state: 'starting' }
    let timer: Timer | undefined
    // The clock's timers do not keep the process alive, and while we wait for the next try nothing else may.
    const hold = setInterval(() => {}, 60_000)
    const started = new Promise<void>((resolve, reject) => {
      this.#starting = { resolve, reject }
      if (required) timer = this.#clock.after(bootstrap_timeout, () => reject(this.#failure ?? new BootstrapTimedOut(this.#percent, bootstrap_timeout)))
    })
    this.#life = this.#live(this.#stop.signal)
    try {
      await started
    } catch (error) {
      await this.stop()
      throw error
    } finally {
      timer?.cancel()
      clearInterval(hold)
      this.#starting = undefined
    }
  }

  /** Publishes all services, now and whenever tor comes back; resolves when this tor has taken those not held back. */
  async publish(): Promise<void> {
    this.#wanted = true
    await this.#current?.publication.publish()
  }

  /** Takes the services back, for good. */
  async withdraw(): Promise<void> {
    this.#wanted = false
    try {
      await this.#current?.publication.withdraw()
    } catch (error) {
      if (!(error instanceof TorError)) throw error // a tor that is gone serves nothing
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    this.#current?.publication.end()
    await this.#current?.session.close()
    await this.#life
    this.#idle = { state: 'stopped' }
  }

  /** Ends a client's circuit and all its streams; nothing happens where it is gone already. */
  closeCircuit(circuit: string): void {
    this.#current?.session.control.closeCircuit(circuit).catch(() => {})
  }

  /** Where connectThroughTor finds tor; undefined while there is none. */
  get socks(): TorEndpoint | undefined {
    return this.#current?.session.socks
  }

  /** Whether connections from the onion open with a PROXY line that names the circuit: not with somebody else's tor. */
  get exportsCircuits(): boolean {
    return this.#session.foreign === undefined
  }

  /** The process that we spawned. */
  get pid(): number | undefined {
    return this.#current?.session.process?.pid
  }

  get status(): TorStatus {
    if (this.#current === undefined) return this.#idle
    const { session: { version }, publication: { uploaded } } = this.#current
    return this.#percent < 100 ? { state: 'bootstrapping', version, percent: this.#percent } : { state: 'ready', version, published: uploaded }
  }

  /** One session after the other, until stopped. */
  async #live(stop: AbortSignal): Promise<void> {
    for (let failures = 0; !stop.aborted; failures += 1) {
      const before = this.#clock.elapsed()
      const error = await this.#serve(stop)
      if (stop.aborted) return
      this.#failed(error)
      if (this.#clock.elapsed() - before > WELL_MILLISECONDS) failures = 0
      await this.#pause(backoff(failures, Math.random()), stop)
      this.#idle = { state: 'starting' }
    }
  }

  /** One session from beginning to end; resolves with what ended it. */
  async #serve(stop: AbortSignal): Promise<TorError> {
    let session: TorSession
    try {
      session = await TorSession.open(this.#session, (event) => this.#event(event), this.#clock, stop)
    } catch (error) {
      return known(error)
    }
    const owner = { published: (address: string) => this.#published(address), unreachable: (error: TorError) => this.#unreachable(error) }
    const publication = new Publication(session.control, this.#publication, owner, this.#clock)
    this.#current = { session, publication }
    this.#failure = undefined
    await this.#opened(session).catch((error: unknown) => this.#unreachable(known(error)))
    if (stop.aborted) await session.close()
    const error = await session.ended
    publication.end()
    this.#current = undefined
    this.#percent = 0
    if (session.process !== undefined && !stop.aborted) this.#owner.exited?.()
    return error
  }

  async #opened(session: TorSession): Promise<void> {
    this.#log.info('tor.connected', { part: this.name })
    if (!this.#settings.options.required) this.#starting?.resolve()
    const phase = parseBootstrap(await session.control.getInfo('status/bootstrap-phase'))
    if (phase !== undefined) this.#event(phase)
    if (this.#wanted) await this.publish()
  }

  #event(event: ControlEvent): void {
    if (event.event === 'descriptor') this.#current?.publication.descriptor(event)
    else if (event.event === 'reloaded') this.#current?.publication.reloaded().catch((error: unknown) => this.#unreachable(known(error)))
    else if (event.percent > this.#percent) {
      this.#percent = event.percent
      this.#log.info('tor.bootstrapping', { part: this.name, percent: event.percent })
      this.#owner.bootstrapped?.(event.percent, event.summary)
      if (event.percent === 100) this.#starting?.resolve()
    }
  }

  #published(address: string): void {
    this.#log.info('tor.published', { part: this.name, index: this.#services.findIndex((service) => service.address === address) })
    this.#owner.published?.(address)
  }

  #failed(error: TorError): void {
    this.#idle = { state: 'waiting', error }
    this.#failure = error
    this.#unreachable(error)
    const hopeless = error instanceof TorNotFound || error instanceof TorTooOld || error instanceof AuthenticationFailed
    if (!this.#settings.options.required) this.#starting?.resolve()
    else if (hopeless) this.#starting?.reject(error)
  }

  #unreachable(error: TorError): void {
    const { condition, file } = error
    this.#log.warn('tor.unreachable', { part: this.name, condition, ...file === undefined ? {} : { file } })
    this.#owner.unreachable?.(error)
  }

  #pause(milliseconds: number, stop: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel()
        stop.removeEventListener('abort', done)
        resolve()
      }
      const timer = this.#clock.after(milliseconds, done)
      stop.addEventListener('abort', done)
      if (stop.aborted) done()
    })
  }
}

function known(error: unknown): TorError {
  return error instanceof TorError ? error : new TorError('tor-failed', 'tor could not be used', undefined, { cause: error })
}

function endpoint(control: string): TorEndpoint {
  const parsed = parseEndpoint(control)
  if (parsed === undefined) throw new TorError('control-endpoint-invalid', 'tor.control is neither the absolute path of a socket nor "host:port"')
  return parsed
}
