import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { aptInstall } from './apt.mjs'
import { endOrphans, find, run } from './command.mjs'
import { Failure, say } from './failure.mjs'
import { headersPrefix } from './node.mjs'
import { npm } from './npm.mjs'
import { ROOT, WORKSHOP } from './place.mjs'
import { lacksTor } from './tor.mjs'

const MODULES = join(ROOT, 'node_modules')
const OBJECT_WRAP = fileURLToPath(new URL('object-wrap.h', import.meta.url))
/** Debian packages, each named as the program it brings. */
const COMPILER = ['g++', 'make', 'python3']
const PROOF = "new (require('better-sqlite3'))(':memory:').close(); require('argon2').hash('x').catch(() => process.exit(1))"
const NETWORK = 'If the registry cannot be reached, see `npm config list`; then run again.'

/**
 * Installs the packages of package-lock.json.
 *
 * They are put together in a folder of their own which gets its stamp last, and then take their place by one rename:
 * a node_modules with the right stamp is whole, and anything else is not looked at. A whole folder that an
 * interrupted run could not rename any more is taken; what else it left is removed.
 *
 * @param withTor whether a tor will be asked for next: then it comes from apt together with the compiler
 */
export async function installPackages(withTor) {
  const stamp = packagesStamp()
  if (stampOf(MODULES) === stamp) return
  endOrphans()
  const staging = finished(stamp) ?? await assemble(stamp, withTor)
  const old = mkdtempSync(join(WORKSHOP, 'old-'))
  if (existsSync(MODULES)) renameSync(MODULES, join(old, 'node_modules'))
  renameSync(join(staging, 'node_modules'), MODULES)
  sweep()
}

/** Changes with the locked packages, with how they are compiled, and with what makes a compiled one useless: Node's ABI, the machine. */
function packagesStamp() {
  const locked = createHash('sha256').update(readFileSync(join(ROOT, 'package-lock.json'))).update(readFileSync(OBJECT_WRAP)).digest('hex')
  return `${locked} ${process.versions.modules} ${process.platform}-${process.arch}\n`
}

function stampOf(modules) {
  const file = join(modules, '.sotto-stamp')
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

function stagings() {
  return readdirSync(WORKSHOP).filter((name) => /^(staging|old|headers)-/.test(name)).map((name) => join(WORKSHOP, name))
}

function finished(stamp) {
  return stagings().find((folder) => stampOf(join(folder, 'node_modules')) === stamp)
}

function sweep() {
  for (const folder of stagings()) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

async function assemble(stamp, withTor) {
  sweep()
  const missing = COMPILER.filter((program) => find(program) === undefined)
  // In one go: a person without root types one line.
  if (missing.length > 0) await aptInstall([...missing, ...(withTor && await lacksTor() ? ['tor'] : [])])
  const staging = mkdtempSync(join(WORKSHOP, 'staging-'))
  try {
    for (const file of ['package.json', 'package-lock.json', '.npmrc']) copyFileSync(join(ROOT, file), join(staging, file))
    say('installing npm packages')
    await npm(['ci', '--ignore-scripts', '--omit=optional'], staging, { failure: 'npm could not install the packages', remedy: NETWORK })
    await compile(staging)
  } catch (error) {
    sweep()
    throw error
  }
  await run('sync', ['-f', staging]).catch(() => {}) // a stamp must not survive a power cut that its packages do not
  writeFileSync(join(staging, 'node_modules', '.sotto-stamp'), stamp)
  return staging
}

/**
 * Compiles better-sqlite3, always from its source: that is what the lockfile vouches for, and a binary that others made
 * lacks object-wrap.h. argon2 brings a binary and compiles where that does not run.
 */
async function compile(staging) {
  say('building better-sqlite3 and argon2 (a minute or two)')
  const env = { JOBS: 'max', ...await headers() }
  // The compiler runs in staging/node_modules/better-sqlite3/build. A relative path has no spaces.
  copyFileSync(OBJECT_WRAP, join(staging, 'object-wrap.h'))
  const fromSource = { npm_config_build_from_source: 'true', CXXFLAGS: '-include ../../../object-wrap.h' }
  await rebuild('better-sqlite3', staging, { ...env, ...fromSource })
  await rebuild('argon2', staging, env)
  await run(process.execPath, ['-e', PROOF], { cwd: staging, failure: 'better-sqlite3 or argon2 does not run' })
}

function rebuild(name, staging, env) {
  return npm(['rebuild', '--ignore-scripts=false', '--foreground-scripts', name], staging, { env, failure: `${name} could not be built` })
}

/**
 * Tells node-gyp where the headers of this Node are: beside it, else in an npm package of the same version, checked
 * like any package. With neither, node-gyp downloads them from nodejs.org itself.
 */
async function headers() {
  const beside = headersPrefix()
  if (beside !== undefined) return { npm_config_nodedir: beside }
  const name = `node-linux-${process.arch}`
  const folder = join(WORKSHOP, `headers-${process.versions.node}`)
  mkdirSync(folder, { recursive: true })
  try {
    await npm(['install', '--prefix', folder, '--ignore-scripts', '--no-save', `${name}@${process.versions.node}`], folder)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return {}
  }
  const prefix = headersPrefix(join(folder, 'node_modules', name))
  return prefix === undefined ? {} : { npm_config_nodedir: prefix }
}
