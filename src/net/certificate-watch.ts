import type { Clock, Timer } from '../clock.ts'
import type { Lifetime } from '../lifetime.ts'
import type { Log } from '../log.ts'
import { CertificateError, type TlsIdentity } from './tls.ts'

/** Files are looked at, not watched: renewal tools replace them in ways that watching misses. */
const LOOK_MILLISECONDS = 30_000

/** Takes up renewed certificates while the server runs; a broken one is logged and the old one kept. */
export class CertificateWatch implements Lifetime {
  readonly name = 'certificates'
  readonly #identities: readonly TlsIdentity[]
  readonly #clock: Clock
  readonly #log: Log
  #timer: Timer | undefined

  constructor(identities: readonly TlsIdentity[], clock: Clock, log: Log) {
    this.#identities = identities
    this.#clock = clock
    this.#log = log
  }

  start(): void {
    this.#timer = this.#clock.after(LOOK_MILLISECONDS, () => {
      this.look()
      this.start()
    })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /** Reads again what changed. */
  look(): void {
    this.#identities.forEach((identity, index) => {
      try {
        if (identity.reload(this.#clock.now())) this.#log.info('certificate.reloaded', { index })
      } catch (error) {
        this.#log.error('certificate.refused', { index, ...error instanceof CertificateError ? { condition: error.condition } : {} }, error)
      }
    })
  }
}
