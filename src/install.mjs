// The first half of `npm start` and `npm test`: it makes a fresh clone run, then runs it. Plain Node without a
// dependency, for there is none yet; not TypeScript, for nothing is built yet. It is not a `pre` script of npm, as
// those are skipped where a user's npm ignores scripts.
import { pathToFileURL } from 'node:url'
import { join } from 'node:path'
import { resumeApt } from './install/apt.mjs'
import { build } from './install/build.mjs'
import { Failure } from './install/failure.mjs'
import { lock } from './install/lock.mjs'
import { requireNode } from './install/node.mjs'
import { installPackages } from './install/packages.mjs'
import { ROOT, WORKSHOP } from './install/place.mjs'
import { SUITES } from './install/suites.mjs'
import { runTests } from './install/tests.mjs'
import { installTor } from './install/tor.mjs'

/** What each script of package.json runs once everything is there. */
const TASKS = {
  packages: async () => {},
  build: async () => {},
  start: (args) => program('dist/src/main.js', args),
  demo: (args) => program('dist/test/demo/main.js', args),
  tornet: (args) => program('dist/test/tornet/main.js', args.length > 0 ? args : ['start', join(WORKSHOP, 'tornet-by-hand')]),
  ...Object.fromEntries(Object.keys(SUITES).map((suite) => [suite, (args) => runTests(suite, args)])),
}

const [task = 'start', ...args] = process.argv.slice(2)
try {
  requireNode()
  const run = Object.hasOwn(TASKS, task) ? TASKS[task] : undefined
  if (run === undefined) throw new Failure(`There is no task "${task}".`, `One of: ${Object.keys(TASKS).join(' ')}`)
  await install()
  await run(args)
} catch (error) {
  if (!(error instanceof Failure)) throw error
  process.stderr.write(`${error.text()}\n`)
  process.exitCode ||= 1 // a signal has set it already
}

async function install() {
  const release = await lock()
  try {
    await resumeApt()
    const withTor = task !== 'packages' && task !== 'build'
    await installPackages(withTor)
    if (withTor) await installTor()
    if (task !== 'packages') await build()
  } finally {
    release()
  }
}

/** Runs a built program in this process, so that a signal to us is a signal to it. */
async function program(file, args) {
  const path = join(ROOT, file)
  process.argv.splice(1, Infinity, path, ...args)
  await import(pathToFileURL(path).href)
}
