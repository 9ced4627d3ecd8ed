import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { find, run } from './command.mjs'
import { Failure, say } from './failure.mjs'
import { WORKSHOP } from './place.mjs'

const LOCK_WAIT_SECONDS = 600
const LOCK_RETRY_MILLISECONDS = 2000
/** Says what apt was asked for, from before it begins until it is done: found later, it was interrupted. */
const BEGUN = join(WORKSHOP, 'apt-begun')

const OPTIONS = ['-y', '-q', '--no-install-recommends', '-o', `DPkg::Lock::Timeout=${LOCK_WAIT_SECONDS}`,
  '-o', 'Acquire::Retries=3', '-o', 'Dpkg::Use-Pty=0', '-o', 'Dpkg::Options::=--force-confdef', '-o', 'Dpkg::Options::=--force-confold']
/** Nothing may ask, restart services or offer to. */
const QUIET = { DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1', UCF_FORCE_CONFFOLD: '1', LC_ALL: 'C.UTF-8' }

/**
 * Installs Debian packages, or tells the person in one line what to type where we may not: no root, no apt.
 *
 * @param services what the packages would start and nobody asked for; it is stopped
 * @throws Failure when they cannot be installed
 */
export async function aptInstall(packages, services = packages.filter((name) => name === 'tor' && find(name) === undefined)) {
  const byHand = `Type this, then run again:  ${process.getuid?.() === 0 ? '' : 'sudo '}apt-get install --no-install-recommends ${packages.join(' ')}`
  if (!mayInstall()) throw new Failure(`Not installed: ${packages.join(', ')}. ${byHand}`)
  say(`installing ${packages.join(', ')} with apt`)
  writeFileSync(`${BEGUN}.new`, JSON.stringify({ packages, services }))
  renameSync(`${BEGUN}.new`, BEGUN)
  const install = async () => {
    const torn = tornPackages()
    if (torn.length > 0) await apt(['install', '--reinstall', ...OPTIONS, ...torn])
    await apt(['install', ...OPTIONS, ...packages], `apt could not install ${packages.join(', ')}`, byHand)
  }
  await run('dpkg', ['--configure', '-a', '--force-confdef', '--force-confold'], { env: QUIET, marked: false }).catch(() => {})
  try {
    await install()
  } catch {
    // The lists may be missing or old. Whether they can be renewed shows in what can be installed then.
    await apt(['update', '-q']).catch(() => {})
    await install()
  }
  for (const service of services) await stopService(service)
  rmSync(BEGUN)
}

/** Finishes what an interrupted installation asked of apt: a program may be in PATH and yet not be configured. */
export async function resumeApt() {
  if (!existsSync(BEGUN)) return
  const { packages, services } = JSON.parse(readFileSync(BEGUN, 'utf8'))
  await aptInstall(packages, services)
}

/** Packages that were killed as they were unpacked: dpkg configures nothing until they are unpacked again (dpkg(1), reinst-required). */
function tornPackages() {
  return readFileSync('/var/lib/dpkg/status', 'utf8').split('\n\n').flatMap((paragraph) => {
    const [, name] = /^Package: (\S+)$/m.exec(paragraph) ?? []
    return name !== undefined && /^Status: \S+ reinstreq /m.test(paragraph) ? [name] : []
  })
}

/** Whether we may use apt: as root, on a Debian. */
export function mayInstall() {
  return process.getuid?.() === 0 && find('apt-get') !== undefined
}

/** `apt-get`, again while another one holds a lock that has no waiting time of its own (that of the lists). */
async function apt(args, failure, remedy) {
  const deadline = performance.now() + LOCK_WAIT_SECONDS * 1000
  for (;;) {
    try {
      // Unmarked: an apt that outlives us must come to its end; the next one waits for it.
      return await run('apt-get', args, { env: QUIET, marked: false, failure, remedy })
    } catch (error) {
      if (!/could not get lock/i.test(error.output ?? '') || performance.now() > deadline) throw error
      await delay(LOCK_RETRY_MILLISECONDS)
    }
  }
}

/** Debian starts a service as it installs it. Our server runs a tor of its own, and nobody asked for a second. */
async function stopService(name) {
  await run('invoke-rc.d', [name, 'stop'], { marked: false })
    .catch(() => say(`the ${name} service that apt started could not be stopped; sotto does not need it`))
}
