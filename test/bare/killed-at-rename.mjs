// Loaded into the installer by NODE_OPTIONS: it dies just before the packages take their place, a moment too short to
// be met from outside.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

if (process.argv[1]?.endsWith('install.mjs')) {
  const { renameSync } = fs
  fs.renameSync = (from, to) => {
    if (to.endsWith('/sotto/node_modules')) process.kill(process.pid, 'SIGKILL')
    renameSync(from, to)
  }
  syncBuiltinESMExports()
}
