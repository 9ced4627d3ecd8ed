import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** The tors that run with a torrc under `directory`, found by their command lines: files with numbers go missing. */
export function torsUnder(directory: string): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    const [, flag, torrc = ''] = commandLine(pid)
    return flag === '-f' && torrc.startsWith(join(directory, '/'))
  })
}

/** Ends them and waits until they are gone; returns how many there were. */
export async function killTorsUnder(directory: string): Promise<number> {
  const found = torsUnder(directory)
  for (const pid of found) kill(pid)
  while (torsUnder(directory).length > 0) await delay(20)
  return found.length
}

export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch { /* gone already */ }
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}
