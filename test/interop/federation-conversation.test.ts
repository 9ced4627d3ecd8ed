import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { becomeContacts, converse, newScript, speakPlainly, type Person, type Script } from './conversation.ts'
import { Mcabber } from './mcabber.ts'
import { Profanity } from './profanity.ts'
import { missing } from './programs.ts'
import { OURS, TwoHouses } from './two-houses.ts'

const skip = missing('mcabber', 'profanity', 'tmux', 'openssl', 'prosody', 'unbound') ?? false

describe('people of two servers, ours and Prosody, talk with OTR, and only with OTR', { skip }, () => {
  let houses: TwoHouses

  before(async () => { houses = await TwoHouses.start('Prosody') })
  after(async () => { await houses?.stop() })

  test('mcabber here to Profanity there', async () => {
    await meet((juliet, romeo, script) => converse(juliet, romeo, script))
  })

  test('Profanity there to mcabber here', async () => {
    await meet((juliet, romeo, script) => converse(romeo, juliet, script))
  })

  /** Everything from login to good-bye between two new accounts, and then what the servers have of it. */
  async function meet(talk: (juliet: Person, romeo: Person, script: Script) => Promise<void>): Promise<void> {
    const script = newScript()
    const people: Person[] = []
    try {
      const [juliet, romeo] = [
        { jid: `juliet-${randomUUID().slice(0, 8)}@${OURS.plain}`, password: randomUUID() },
        { jid: `romeo-${randomUUID().slice(0, 8)}@${houses.their()}`, password: randomUUID() },
      ]
      await houses.ours.addAccount(juliet.jid, juliet.password)
      await houses.theirs.addAccount(romeo.jid, romeo.password)
      const here = { jid: juliet.jid, client: await Mcabber.start(juliet, houses.door('ours')) }
      people.push(here)
      const there = { jid: romeo.jid, client: await Profanity.start(romeo, houses.door('theirs')) }
      people.push(there)
      await becomeContacts(here, there)
      await speakPlainly(here, there, script)
      await talk(here, there, script)
      assertUnread(script)
    } catch (error) {
      for (const { client } of people) await client.keepScreen()
      throw error
    } finally {
      for (const { client } of people) await client.stop()
    }
  }

  /** Prosody logs all stanzas here: what it had to pass on is what anybody who runs it can read. */
  function assertUnread({ said, refused: [ours, theirs] }: Script): void {
    const { log } = houses.theirs
    assert.ok(log.includes('?OTR:'), 'nothing was recorded that could be searched')
    for (const line of said.flat()) assert.ok(!log.includes(line), 'an encrypted line is readable for the other server')
    assert.ok(!log.includes(ours), 'what was refused here has left our server')
    assert.ok(log.includes(theirs), 'what was said there was not recorded')
    for (const line of [...said.flat(), ours, theirs]) {
      assert.deepEqual(houses.ours.filesWith(line), [], 'a line is on our disk')
      assert.ok(!houses.ours.log.includes(line), 'a line is in our log')
    }
  }
})
