import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Applicant, conditionOf } from '../clients/applicant.ts'
import { ClientTor } from '../clients/client-tor.ts'
import type { Route } from '../clients/route.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { ServerProcess } from '../interop/server.ts'
import { withoutTor } from '../tor/installed.ts'
import { joinNetwork, type JoinedNetwork } from './joined.ts'

/** What one peer may register in an hour: so that the one that is measured does not come to it. */
const ACCOUNTS_PER_PEER = 18
/** Registrations and logins that are measured, before the flood and in it. */
const SAMPLES = 7
/** As many as a circuit's abuser can do at a time; each takes of the one machine that all of Tor runs on here. */
const FLOODERS = 3
const PASSWORD = 'violet mountain seldom borrows'

describe('of two circuits one is abused to its limit', { skip: withoutTor }, () => {
  let network: JoinedNetwork
  let server: ServerProcess
  let tor: ClientTor
  let onion = ''
  before(async () => {
    network = await joinNetwork(process.env['SOTTO_TORNET'], () => {})
    server = await ServerProcess.start({
      clientTorrc: network.clientTorrc, domainLines: ['registration = "open"'],
      tables: `[registration]\naccounts_per_peer = ${ACCOUNTS_PER_PEER}`,
    })
    tor = await ClientTor.start(network.clientTorrc)
    onion = await server.onionAddress()
  })
  after(async () => {
    await tor?.stop()
    await server?.stop()
    await network?.leave()
  })

  const by = (isolation: string): Route => ({ host: onion, port: 5222, socks: { host: '127.0.0.1', port: tor.socksPort, isolation } })

  /** Milliseconds from the call to the account, and from the call to the bound resource. */
  async function measured(name: string): Promise<{ readonly registration: number, readonly login: number }> {
    const route = by('somebody')
    const begun = performance.now()
    const applicant = await Applicant.reach({ route }, onion)
    assert.equal(conditionOf(await applicant.apply(name, PASSWORD)), undefined)
    applicant.cut()
    const registered = performance.now()
    const client = await XmppClient.login({ route, jid: `${name}@${onion}`, password: PASSWORD })
    await client.leave()
    return { registration: registered - begun, login: performance.now() - registered }
  }

  async function several(prefix: string): Promise<{ readonly registration: number, readonly login: number }> {
    const all: { readonly registration: number, readonly login: number }[] = []
    for (let count = 0; count < SAMPLES; count++) all.push(await measured(`${prefix}${count}`))
    return { registration: quartile(all.map((one) => one.registration)), login: quartile(all.map((one) => one.login)) }
  }

  test('and registration and login by the other take at most twice as long', async (t) => {
    await measured('warm')
    const quiet = await several('quiet')
    const flood = { stopped: false, made: 0, refusals: new Map<string, number>() }
    const flooders = Array.from({ length: FLOODERS }, (_, index) => floods(flood, index))
    try {
      // It is at its limit, and goes on.
      while (flood.made < ACCOUNTS_PER_PEER || (flood.refusals.get('resource-constraint') ?? 0) < FLOODERS) {
        assert.ok(flooders.length > 0)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      const flooded = await several('flooded')
      t.diagnostic(`quiet: ${Math.round(quiet.registration)} and ${Math.round(quiet.login)} ms; flooded: `
        + `${Math.round(flooded.registration)} and ${Math.round(flooded.login)} ms; the flood: ${flood.made} accounts, ${JSON.stringify([...flood.refusals])}`)
      assert.ok(flooded.registration <= 2 * quiet.registration, `registration took ${flooded.registration} ms, and ${quiet.registration} ms before`)
      assert.ok(flooded.login <= 2 * quiet.login, `a login took ${flooded.login} ms, and ${quiet.login} ms before`)
      assert.equal(flood.made, ACCOUNTS_PER_PEER)
    } finally {
      flood.stopped = true
      await Promise.all(flooders)
    }
  })

  /** Asks for accounts by one circuit, over and over, whatever it is answered. */
  async function floods(flood: { stopped: boolean, made: number, readonly refusals: Map<string, number> }, index: number): Promise<void> {
    for (let count = 0; !flood.stopped; count++) {
      try {
        const applicant = await Applicant.reach({ route: by('flood') }, onion)
        const answer = await applicant.apply(`flood${index}.${count}`, PASSWORD)
        applicant.cut()
        const condition = conditionOf(answer)
        if (condition === undefined) flood.made++
        else flood.refusals.set(condition, (flood.refusals.get(condition) ?? 0) + 1)
      } catch (error) {
        const [, condition = 'cut off'] = /another one|challenge: ([a-z-]+)/.exec(String(error)) ?? []
        flood.refusals.set(condition, (flood.refusals.get(condition) ?? 0) + 1)
      }
    }
  }
})

/** A quarter of them took no longer: what else runs on the machine delays some, and none is quicker for it. */
function quartile(numbers: readonly number[]): number {
  return numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 4)] ?? 0
}
