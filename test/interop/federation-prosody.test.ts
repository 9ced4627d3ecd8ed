import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { exchange, ping } from './exchange.ts'
import { missing } from './programs.ts'
import { BAD, OURS, TwoHouses, type Theirs } from './two-houses.ts'

const skip = missing('prosody', 'unbound') ?? false

describe('federation with Prosody, as Debian ships it', { skip }, () => {
  let houses: TwoHouses

  before(async () => { houses = await TwoHouses.start('Prosody') })
  after(async () => { await houses?.stop() })

  const WAYS: readonly { title: string, ours: string, theirs?: Theirs, mechanism: string }[] = [
    { title: 'XEP-0178: certificates of both, by SASL EXTERNAL', ours: OURS.plain, mechanism: 'EXTERNAL' },
    { title: 'XEP-0178: a certificate of ours for servers alone, by SASL EXTERNAL', ours: OURS.certified, mechanism: 'EXTERNAL' },
    { title: 'XEP-0220: certificates of both, and dialback', ours: OURS.plain, theirs: 'keys', mechanism: 'dialback' },
    { title: 'XEP-0220: dialback alone, where both do not ask for certificates', ours: OURS.unverified, theirs: 'unverified', mechanism: 'dialback' },
    { title: 'XEP-0368: direct TLS, and SASL EXTERNAL', ours: OURS.sealed, theirs: 'sealed', mechanism: 'EXTERNAL' },
    { title: 'RFC 7622 §3.2: names beyond ASCII, whose A-labels are in DNS and in certificates', ours: OURS.international, theirs: 'bücher', mechanism: 'EXTERNAL' },
  ]
  for (const { title, ours, theirs, mechanism } of WAYS) {
    test(title, async () => {
      const their = houses.their(theirs)
      await exchange(houses, await houses.juliet(ours), await houses.romeo(their))
      assert.deepEqual(await houses.proofs(ours, their, 2), [`inbound ${mechanism} ${ours} -> ${their}`, `outbound ${mechanism} ${their} -> ${ours}`])
    })
  }

  test('XEP-0288: what Prosody says goes by the stream that we opened', async () => {
    const their = houses.their('both-ways')
    await exchange(houses, await houses.juliet(OURS.plain), await houses.romeo(their))
    assert.deepEqual(await houses.proofs(OURS.plain, their, 1), [`inbound EXTERNAL ${OURS.plain} -> ${their}`])
  })

  test('XEP-0288: what we say goes by the stream that Prosody opened', async () => {
    const their = houses.their('echo')
    const [juliet, romeo] = [await houses.juliet(OURS.plain), await houses.romeo(their)]
    assert.equal(await ping(romeo, OURS.plain), 'result')
    await exchange(houses, juliet, romeo)
    assert.deepEqual(await houses.proofs(OURS.plain, their, 1), [`outbound EXTERNAL ${their} -> ${OURS.plain}`])
  })

  test('XEP-0198: each side acknowledges what the other sent', async () => {
    const [juliet, romeo] = [await houses.juliet(OURS.plain), await houses.romeo(houses.their())]
    assert.equal(await ping(juliet, houses.their()), 'result')
    assert.equal(await ping(romeo, OURS.plain), 'result')
    await houses.theirLog(/s2sin\S+\s+debug\s+SEND: <a [^>]*h='[1-9]/)
    await houses.theirLog(/s2sout\S+\s+debug\s+RECV: <a [^>]*h='[1-9]/)
  })

  for (const [kind, condition] of BAD) {
    test(`RFC 6120 §13.7.2: their certificate is bad (${kind}), and neither do we call them nor do they get in`, async () => {
      const their = houses.their(kind)
      const [juliet, romeo] = [await houses.juliet(OURS.plain), await houses.romeo(their)]
      assert.equal(await ping(juliet, their), 'remote-server-timeout')
      assert.match(houses.ours.log, new RegExp(`"condition":"${condition}","event":"s2s.untrusted"`))
      assert.equal(await ping(romeo, OURS.plain), 'remote-server-timeout')
      await houses.theirLog(new RegExp(`Destroying outgoing session ${their}->${OURS.plain}`))
      assert.deepEqual(await houses.proofs(OURS.plain, their, 0), [])
    })
  }

  for (const [kind, words] of [['other-name', '.*not valid for this name'], ['unknown-authority', '.*not trusted']] as const) {
    test(`RFC 6120 §13.7.2: our certificate is bad (${kind}), and Prosody takes us for nobody`, async () => {
      const their = houses.their()
      const [juliet, romeo] = [await houses.juliet(OURS[kind]), await houses.romeo(their)]
      assert.equal(await ping(juliet, their), 'remote-server-timeout')
      await houses.theirLog(new RegExp(`Destroying incoming session ${OURS[kind]}->${their}: ${words}`))
      assert.equal(await ping(romeo, OURS[kind]), 'remote-server-timeout')
      await houses.theirLog(new RegExp(`Destroying outgoing session ${their}->${OURS[kind]}: ${words}`))
      assert.deepEqual(await houses.proofs(OURS[kind], their, 0), [])
    })
  }
})
