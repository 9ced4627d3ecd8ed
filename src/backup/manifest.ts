import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { z } from 'zod'
import type { DatabaseDigest } from '../store/digest.ts'

/** The name of the manifest in an archive; it is the first file of it. */
export const MANIFEST = 'manifest.json'
/** The names of the database and of the configuration file in an archive. */
export const DATABASE = 'sotto.db'
export const CONFIGURATION = 'sotto.toml'

const hexadecimal = z.string().regex(/^[0-9a-f]{64}$/)

const manifest = z.strictObject({
  format: z.literal(1),
  /** Milliseconds since the epoch. */
  made: z.int().nonnegative(),
  database: z.strictObject({ schema: hexadecimal, tables: z.record(z.string(), z.strictObject({ rows: z.int().nonnegative(), digest: hexadecimal })) }),
  files: z.array(z.strictObject({
    path: z.string().min(1).max(1024),
    sha256: hexadecimal,
    /** Of files outside of the data directory: where they were. */
    outside: z.string().optional(),
  })).max(10_000),
  /** The folder of the configuration file, against which its paths were meant; undefined in those of before 2026-11-26. */
  home: z.string().optional(),
})

/** What an archive holds, and by which its parts are compared after a restore. */
export type Manifest = Readonly<z.infer<typeof manifest>> & { readonly database: DatabaseDigest }

/** Undefined where the text is no manifest of a format that is known here. */
export function readManifest(text: string): Manifest | undefined {
  try {
    return manifest.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

/** SHA-256, hexadecimal. @throws as node:fs does */
export async function fileDigest(file: string, count: (bytes: number) => void = () => {}): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) {
    hash.update(chunk as Buffer)
    count((chunk as Buffer).length)
  }
  return hash.digest('hex')
}
