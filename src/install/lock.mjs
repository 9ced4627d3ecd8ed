import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { say } from './failure.mjs'
import { WORKSHOP } from './place.mjs'

const WAIT_NOTICE_MILLISECONDS = 500

/**
 * Waits until no other process installs into this checkout. The returned function lets the next one in.
 *
 * The kernel keeps the lock (flock, part of every Debian), held by a child which lives as long as its stdin, our end
 * of a pipe, is open: however this process dies, nothing stale remains.
 */
export async function lock() {
  mkdirSync(WORKSHOP, { recursive: true })
  const holder = spawn('flock', [join(WORKSHOP, 'lock'), 'sh', '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const notice = setTimeout(() => say('waiting for another installation in this folder to end'), WAIT_NOTICE_MILLISECONDS)
  const held = await new Promise((resolve) => {
    holder.once('error', () => resolve(false)) // no flock: not Debian; then one installation at a time is up to the user
    holder.once('exit', () => resolve(false))
    holder.stdout.once('data', () => resolve(true))
  })
  clearTimeout(notice)
  if (!held) return () => {}
  holder.unref()
  holder.stdin.unref()
  holder.stdout.destroy()
  return () => holder.stdin.end()
}
