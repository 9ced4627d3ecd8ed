import { pino, type DestinationStream } from 'pino'

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * All that a log line may hold besides its event's name. A name, a JID, an address, a body or a password has no
 * field here, so it cannot be logged by accident; text must be a constant of ours or a condition's name.
 */
export interface SafeFields {
  /** Which part of the server: a constant. */
  readonly part?: string
  /** A defined condition, a system error's code, an exit signal: a constant of a specification. */
  readonly condition?: string
  /** A random identifier that joins lines and the peer's error; names nobody. */
  readonly id?: string
  readonly count?: number
  readonly milliseconds?: number
  readonly percent?: number
  /** Position in the list of configured domains, listeners or services. */
  readonly index?: number
  /** A file of the operator's own configuration or data. */
  readonly file?: string
}

/** The only way to write a log line. Events are constants, e.g. 'tor.exited'. */
export interface Log {
  error(event: string, fields?: SafeFields, cause?: unknown): void
  warn(event: string, fields?: SafeFields, cause?: unknown): void
  info(event: string, fields?: SafeFields): void
  debug(event: string, fields?: SafeFields): void
  /**
   * The one line that names people: who changed which contact (`log.roster`, off by default). It is written at
   * every level except `silent`, as the operator asked for it and the users were told.
   */
  roster(change: { readonly account: string; readonly contact: string; readonly action: string }): void
}

/** A log of which the operator may change the level while the server runs. */
export interface LeveledLog extends Log {
  level: LogLevel
}

export interface LogSettings {
  readonly level: LogLevel
  readonly roster: boolean
}

const FIELDS = ['part', 'condition', 'id', 'count', 'milliseconds', 'percent', 'index', 'file'] as const

/** A log to `destination` (stderr by default): one JSON object a line, no host name, no process id. */
export function createLog(settings: LogSettings, destination: DestinationStream = pino.destination({ fd: 2, sync: true })): LeveledLog {
  const sink = pino({
    level: settings.level,
    base: null,
    messageKey: 'event',
    formatters: { level: (label) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  }, destination)
  return {
    error: (event, fields, cause) => sink.error(safe(fields, cause), event),
    warn: (event, fields, cause) => sink.warn(safe(fields, cause), event),
    info: (event, fields) => sink.info(safe(fields, undefined), event),
    debug: (event, fields) => { if (sink.level === 'debug') sink.debug(safe(fields, undefined), event) },
    roster: ({ account, contact, action }) => {
      if (settings.roster && sink.level !== 'silent') sink.error({ account, contact, action }, 'roster.changed')
    },
    get level() { return sink.level as LogLevel }, // it was one, and only those are set
    set level(level) { sink.level = level },
  }
}

/** Copies what may be logged. Of a cause only its type, its code and the places in our code are kept, never its message. */
function safe(fields: SafeFields | undefined, cause: unknown): Record<string, unknown> {
  const line: Record<string, unknown> = {}
  if (fields !== undefined) for (const name of FIELDS) if (fields[name] !== undefined) line[name] = fields[name]
  if (cause instanceof Error) {
    line['type'] = cause.name
    if ('code' in cause && typeof cause.code === 'string') line['code'] = cause.code
    line['stack'] = cause.stack?.split('\n').filter((frame) => /^\s+at /.test(frame)).map((frame) => frame.trim())
  }
  return line
}
