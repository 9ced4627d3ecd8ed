import { createHash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import type { CopyProof } from './copy-ledger.ts'
import { archiveOf, CopyError, type CopyFile, type CopySession, type CopySource } from './copy-target.ts'
import { fileDigest } from './manifest.ts'
import type { Receipt } from './receipt.ts'
import { expired, inOrder, madeAt, RECEIPT, type Rotation } from './vault.ts'

/** A backup of this machine, with the receipt by which its copies are judged. */
export interface Original {
  readonly name: string
  readonly file: string
  readonly receiptFile: string
  readonly receipt: Receipt
}

/** What a round needs to know, and whom it tells. */
export interface Round {
  readonly session: CopySession
  readonly originals: readonly Original[]
  readonly rotation: Rotation
  /** What was proven there before, by name. */
  readonly proven: ReadonlyMap<string, CopyProof>
  readonly now: number
  /** Proofs from before that time are too old to be believed, and those of the future, too. */
  readonly stale: number
  /** This one was read back just now, and is as its receipt says. */
  readonly prove: (name: string, content: { readonly bytes: number, readonly sha256: string }) => void
  /** These are there no longer. */
  readonly forget: (names: readonly string[]) => void
  /** These were proven, and somebody else than we removed or changed them. */
  readonly damaged: (names: readonly string[]) => void
}

/**
 * Makes a place hold what is to be kept, the newest first, each read back and compared with its receipt; then takes away
 * there what no rule keeps, and what an earlier round left unfinished. @throws CopyError, or as the place's session does
 */
export async function copyAll(round: Round): Promise<void> {
  const { session, originals, now, proven, forget, damaged } = round
  const files = new Map((await session.list()).map((file) => [file.name, file]))
  const lost = [...proven].filter(([name, { bytes }]) => !hasSize(files.get(name), bytes)).map(([name]) => name)
  if (lost.length > 0) damaged(lost)
  const standing = new Set([...proven.keys()].filter((name) => !lost.includes(name)))
  const wanted = keptOf([...new Set([...originals.map(({ name }) => name), ...archivesAmong(files)])], round)
  for (const original of lastFirst(originals, now)) {
    // The rotation here goes on while a slow place is served.
    if (wanted.has(original.name) && existsSync(original.file)) await copyOne(round, original, files, standing.has(original.name))
  }
  await proveAgain(round, standing)
  // Only now, when all that is to be kept is there: until then an old one may be the last.
  for (const { name } of files.values()) {
    const archive = archiveOf(name)
    if (archive !== undefined && wanted.has(archive) && (name === archive || name === `${archive}${RECEIPT}`)) continue
    await session.remove(name)
    forget([name])
  }
}

async function copyOne({ session, prove }: Round, original: Original, files: ReadonlyMap<string, CopyFile>, isProven: boolean): Promise<void> {
  const { name, file, receiptFile, receipt: { bytes, sha256 } } = original
  const archive = { name, source: { file, bytes, sha256 } }
  const receipt = { name: `${name}${RECEIPT}`, source: { file: receiptFile, bytes: statSync(receiptFile).size, sha256: await fileDigest(receiptFile) } }
  const isThere = [archive, receipt].every((each) => hasSize(files.get(each.name), each.source.bytes))
  if (isThere && isProven) return
  // The receipt comes first: where the archive is, there is its receipt.
  for (const each of [receipt, archive]) {
    if (hasSize(files.get(each.name), each.source.bytes) && await isAsItWas(session, each.name, each.source)) continue
    await session.put(each.source, each.name)
    if (!await isAsItWas(session, each.name, each.source)) throw new CopyError('read-back-differs')
  }
  prove(name, original.receipt)
}

/** Disks rot, and a name and a size do not show it: the proof that is the oldest is made again, if it is old. */
async function proveAgain({ session, proven, now, stale, prove, damaged }: Round, standing: ReadonlySet<string>): Promise<void> {
  const [oldest] = [...proven].filter(([name, { at }]) => standing.has(name) && (at < stale || at > now)).sort(([, one], [, other]) => one.at - other.at)
  if (oldest === undefined) return
  const [name, proof] = oldest
  if (await isAsItWas(session, name, proof)) prove(name, proof)
  else damaged([name])
}

/** Where a place tells no sizes, what was proven is taken for as it was. */
function hasSize(file: CopyFile | undefined, bytes: number): boolean {
  return file !== undefined && (file.bytes ?? bytes) === bytes
}

/** Reads all of it back: the one proof that needs no trust in whoever keeps it. */
async function isAsItWas(session: CopySession, name: string, { bytes, sha256 }: Pick<CopySource, 'bytes' | 'sha256'>): Promise<boolean> {
  const hash = createHash('sha256')
  let count = 0
  for await (const chunk of session.get(name)) {
    count += chunk.length
    if (count > bytes) return false
    hash.update(chunk)
  }
  return count === bytes && hash.digest('hex') === sha256
}

function archivesAmong(files: ReadonlyMap<string, CopyFile>): string[] {
  return [...files.keys()].filter((name) => archiveOf(name) === name)
}

/** What the rotation keeps of all, and the newest of ours in any case: what lies there may be called as somebody liked. */
function keptOf(names: readonly string[], { originals, rotation, now }: Round): ReadonlySet<string> {
  const all = names.flatMap((name) => {
    const made = madeAt(name)
    return made === undefined ? [] : [{ name, made }]
  })
  const gone = new Set(expired(all, rotation, now).map(({ name }) => name))
  const newest = lastFirst(originals, now).at(0)
  return new Set([...all.map(({ name }) => name).filter((name) => !gone.has(name)), ...newest === undefined ? [] : [newest.name]])
}

function lastFirst(originals: readonly Original[], now: number): readonly Original[] {
  return inOrder(originals.map((original) => ({ original, made: original.receipt.made })), now).map(({ original }) => original).reverse()
}
