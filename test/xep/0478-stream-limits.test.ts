import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Scenario } from '../scenario/scenario.ts'
import { ACCOUNTS, DOMAIN, HOUSEHOLD, loggedIn } from './managed-client.ts'

const LIMITS = /<limits xmlns='urn:xmpp:stream-limits:0'>(.*?)<\/limits>/

describe('XEP-0478: the limits of a stream are told', () => {
  let scenario: Scenario
  before(async () => {
    scenario = await Scenario.start(`${HOUSEHOLD}[limits]\nstanza_before_login = "10kB"\nstanza = "64kB"\nidle_before_ping = "3m"\n`, ACCOUNTS)
  })
  after(() => scenario.stop())

  test('XEP-0478 §3.1: before the login those of strangers, after it those that hold then', async () => {
    const stream = await scenario.raw()
    await stream.secure(DOMAIN)
    assert.equal(LIMITS.exec(stream.heard)?.[1], '<max-bytes>10240</max-bytes>')
    stream.destroy()
    const known = await loggedIn(scenario, 'juliet')
    assert.equal(LIMITS.exec(known.heard.slice(known.heard.indexOf('<success')))?.[1], '<max-bytes>65536</max-bytes><idle-seconds>180</idle-seconds>')
    known.destroy()
  })

  test('XEP-0478 §4: what is told is what is done', async () => {
    const filler = (bytes: number): string => `<message>${'x'.repeat(bytes - '<message></message>'.length)}</message>`
    const stream = await scenario.raw()
    await stream.secure(DOMAIN)
    assert.match(await stream.send(filler(10_241)).rest(), /<policy-violation /)
    const within = await scenario.raw()
    await within.secure(DOMAIN)
    assert.match(await within.send(filler(10_240)).rest(), /<not-authorized /)
  })

  test('they are the features\' alone: who answers them breaks the stream', async () => {
    const stream = await loggedIn(scenario, 'juliet')
    assert.match(await stream.send(`<limits xmlns='urn:xmpp:stream-limits:0'/>`).rest(), /<unsupported-stanza-type /)
  })
})
