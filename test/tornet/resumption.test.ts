import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { setTimeout as passed } from 'node:timers/promises'
import { ClientTor } from '../clients/client-tor.ts'
import { cutOften } from '../clients/cutting.ts'
import { XmppClient, type ClientOptions } from '../clients/xmpp-client.ts'
import { ServerProcess } from '../interop/server.ts'
import { withoutTor } from '../tor/installed.ts'
import { Chance } from './chance.ts'
import { joinNetwork, type JoinedNetwork } from './joined.ts'
import { PATIENCE_MILLISECONDS } from './node.ts'

const CUTS = 200
/** One connection of so many takes a circuit of its own; the others share one, as those of a client do that comes back soon. */
const CIRCUIT_EVERY = 25
const LONGEST_CONNECTION_MILLISECONDS = 240
const PASSWORD = 'at thy word'

describe('XEP-0198: a session whose connection through the onion is cut at random moments under traffic', { skip: withoutTor }, () => {
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

  test(`${CUTS} cuts lose and double nothing, with SOTTO_SEED=${chance.seed}`, async (t) => {
    const onion = await server.onionAddress()
    for (const name of ['juliet', 'romeo']) await server.addAccount(`${name}@onion`, PASSWORD)
    const here = (name: string): ClientOptions => ({
      jid: `${name}@${onion}/x`, password: PASSWORD, mechanism: 'PLAIN', patience: PATIENCE_MILLISECONDS,
      route: { host: '127.0.0.1', port: server.port }, security: 'starttls',
    })
    let circuit = 0
    let connections = 0
    const byOnion = (name: string): ClientOptions => {
      connections += 1
      if (chance.below(CIRCUIT_EVERY) === 0) circuit += 1
      const socks = { host: '127.0.0.1', port: tor.socksPort, isolation: `${name} ${circuit}` }
      return { ...here(name), route: { host: onion, port: 5222, socks }, security: 'none' }
    }
    await reach(byOnion('juliet'))
    const outcome = await cutOften({
      juliet: () => chance.below(5) === 0 ? here('juliet') : byOnion('juliet'), romeo: here('romeo'), cuts: CUTS, chance,
      longest: LONGEST_CONNECTION_MILLISECONDS,
    })
    t.diagnostic(`${outcome.toJuliet} messages one way and ${outcome.toRomeo} the other; ${outcome.resumptions} resumptions, and ${outcome.early} cuts `
      + `before one; ${connections} connections by ${circuit + 1} circuits`)
    assert.ok(outcome.resumptions >= CUTS)
    assert.ok(Math.min(outcome.toJuliet, outcome.toRomeo) > CUTS, 'hardly anything was said: nothing was tested')
  })
})

/** Waits until the onion is there. */
async function reach(options: ClientOptions): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MILLISECONDS; ; await passed(200)) {
    const client = await XmppClient.login(options).catch((error: unknown) => {
      if (Date.now() > deadline) throw error
      return undefined
    })
    if (client !== undefined) return await client.leave()
  }
}
