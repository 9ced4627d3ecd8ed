import { setMaxListeners } from 'node:events'
import type { Clock, Timer } from '../clock.ts'
import type { Log } from '../log.ts'
import { Alarm, type Tell } from './alarm.ts'
import type { CopyFailure, CopyLedger } from './copy-ledger.ts'
import { CopyError, type CopyTarget, type Watch } from './copy-target.ts'
import { copyAll, type Original } from './copying.ts'
import { inOrder, madeAt, type Rotation } from './vault.ts'
import { unlessAborted } from './watched.ts'

export interface CopyPlaceParts {
  readonly target: CopyTarget
  /** Its position in the configuration. */
  readonly index: number
  readonly originals: () => readonly Original[]
  readonly rotation: Rotation
  readonly alarmAfter: number
  readonly ledger: CopyLedger
  readonly clock: Clock
  readonly log: Log
  /** The operators. */
  readonly tell: Tell
  /** From 0 to 1. */
  readonly random: () => number
}

/** What is to be said of a place. */
export interface CopyState {
  readonly place: string
  /** The newest backup that was read back there, when it was made, and when it was read. */
  readonly newest: { readonly name: string, readonly made: number, readonly proven: number } | undefined
  /** How many were. */
  readonly count: number
  readonly failure: CopyFailure | undefined
  readonly isOverdue: boolean
  /** A round is going on. */
  readonly isBusy: boolean
}

const MINUTE = 60_000
/** Nothing is begun as long as the server, and tor with it, is beginning. */
const FIRST_MILLISECONDS = MINUTE
/** So often it is looked whether the copies are still there, though no new backup is made. */
const LOOK_MILLISECONDS = 60 * MINUTE
/** After failures: a minute, two, four..., but never longer than this. */
const LONGEST_WAIT_MILLISECONDS = 60 * MINUTE
/** A proof is believed for so long; then the copy is read once more, one in each round. */
const PROOF_MILLISECONDS = 7 * 24 * 60 * MINUTE
/** Whoever gives a byte a minute does not keep a round for ever. */
const LONGEST_ROUND_MILLISECONDS = 24 * 60 * MINUTE
/** How finely silence is measured. */
const PULSE_TICKS = 4
/** A server that was off for long makes a backup and copies it before it rings. */
const GRACE_MILLISECONDS = 15 * MINUTE

/** One place for copies: rounds of copying, one at a time; after a failure again, later and later; and the alarm. */
export class CopyPlace {
  readonly #parts: CopyPlaceParts
  readonly #operators: Alarm
  #timer: Timer | undefined
  #alarm: Timer | undefined
  #round: { readonly ends: AbortController, readonly done: Promise<void> } | undefined
  #failures = 0
  #isNews = false
  #isStopped = false

  constructor(parts: CopyPlaceParts) {
    const { tell, clock, alarmAfter } = parts
    this.#parts = parts
    this.#operators = new Alarm({ tell, clock, subject: 'Copies of backups', everyMilliseconds: alarmAfter })
  }

  get state(): CopyState {
    const { target: { place }, ledger, clock } = this.#parts
    const proven = inOrder([...ledger.proven(place)].flatMap(([name, { at }]) => {
      const made = madeAt(name)
      return made === undefined ? [] : [{ name, made, proven: at }]
    }), clock.now())
    return {
      place, newest: proven.at(-1), count: proven.length, failure: ledger.failure(place),
      isOverdue: this.#age >= this.#parts.alarmAfter, isBusy: this.#round !== undefined,
    }
  }

  start(): void {
    const { alarmAfter } = this.#parts
    this.#plan(FIRST_MILLISECONDS)
    this.#watch(Math.max(Math.min(GRACE_MILLISECONDS, alarmAfter), alarmAfter - this.#age))
  }

  /** There is a new backup. While one waits after a failure nothing changes: the next round takes it along. */
  look(): void {
    if (this.#isStopped || this.#failures > 0) return
    if (this.#round === undefined) this.#begin()
    else this.#isNews = true
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#alarm?.cancel()
    this.#round?.ends.abort(new CopyError('stopped'))
    await this.#round?.done
  }

  /** Not by its name: that may be nobody's business who looks at a screen. */
  get #where(): string {
    return `Place ${this.#parts.index + 1} of backup.copies`
  }

  /** Since the newest proven copy was made, or since there could have been one. One of the future is of unknown age. */
  get #age(): number {
    const { target: { place }, ledger, clock } = this.#parts
    const now = clock.now()
    const times = [...[...ledger.proven(place).keys()].map((name) => madeAt(name) ?? 0), ledger.since(place) ?? now].filter((time) => time <= now)
    return times.length === 0 ? 0 : now - Math.max(...times)
  }

  #plan(milliseconds: number): void {
    this.#timer?.cancel()
    this.#timer = this.#parts.clock.after(milliseconds, () => this.#begin())
  }

  #begin(): void {
    if (this.#isStopped || this.#round !== undefined) return
    this.#timer?.cancel()
    this.#isNews = false
    const ends = new AbortController()
    setMaxListeners(0, ends.signal) // each answer that is waited for has one
    const done = this.#copy(ends).then(() => undefined, (error: unknown) => error ?? new CopyError('unknown')).then((error) => {
      this.#round = undefined
      const wait = this.#ended(error)
      if (wait === undefined) this.#begin()
      else if (!this.#isStopped) this.#plan(wait)
    })
    this.#round = { ends, done }
  }

  /** @returns when the next round is to be; undefined: at once */
  #ended(error: unknown): number | undefined {
    if (this.#isStopped) return undefined
    const { target: { place }, index, ledger, clock, log, random } = this.#parts
    this.#failures = error === undefined ? 0 : this.#failures + 1
    const failure = error === undefined ? undefined : { condition: conditionOf(error), at: clock.now() }
    if (failure !== undefined) log.warn('backup.copy-failed', { index, condition: failure.condition }, error)
    try {
      ledger.end(place, failure)
    } catch (cause) {
      log.error('backup.failed', { condition: conditionOf(cause) }, cause)
    }
    if (failure === undefined) return this.#isNews ? undefined : LOOK_MILLISECONDS
    // Not all who lost the same server come back at the same time.
    return Math.min(LONGEST_WAIT_MILLISECONDS, MINUTE * 2 ** Math.min(this.#failures - 1, 10)) * (0.75 + random() / 2)
  }

  async #copy(ends: AbortController): Promise<void> {
    const { target, clock } = this.#parts
    const pulse = new Pulse(target.patienceMilliseconds, clock, () => ends.abort(new CopyError('timed-out')))
    const longest = clock.after(LONGEST_ROUND_MILLISECONDS, () => ends.abort(new CopyError('too-slow')))
    try {
      // A disk of the network that hangs does not even let go of who reads it.
      await unlessAborted(ends.signal, this.#converse({ signal: ends.signal, moved: () => pulse.moved() }))
    } catch (error) {
      throw ends.signal.aborted ? ends.signal.reason : error
    } finally {
      pulse.end()
      longest.cancel()
    }
  }

  async #converse(watch: Watch): Promise<void> {
    const { target, index, originals, rotation, ledger, clock, log } = this.#parts
    const { place } = target
    const session = await target.open(watch)
    try {
      await copyAll({
        session, originals: originals(), rotation, proven: ledger.proven(place),
        now: clock.now(), stale: clock.now() - PROOF_MILLISECONDS,
        prove: (name, { bytes, sha256 }) => {
          watch.signal.throwIfAborted()
          ledger.prove(place, name, { at: clock.now(), bytes, sha256 })
          log.info('backup.copied', { index, count: bytes })
          if (!this.state.isOverdue) this.#operators.well(`${this.#where} has a proven copy again that is new enough.`)
        },
        forget: (names) => ledger.forget(place, names),
        damaged: (names) => {
          ledger.forget(place, names)
          log.warn('backup.copy-damaged', { index, count: names.length })
        },
      })
    } finally {
      session.close()
    }
  }

  #watch(milliseconds: number): void {
    this.#alarm = this.#parts.clock.after(milliseconds, () => {
      const { target: { place }, index, alarmAfter, ledger, clock, log } = this.#parts
      ledger.amend(place, clock.now())
      const age = this.#age
      const { isOverdue, failure } = this.state
      if (isOverdue) {
        const condition = failure?.condition ?? 'none'
        log.error('backup.copy-overdue', { index, milliseconds: age, condition })
        this.#operators.ring(`${this.#where} has had no new proven copy for ${Math.floor(age / (60 * MINUTE))} hours (${condition}). On the server, sotto backup list tells more.`)
      }
      this.#watch(isOverdue ? alarmAfter : Math.min(alarmAfter, alarmAfter - age))
    })
  }
}

/** Calls when nothing has moved for too long, without a timer for each byte, and whatever the clock shows meanwhile. */
class Pulse {
  readonly #tick: number
  readonly #clock: Clock
  readonly #dead: () => void
  #silent = 0
  #timer: Timer

  constructor(patience: number, clock: Clock, dead: () => void) {
    this.#tick = patience / PULSE_TICKS
    this.#clock = clock
    this.#dead = dead
    this.#timer = this.#listen()
  }

  moved(): void {
    this.#silent = 0
  }

  end(): void {
    this.#timer.cancel()
  }

  #listen(): Timer {
    return this.#clock.after(this.#tick, () => {
      if (++this.#silent >= PULSE_TICKS) this.#dead()
      else this.#timer = this.#listen()
    })
  }
}

/** A constant of ours, of SSH, or the system's code; never what the place said. */
function conditionOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  if ('condition' in error && typeof error.condition === 'string') return error.condition
  if (!('code' in error)) return error.name
  return typeof error.code === 'number' ? `sftp-${error.code}` : String(error.code)
}
