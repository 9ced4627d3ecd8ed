import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'

const SOURCES = new URL('../../src/', import.meta.url)
const recent = (await import(new URL('install/tor.mjs', SOURCES).href)).recent as (version: string | undefined) => boolean
const { filesOf, SUITES } = await import(new URL('install/suites.mjs', SOURCES).href) as {
  filesOf(suite: string, words?: readonly string[], all?: readonly string[]): readonly string[]
  readonly SUITES: Record<string, object>
}
const runTests = (await import(new URL('install/tests.mjs', SOURCES).href)).runTests as (suite: string, args: readonly string[]) => Promise<void>

/** An npm that says who it is and then never ends; `install.mjs` finds it in PATH. */
const ENDLESS_NPM = '#!/bin/sh\necho $$ >"$NPM_PID"\nmkdir -p node_modules\nexec sleep 1000\n'
const FAILING_NPM = '#!/bin/sh\necho "npm error code E404"\nexit 7\n'

test('a tor without the proof of work is too old', () => {
  assert.deepEqual(['0.4.7', '0.3.9', '0.4.8', '0.4.9', '0.5.0', '1.0.0'].filter(recent), ['0.4.8', '0.4.9', '0.5.0', '1.0.0'])
  assert.equal(recent(undefined), false)
})

test('every test is in one suite, and words select among them', () => {
  const all = ['test/architecture.test.ts', 'test/bare/bare.test.ts', 'test/interop/clients.test.ts',
    'test/mutants/mutants.test.ts', 'test/xml/parser.test.ts']
  assert.deepEqual(filesOf('test', [], all), ['test/architecture.test.ts', 'test/xml/parser.test.ts'])
  assert.deepEqual(filesOf('interop', [], all), ['test/interop/clients.test.ts'])
  assert.deepEqual(filesOf('mutants', [], all), ['test/mutants/mutants.test.ts'])
  assert.deepEqual(filesOf('bare', [], all), ['test/bare/bare.test.ts'])
  assert.deepEqual(filesOf('test', ['xml/'], all), ['test/xml/parser.test.ts'])
  assert.deepEqual(filesOf('test', ['dist/test/xml/parser.test.js'].map((path) => path.slice('dist/'.length)), all), ['test/xml/parser.test.ts'])
})

test('a suite whose setup script fails, or is not there, fails before any of its tests', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-setup-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const setup = relative(new URL('..', SOURCES).pathname, join(folder, 'setup'))
  SUITES['unprepared'] = { title: 'unprepared', rooms: ['architecture'], concurrency: 1, deadlineSeconds: 60, setup }
  await assert.rejects(runTests('unprepared', []), { message: `The unprepared tests did not run: ${setup} ended with 127.` })
  writeFileSync(join(folder, 'setup'), 'exit 3\n')
  await assert.rejects(runTests('unprepared', []), { message: `The unprepared tests did not run: ${setup} ended with 3.` })
})

test('a failure tells the end of what npm said and what to do, ends with 1 and leaves nothing', async (t) => {
  const checkout = new Checkout(t, FAILING_NPM)
  const run = checkout.install()
  assert.deepEqual(await run.ended, [1, null])
  assert.match(run.output(), /npm could not install the packages \(exit code 7\)\.\n {2}\| npm error code E404\nsotto: If the registry/)
  assert.deepEqual(checkout.leftovers(), ['lock'])
})

test('an unknown task is refused with those there are', async (t) => {
  const run = new Checkout(t, FAILING_NPM).install('dance')
  assert.deepEqual(await run.ended, [1, null])
  assert.match(run.output(), /no task "dance".*\n.*start.*test.*interop/)
})

test('Ctrl-C ends npm, too, and leaves nothing', async (t) => {
  const checkout = new Checkout(t, ENDLESS_NPM)
  const run = checkout.install()
  const npm = await checkout.npm()
  run.child.kill('SIGINT')
  assert.deepEqual(await run.ended, [130, null])
  assert.equal(lives(npm), false)
  assert.deepEqual(checkout.leftovers(), ['lock'])
})

test('after SIGKILL the next run ends what still runs and sweeps what lies there', async (t) => {
  const checkout = new Checkout(t, ENDLESS_NPM)
  const killed = checkout.install()
  const npm = await checkout.npm()
  killed.child.kill('SIGKILL')
  await killed.ended
  assert.equal(lives(npm), true)
  checkout.replaceNpm(FAILING_NPM)
  await checkout.install().ended
  assert.equal(lives(npm), false)
  assert.deepEqual(checkout.leftovers(), ['lock'])
})

test('a second run waits for the first, and goes on when that one is killed', async (t) => {
  const checkout = new Checkout(t, ENDLESS_NPM)
  const first = checkout.install()
  await checkout.npm()
  checkout.replaceNpm(FAILING_NPM)
  const second = checkout.install()
  while (!second.output().includes('waiting for another installation')) await delay(10)
  assert.deepEqual(checkout.leftovers().length, 2, 'the first one is still at it')
  first.child.kill('SIGKILL')
  assert.deepEqual(await second.ended, [1, null])
  assert.match(second.output(), /npm error code E404/)
})

/** A folder with our installer, an empty lockfile and an npm of the test's. */
class Checkout {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sotto-install-'))
  readonly #children: ChildProcess[] = []

  constructor(t: TestContext, npm: string) {
    t.after(async () => {
      for (const child of this.#children) child.kill('SIGKILL')
      if (existsSync(this.#pidFile)) kill(await this.npm())
      rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 })
    })
    for (const part of ['install.mjs', 'install']) cpSync(new URL(part, SOURCES), join(this.#folder, 'src', part), { recursive: true })
    for (const file of ['package.json', 'package-lock.json', '.npmrc']) writeFileSync(join(this.#folder, file), '{}')
    mkdirSync(join(this.#folder, 'bin'))
    this.replaceNpm(npm)
  }

  replaceNpm(npm: string): void {
    writeFileSync(join(this.#folder, 'bin/npm'), npm, { mode: 0o755 })
  }

  install(task = 'packages') {
    const child = spawn(process.execPath, [join(this.#folder, 'src/install.mjs'), task], {
      cwd: this.#folder, stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH: `${join(this.#folder, 'bin')}:${process.env['PATH']}`, npm_execpath: undefined, NPM_PID: this.#pidFile },
    })
    this.#children.push(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { output += text })
    return { child, ended: once(child, 'close'), output: () => output }
  }

  /** The process of the endless npm. */
  async npm(): Promise<number> {
    for (;;) {
      const text = existsSync(this.#pidFile) ? readFileSync(this.#pidFile, 'utf8') : ''
      if (text.endsWith('\n')) return Number(text)
      await delay(10)
    }
  }

  leftovers(): readonly string[] {
    return readdirSync(join(this.#folder, '.install')).sort()
  }

  get #pidFile(): string {
    return join(this.#folder, 'npm.pid')
  }
}

/** A zombie, whose parent is gone and whose heir has not looked, no longer lives. */
function lives(pid: number): boolean {
  return existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch { /* it has ended */ }
}
