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
  const outside = [...new Set(namedFiles(config).values())].filter((file) => existsSync(file) && !inside.some((one) => one.file === file))
    .map((file, index): ContentFile => ({ path: `outside/${index}`, file, outside: file }))
  const configuration = configFile === undefined ? [] : [{ path: 'sotto.toml', file: configFile }]
  return [...configuration, ...inside, ...outside]
}

/** The files that a configuration names and a backup holds, by the key that names them. Neither the passphrase nor the key that opens backups is among them. */
export function namedFiles({ keys, domains, s2s, tor, backup }: Config): ReadonlyMap<string, string> {
  const named: readonly (readonly [key: string, file: string])[] = [
    ['keys.file', keys.file], ['s2s.authorities', s2s.authorities], ['tor.torrc', tor.torrc],
    ...domains.flatMap(({ name, certificate, key }) => [[`${name}.certificate`, certificate], [`${name}.key`, key]] as const),
    ...backup.copies.flatMap(({ key_file, secret_key_file }, index) => [[`copies[${index}].key_file`, key_file], [`copies[${index}].secret_key_file`, secret_key_file]] as const),
  ]
  return new Map(named.filter(([, file]) => file !== ''))
}

function filesUnder(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile() && !file.endsWith('.new')).sort()
}
