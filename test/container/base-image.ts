import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Podman } from './podman.ts'

const CHECKOUT = new URL('../../..', import.meta.url).pathname
/** What the Dockerfile asks for where nothing else is named. */
const IMAGE = 'docker.io/library/node:24-bookworm-slim'
const STAND_IN = 'localhost/node-24'

/**
 * The name of an image with Debian and Node 24: the official one, or where no registry of images answers one that is
 * made of the same parts, Debian's archive and the npm package of Node.
 */
export function baseImage(podman: Podman): string {
  const pulled = podman.attempt('pull', '--quiet', IMAGE)
  return pulled.status === 0 ? IMAGE : standIn(podman)
}

function standIn(podman: Podman): string {
  const base = execFileSync(join(CHECKOUT, 'test/bare/debian-base'), { encoding: 'utf8' }).trim()
  const folder = mkdtempSync(join(podman.folder, 'base-'))
  try {
    execFileSync('tar', ['-x', '-f', base, '-C', folder, '--exclude=./dev/*'])
    const fetched = join(podman.folder, 'node')
    const name = `node-linux-${process.arch}`
    execFileSync('npm', ['install', '--prefix', fetched, '--no-save', '--ignore-scripts', `${name}@24`], { stdio: ['ignore', 'ignore', 'pipe'] })
    const local = join(folder, 'usr/local')
    for (const part of ['bin', 'include']) cpSync(join(fetched, 'node_modules', name, part), join(local, part), { recursive: true })
    const npm = dirname(dirname(realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim())))
    mkdirSync(join(local, 'lib/node_modules'), { recursive: true })
    cpSync(npm, join(local, 'lib/node_modules/npm'), { recursive: true })
    symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm'))
    const archive = join(podman.folder, 'base.tar')
    execFileSync('tar', ['-c', '-f', archive, '-C', folder, '.'])
    podman.run('import', '--quiet', archive, STAND_IN)
    rmSync(archive)
    return STAND_IN
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
