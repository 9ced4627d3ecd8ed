import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/**
 * For a test's option `skip`: false where tor runs here, else the reason. Where the tests must be complete (CI=true)
 * it is never a reason, so that the test fails for want of tor.
 */
export const withoutTor: string | false = process.env['CI'] === 'true' || runs('tor') ? false : 'tor is not installed: apt install tor'

function runs(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** A folder (0700, short path) that goes with the test. */
export function temporaryFolder(test: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-'))
  test.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
