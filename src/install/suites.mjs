import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ROOT } from './place.mjs'

/**
 * The suites, by the name of their task. `rooms` are folders of test/; without it a suite is what no other one has.
 * `deadlineSeconds` is for one file on Node 20 and for one test on Node 22 and later: `--test-timeout` changed.
 * `setup` is a script that installs what only this suite needs.
 */
export const SUITES = {
  test: { title: 'unit', concurrency: 2, deadlineSeconds: 600 },
  mutants: { title: 'mutants', rooms: ['mutants'], concurrency: 1, deadlineSeconds: 900 },
  interop: { title: 'interop', rooms: ['interop'], concurrency: 1, deadlineSeconds: 600, setup: 'test/interop/setup' },
  browser: { title: 'browser', rooms: ['browser'], concurrency: 1, deadlineSeconds: 600, setup: 'test/browser/setup' },
  capture: { title: 'capture', rooms: ['capture'], concurrency: 1, deadlineSeconds: 600, setup: 'test/capture/setup' },
  bare: { title: 'bare', rooms: ['bare'], concurrency: 1, deadlineSeconds: 2400 },
  service: { title: 'service', rooms: ['service'], concurrency: 1, deadlineSeconds: 600 },
  container: { title: 'container', rooms: ['container'], concurrency: 1, deadlineSeconds: 1200 },
}

/** The source files of a suite's tests, such as test/xml/parser.test.ts; `words` keep those whose path has one of them. */
export function filesOf(suite, words = [], all = testFiles()) {
  const elsewhere = Object.values(SUITES).flatMap(({ rooms = [] }) => rooms)
  const { rooms } = SUITES[suite]
  const own = all.filter((file) => rooms?.includes(roomOf(file)) ?? !elsewhere.includes(roomOf(file)))
  return words.length === 0 ? own : own.filter((file) => words.some((word) => file.includes(word.replace(/\.js$/, '.ts'))))
}

/** The folder of test/ that a test lies in; for one that lies in test/ itself, its name. */
export function roomOf(file) {
  const [, room = ''] = file.split('/')
  return basename(room, '.test.ts')
}

function testFiles() {
  if (!existsSync(join(ROOT, 'test'))) return []
  return readdirSync(join(ROOT, 'test'), { recursive: true }).map((name) => `test/${name}`)
    .filter((name) => name.endsWith('.test.ts')).sort()
}
