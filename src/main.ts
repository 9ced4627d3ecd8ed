#!/usr/bin/env node
/** The program `sotto`: its surroundings, its signals and how it ends. What it can be told: operate/command-line.ts. */
import { basename, relative } from 'node:path'
import type { Surroundings } from './auth/passphrase.ts'
import { systemClock } from './clock.ts'
import type { Config } from './config/schema.ts'
import { createLog } from './log.ts'
import { commandLine } from './operate/command-line.ts'
import { Console } from './operate/console.ts'
import { ControlClient, type Operator } from './operate/control-client.ts'
import { controlPath } from './operate/control-protocol.ts'
import { EXIT_CODES } from './operate/exit-code.ts'
import { failureOf } from './operate/failure.ts'
import { askPassphrase } from './operate/password-prompt.ts'

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

const keyboard = { input: process.stdin, questions: process.stderr }
const surroundings: Surroundings = {
  environment: process.env,
  askPassphrase: (isNew) => askPassphrase(keyboard, isNew),
}

// Whoever read our output may leave; that is no reason to stop serving.
for (const output of [process.stdout, process.stderr]) output.on('error', () => {})

try {
  await commandLine({
    cwd: process.cwd(),
    environment: process.env,
    keyboard,
    output: process.stdout,
    start, operator,
  }).parseAsync(process.argv)
} catch (error) {
  end(error)
}

/** Serves until a signal comes; a second one ends the process at once, whatever still is to be done. */
async function start(config: Config, file: string | undefined): Promise<void> {
  process.on('uncaughtException', (error) => end(error, config))
  const signalled = new Promise<undefined>((resolve) => {
    const received = (): void => {
      for (const signal of SIGNALS) process.off(signal, received).on(signal, () => process.exit(EXIT_CODES.failed.code))
      resolve(undefined)
    }
    for (const signal of SIGNALS) process.on(signal, received)
  })
  const { startServer } = await import('./server.ts')
  const console = new Console(process.stdout, systemClock, `${thisProgram(file)} account add NAME`)
  try {
    // Where the signal comes first nobody is served yet, so nobody needs a farewell.
    const server = await Promise.race([startServer(config, console, { lenient: file === undefined, configFile: file, surroundings }), signalled])
    await signalled
    console.stopping()
    await server?.stop()
  } catch (error) {
    end(error, config)
  }
  process.exit(EXIT_CODES.done.code)
}

async function operator(config: Config, file: string | undefined): Promise<Operator> {
  const client = await ControlClient.connect(controlPath(config))
  if (client !== undefined) return client
  // Loaded where it is needed: it is most of the program, and a question to the running server needs none of it.
  const { openOffline } = await import('./server.ts')
  return openOffline(config, { configFile: file, surroundings })
}

/** Says what went wrong, once, and ends the process. */
function end(error: unknown, config?: Config): never {
  const { exit, message } = failureOf(error, config)
  const settings = config?.log ?? { level: 'error', roster: false }
  if (exit === 'software') createLog(settings).error('process.failed', {}, error)
  if (message !== undefined) process.stderr.write(`${message}\n`)
  process.exit(EXIT_CODES[exit].code)
}

/** How the operator runs this program here, as a command to be typed. */
function thisProgram(file: string | undefined): string {
  const path = process.argv[1] ?? 'sotto'
  const program = basename(path) === 'sotto' ? 'sotto' : `node ${relative(process.cwd(), path)}`
  return file === undefined ? program : `${program} --config ${file}`
}
