import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { exchange, ping } from './exchange.ts'
import { missing } from './programs.ts'
import { BAD, OURS, TwoHouses, type Theirs } from './two-houses.ts'

const skip = missing('erl', 'unbound') ?? false

describe('federation with ejabberd, as Debian ships it', { skip }, () => {
  let houses: TwoHouses

  before(async () => { houses = await TwoHouses.start('ejabberd') })
  after(async () => { await houses?.stop() })

  /** How we prove ourselves, and how ejabberd does: it takes EXTERNAL wherever it is offered, so only we can keep it from that. */
  const WAYS: readonly { title: string, ours: string, theirs?: Theirs, mechanisms: readonly [string, string] }[] = [
    { title: 'XEP-0178: certificates of both, by SASL EXTERNAL', ours: OURS.plain, mechanisms: ['EXTERNAL', 'EXTERNAL'] },
    {
      title: 'XEP-0178 §3: EXTERNAL is offered to us and fails, as our certificate is our own, and dialback follows',
      ours: OURS.unverified, theirs: 'keys', mechanisms: ['dialback', 'EXTERNAL'],
    },
    {
      title: 'XEP-0178 §3: EXTERNAL is offered to us and fails, as our certificate is for servers alone; theirs is, too, and passes',
      ours: OURS.certified, theirs: 'keys', mechanisms: ['dialback', 'EXTERNAL'],
    },
    {
      title: 'XEP-0220: dialback alone, where both do not ask for certificates',
      ours: OURS.unverified, theirs: 'unverified', mechanisms: ['dialback', 'dialback'],
    },
    { title: 'XEP-0368: direct TLS, and SASL EXTERNAL', ours: OURS.sealed, theirs: 'sealed', mechanisms: ['EXTERNAL', 'EXTERNAL'] },
    {
      title: 'RFC 7622 §3.2: names beyond ASCII, whose A-labels are in DNS and in certificates',
      ours: OURS.international, theirs: 'bücher', mechanisms: ['EXTERNAL', 'EXTERNAL'],
    },
  ]
  for (const { title, ours, theirs, mechanisms: [ourMechanism, theirMechanism] } of WAYS) {
    test(title, async () => {
      const their = houses.their(theirs)
      await exchange(houses, await houses.juliet(ours), await houses.romeo(their))
      assert.deepEqual(await houses.proofs(ours, their, 2), [
        `inbound ${ourMechanism} ${ours} -> ${their}`, `outbound ${theirMechanism} ${their} -> ${ours}`,
      ])
    })
  }

  for (const [kind, condition] of BAD) {
    test(`RFC 6120 §13.7.2: their certificate is bad (${kind}), and neither do we call them nor do they get in`, async () => {
      const their = houses.their(kind)
      const [juliet, romeo] = [await houses.juliet(OURS.plain), await houses.romeo(their)]
      assert.equal(await ping(juliet, their), 'remote-server-timeout')
      assert.match(houses.ours.log, new RegExp(`"condition":"${condition}","event":"s2s.untrusted"`))
      assert.equal(await ping(romeo, OURS.plain), 'remote-server-timeout')
      await houses.theirLog(new RegExp(`Failed outbound s2s dialback authentication ${their} -> ${OURS.plain} .*Peer responded with error`))
      assert.deepEqual(await houses.proofs(OURS.plain, their, 0), [])
    })
  }

  for (const [kind, words] of [['other-name', '[Hh]ost ?name mismatch'], ['unknown-authority', 'unable to verify']] as const) {
    test(`RFC 6120 §13.7.2: our certificate is bad (${kind}), and ejabberd takes us for nobody`, async () => {
      const their = houses.their()
      const [juliet, romeo] = [await houses.juliet(OURS[kind]), await houses.romeo(their)]
      assert.equal(await ping(juliet, their), 'remote-server-timeout')
      await houses.theirLog(new RegExp(`Failed inbound s2s EXTERNAL authentication ${OURS[kind]} -> ${their} .*${words}`))
      assert.equal(await ping(romeo, OURS[kind]), 'remote-server-timeout')
      await houses.theirLog(new RegExp(`Failed to establish outbound s2s connection ${their} -> ${OURS[kind]}: .*${words}`))
      assert.deepEqual(await houses.proofs(OURS[kind], their, 0), [])
    })
  }
})
