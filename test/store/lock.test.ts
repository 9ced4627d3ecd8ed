import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { DataLock } from '../../src/store/lock.ts'
import { StoreError } from '../../src/store/store-error.ts'

const HOLDER = `
  const { DataLock } = await import(process.argv[1])
  globalThis.lock = new DataLock(process.argv[2])
  process.stdout.write('held')
  process.stdin.resume()
`

function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'lock-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

/** Another real process that holds the lock. */
async function startHolder(t: TestContext, directory: string): Promise<ChildProcess> {
  const module = new URL('../../src/store/lock.js', import.meta.url).href
  const child = spawn(process.execPath, ['--input-type=module', '--eval', HOLDER, module, directory],
    { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const [said] = await once(child.stdout, 'data')
  assert.equal(String(said), 'held')
  return child
}

test('a second process is refused and told which one holds the directory; after SIGKILL it is free', async (t) => {
  const directory = temporaryDirectory(t)
  const holder = await startHolder(t, directory)
  assert.throws(() => new DataLock(directory), (error) => {
    assert.ok(error instanceof StoreError)
    assert.equal(error.file, directory)
    assert.match(error.message, new RegExp(`in use by process ${holder.pid}\\. Stop`))
    return true
  })
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  assert.ok(existsSync(join(directory, 'lock.pid')), 'the dead process could not tidy up')
  const lock = new DataLock(directory)
  assert.throws(() => new DataLock(directory), new RegExp(`process ${process.pid}`))
  lock.release()
  assert.ok(!existsSync(join(directory, 'lock.pid')))
  new DataLock(directory).release()
})

test('a directory that does not exist is said to be so', (t) => {
  assert.throws(() => new DataLock(join(temporaryDirectory(t), 'none')), /directory does not exist/)
})
