import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadOrCreateOnionKey } from '../../src/tor/onion-key.ts'
import { answerTo } from '../clients/applicant.ts'
import { RawStream, Scenario } from '../scenario/scenario.ts'

const PASSWORD = 'deny thy father and refuse thy name'

describe('accounts in the client, at an onion and at a name that must not be linked', () => {
  let folder: string
  let scenario: Scenario
  let onion: string
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-sides-'))
    writeFileSync(join(folder, 'torrc'), 'DisableNetwork 1\n')
    scenario = await Scenario.start(`
[[domains]]
name = "onion"
registration = "open"
[[domains]]
name = "capulet.lit"
registration = "open"
[[domains]]
name = "montague.lit"
registration = "closed"
[[listeners]]
kind = "c2s"
port = 0
[tor]
torrc = "${join(folder, 'torrc')}"
[auth]
argon2_memory = "7168kB"
argon2_passes = 1
scram_iterations = 65536
[registration]
accounts_per_peer = 1
accounts = 3
accounts_per_domain = 3
`)
    onion = loadOrCreateOnionKey(join(scenario.folder, 'data', 'onion', 'onion')).address
  })
  after(async () => {
    await scenario.stop()
    rmSync(folder, { recursive: true })
  })

  /** By a circuit, or by the clearnet; the whole of what is heard in answer. */
  const apply = async (stream: RawStream, name: string): Promise<string> => {
    for (let number = 0; ; number++) {
      stream.send(`<iq type='get' id='f${number}'><query xmlns='jabber:iq:register'/></iq>`)
      const [form] = await stream.expect(new RegExp(`<iq [^>]*id='f${number}'.*?</iq>`))
      const [, challenge = ''] = /var='challenge'[^>]*><value>([^<]*)</.exec(form) ?? []
      const answer = answerTo(/label='([^']*)'[^>]*\/><\/x>/.exec(form)?.[1] ?? '')
      if (answer === undefined) continue
      const fields = { FORM_TYPE: 'jabber:iq:register', challenge, qa: answer, username: name, password: PASSWORD }
      stream.send(`<iq type='set' id='s'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>`
        + `${Object.entries(fields).map(([one, value]) => `<field var='${one}'><value>${value}</value></field>`).join('')}</x></query></iq>`)
      const [said] = await stream.expect(/<iq [^>]*id='s'[^>]*(\/>|>.*?<\/iq>)/)
      stream.destroy()
      return said
    }
  }
  const byCircuit = async (circuit: number): Promise<RawStream> => {
    const stream = (await scenario.rawOnion(0, 'c2s', circuit)).open(onion)
    const [features] = await stream.expect(/<stream:features>.*<\/stream:features>/)
    assert.match(features, /<register xmlns='http:\/\/jabber\.org\/features\/iq-register'\/>/)
    return stream
  }
  const byName = async (): Promise<RawStream> => await (await scenario.raw()).secure('capulet.lit')

  test('a circuit at its limit gets resource-constraint, and another gets its account', async () => {
    assert.match(await apply(await byCircuit(7), 'juliet'), /type='result'/)
    const refused = await apply(await byCircuit(7), 'nurse')
    assert.match(refused, /<error type='wait' code='500'><resource-constraint/)
    assert.match(await apply(await byCircuit(8), 'nurse'), /type='result'/)
  })

  test('an onion at its limit says nothing at the names, where the same name is had', async () => {
    assert.match(await apply(await byCircuit(9), 'tybalt'), /type='result'/)
    // Then the onion asks for invitations, and the name goes on.
    const stream = await byCircuit(10)
    stream.send(`<iq type='get' id='f'><query xmlns='jabber:iq:register'/></iq>`)
    assert.match((await stream.expect(/<iq [^>]*id='f'.*?<\/iq>/))[0], /<not-allowed/)
    stream.destroy()
    assert.match(await apply(await byName(), 'juliet'), /type='result'/)
    assert.match(await apply(await byName(), 'juliet'), /<conflict/)
  })

  test('on a stream to one, the other cannot be told from a domain that is not served', async () => {
    for (const [open, others] of [[() => byCircuit(11), ['capulet.lit', 'montague.lit', 'mantua.lit']], [byName, [onion, 'montague.lit', `${'a'.repeat(56)}.onion`]]] as const) {
      const answers = []
      const stream = await open()
      for (const to of others) {
        for (const payload of [`<query xmlns='jabber:iq:register'/>`, `<preauth xmlns='urn:xmpp:pars:0' token='x'/>`, `<data xmlns='urn:xmpp:bob' cid='x'/>`]) {
          stream.send(`<iq type='get' id='o' to='${to}'>${payload}</iq>`)
          answers.push((await stream.expect(/<iq [^>]*id='o'.*?<\/iq>/))[0])
        }
      }
      assert.equal(new Set(answers).size, 1)
      assert.doesNotMatch(stream.heard, open === byName ? /onion/ : /capulet|montague/)
      stream.destroy()
    }
  })
})
