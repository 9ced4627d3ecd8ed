import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { Applicant } from '../clients/applicant.ts'
import { TestClock } from '../clock.ts'
import { Scenario } from '../scenario/scenario.ts'

const SERVER = `
[[domains]]
name = "capulet.lit"
registration = "open"
[[domains]]
name = "verona.lit"
registration = "open"
[[listeners]]
kind = "c2s"
port = 0
[tor]
enabled = false
[auth]
argon2_memory = "7168kB"
argon2_passes = 1
scram_iterations = 65536
[limits]
streams_before_login = 30
`
const PASSWORD = 'deny thy father and refuse thy name'
const MINUTE = 60_000

describe('the time in which somebody asks for an account', () => {
  const clock = new TestClock(Date.now())
  let scenario: Scenario
  const applicants: Applicant[] = []
  before(async () => { scenario = await Scenario.start(SERVER, {}, clock) })
  after(() => scenario.stop())
  afterEach(async () => {
    for (const one of applicants) one.cut()
    await Promise.all(applicants.splice(0).map((one) => one.stream.ended))
  })

  const reach = async (domain = 'capulet.lit'): Promise<Applicant> => {
    const applicant = await Applicant.reach({ route: { host: '127.0.0.1', port: scenario.ports[0] ?? 0 }, security: 'starttls' }, domain)
    applicants.push(applicant)
    return applicant
  }
  const isThere = async (applicant: Applicant): Promise<boolean> => await applicant.anyForm().then(() => true, () => false)

  test('who fills in a form has ten minutes, and limits.time_to_login once more after the account is made', async () => {
    const [idle, slow] = [await reach(), await reach()]
    await slow.anyForm()
    clock.advance(9 * MINUTE)
    assert.equal(await idle.stream.ended, 'connection-timeout')
    assert.equal((await slow.apply('juliet', PASSWORD)).attrs['type'], 'result')
    clock.advance(MINUTE - 5000)
    await slow.ask('get', '<query xmlns="jabber:iq:register"/>')
    clock.advance(10_000)
    assert.equal(await slow.stream.ended, 'connection-timeout')
  })

  test('who leaves the form alone is cut off like others, later', async () => {
    const slow = await reach()
    await slow.anyForm()
    clock.advance(10 * MINUTE + 5000)
    assert.equal(await slow.stream.ended, 'connection-timeout')
  })

  test('a tenth of limits.streams_before_login at each domain has that time, and whoever leaves makes room', async () => {
    const many: Applicant[] = []
    for (let n = 0; n < 4; n++) many.push(await reach())
    const other = await reach('verona.lit')
    for (const one of [...many, other]) await one.anyForm()
    clock.advance(MINUTE + 5000)
    assert.equal(await many[3]?.stream.ended, 'connection-timeout', 'the fourth of thirty')
    for (const one of [...many.slice(0, 3), other]) assert.ok(await isThere(one))
    many[0]?.cut()
    // The server may hear that one left after another comes.
    for (;;) {
      const next = await reach()
      await next.anyForm()
      clock.advance(MINUTE + 5000)
      if (await isThere(next)) break
    }
  })
})
