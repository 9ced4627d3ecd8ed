import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ControlClient } from '../../src/operate/control-client.ts'
import { ask, textOf, type Way } from './browser.ts'
import { Serving } from './site.ts'

describe('the page /policy', () => {
  let serving: Serving
  let plain: Way
  let busy: Way
  before(async () => {
    serving = await Serving.start(`
[[domains]]
name = "capulet.lit"
registration = "open"
federation = "refuse"
[[domains]]
name = "onion"
registration = "closed"
[[listeners]]
kind = "https"
port = 0
[policy]
otr_versions = ["3", "4"]
[backup]
recipients = ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]
every = "2h"
hourly = 5
daily = 6
weekly = 3
[[backup.copies]]
kind = "command"
command = ["/bin/false", "verona"]
`)
    plain = serving.onion(0, 'onion')
    busy = serving.https('capulet.lit')
  })
  after(() => serving.stop())

  const policy = async (way: Way): Promise<string> => textOf((await ask(way, '/policy')).body)

  test('says what is configured', async () => {
    const text = await policy(busy)
    for (const part of ['Anybody can make one', 'version 3 and 4', 'every 2 hours', 'the last 5, the last of each of 6 days, and of 3 weeks',
      'a place of the operator\'s own making', 'servers that have an onion address, and with no others', 'Only errors of the server are logged']) {
      assert.ok(text.includes(part), `${part} in ${text}`)
    }
    assert.ok((await policy(plain)).includes('The operator makes them'))
  })

  test('of where copies go it tells the kind, and no name', async () => {
    for (const way of [plain, busy]) assert.doesNotMatch(await policy(way), /verona|false|age1/)
  })

  test('changes with what the operator does while the server runs', async () => {
    const operator = await ControlClient.connect(join(serving.scenario.runtime, 'control.sock'))
    assert.ok(operator)
    await operator.run('log raise', { level: 'info', milliseconds: 60_000, reason: 'a quarrel in the street' })
    const text = await policy(busy)
    assert.match(text, /More than usual is logged at the moment, until \d{4}-\d\d-\d\d \d\d:\d\d UTC/)
    assert.doesNotMatch(text, /quarrel/)
    await operator.run('log lower', undefined)
    assert.doesNotMatch(await policy(busy), /More than usual/)
    await operator.run('registration set', { domain: 'capulet.lit', mode: 'invite' })
    assert.match(await policy(busy), /By invitation\./)
    await operator.close()
  })
})
