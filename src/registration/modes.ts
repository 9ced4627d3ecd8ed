import type { Clock, Timer } from '../clock.ts'
import { REGISTRATION_MODES } from '../config/schema.ts'
import type { ServedDomain } from '../routing/domains.ts'
import type { Database } from '../store/database.ts'
import type { RegistrationMode } from './application.ts'

/** How it stands with a domain, and why. */
export interface ModeState {
  readonly mode: RegistrationMode
  /** As the operator wants it: switched, else as configured. */
  readonly wanted: RegistrationMode
  readonly source: 'configured' | 'switched'
  /** Milliseconds since the epoch; undefined where the domain is not narrowed. */
  readonly narrowedUntil: number | undefined
}

/** Who may make an account at each domain now: the only code that touches the table of what was switched. */
export class Modes {
  readonly #database: Database
  readonly #clock: Clock
  /** By label. */
  readonly #switched = new Map<string, RegistrationMode>()
  readonly #narrowed = new Map<string, { readonly until: number, readonly timer: Timer }>()

  constructor(database: Database, clock: Clock) {
    this.#database = database
    this.#clock = clock
  }

  /** Reads what was switched; the table must be there. */
  load(): void {
    this.#switched.clear()
    const rows = this.#database.statement<{ domain: string, mode: string }>('SELECT domain, mode FROM registration_mode').all()
    for (const { domain, mode } of rows) {
      const known = REGISTRATION_MODES.find((one) => one === mode)
      if (known !== undefined) this.#switched.set(domain, known)
    }
  }

  of({ label, config }: ServedDomain): ModeState {
    const switched = this.#switched.get(label)
    const wanted = switched ?? config.registration
    const narrowed = wanted === 'open' ? this.#narrowed.get(label) : undefined
    return {
      mode: narrowed === undefined ? wanted : 'invite', wanted, source: switched === undefined ? 'configured' : 'switched',
      narrowedUntil: narrowed?.until,
    }
  }

  /** The operator's word: kept over a restart, and it ends what a flood narrowed. Resolves once it is on disk. */
  async set({ label }: ServedDomain, mode: RegistrationMode): Promise<void> {
    await this.#database.write(() => {
      this.#database.statement('INSERT INTO registration_mode (domain, mode) VALUES (?, ?) ON CONFLICT DO UPDATE SET mode = excluded.mode')
        .run(label, mode)
    })
    this.#switched.set(label, mode)
    this.#narrowed.get(label)?.timer.cancel()
    this.#narrowed.delete(label)
  }

  /** An open domain asks for invitations for so long; `over` is called after that. False where it does already. */
  narrow({ label }: ServedDomain, milliseconds: number, over: () => void): boolean {
    if (this.#narrowed.has(label)) return false
    const timer = this.#clock.after(milliseconds, () => {
      this.#narrowed.delete(label)
      over()
    })
    this.#narrowed.set(label, { until: this.#clock.now() + milliseconds, timer })
    return true
  }
}
