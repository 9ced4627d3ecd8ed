import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { killTorsUnder, torsUnder } from './leftovers.ts'
import { TorNetwork, clientTorrcOf } from './network.ts'

const USAGE = 'usage: node dist/test/tornet/main.js start|stop|status DIR'

const [command = '', directory = ''] = process.argv.slice(2)
if (directory === '') fail(USAGE)
else if (command === 'start') await start(resolve(directory))
else if (command === 'stop') console.log(`ended ${await killTorsUnder(resolve(directory))} tors`)
else if (command === 'status') status(resolve(directory))
else fail(USAGE)

/** Runs in the foreground until Ctrl-C. */
async function start(folder: string): Promise<void> {
  const ended = new Promise<void>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => done())
  })
  const begun = Date.now()
  const starting = TorNetwork.start(folder, { address: process.env['SOTTO_TORNET_ADDRESS'] ?? '127.0.0.1', report: (line) => console.log(line) })
  const network = await Promise.race([starting, ended])
  if (network === undefined) {
    await killTorsUnder(folder)
    process.exit(130)
  }
  console.log(`ready after ${((Date.now() - begun) / 1000).toFixed(1)} s; Ctrl-C ends it. In another terminal:

  a server on it:      put this into a configuration file and start sotto with it
                         [tor]
                         torrc = "${network.clientTorrc}"
  a tor of your own:   tor --defaults-torrc ${folder}/empty.torrc -f ${network.clientTorrc} \\
                         --DataDirectory "$(mktemp -d)" --SocksPort 9150
                       then: torsocks --port 9150 COMMAND
  the tests:           SOTTO_TORNET=${folder} npm test
`)
  const hold = setInterval(() => {}, 60_000) // a signal's listener alone does not keep the process
  await ended
  clearInterval(hold)
  await network.stop()
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
