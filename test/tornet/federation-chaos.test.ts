import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { setTimeout as passed } from 'node:timers/promises'
import { withoutTor } from '../tor/installed.ts'
import { Chance } from './chance.ts'
import { Correspondent, until } from './correspondent.ts'
import { joinNetwork, type JoinedNetwork } from './joined.ts'
import { Ledger } from './ledger.ts'
import { Node } from './node.ts'

const STANZAS = 1000
/** On each side five servers and five tors; in so many rounds something on both sides, within the same moment. */
const KILLS_ON_EACH_SIDE = ['server', 'tor', 'server', 'tor', 'server', 'tor', 'server', 'tor', 'server', 'tor'] as const
const DOUBLE_ROUNDS = 7
const LONGEST_PAUSE_MILLISECONDS = 8
/** About as long as each writes in a round. */
const LONGEST_TRAFFIC_MILLISECONDS = 250
const REACHABLE_MILLISECONDS = 60_000
const SETTLED_MILLISECONDS = 60_000

/** Ways that hang are given up sooner than by default, so that the ledger can be closed. */
const PATIENCE = '[s2s]\ntime_to_connect = "20s"\ntime_to_acknowledge = "10s"'

interface Side {
  readonly node: Node
  readonly correspondent: Correspondent
  /** Of what it writes. */
  readonly ledger: Ledger
}

interface Kill {
  readonly side: Side
  readonly victim: 'server' | 'tor'
}

describe('two servers, onion to onion, while they and their tors are killed', { skip: withoutTor }, () => {
  const chance = new Chance(Number(process.env['SOTTO_SEED'] ?? randomInt(2 ** 31)))
  let network: JoinedNetwork
  let verona: Node
  let mantua: Node

  before(async () => {
    network = await joinNetwork(process.env['SOTTO_TORNET'], console.log)
    const { clientTorrc } = network
    ;[verona, mantua] = await Promise.all([
      Node.start({ clientTorrc, name: 'juliet', tables: PATIENCE }),
      Node.start({ clientTorrc, name: 'romeo', tables: PATIENCE }),
    ])
  }, { timeout: 300_000 })

  after(async () => {
    await verona?.stop()
    await mantua?.stop()
    await network?.leave()
  }, { timeout: 60_000 })

  test(`each stanza that a server held which survived is delivered, or bounced, once, with SOTTO_SEED=${chance.seed}`, { timeout: 400_000 }, async (t) => {
    const [hers, his] = [new Ledger('Juliet to Romeo'), new Ledger('Romeo to Juliet')]
    const sides: readonly Side[] = [
      { node: verona, correspondent: new Correspondent(verona, mantua.jid, hers, his), ledger: hers },
      { node: mantua, correspondent: new Correspondent(mantua, verona.jid, his, hers), ledger: his },
    ]
    const problems = () => [...hers.problems(), ...his.problems()]
    const begun = performance.now()
    const rounds = planned(sides)
    try {
      for (const [index, kills] of rounds.entries()) {
        await Promise.all(sides.map(({ correspondent }) => correspondent.reach()))
        // The last one of all is written when everything is over.
        const share = ({ ledger }: Side) => Math.max(0, Math.ceil((STANZAS - 1 - ledger.size) / (rounds.length - index)))
        await Promise.all([
          ...sides.map((side) => side.correspondent.write(share(side), () => chance.below(LONGEST_PAUSE_MILLISECONDS))),
          ...kills.map(carryOut),
        ])
      }
      await Promise.all(sides.map(({ correspondent }) => correspondent.reach()))
      await until(() => problems().length === 0, SETTLED_MILLISECONDS, 'every stanza is settled').catch(() => {}) // judged below
    } finally {
      for (const line of Ledger.table([hers, his])) t.diagnostic(line)
      t.diagnostic(`${rounds.flat().length} kills in ${rounds.length} rounds and ${((performance.now() - begun) / 1000).toFixed(1)} s`)
    }
    assert.deepEqual(problems(), [])
    assert.ok([hers, his].every(({ size, deliveries }) => size >= STANZAS && deliveries >= STANZAS / 5), 'hardly anything was delivered: nothing was tested')
  })

  /** All kills in a random order, some of them with one of the other side. */
  function planned(sides: readonly Side[]): (readonly Kill[])[] {
    const [first = [], second = []] = sides.map((side) => shuffled(KILLS_ON_EACH_SIDE).map((victim): Kill => ({ side, victim })))
    return shuffled(first.flatMap((kill, index) => {
      const other = second.slice(index, index + 1)
      return index < DOUBLE_ROUNDS ? [[kill, ...other]] : [[kill], other]
    }))
  }

  function shuffled<Item>(items: readonly Item[]): Item[] {
    const [left, taken] = [[...items], new Array<Item>()]
    while (left.length > 0) taken.push(...left.splice(chance.below(left.length), 1))
    return taken
  }

  /** At a random moment; it is over once others can reach the onion again. */
  async function carryOut({ side: { node, correspondent }, victim }: Kill): Promise<void> {
    await passed(chance.below(LONGEST_TRAFFIC_MILLISECONDS))
    const before = node.publications
    if (victim === 'server') {
      await correspondent.loseServer()
    } else {
      const { torPids } = node.server
      assert.ok(torPids.length > 0, 'there is no tor to kill')
      for (const pid of torPids) process.kill(pid, 'SIGKILL')
    }
    await until(() => node.publications > before, REACHABLE_MILLISECONDS, 'the onion is published again')
  }
})
