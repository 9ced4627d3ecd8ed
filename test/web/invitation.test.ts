import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ControlClient } from '../../src/operate/control-client.ts'
import { ask, fieldsOf, textOf, type Way } from './browser.ts'
import { Serving } from './site.ts'

const PASSWORD = 'parting is such sweet sorrow'

describe('an account by an invitation', () => {
  let serving: Serving
  let onion: Way
  let https: Way
  before(async () => {
    serving = await Serving.start(`
[[domains]]
name = "capulet.lit"
onion_service = true
[[domains]]
name = "montague.lit"
[[listeners]]
kind = "https"
port = 0
[[listeners]]
kind = "c2s"
port = 0
`, { 'nurse@capulet.lit': PASSWORD })
    onion = serving.onion(0, 'capulet.lit')
    https = serving.https('capulet.lit')
  })
  after(() => serving.stop())

  const invite = async (more: Readonly<Record<string, unknown>> = {}): Promise<string> => {
    const operator = await ControlClient.connect(join(serving.scenario.runtime, 'control.sock'))
    assert.ok(operator)
    const made = await operator.run('invite create', { domain: 'capulet.lit', milliseconds: 3_600_000, ...more }) as { readonly xmpp: string }
    await operator.close()
    return /preauth=([\w-]+)/.exec(made.xmpp)?.[1] ?? ''
  }
  const redeem = async (way: Way, token: string, more: Readonly<Record<string, string>>): ReturnType<typeof ask> => {
    const page = await ask(way, `/invite/${token}`)
    return await ask(way, `/invite/${token}`, { ...fieldsOf(page.body), password: PASSWORD, again: PASSWORD, ...more })
  }

  test('XEP-0401 §5: its page has the link for clients, as a code as well, the clients, and how they connect', async () => {
    const token = await invite()
    for (const way of [onion, https]) {
      const { status, body } = await ask(way, `/invite/${token}`)
      assert.equal(status, 200)
      assert.match(body, new RegExp(`href="xmpp:capulet\\.lit\\?register;preauth=${token}"`))
      assert.match(body, /<img class="qr" src="data:image\/png;base64,/)
      for (const client of ['Pidgin', 'Profanity', 'mcabber', 'CoyIM', onion.host]) assert.ok(body.includes(client), client)
    }
  })

  test('it gives one account, which logs in, and then it is gone', async () => {
    const token = await invite()
    const made = await redeem(onion, token, { name: 'juliet' })
    assert.equal(made.status, 200, textOf(made.body))
    assert.match(made.body, /id="account">juliet@capulet\.lit</)
    const stream = await serving.scenario.raw(1)
    await stream.login('capulet.lit', 'juliet', PASSWORD, 'balcony')
    stream.destroy()
    assert.equal((await ask(onion, `/invite/${token}`)).status, 404)
  })

  test('a poor password, or a name that is taken, does not use it up', async () => {
    const token = await invite()
    assert.equal((await redeem(onion, token, { name: 'romeo', password: 'password1', again: 'password1' })).status, 422)
    assert.equal((await redeem(onion, token, { name: 'nurse' })).status, 422)
    assert.equal((await redeem(onion, token, { name: 'romeo', again: 'other' })).status, 422)
    assert.equal((await redeem(onion, token, { name: 'romeo' })).status, 200)
  })

  test('of many who redeem one at a time exactly one has an account', async () => {
    const token = await invite()
    const outcomes = await Promise.all(Array.from({ length: 8 }, (_, index) => redeem({ ...onion, circuit: 50 + index }, token, { name: `sampson${index}` })))
    assert.equal(outcomes.filter(({ status }) => status === 200 ).length, 1, outcomes.map(({ status }) => status).join())
  })

  test('one that gives a name gives no other', async () => {
    const token = await invite({ name: 'paris' })
    const { body } = await ask(onion, `/invite/${token}`)
    assert.doesNotMatch(body, /<input id="name"/)
    assert.match(textOf(body), /paris@capulet\.lit/)
    const { body: made } = await redeem(onion, token, { name: 'tybalt' })
    assert.match(made, /id="account">paris@capulet\.lit</)
  })

  test('its form holds for it alone, for this visitor, and from here', async () => {
    const [token, other] = [await invite(), await invite()]
    const { body } = await ask(onion, `/invite/${other}`)
    const fields = { ...fieldsOf(body), name: 'gregory', password: PASSWORD, again: PASSWORD }
    assert.equal((await ask(onion, `/invite/${token}`, fields)).status, 403)
    assert.equal((await ask({ ...onion, circuit: 77 }, `/invite/${other}`, fields)).status, 403)
    assert.equal((await ask(onion, `/invite/${other}`, fields, 'Sec-Fetch-Site: cross-site\r\n')).status, 403)
    assert.equal((await ask(onion, `/invite/${other}`, fields)).status, 200)
  })

  test('at another domain, or as no token at all, it is not good', async () => {
    const token = await invite()
    assert.equal((await ask(serving.https('montague.lit'), `/invite/${token}`)).status, 404)
    for (const none of ['A'.repeat(22), 'x', `${token}A`, token.slice(1)]) assert.equal((await ask(onion, `/invite/${none}`)).status, 404, none)
  })
})
