import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Failure, say } from './failure.mjs'
import { ROOT } from './place.mjs'

const PROGRAM = join(ROOT, 'dist', 'test', 'tornet', 'main.js')
const VARIABLE = 'SOTTO_TORNET'

/** Whether one of these tests speaks over Tor: such a one names the variable by which it finds the private network. */
export function wantsTornet(files) {
  return existsSync(PROGRAM) && process.env[VARIABLE] === undefined
    && files.some((file) => readFileSync(join(ROOT, file), 'utf8').includes(VARIABLE))
}

/**
 * Starts the private Tor network of this run: it takes its twenty seconds once, not once a test. It is up when it
 * writes `SOTTO_TORNET=` and its folder, and ends with its stdin, however we end.
 */
export async function startTornet() {
  say('starting a private Tor network for the tests')
  const child = spawn(process.execPath, [PROGRAM], { cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = new Promise((resolve) => child.once('close', resolve))
  const folder = await Promise.race([closed.then(() => undefined), readFolder(child.stdout)])
  if (folder === undefined) throw new Failure('The private Tor network did not start.', 'Run `npm run tornet` to see why.')
  child.stdout.resume()
  return {
    env: { [VARIABLE]: folder },
    stop: () => {
      child.stdin.end()
      child.kill('SIGTERM')
      return closed
    },
  }
}

async function readFolder(stdout) {
  for await (const line of createInterface({ input: stdout })) {
    if (line.startsWith(`${VARIABLE}=`)) return line.slice(VARIABLE.length + 1)
  }
  return undefined
}
