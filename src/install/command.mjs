import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { Failure, lastLines } from './failure.mjs'
import { ROOT } from './place.mjs'

const KEPT_CHARACTERS = 8192
const MARK = 'SOTTO_INSTALLS'
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }
/** Where Debian keeps programs such as tor, besides what a user's PATH names. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/**
 * Runs a program without input and without showing its output; answers what it said. It and its children carry a
 * mark in their environment, by which `endOrphans` knows them should we be killed.
 *
 * @throws Failure with the last lines of the output when it ends with anything but 0, or when a signal ends us
 */
export async function run(program, args, { cwd = ROOT, env = {}, marked = true, failure, remedy } = {}) {
  if (interrupted()) throw new Failure('Interrupted.')
  // The first signal lets us clean up; a second one, without a listener, ends us at once.
  const stop = Object.entries(SIGNALS).map(([signal, status]) => [signal, () => {
    process.exitCode = status
    child.kill(signal)
    if (marked) endOrphans()
  }])
  for (const [signal, listener] of stop) process.once(signal, listener)
  const child = spawn(program, args, {
    cwd, env: { ...process.env, ...(marked ? { [MARK]: ROOT } : {}), ...env }, stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const keep = (text) => { output = (output + text).slice(-KEPT_CHARACTERS) }
  child.stdout.setEncoding('utf8').on('data', keep)
  child.stderr.setEncoding('utf8').on('data', keep)
  const ending = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(signal ?? code))
  })
  for (const [signal, listener] of stop) process.off(signal, listener)
  if (interrupted()) throw new Failure('Interrupted.')
  if (ending === 0) return output
  const told = failure ?? `${[program, ...args].join(' ')} failed`
  throw new Failure(`${told} (${typeof ending === 'number' ? `exit code ${ending}` : ending}).`, remedy, lastLines(output))
}

/** Whether a signal came while a program ran. Nothing more is begun then, whoever catches the failure. */
export function interrupted() {
  return Object.values(SIGNALS).includes(process.exitCode)
}

/** The path of a program, looked up in PATH and in the system's folders; undefined where it is not installed. */
export function find(program) {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS]) {
    if (folder === '') continue
    const path = join(folder, program)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not here.
    }
  }
  return undefined
}

/** Ends what an installation into this checkout left running when it was killed. Only the holder of the lock may. */
export function endOrphans() {
  if (!existsSync('/proc')) return
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const environment = readFileSync(join('/proc', entry, 'environ'), 'utf8').split('\0')
      if (environment.includes(`${MARK}=${ROOT}`) && Number(entry) !== process.pid) process.kill(Number(entry), 'SIGKILL')
    } catch {
      // Ended meanwhile, or another user's.
    }
  }
}
