import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as passed } from 'node:timers/promises'
import type { XmppClient } from '../clients/xmpp-client.ts'
import { ping, seen, subscribe } from './exchange.ts'
import { missing } from './programs.ts'
import { OURS, TwoHouses, type PeerName } from './two-houses.ts'

const PROGRAMS: Readonly<Record<PeerName, readonly string[]>> = { Prosody: ['prosody', 'unbound'], ejabberd: ['erl', 'unbound'] }
const PATIENCE = 20_000

for (const name of ['Prosody', 'ejabberd'] as const) {
  describe(`${name} goes and comes back`, { skip: missing(...PROGRAMS[name]) ?? false }, () => {
    let houses: TwoHouses
    let juliet: XmppClient
    let romeo: XmppClient

    before(async () => {
      houses = await TwoHouses.start(name)
      juliet = await houses.juliet(OURS.plain)
      romeo = await houses.romeo(houses.their())
      for (const client of [juliet, romeo]) await client.appear()
      await subscribe(juliet, romeo)
      await subscribe(romeo, juliet)
    })

    after(async () => {
      juliet?.cut()
      await houses?.stop()
    })

    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      test(`by ${signal}: its users are seen to go, what is said to them is refused, and all is well once it is back`, async () => {
        await houses.theirs.end(signal)
        romeo.cut()
        await seen(juliet, 'unavailable', romeo.jid)
        assert.match(await ping(juliet, houses.their()), /^remote-server-(?:timeout|not-found)$/)
        await houses.theirs.run()
        romeo = await houses.again(romeo)
        await romeo.appear()
        await seen(juliet, undefined, romeo.jid)
        await seen(romeo, undefined, juliet.jid)
        await reaches(juliet, houses.their())
        await reaches(romeo, OURS.plain)
      })
    }

    test('our own server is killed, and all is well once it is back', async () => {
      await houses.ours.kill()
      juliet.cut()
      // ejabberd would call us no more for up to five minutes, and what it has to answer would be lost.
      // Prosody that has not noticed yet bounces what we did not acknowledge with a condition of its own (mod_smacks).
      if (name === 'Prosody') assert.match(await ping(romeo, OURS.plain), /^(?:remote-server-(?:timeout|not-found)|recipient-unavailable)$/)
      await houses.ours.run()
      juliet = await houses.again(juliet)
      await juliet.appear()
      await seen(romeo, undefined, juliet.jid)
      await seen(juliet, undefined, romeo.jid)
      await reaches(juliet, houses.their())
    })
  })
}

/** Asks until it is answered: a server that was not reached is left alone for a while. */
async function reaches(client: XmppClient, domain: string): Promise<void> {
  for (const deadline = Date.now() + PATIENCE; await ping(client, domain) !== 'result'; await passed(100)) {
    assert.ok(Date.now() < deadline, `${domain} is not reached`)
  }
}
