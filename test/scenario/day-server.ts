/** A server whose time passes as it is told: each line on stdin is a number of milliseconds, answered by a line once they passed. */
import { createInterface } from 'node:readline'
import { loadConfig } from '../../src/config/load.ts'
import { Console } from '../../src/operate/console.ts'
import { startServer } from '../../src/server.ts'
import { TestClock } from '../clock.ts'

const [file = ''] = process.argv.slice(2)
const clock = new TestClock(Date.now())
const server = await startServer(loadConfig(file, { cwd: process.cwd() }), new Console(process.stdout, clock, 'sotto'), { configFile: file, clock })
for await (const line of createInterface(process.stdin)) {
  clock.advance(Number(line))
  process.stdout.write(`passed ${line}\n`)
}
// The clock of a stopping server must go on, too.
const ticking = setInterval(() => clock.advance(100), 100)
await server.stop()
clearInterval(ticking)
process.exit(0)
