/**
 * Something with tor went wrong. There is one subclass for each different remedy; the message says what happened and
 * what the operator can do, and never names a peer.
 */
export class TorError extends Error {
  override readonly name: string = 'TorError'
  /** A constant for the log. */
  readonly condition: string
  /** The operator's own file the trouble is in. */
  readonly file: string | undefined

  constructor(condition: string, message: string, file?: string, options?: ErrorOptions) {
    super(message, options)
    this.condition = condition
    this.file = file
  }
}

/** Install tor, or name the right program in the configuration. */
export class TorNotFound extends TorError {
  override readonly name = 'TorNotFound'

  constructor(program: string, options?: ErrorOptions) {
    super('tor-not-found', `cannot run "${program}": install tor 0.4.8 or newer, or set tor.program to its path`, program, options)
  }
}

/** Upgrade tor: before 0.4.8 there is no proof of work, and an onion service is easily kept busy by strangers. */
export class TorTooOld extends TorError {
  override readonly name = 'TorTooOld'

  constructor(version: string) {
    super('tor-too-old', `tor ${version} is too old: install 0.4.8 or newer`)
  }
}

/** Tor answered a command with an error; its code says which (control-spec, "Replies"). */
export class ControlRefused extends TorError {
  override readonly name = 'ControlRefused'
  /** 4xx or 5xx. */
  readonly code: number

  constructor(command: string, code: number, text: string) {
    super(`control-refused-${code}`, `tor refused ${command}: ${code} ${text}`)
    this.code = code
  }
}

/** The cookie cannot be read, or is not the one of the tor behind the socket: mend permissions or tor.control. */
export class AuthenticationFailed extends TorError {
  override readonly name = 'AuthenticationFailed'

  constructor(message: string, file?: string, options?: ErrorOptions) {
    super('authentication-failed', message, file, options)
  }
}

/** Nobody can reach this onion service yet. Tor goes on trying; look at its log and its network. */
export class DescriptorNotUploaded extends TorError {
  override readonly name = 'DescriptorNotUploaded'
  readonly address: string

  constructor(address: string, reason: string) {
    super('descriptor-not-uploaded', `tor could not publish an onion service (${reason}); it goes on trying`)
    this.address = address
  }
}

/** The control connection is gone, or tor no longer answers on it: the services are published anew after a reconnect. */
export class ControlClosed extends TorError {
  override readonly name = 'ControlClosed'

  constructor(message: string, options?: ErrorOptions) {
    super('control-closed', message, undefined, options)
  }
}

/** No way into the Tor network in time: look at the network, the clock, or whether bridges are needed. */
export class BootstrapTimedOut extends TorError {
  override readonly name = 'BootstrapTimedOut'

  constructor(percent: number, milliseconds: number) {
    super('bootstrap-timed-out', `tor reached ${percent} % of its start in ${milliseconds / 1000} s: `
      + 'check the network and the clock; where Tor is blocked, configure bridges in tor.torrc')
  }
}

/** The other end was not reached through Tor. */
export class SocksError extends TorError {
  override readonly name = 'SocksError'
  /** Whether another try, some time later, may succeed. */
  readonly temporary: boolean

  constructor(condition: string, temporary: boolean, options?: ErrorOptions) {
    super(condition, `not reached through Tor: ${condition}`, undefined, options)
    this.temporary = temporary
  }
}
