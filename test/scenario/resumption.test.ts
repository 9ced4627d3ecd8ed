import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { cutOften } from '../clients/cutting.ts'
import type { ClientOptions } from '../clients/xmpp-client.ts'
import { Chance } from '../tornet/chance.ts'
import { ACCOUNTS, DOMAIN, HOUSEHOLD, PASSWORD } from '../xep/managed-client.ts'
import { Scenario } from './scenario.ts'

const CUTS = 200
const LONGEST_CONNECTION_MILLISECONDS = 150

describe('XEP-0198: a session whose connection is cut at random moments under traffic', () => {
  const chance = new Chance(Number(process.env['SOTTO_SEED'] ?? randomInt(2 ** 31)))
  let scenario: Scenario
  before(async () => { scenario = await Scenario.start(HOUSEHOLD, ACCOUNTS) })
  after(() => scenario.stop())

  const client = (jid: string, listener: 0 | 1): ClientOptions => ({
    jid: `${jid}@${DOMAIN}/x`, password: PASSWORD, mechanism: 'PLAIN',
    route: { host: '127.0.0.1', port: scenario.ports[listener] ?? 0 }, security: listener === 0 ? 'starttls' : 'direct',
  })

  test(`${CUTS} cuts lose and double nothing, with SOTTO_SEED=${chance.seed}`, async (t) => {
    const outcome = await cutOften({
      juliet: () => client('juliet', chance.below(2) === 0 ? 0 : 1), romeo: client('romeo', 0), cuts: CUTS, chance, longest: LONGEST_CONNECTION_MILLISECONDS,
    })
    t.diagnostic(`${outcome.toJuliet} messages one way and ${outcome.toRomeo} the other; ${outcome.resumptions} resumptions, and ${outcome.early} cuts before one`)
    assert.ok(outcome.resumptions >= CUTS)
    assert.ok(Math.min(outcome.toJuliet, outcome.toRomeo) > CUTS, 'hardly anything was said: nothing was tested')
  })
})
