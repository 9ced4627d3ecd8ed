import { z } from 'zod'
import type { Timer } from '../clock.ts'
import { LOG_LEVELS, type LeveledLog, type LogLevel } from '../log.ts'
import { CommandError } from '../routing/command-error.ts'
import type { Extension, Host } from '../routing/extension.ts'
import { tell } from '../routing/headline.ts'
import type { Session } from '../routing/sessions.ts'

/** Nothing is raised for longer, and a restart ends it, too. */
const LONGEST_MILLISECONDS = 24 * 3_600_000

export interface LogOutput {
  readonly level: LogLevel
  /** Undefined while the configured level holds. */
  readonly raised: { readonly reason: string, /** Milliseconds since the epoch. */ readonly until: number } | undefined
}

const raising = z.strictObject({
  level: z.enum(LOG_LEVELS),
  milliseconds: z.int().min(1).max(LONGEST_MILLISECONDS),
  reason: z.string().trim().min(1).max(500),
})

/**
 * Raises the log's level for a while. Whoever is signed in is told why and for how long before it begins, and when it
 * ends; whoever signs in meanwhile is told then. No level names anybody, but a promise of silence was made.
 */
export class LogRaise {
  readonly #log: LeveledLog
  readonly #configured: LogLevel
  #raised: LogOutput['raised']
  #timer: Timer | undefined
  #host: Host | undefined

  constructor(log: LeveledLog) {
    this.#log = log
    this.#configured = log.level
  }

  readonly extension: Extension = {
    name: 'log-commands',
    implements: [],
    install: (host) => {
      this.#host = host
      return {
        session: { available: (session) => { if (this.#raised !== undefined) this.#tell([session], this.#beginning(this.#raised)) } },
        commands: [
          { name: 'log raise', ofRunningServer: true, run: (input): LogOutput => this.#raise(host, input) },
          { name: 'log lower', ofRunningServer: true, run: (): LogOutput => this.#lower() },
          { name: 'log show', ofRunningServer: true, run: (): LogOutput => this.state },
        ],
      }
    },
  }

  get state(): LogOutput {
    return { level: this.#log.level, raised: this.#raised }
  }

  #raise({ clock, sessions }: Host, input: unknown): LogOutput {
    const judged = raising.safeParse(input)
    if (!judged.success) throw new CommandError('bad-input', 'name a reason, a time of at most 24h, and a level')
    const { level, milliseconds, reason } = judged.data
    if (LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(this.#configured)) {
      throw new CommandError('refused', `the log is at "${this.#configured}" by configuration, so that would not raise it`)
    }
    this.#timer?.cancel()
    this.#raised = { reason, until: clock.now() + milliseconds }
    this.#tell(sessions.all(), this.#beginning(this.#raised))
    this.#log.level = level
    this.#timer = clock.after(milliseconds, () => this.#lower())
    this.#log.warn('log.raised', { condition: level, milliseconds })
    return this.state
  }

  #lower(): LogOutput {
    if (this.#raised !== undefined) {
      this.#timer?.cancel()
      this.#raised = undefined
      this.#log.warn('log.lowered', { condition: this.#configured })
      this.#log.level = this.#configured
      this.#tell(this.#host?.sessions.all() ?? [], 'The log of this server is as it was before; what was written meanwhile named nobody.')
    }
    return this.state
  }

  #beginning({ reason, until }: NonNullable<LogOutput['raised']>): string {
    return `The operator lets this server log more until ${new Date(until).toISOString().slice(0, 16).replace('T', ' ')} UTC: ${reason}\n`
      + 'No message, name or address is written at any level.'
  }

  #tell(sessions: Iterable<Session>, text: string): void {
    for (const session of sessions) tell(session, 'What this server logs', text)
  }
}
