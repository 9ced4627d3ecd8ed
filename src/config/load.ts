import { readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { parse, TomlError } from 'smol-toml'
import { ConfigError, type Complaint, type Problem } from './config-error.ts'
import { contradictions } from './contradictions.ts'
import { KeyLines } from './key-lines.ts'
import { LONGEST_RUNTIME_DIRECTORY, standardRuntimeDirectory } from './runtime-directory.ts'
import type { Config } from './schema.ts'
import { shape } from './shape.ts'

/**
 * Reads a configuration file, or takes the defaults where there is none, and checks it as a whole.
 *
 * Relative paths of the file are resolved against the file's folder, those of the defaults against `cwd`. The
 * result is frozen, its paths are absolute, and `keys.file` is '' where the storage key follows from a passphrase.
 * Nothing is created, so a check leaves no trace.
 *
 * @param now milliseconds since the epoch, against which certificates are judged
 * @throws ConfigError with all problems at once
 */
export function loadConfig(file: string | undefined, { cwd, now = Date.now() }: LoadOptions): Config {
  const path = file === undefined ? undefined : resolve(cwd, file)
  const told = path === undefined ? undefined : shorter(cwd, path)
  const text = path === undefined ? '' : readText(path, told)
  const lines = new KeyLines(text)
  const problems = (complaints: readonly Complaint[]): Problem[] => complaints
    .map((complaint) => ({ file: told ?? DEFAULTS, line: lines.of(complaint.key), ...complaint }))
    .sort((one, other) => (one.line ?? 0) - (other.line ?? 0))

  const { config: given, complaints } = shape(readToml(text, told))
  if (given === undefined) throw new ConfigError(problems(complaints))
  const config = withPaths(given, path === undefined ? cwd : dirname(path))
  // What stands in for a wrong value is not blamed a second time.
  const wrong = complaints.map(({ key }) => key)
  const further = [...tooLongRuntimeDirectory(config), ...contradictions(config, now)]
    .filter(({ key }) => !wrong.some((one) => key === one || key.startsWith(`${one}.`) || key.startsWith(`${one}[`)))
  if (complaints.length + further.length > 0) throw new ConfigError(problems([...complaints, ...further]))
  return frozen(config)
}

/** What a configuration says, its paths against a folder, without a look at whether it fits this machine; undefined where it cannot be read at all. */
export function outlineOf(text: string, base: string): Config | undefined {
  try {
    const { config } = shape(parse(text))
    return config === undefined ? undefined : withPaths(config, base)
  } catch {
    return undefined
  }
}

export interface LoadOptions {
  readonly cwd: string
  readonly now?: number
}

/** In messages, where no file is read. */
const DEFAULTS = 'default configuration'

/** As the operator would write it: relative where that is shorter. */
function shorter(cwd: string, path: string): string {
  const near = relative(cwd, path)
  return near.length < path.length ? near : path
}

function readText(path: string, told: string | undefined): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    throw new ConfigError([{
      file: told, line: undefined, key: '', problem: `the file cannot be read (${code})`,
      remedy: 'Name a file that is there and that this user may read',
    }])
  }
}

function readToml(text: string, told: string | undefined): unknown {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const [problem = 'invalid TOML'] = error.message.split('\n')
    throw new ConfigError([{
      file: told, line: error.line, key: '', problem: problem.replace(/^Invalid TOML document: /, 'no valid TOML: '),
      remedy: `Look at column ${error.column} of that line; strings need quotes, and no key may stand twice`,
    }])
  }
}

function withPaths(given: Config, base: string): Config {
  const absolute = (path: string): string => path === '' ? '' : resolve(base, path)
  const data = resolve(base, given.files.data)
  const { keys } = given
  const keyByDefault = isByPassphrase(keys) ? '' : join(data, 'keys', 'storage.key')
  const { program } = given.tor
  return {
    ...given,
    files: { data, runtime: absolute(given.files.runtime) || standardRuntimeDirectory(data) },
    keys: { ...keys, file: absolute(keys.file) || keyByDefault, passphrase_file: absolute(keys.passphrase_file) },
    domains: given.domains.map((domain) => (
      { ...domain, certificate: absolute(domain.certificate), key: absolute(domain.key) })),
    components: given.components.map((component) => ({ ...component, secret_file: absolute(component.secret_file) })),
    web: { ...given.web, pages: absolute(given.web.pages) },
    metrics: { listen: given.metrics.listen !== undefined && 'path' in given.metrics.listen ? { path: absolute(given.metrics.listen.path) } : given.metrics.listen },
    backup: {
      ...given.backup,
      identity: absolute(given.backup.identity),
      directory: absolute(given.backup.directory) || join(data, 'backups'),
      copies: given.backup.copies.map((copy) => ({
        ...copy,
        path: copy.kind === 'directory' ? absolute(copy.path) : copy.path,
        key_file: absolute(copy.key_file),
        secret_key_file: absolute(copy.secret_key_file),
        command: copy.command.map((word, index) => index === 0 && word.includes('/') ? resolve(base, word) : word),
      })),
    },
    s2s: { ...given.s2s, authorities: absolute(given.s2s.authorities) },
    tor: {
      ...given.tor,
      // A bare name is looked up in PATH.
      program: program.includes('/') ? resolve(base, program) : program,
      torrc: absolute(given.tor.torrc),
      // "host:port", or the path of a socket.
      control: /^[^/]*:\d+$/.test(given.tor.control) ? given.tor.control : absolute(given.tor.control),
    },
  }
}

function isByPassphrase(keys: Config['keys']): boolean {
  return keys.passphrase_file !== '' || keys.passphrase_credential !== '' || keys.passphrase_prompt
}

function tooLongRuntimeDirectory({ files }: Config): Complaint[] {
  if (Buffer.byteLength(files.runtime) <= LONGEST_RUNTIME_DIRECTORY) return []
  return [{
    key: 'files.runtime',
    problem: `the path of the runtime directory is longer than ${LONGEST_RUNTIME_DIRECTORY} bytes, `
      + 'and the name of a unix socket in it ends at 108',
    remedy: 'Name a shorter path, e.g. "/run/sotto"',
  }]
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) frozen(inner)
    Object.freeze(value)
  }
  return value
}
