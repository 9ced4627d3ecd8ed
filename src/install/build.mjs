import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { endOrphans, interrupted, run } from './command.mjs'
import { say } from './failure.mjs'
import { ROOT } from './place.mjs'

const DIST = join(ROOT, 'dist')
const STAMP = join(DIST, '.stamp')
/** Lies there while the compiler writes: found later, it was interrupted, and what it wrote is not believed. */
const BEGUN = join(DIST, '.begun')

/**
 * Compiles src/ and test/ into dist/ where they changed since the last time.
 *
 * @throws Failure with the compiler's complaints
 */
export async function build() {
  const stamp = sourcesStamp()
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === stamp) return
  say('compiling')
  if (existsSync(BEGUN)) {
    endOrphans()
    rmSync(DIST, { recursive: true, force: true, maxRetries: 5 })
  }
  mkdirSync(DIST, { recursive: true })
  rmSync(STAMP, { force: true })
  writeFileSync(BEGUN, '')
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  try {
    await run(process.execPath, [tsc, '--pretty', 'false'], { failure: 'The sources do not compile' })
    writeFileSync(STAMP, stamp)
  } finally {
    if (!interrupted()) rmSync(BEGUN)
  }
}

/** Changes when a source file is added, removed, or written. */
function sourcesStamp() {
  const folders = ['src', 'test'].filter((folder) => existsSync(join(ROOT, folder))) // an image is built without tests
  const files = folders.flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true }).map((name) => join(folder, name)))
  const sources = ['tsconfig.json', 'package-lock.json', ...files.filter((name) => name.endsWith('.ts')).sort()]
  const hash = createHash('sha256')
  for (const name of sources) {
    const { mtimeMs, size } = statSync(join(ROOT, name))
    hash.update(`${name} ${mtimeMs} ${size}\n`)
  }
  return hash.digest('hex')
}
