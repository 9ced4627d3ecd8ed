import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { writeWhole } from '../whole-file.ts'

const entry = z.strictObject({
  /** When the place was first named, in milliseconds since the epoch. */
  since: z.int(),
  /** The backups that were read back there and were as their receipts say: when, and what that is. */
  proven: z.record(z.string(), z.strictObject({ at: z.int(), bytes: z.int(), sha256: z.string() })),
  /** Why the last round failed; undefined where it did not. */
  failure: z.strictObject({ condition: z.string(), at: z.int() }).optional(),
})

const ledger = z.record(z.string(), entry)

/** That a copy was read back, all of it, and was as its receipt says. */
export type CopyProof = z.infer<typeof entry>['proven'][string]
export type CopyFailure = NonNullable<z.infer<typeof entry>['failure']>

/** What is known of the copies in each place. It outlives the process; where it is lost, all of it is proven once more. */
export class CopyLedger {
  readonly #file: string
  readonly #entries: Map<string, z.infer<typeof entry>>

  private constructor(file: string, entries: Map<string, z.infer<typeof entry>>) {
    this.#file = file
    this.#entries = entries
  }

  static read(file: string): CopyLedger {
    try {
      return new CopyLedger(file, new Map(Object.entries(ledger.parse(JSON.parse(readFileSync(file, 'utf8'))))))
    } catch {
      return new CopyLedger(file, new Map())
    }
  }

  /** Keeps what is known of these places, and forgets the others. @throws as node:fs does */
  keep(places: readonly string[], now: number): void {
    for (const place of this.#entries.keys()) if (!places.includes(place)) this.#entries.delete(place)
    for (const place of places) {
      if (!this.#entries.has(place)) this.#entries.set(place, { since: now, proven: {} })
      this.amend(place, now)
    }
    this.#write()
  }

  /** A clock that was set back does not put the alarm off until it comes there again. */
  amend(place: string, now: number): void {
    const entry = this.#entries.get(place)
    if (entry !== undefined && entry.since > now) this.#entries.set(place, { ...entry, since: now })
  }

  get places(): readonly string[] {
    return [...this.#entries.keys()]
  }

  since(place: string): number | undefined {
    return this.#entries.get(place)?.since
  }

  /** By the names of the backups. */
  proven(place: string): ReadonlyMap<string, CopyProof> {
    return new Map(Object.entries(this.#entries.get(place)?.proven ?? {}))
  }

  failure(place: string): CopyFailure | undefined {
    return this.#entries.get(place)?.failure
  }

  /** @throws as node:fs does */
  prove(place: string, name: string, proof: CopyProof): void {
    this.#change(place, (one) => ({ ...one, proven: { ...one.proven, [name]: proof } }))
  }

  /** @throws as node:fs does */
  forget(place: string, names: readonly string[]): void {
    const { proven = {} } = this.#entries.get(place) ?? {}
    if (!names.some((name) => Object.hasOwn(proven, name))) return
    const rest = Object.fromEntries(Object.entries(proven).filter(([name]) => !names.includes(name)))
    this.#change(place, (one) => ({ ...one, proven: rest }))
  }

  /** @throws as node:fs does */
  end(place: string, failure: CopyFailure | undefined): void {
    this.#change(place, ({ since, proven }) => ({ since, proven, ...failure === undefined ? {} : { failure } }))
  }

  #change(place: string, change: (one: z.infer<typeof entry>) => z.infer<typeof entry>): void {
    const one = this.#entries.get(place)
    if (one === undefined) return
    this.#entries.set(place, change(one))
    this.#write()
  }

  #write(): void {
    writeWhole(this.#file, `${JSON.stringify(Object.fromEntries(this.#entries), undefined, 1)}\n`)
  }
}
