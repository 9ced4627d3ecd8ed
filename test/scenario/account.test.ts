import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { AccountExportOutput, AccountSessionsOutput } from '../../src/operate/account.ts'
import { ControlClient } from '../../src/operate/control-client.ts'
import { RawStream, Scenario } from './scenario.ts'

const CAPULET = `
[[domains]]
name = "capulet.lit"
[[listeners]]
kind = "c2s"
port = 0
[tor]
enabled = false
[auth]
argon2_memory = "7168kB"
argon2_passes = 1
`
const PASSWORD = 'wherefore art thou'

describe('what the operator does to an account', () => {
  let scenario: Scenario
  let operator: ControlClient
  before(async () => {
    scenario = await Scenario.start(CAPULET, { 'juliet@capulet.lit': PASSWORD, 'nurse@capulet.lit': PASSWORD })
    const connected = await ControlClient.connect(join(scenario.runtime, 'control.sock'))
    assert.ok(connected !== undefined)
    operator = connected
  })
  after(async () => {
    await operator.close()
    await scenario.stop()
  })

  const login = async (name: string, resource: string): Promise<RawStream> =>
    await (await scenario.raw()).login('capulet.lit', name, PASSWORD, resource)

  /** Who logged in, and has not bound a resource. */
  async function arrive(name: string): Promise<RawStream> {
    const stream = await (await scenario.raw()).secure('capulet.lit')
    stream.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${name}\0${PASSWORD}`).toString('base64')}</auth>`)
    await stream.expect(/<success[^>]*>/)
    stream.open('capulet.lit')
    await stream.expect(/<\/stream:features>/)
    return stream
  }

  test('sessions are told by day and way, with no address, and ended, those that were about to begin included', async () => {
    const [balcony, late, nurse] = [await login('juliet', 'balcony'), await arrive('juliet'), await login('nurse', 'hall')]
    const told = await operator.run('account sessions', { account: 'juliet', end: false }) as AccountSessionsOutput
    assert.deepEqual(told, {
      account: 'juliet@capulet.lit', ended: false, sessions: [{ since: new Date().toISOString().slice(0, 10), way: 'clearnet', on: 'client' }],
    })
    await operator.run('account sessions', { account: 'juliet', end: true })
    for (const stream of [balcony, late]) assert.match(await stream.rest(), /<stream:error><not-authorized/)
    nurse.send(`<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>`)
    await nurse.expect(/<iq [^>]*id='p'/)
    nurse.destroy()
  })

  test('RFC 6120 §6.5.1: locked, it ends at once and logs in no more; unlocked, it does', async () => {
    const [balcony, late] = [await login('juliet', 'balcony'), await arrive('juliet')]
    await operator.run('account lock', { account: 'juliet', reason: 'a quarrel' })
    for (const stream of [balcony, late]) assert.match(await stream.rest(), /<stream:error><not-authorized/)
    const stream = await (await scenario.raw()).secure('capulet.lit')
    stream.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0juliet\0${PASSWORD}`).toString('base64')}</auth>`)
    await stream.expect(/<failure [^>]*><account-disabled\/><\/failure>/)
    stream.destroy()
    await operator.run('account unlock', { account: 'juliet' })
    ;(await login('juliet', 'balcony')).destroy()
  })

  test('with another password whoever came by the old one is gone, bound or not', async () => {
    const [hall, late] = [await login('nurse', 'hall'), await arrive('nurse')]
    await operator.run('account password', { account: 'nurse', password: `${PASSWORD} still` })
    for (const stream of [hall, late]) assert.match(await stream.rest(), /<stream:error><not-authorized/)
  })

  test('an export longer than any request comes through the control socket', async () => {
    const juliet = await login('juliet', 'balcony')
    const group = 'g'.repeat(900)
    for (let contact = 0; contact < 800; contact++) {
      juliet.send(`<iq type='set' id='r${contact}'><query xmlns='jabber:iq:roster'><item jid='contact${contact}@verona.lit'><group>${group}</group></item></query></iq>`)
    }
    await juliet.expect(/<iq [^>]*id='r799'/)
    const { document } = await operator.run('account export', { account: 'juliet' }) as AccountExportOutput
    assert.ok(document.length > 1024 * 1024, `${document.length} characters`)
    assert.match(document, /contact799@verona\.lit/)
    juliet.destroy()
  })
})
