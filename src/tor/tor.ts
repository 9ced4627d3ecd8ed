import type { Clock } from '../clock.ts'
import type { Lifetime } from '../lifetime.ts'
import type { Log } from '../log.ts'
import type { TorEndpoint } from './socks5.ts'
import type { TorError } from './tor-error.ts'

/** The section [tor] of the configuration, times in milliseconds. */
export interface TorOptions {
  readonly required: boolean
  readonly program: string
  /** A file of the operator's that is read after ours; '' for none. */
  readonly torrc: string
  /** The control socket (a path, or "host:port") of a tor that is not ours; '' to run our own. */
  readonly control: string
  readonly bootstrap_timeout: number
  readonly max_streams_per_circuit: number
  readonly proof_of_work: boolean
  readonly proof_of_work_rate: number
  readonly proof_of_work_burst: number
  readonly intro_dos_defense: boolean
}

export interface TorSettings {
  readonly options: TorOptions
  /** Kept between runs: tor's torrc, log and state (guards). Made with mode 0700. */
  readonly directory: string
  /** For sockets and the cookie: mode 0700 and a short path, as a unix socket's ends at 108 bytes. */
  readonly runtime: string
}

export interface OnionServiceSpec {
  /** 56 characters and ".onion". */
  readonly address: string
  /** The HiddenServiceDir with the key (loadOrCreateOnionKey). */
  readonly directory: string
  /** Virtual ports and the unix sockets behind them, absolute paths. */
  readonly ports: readonly { readonly virtual: number, readonly socket: string }[]
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
  | { readonly state: 'ready', readonly version: string, readonly published: readonly string[] }

export class Tor implements Lifetime {
  readonly name = 'tor'

  constructor(_settings: TorSettings, _services: readonly OnionServiceSpec[], _owner: TorOwner, _clock: Clock, _log: Log) {}

  /**
   * Resolves when tor is authenticated, or after the first failure, if tor is not required; it is then tried again
   * in the background. Where it is required, resolves when tor has bootstrapped.
   *
   * @throws TorError where tor is required and not bootstrapped in time
   */
  start(): Promise<void> {
    throw new Error('not built yet')
  }

  /** Publishes all services, now and whenever tor comes back; resolves when this tor has accepted them, or will be asked later. */
  publish(): Promise<void> {
    throw new Error('not built yet')
  }

  withdraw(): Promise<void> {
    throw new Error('not built yet')
  }

  stop(): Promise<void> {
    throw new Error('not built yet')
  }

  /** Ends a client's circuit and all its streams; nothing happens where it is gone already. */
  closeCircuit(_circuit: string): void {
    throw new Error('not built yet')
  }

  /** Where connectThroughTor finds tor; undefined while there is none. */
  get socks(): TorEndpoint | undefined {
    throw new Error('not built yet')
  }

  /** Whether connections from the onion open with a PROXY line that names the circuit: not with somebody else's tor. */
  get exportsCircuits(): boolean {
    throw new Error('not built yet')
  }

  /** The process that we spawned. */
  get pid(): number | undefined {
    throw new Error('not built yet')
  }

  get status(): TorStatus {
    throw new Error('not built yet')
  }
}
