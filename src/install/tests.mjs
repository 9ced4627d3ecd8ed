import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Failure, say } from './failure.mjs'
import { ROOT } from './place.mjs'
import { SUITES, filesOf, roomOf } from './suites.mjs'
import { startTornet, wantsTornet } from './tornet.mjs'

const RESULTS = join(ROOT, 'test-results')
const UPDATE = '--update'
const TALLY = fileURLToPath(new URL('tally.mjs', import.meta.url))

/**
 * Runs a suite's built tests and prints what each room's took. Arguments that open with -- go to `node --test`, any
 * other selects the files whose path has it; --update lets tests rewrite the pages that follow from the code. On a build
 * machine (`CI`) a skipped test is a failed one.
 */
export async function runTests(suite, args) {
  const { title, concurrency, deadlineSeconds, setup } = SUITES[suite]
  const options = args.filter((arg) => arg.startsWith('--') && arg !== UPDATE)
  const files = filesOf(suite, args.filter((arg) => !arg.startsWith('--')))
  if (files.length === 0) throw new Failure('There is no such test.', `The ${title} tests are: ${filesOf(suite).join(' ')}`)
  if (setup !== undefined) await prepare(title, setup)
  const tornet = wantsTornet(files) ? await startTornet() : undefined
  const results = join(RESULTS, `${title}.json`)
  mkdirSync(RESULTS, { recursive: true })
  rmSync(results, { force: true })
  const begun = performance.now()
  try {
    process.exitCode = await see(process.execPath, ['--test', `--test-concurrency=${concurrency}`, `--test-timeout=${deadlineSeconds * 1000}`,
      '--test-reporter=spec', '--test-reporter-destination=stdout', `--test-reporter=${TALLY}`, `--test-reporter-destination=${results}`,
      ...options, ...files.map((file) => join('dist', file.replace(/\.ts$/, '.js')))],
    { ...tornet?.env, ...(args.includes(UPDATE) ? { SOTTO_UPDATE: '1' } : {}) })
  } finally {
    await tornet?.stop()
  }
  if (existsSync(results)) report(title, JSON.parse(readFileSync(results, 'utf8')), (performance.now() - begun) / 1000)
}

/** Installs what a suite needs. Without it tests may skip or pass for want of what they look at. @throws Failure where it fails */
async function prepare(title, setup) {
  const code = await see('bash', [join(ROOT, setup)])
  if (code !== 0) throw new Failure(`The ${title} tests did not run: ${setup} ended with ${code}.`, 'What it needs stands above.')
}

/** Runs a program that shows what it does, and answers its exit code. What would end us ends it first. */
async function see(program, args, env = {}) {
  const child = spawn(program, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env } })
  const stop = (signal) => child.kill(signal)
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop)
  const [code] = await new Promise((resolve, reject) => child.once('error', reject).once('close', (...ending) => resolve(ending)))
  for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, stop)
  return code ?? 1
}

/** @param tally what tally.mjs counted, by file */
function report(title, tally, seconds) {
  const rooms = new Map()
  for (const [file, counted] of Object.entries(tally.files)) {
    const room = title === 'unit' ? roomOf(file) : file
    const sum = rooms.get(room) ?? { passed: 0, failed: 0, skipped: 0, milliseconds: 0 }
    rooms.set(room, Object.fromEntries(Object.keys(sum).map((key) => [key, sum[key] + counted[key]])))
  }
  const total = (key) => [...rooms.values()].reduce((sum, room) => sum + room[key], 0)
  const row = (name, ...cells) => say(`${name.padEnd(32)}${cells.map((cell) => String(cell).padStart(9)).join('')}`)
  row(`${title} tests`, 'passed', 'failed', 'skipped', 'seconds')
  for (const [room, { passed, failed, skipped, milliseconds }] of rooms) row(room, passed, failed, skipped, (milliseconds / 1000).toFixed(1))
  if (total('failed') > 0) process.exitCode = process.exitCode || 1
  if (total('skipped') > 0 && process.env.CI) {
    for (const name of tally.skipped) say(`skipped, which is a failure here: ${name}`)
    process.exitCode = process.exitCode || 1
  }
  say(`${title}: ${total('passed')} passed, ${total('failed')} failed, ${total('skipped')} skipped, ${Math.round(seconds)} s`)
}
