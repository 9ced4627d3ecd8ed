import { existsSync, fstatSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { killTorsUnder, torsUnder } from './leftovers.ts'
import { TorNetwork, clientTorrcOf } from './network.ts'

const USAGE = 'usage: node dist/test/tornet/main.js [start [DIR] | stop DIR | status DIR]'

const [command = 'start', directory = ''] = process.argv.slice(2)
if (command === 'start') await start(directory)
else if (directory === '' || !['stop', 'status'].includes(command)) fail(USAGE)
else if (command === 'stop') console.log(`ended ${await killTorsUnder(resolve(directory))} tors`)
else status(resolve(directory))

/** Runs in the foreground until a signal, or until whoever started it through a pipe is gone. A folder of its own is removed in the end. */
async function start(chosen: string): Promise<void> {
  const folder = chosen === '' ? mkdtempSync(join(tmpdir(), 'sotto-tornet-')) : resolve(chosen)
  const ended = asked()
  const begun = Date.now()
  const address = process.env['SOTTO_TORNET_ADDRESS'] ?? '127.0.0.1'
  const network = await Promise.race([TorNetwork.start(folder, { address, report: (line) => console.log(line) }), ended])
  if (network !== undefined) {
    console.log(instructions(folder, (Date.now() - begun) / 1000))
    await ended
  }
  await killTorsUnder(folder)
  if (chosen === '') rmSync(folder, { recursive: true, force: true })
  process.exit(0) // a start that was cut short may still wait for its moment
}

/** Resolves when this program is to end. */
function asked(): Promise<undefined> {
  return new Promise((done) => {
    const hold = setInterval(() => {}, 60_000) // a signal's listener alone does not keep the process
    const end = () => {
      clearInterval(hold)
      done(undefined)
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end)
    const input = fstatSync(0)
    if (input.isFIFO() || input.isSocket()) process.stdin.once('end', end).resume()
  })
}

/** The first line is for programs. */
function instructions(folder: string, seconds: number): string {
  const torrc = clientTorrcOf(folder)
  return `SOTTO_TORNET=${folder}

Ready after ${seconds.toFixed(1)} s; Ctrl-C ends it. In another terminal:

  sotto on it          write these lines into a file tornet.toml
                         [tor]
                         torrc = "${torrc}"
                       and start: npm start -- --config tornet.toml
  a tor of your own    tor --defaults-torrc ${folder}/empty.torrc -f ${torrc} \\
                         --DataDirectory "$(mktemp -d)" --SocksPort 9150
                       and through it: torsocks --port 9150 COMMAND
  the tests            SOTTO_TORNET=${folder} npm test
`
}

function status(folder: string): void {
  const running = torsUnder(folder)
  console.log(`${running.length} tors run in ${folder}`)
  for (const pid of running) console.log(`  ${pid}  ${/^VmRSS:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? ''}`)
  if (existsSync(clientTorrcOf(folder))) console.log(`client torrc: ${clientTorrcOf(folder)}`)
  if (running.length === 0) process.exitCode = 1
}

function fail(message: string): void {
  console.error(message)
  process.exitCode = 64
}
