/**
 * Loaded into the program by NODE_OPTIONS: SIGKILL just before its nth step (SOTTO_KILL_AT, from 0) that changes files,
 * or tells the database to, counted from the first that makes a new key file.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import Sqlite from 'better-sqlite3'

const last = Number(process.env['SOTTO_KILL_AT'])
const state = { step: 0, hasBegun: false }

function before(): void {
  if (!state.hasBegun || state.step++ < last) return
  process.kill(process.pid, 'SIGKILL')
}

for (const name of ['openSync', 'writeSync', 'fsyncSync', 'renameSync', 'rmSync'] as const) {
  const original = fs[name] as (...values: unknown[]) => unknown
  Reflect.set(fs, name, (...values: unknown[]) => {
    if (name === 'openSync' && String(values[0]).includes('.next')) state.hasBegun = true
    if (name !== 'openSync') before()
    return original(...values)
  })
}
syncBuiltinESMExports()

for (const name of ['exec', 'pragma'] as const) {
  const original = Sqlite.prototype[name] as (...values: unknown[]) => unknown
  Reflect.set(Sqlite.prototype, name, function (this: Sqlite.Database, ...values: unknown[]) {
    before()
    return original.apply(this, values)
  })
}
