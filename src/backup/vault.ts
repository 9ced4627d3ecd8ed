import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** One backup that lies in the folder. */
export interface Kept {
  /** Its file's name. */
  readonly name: string
  /** Milliseconds since the epoch; from its name. */
  readonly made: number
  readonly bytes: number
}

/** How many are kept: the last ones, and of earlier days and weeks (of UTC, from Monday) the last one each. */
export interface Rotation {
  readonly hourly: number
  readonly daily: number
  readonly weekly: number
}

const NAME = /^sotto-(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)Z\.age$/
/** What a receipt's name has more than that of its backup. */
export const RECEIPT = '.json'
/** The same of what is being written. */
export const UNFINISHED = '.partial'
const SECOND = 1000
const DAY = 86_400_000

/** The folder of finished backups: `sotto-2026-11-26T04-00-00Z.age` and its receipt beside it, `….age.json`. */
export class Vault {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  /** Makes the folder, and takes away what an earlier life left unfinished. @throws as node:fs does */
  open(): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 })
    this.clear()
  }

  /** Takes away what is no finished backup: drafts, snapshots, receipts of nothing. @throws as node:fs does */
  clear(): void {
    const names = readdirSync(this.folder)
    for (const name of names) {
      const archive = name.endsWith(RECEIPT) ? name.slice(0, -RECEIPT.length) : undefined
      const unfinished = [UNFINISHED, `${RECEIPT}.new`].some((ending) => name.endsWith(ending)) || name.startsWith('proof-') || name.startsWith('snapshot-')
        || (archive !== undefined && madeAt(archive) !== undefined && !names.includes(archive))
      if (unfinished) rmSync(join(this.folder, name), { recursive: true, force: true })
    }
  }

  /** The oldest first. */
  all(): readonly Kept[] {
    if (!existsSync(this.folder)) return []
    return readdirSync(this.folder).flatMap((name) => {
      const made = madeAt(name)
      return made === undefined ? [] : [{ name, made, bytes: statSync(this.path(name)).size }]
    }).sort((one, other) => one.made - other.made)
  }

  /** The one that was made last, as far as the clock tells: those of the future only where there is no other. */
  last(now: number): Kept | undefined {
    return inOrder(this.all(), now).at(-1)
  }

  /**
   * A name for one that is made now, and where it is written until it is proven. Names are of a second, and a clock that
   * was set back comes to the same one again: then it is the next one that is free.
   */
  place(now: number): { readonly made: number, readonly name: string, readonly draft: string } {
    for (let made = now; ; made += SECOND) {
      const name = `sotto-${new Date(made).toISOString().slice(0, 19).replaceAll(':', '-')}Z.age`
      if (!existsSync(this.path(name))) return { made, name, draft: this.path(`${name}${UNFINISHED}`) }
    }
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  receiptPath(name: string): string {
    return this.path(`${name}${RECEIPT}`)
  }

  /** From now on it counts; even through a power cut there is all of it or nothing. @throws as node:fs does */
  keep(name: string, draft: string): void {
    renameSync(draft, this.path(name))
    const directory = openSync(this.folder, 'r')
    try {
      fsyncSync(directory)
    } finally {
      closeSync(directory)
    }
  }

  /** Takes away those that are not to be kept any longer; `now` is when the last one was made. */
  rotate(rotation: Rotation, now: number): void {
    for (const { name } of expired(this.all(), rotation, now)) {
      rmSync(this.path(name), { force: true })
      rmSync(this.receiptPath(name), { force: true })
    }
  }
}

/** Undefined for what is no backup of ours. */
export function madeAt(name: string): number | undefined {
  const [, day, hour, minute, second] = NAME.exec(name) ?? []
  const made = Date.parse(`${day}T${hour}:${minute}:${second}Z`)
  return Number.isNaN(made) ? undefined : made
}

/**
 * Those that no rule keeps. The newest is always kept.
 *
 * A clock that was set back leaves backups behind that are of the future now. Whether it was wrong then or is now nobody
 * can tell, so they count apart from the others: they are not in the way of the one that was just made, nor it in theirs.
 */
export function expired<Each extends Pick<Kept, 'made'>>(all: readonly Each[], rotation: Rotation, now: number): readonly Each[] {
  return [all.filter(({ made }) => made <= now), all.filter(({ made }) => made > now)].flatMap((some) => expiredOf(some, rotation))
}

/** The oldest first, and before all others those of the future: what was made just now comes last. */
export function inOrder<Each extends Pick<Kept, 'made'>>(all: readonly Each[], now: number): readonly Each[] {
  return all.toSorted((one, other) => Number(other.made > now) - Number(one.made > now) || one.made - other.made)
}

function expiredOf<Each extends Pick<Kept, 'made'>>(all: readonly Each[], { hourly, daily, weekly }: Rotation): readonly Each[] {
  const newestFirst = all.toSorted((one, other) => other.made - one.made)
  const kept = new Set(newestFirst.slice(0, Math.max(1, hourly)))
  for (const [most, period] of [[daily, dayOf], [weekly, weekOf]] as const) {
    const periods = new Set<number>()
    for (const each of newestFirst) {
      const its = period(each.made)
      if (periods.has(its) || periods.size >= most) continue
      periods.add(its)
      kept.add(each)
    }
  }
  return all.filter((each) => !kept.has(each))
}

function dayOf(time: number): number {
  return Math.floor(time / DAY)
}

/** The epoch was a Thursday. */
function weekOf(time: number): number {
  return Math.floor((time / DAY + 3) / 7)
}
