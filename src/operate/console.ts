import type { Clock, Timer } from '../clock.ts'
import { qrCode } from './qr-code.ts'

/** What a starting and running server tells the person who started it. stdout is for people, the log for programs. */
export interface Announcer {
  /** How far tor is on its way into its network, 0..100; `summary` is tor's own phrase for the step. */
  bootstrap(percent: number, summary: string): void
  /** Tor does not run or cannot reach its network, and is tried again; `reason` says what can be done. */
  torUnreachable(reason: string): void
  /** A listener's address is taken and the server goes on without it. */
  listenerTaken(message: string): void
  /** The listeners are open. */
  serving(served: Served): Promise<void>
  /** Others can reach this onion address from now on. */
  onionReachable(address: string): void
  stopping(): void
}

export interface Served {
  readonly domains: readonly {
    /** As the configuration calls it: 'onion' or a DNS name. */
    readonly label: string
    readonly onionAddress: string | undefined
  }[]
  /** e.g. '127.0.0.1:5222'. */
  readonly listeners: readonly string[]
  /** True while there is no account at all: then the command that makes one is shown. */
  readonly noAccounts: boolean
}

/** Where text goes; process.stdout is one. */
export interface Terminal {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** After so long without progress something is in tor's way: a firewall, a wrong clock, no network. */
const NO_PROGRESS_MILLISECONDS = 60_000

/** Writes to the operator's terminal: progress in one line that changes, or a line for each step where it is a file. */
export class Console implements Announcer {
  readonly #terminal: Terminal
  readonly #clock: Clock
  readonly #addAccount: string
  readonly #reachable = new Set<string>()
  #percent = -1
  #progressing = false
  #stuck: Timer | undefined
  #reason: string | undefined

  /** @param addAccount the command that makes an account, as the operator types it here */
  constructor(terminal: Terminal, clock: Clock, addAccount: string) {
    this.#terminal = terminal
    this.#clock = clock
    this.#addAccount = addAccount
  }

  bootstrap(percent: number, summary: string): void {
    if (percent === this.#percent) return
    this.#percent = percent
    this.#stuck?.cancel()
    if (percent < 100) {
      this.#stuck = this.#clock.after(NO_PROGRESS_MILLISECONDS, () => {
        this.torUnreachable(`no progress for ${NO_PROGRESS_MILLISECONDS / 1000} seconds at ${percent} % (${summary}): look at `
          + 'the network, the clock of this machine, and whether Tor needs a bridge here (tor.torrc)')
      })
    } else {
      this.#reason = undefined
    }
    const line = `Tor: ${percent} % (${summary})`
    if (this.#terminal.isTTY !== true) return this.#line(line)
    this.#terminal.write(`${CLEAR_LINE}${line}`)
    this.#progressing = true
    if (percent >= 100) this.#line('')
  }

  torUnreachable(reason: string): void {
    // It is tried again every minute or so, and mostly fails by the same reason.
    if (reason === this.#reason) return
    this.#reason = reason
    this.#line(`Tor is not there yet: ${reason}.`)
    this.#line('  It is tried again. Meanwhile the listeners are served, and nobody can reach the onion.')
  }

  listenerTaken(message: string): void {
    this.#line(message)
  }

  async serving({ domains, listeners, noAccounts }: Served): Promise<void> {
    const colors = this.#terminal.isTTY === true
    for (const { label, onionAddress } of domains) {
      if (onionAddress === undefined) {
        this.#line(`Domain: ${label}`)
        continue
      }
      this.#line(`Onion address${label === 'onion' ? '' : ` of ${label}`}: ${onionAddress}`)
      this.#line((await qrCode(onionAddress, { colors })).replace(/\n+$/, ''))
    }
    for (const listener of listeners) this.#line(`Listening on ${listener}`)
    if (!noAccounts) return
    this.#line('There is no account yet. Make the first one, in another terminal:')
    this.#line(`  ${this.#addAccount}`)
  }

  onionReachable(address: string): void {
    // Tor publishes again every hour or so; that is no news.
    if (this.#reachable.has(address)) return
    this.#reachable.add(address)
    this.#line(`Reachable over Tor: ${address}`)
  }

  stopping(): void {
    this.#stuck?.cancel()
    this.#line('Stopping. A second signal ends it at once.')
  }

  /** A whole line; a progress line that stands there is ended first. */
  #line(text: string): void {
    const before = this.#progressing ? '\n' : ''
    this.#progressing = false
    this.#terminal.write(text === '' ? before : `${before}${text}\n`)
  }
}

/** ECMA-48 §8.3.41 (EL): to the start of the line, erase it. */
const CLEAR_LINE = '\r\u001b[K'
