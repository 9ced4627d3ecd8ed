import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { Failure, lastLines, say } from './failure.mjs'
import { ROOT, WORKSHOP } from './place.mjs'

const PROGRAM = join(ROOT, 'dist', 'test', 'tornet', 'main.js')
/** Names the folder of a running private Tor network. */
const VARIABLE = 'SOTTO_TORNET'
/** Ten times what it takes. */
const LONGEST_START_MILLISECONDS = 240_000
/** Always the same one: a network that a killed run left there ends when the next one starts. */
const FOLDER = join(WORKSHOP, 'tornet')

/** Whether one of these tests speaks over Tor and nobody provides the network yet: it, or what it imports, names the variable. */
export function wantsTornet(files) {
  if (!existsSync(PROGRAM) || process.env[VARIABLE] !== undefined) return false
  const seen = new Set()
  const names = (file) => {
    if (seen.has(file) || !existsSync(join(ROOT, file))) return false
    seen.add(file)
    const text = readFileSync(join(ROOT, file), 'utf8')
    return text.includes(VARIABLE) || [...text.matchAll(/ from '(\.[^']+)'/g)].some(([, path]) => names(normalize(join(dirname(file), path))))
  }
  return files.some(names)
}

/** Starts the private Tor network of this run: its twenty seconds are waited for once, not once a test. */
export async function startTornet() {
  say('starting a private Tor network for the tests')
  const child = spawn(process.execPath, [PROGRAM, 'start', FOLDER], { cwd: ROOT, stdio: ['pipe', 'pipe', 'pipe'] }) // it ends when its stdin does: with us, however we end
  const closed = new Promise((resolve) => child.once('close', resolve))
  let output = ''
  const deadline = setTimeout(() => child.kill('SIGKILL'), LONGEST_START_MILLISECONDS)
  const ready = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
        if (/^SOTTO_TORNET=/m.test(output)) resolve(true)
      })
    }
  })
  const stop = () => {
    child.kill('SIGTERM')
    return closed
  }
  const started = await Promise.race([ready, closed.then(() => false)])
  clearTimeout(deadline)
  if (started) return { env: { [VARIABLE]: FOLDER }, stop }
  throw new Failure('The private Tor network did not start.', 'See it alone: npm run tornet', lastLines(output))
}
