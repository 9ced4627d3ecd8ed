import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as passed } from 'node:timers/promises'
import { element } from '../../src/xml/element.ts'
import { NS_REGISTER } from '../../src/xmpp/namespaces.ts'
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
/** Registrations and logins that are measured, by turns with the flood elsewhere and here. */
const SAMPLES = 8
/** Each takes of the one machine that all of Tor runs on here. */
const FLOODERS = 4
const PASSWORD = 'violet mountain seldom borrows'

describe('of two circuits one is abused to its limit', { skip: withoutTor }, () => {
  let network: JoinedNetwork
  let server: ServerProcess
  /** Floods cost the machine, on which all of Tor runs here, whomever they are for; so this one gets them in between. */
  let another: ServerProcess
  let tor: ClientTor
  let onion = ''
  let elsewhere = ''
  before(async () => {
    network = await joinNetwork(process.env['SOTTO_TORNET'], () => {})
    const flooded = () => ServerProcess.start({
      clientTorrc: network.clientTorrc, domainLines: ['registration = "open"'],
      tables: `[registration]\naccounts_per_peer = ${ACCOUNTS_PER_PEER}\nchallenges_per_peer = 100`,
    });
    [server, another] = [await flooded(), await flooded()]
    tor = await ClientTor.start(network.clientTorrc)
    onion = await server.onionAddress()
    elsewhere = await another.onionAddress()
  })
  after(async () => {
    await tor?.stop()
    await server?.stop()
    await another?.stop()
    await network?.leave()
  })

  const by = (isolation: string, host = onion): Route => ({ host, port: 5222, socks: { host: '127.0.0.1', port: tor.socksPort, isolation } })

  /** Milliseconds from the call to the account, and from the call to the bound resource. */
  async function measured(name: string): Promise<Measured> {
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

  test('and registration and login by the other take at most twice as long', async (t) => {
    const flood = new Flood([onion, elsewhere])
    const flooders = Array.from({ length: FLOODERS }, (_, index) => floods(flood, index))
    try {
      // Each is at the limit, and it goes on.
      for (const target of [elsewhere, onion]) {
        flood.target = target
        await until(() => flood.at(target).refused >= 10 * FLOODERS)
      }
      const [quiet, flooded]: [Measured[], Measured[]] = [[], []]
      for (let count = 0; count < SAMPLES; count++) {
        for (const [target, times] of [[elsewhere, quiet], [onion, flooded]] as const) {
          flood.target = target
          const before = flood.at(target).refused
          await until(() => flood.at(target).refused >= before + FLOODERS)
          times.push(await measured(`${target === onion ? 'flooded' : 'quiet'}${count}`))
        }
      }
      const [registration, login] = [(one: Measured) => one.registration, (one: Measured) => one.login]
      t.diagnostic(`quiet: ${median(quiet.map(registration))} and ${median(quiet.map(login))} ms; flooded: `
        + `${median(flooded.map(registration))} and ${median(flooded.map(login))} ms; the flood: ${flood.at(onion).made} accounts, ${flood.at(onion).refused} refusals`)
      for (const [what, time] of [['registration', registration], ['a login', login]] as const) {
        const [before, now] = [median(quiet.map(time)), median(flooded.map(time))]
        assert.ok(now <= 2 * before, `${what} took ${now} ms, and ${before} ms with the flood elsewhere`)
      }
      const { made } = flood.at(onion)
      assert.ok(made > 0 && made <= ACCOUNTS_PER_PEER, `${made} accounts were made by one circuit`)
    } finally {
      flood.stopped = true
      await Promise.all(flooders)
    }
  })

  /** Asks for accounts by one circuit, over and over, whatever it is answered; as long on each stream as that is taken. */
  async function floods(flood: Flood, index: number): Promise<void> {
    let applicant: { readonly at: string, readonly one: Applicant } | undefined
    for (let count = 0; !flood.stopped; count++) {
      const { target } = flood
      const tally = flood.at(target)
      try {
        if (applicant?.at !== target) {
          applicant?.one.cut()
          applicant = { at: target, one: await Applicant.reach({ route: by('flood', target) }, target) }
        }
        const { one } = applicant
        // `apply` would wait for a form.
        const refusal = conditionOf(await one.ask('get', element(NS_REGISTER, 'query')))
        const isMade = refusal === undefined && conditionOf(await one.apply(`flood${index}.${count}`, PASSWORD)) === undefined
        if (isMade) tally.made++
        else tally.refused++
        if (!isMade) continue
      } catch {
        tally.refused++ // it was cut off
      }
      applicant?.one.cut()
      applicant = undefined
    }
    applicant?.one.cut()
  }
})

interface Measured {
  readonly registration: number
  readonly login: number
}

class Flood {
  target: string
  stopped = false
  readonly #tallies: ReadonlyMap<string, { made: number, refused: number }>

  constructor(targets: readonly [string, ...string[]]) {
    this.target = targets[0]
    this.#tallies = new Map(targets.map((target) => [target, { made: 0, refused: 0 }]))
  }

  at(target: string): { made: number, refused: number } {
    return this.#tallies.get(target) ?? { made: 0, refused: 0 }
  }
}

/** @throws Error where it does not come to pass within two minutes */
async function until(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 120_000; !condition(); await passed(5)) {
    if (Date.now() > deadline) throw new Error('the flood stands still')
  }
}

function median(numbers: readonly number[]): number {
  return Math.round(numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? 0)
}
