import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Config } from '../config/schema.ts'

/** A file that a backup holds beside the database. */
export interface ContentFile {
  /** In the archive. */
  readonly path: string
  readonly file: string
  /** Where it is, if it is outside of the data directory. */
  readonly outside?: string
}

/** What of the data directory is kept: keys, onion keys, certificates. tor's own state makes itself anew. */
const FOLDERS = ['keys', 'onion', 'certificates'] as const

/**
 * What is needed beside the database to be the same server elsewhere: keys and certificates, those outside of the data
 * directory as well, and the configuration file, where there is one.
 */
export function contentOf(config: Config, configFile: string | undefined): readonly ContentFile[] {
  const { data } = config.files
  const inside = FOLDERS.flatMap((folder) => filesUnder(join(data, folder)))
    .map((file): ContentFile => ({ path: join('data', relative(data, file)), file }))
  const named = [
    config.keys.file, ...config.domains.flatMap(({ certificate, key }) => [certificate, key]), config.s2s.authorities, config.tor.torrc,
    ...config.backup.copies.flatMap(({ key_file, secret_key_file }) => [key_file, secret_key_file]),
  ]
  const outside = [...new Set(named)].filter((file) => file !== '' && existsSync(file) && !inside.some((one) => one.file === file))
    .map((file, index): ContentFile => ({ path: `outside/${index}`, file, outside: file }))
  const configuration = configFile === undefined ? [] : [{ path: 'sotto.toml', file: configFile }]
  return [...configuration, ...inside, ...outside]
}

function filesUnder(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile() && !file.endsWith('.new')).sort()
}
