import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where Debian has what servers are run with; not everybody's PATH does. */
export const PATH = `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin`

/** Why a test that needs these programs cannot run here; undefined where all of them are in PATH. */
export function missing(...programs: readonly string[]): string | undefined {
  const absent = programs.filter((program) => !isThere(program))
  return absent.length === 0 ? undefined : `not installed: ${absent.join(', ')} (bash test/interop/setup)`
}

function isThere(program: string): boolean {
  return PATH.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
