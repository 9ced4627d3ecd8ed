import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as passed } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { ClientTor } from '../clients/client-tor.ts'
import type { Route } from '../clients/route.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { ServerProcess } from '../interop/server.ts'
import { withoutTor } from '../tor/installed.ts'
import { Chance } from './chance.ts'
import { joinNetwork, type JoinedNetwork } from './joined.ts'
import { RosterTraffic } from './roster-traffic.ts'

/** What is killed, again and again. A tor that dies often is given time, so it is not killed most of the time. */
const VICTIMS = ['server', 'server', 'both', 'tor', 'server'] as const
const KILLS = 30
const LONGEST_TRAFFIC_MILLISECONDS = 400
const REACHABLE_MILLISECONDS = 90_000
const PASSWORD = 'at thy word'

describe('a server that is killed at any moment', { skip: withoutTor }, () => {
  const chance = new Chance(Number(process.env['SOTTO_SEED'] ?? randomInt(2 ** 31)))
  let network: JoinedNetwork
  let server: ServerProcess
  let tor: ClientTor

  before(async () => {
    network = await joinNetwork(process.env['SOTTO_TORNET'], console.log)
    server = await ServerProcess.start(network)
    tor = await ClientTor.start(network.clientTorrc)
  })

  after(async () => {
    await tor?.stop()
    await server?.stop()
    await network?.leave()
  })

  test(`keeps its address and every roster item it acknowledged, with SOTTO_SEED=${chance.seed}`, async (t) => {
    const onion = await server.onionAddress()
    await server.addAccount('romeo@onion', PASSWORD)
    const traffic = new RosterTraffic(onion, chance)
    for (let kill = 0; kill < KILLS; kill += 1) {
      const victim = VICTIMS[kill % VICTIMS.length] ?? 'server'
      const route = victim === 'tor' ? throughOnion(onion) : { host: '127.0.0.1', port: server.port }
      const client = await loginUntil(onion, route)
      const running = traffic.run(client)
      await passed(chance.below(LONGEST_TRAFFIC_MILLISECONDS))
      if (victim !== 'server') for (const pid of server.torPids) process.kill(pid, 'SIGKILL')
      if (victim !== 'tor') await server.kill()
      await client.stream.ended
      await running
      if (victim !== 'tor') {
        assert.equal(integrity(server.directory), 'ok')
        await server.run()
        assert.ok(server.output.includes(onion), 'the onion address has changed')
      }
      const survivor = await loginUntil(onion, route)
      assert.deepEqual(traffic.judge(await survivor.roster()), [], `after kill ${kill + 1} (${victim})`)
      await survivor.leave()
    }
    t.diagnostic(`${traffic.count} roster changes were acknowledged between ${KILLS} kills`)
    assert.ok(traffic.count > KILLS, 'hardly anything was acknowledged: nothing was tested')
    assert.equal(await server.onionAddress(), onion)
    await (await loginUntil(onion, throughOnion(onion))).leave()
  })

  /** A circuit of its own for each connection: one that hung must not be waited for. */
  function throughOnion(onion: string): Route {
    const isolation = `visit-${chance.below(2 ** 31)}`
    return { host: onion, port: 5222, socks: { host: '127.0.0.1', port: tor.socksPort, isolation } }
  }

  /** Tries again while the onion is not published again. */
  async function loginUntil(onion: string, route: Route): Promise<XmppClient> {
    const isOnion = 'host' in route && route.socks !== undefined
    for (const deadline = Date.now() + REACHABLE_MILLISECONDS; ; await passed(200)) {
      try {
        return await XmppClient.login({
          jid: `romeo@${onion}`,
          password: PASSWORD,
          route: isOnion ? throughOnion(onion) : route,
          security: isOnion ? 'none' : 'starttls',
        })
      } catch (error) {
        if (!isOnion || Date.now() > deadline) throw error
      }
    }
  }
})

/** What SQLite says of the database as the dead server left it; of a copy, since looking at it changes it. */
function integrity(directory: string): unknown {
  const copy = mkdtempSync(join(tmpdir(), 'sotto-copy-'))
  try {
    for (const name of ['sotto.db', 'sotto.db-wal']) {
      const file = join(directory, name)
      if (existsSync(file)) copyFileSync(file, join(copy, name))
    }
    const database = new Sqlite(join(copy, 'sotto.db'))
    try {
      return database.pragma('integrity_check', { simple: true })
    } finally {
      database.close()
    }
  } finally {
    rmSync(copy, { recursive: true })
  }
}
