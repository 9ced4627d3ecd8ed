import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ask, exchange, fieldsOf, textOf, type Answer, type Way } from './browser.ts'
import { Serving } from './site.ts'

const PASSWORD = 'parting is such sweet sorrow'

describe('an account by the page /register', () => {
  let serving: Serving
  let onion: Way
  let https: Way
  before(async () => {
    serving = await Serving.start(`
[[domains]]
name = "capulet.lit"
onion_service = true
registration = "open"
[[domains]]
name = "montague.lit"
registration = "invite"
[[domains]]
name = "onion"
registration = "closed"
[[listeners]]
kind = "https"
port = 0
[[listeners]]
kind = "c2s"
port = 0
domains = ["capulet.lit"]
`, { 'nurse@capulet.lit': PASSWORD })
    onion = serving.onion(0, 'capulet.lit')
    https = serving.https('capulet.lit')
  })
  after(() => serving.stop())

  const send = (fields: Readonly<Record<string, string>>, way: Way = onion, more = ''): Promise<Answer> => ask(way, '/register', fields, more)
  const filled = async (name: string, more: Readonly<Record<string, string>> = {}, way: Way = onion): Promise<Record<string, string>> => (
    { ...await serving.filled(way, name, PASSWORD), ...more })
  const errorAt = (body: string, field: string): string | undefined => new RegExp(`<p class="error" id="${field}-error">([^<]*)</p>`).exec(body)?.[1]

  test('who answers the question has one at once, through the onion, and logs in by it', async () => {
    const answer = await send(await filled('juliet'))
    assert.equal(answer.status, 200, textOf(answer.body))
    assert.match(answer.body, /<p class="address" id="account">juliet@capulet\.lit<\/p>/)
    const stream = await serving.scenario.raw(1)
    await stream.login('capulet.lit', 'juliet', PASSWORD, 'balcony')
    stream.destroy()
  })

  test('the same by TLS', async () => {
    assert.equal((await send(await filled('romeo', {}, https), https)).status, 200)
  })

  test('a form that is sent twice makes one account', async () => {
    const fields = await filled('tybalt')
    assert.equal((await send(fields)).status, 200)
    const again = await send({ ...fields, name: 'tybalt-2' })
    assert.equal(again.status, 422)
    assert.ok(errorAt(again.body, 'answer'))
  })

  test('a wrong answer makes none: the form comes back with the name, without the passwords, and with another question', async () => {
    const fields = await filled('paris', { answer: 'no' })
    const { status, body } = await send(fields)
    assert.equal(status, 422)
    assert.ok(errorAt(body, 'answer'))
    const back = fieldsOf(body)
    assert.equal(back['name'], 'paris')
    assert.equal(back['password'], '')
    assert.equal(back['again'], '')
    assert.notEqual(back['challenge'], fields['challenge'])
  })

  const WRONG: readonly (readonly [title: string, fields: Readonly<Record<string, string>>, field: string])[] = [
    ['a name that is none', { name: 'romeo montague' }, 'name'],
    ['a name of letters that only look alike', { name: 'jul\u0456et' }, 'name'],
    ['a name that is taken', { name: 'nurse' }, 'name'],
    ['a reserved name', { name: 'admin' }, 'name'],
    ['no name', { name: '' }, 'name'],
    ['a poor password', { password: 'password1', again: 'password1' }, 'password'],
    ['two passwords that differ', { again: `${PASSWORD}!` }, 'again'],
    ['no answer', { answer: '' }, 'answer'],
    ['a challenge that was never given', { challenge: 'AAAAAAAAAAAAAAAAAAAAAA' }, 'answer'],
  ]
  for (const [title, fields, field] of WRONG) {
    test(`${title} is told at its field, to screen readers as well`, async () => {
      const { status, body } = await send(await filled('mercutio', fields))
      assert.equal(status, 422)
      assert.ok(errorAt(body, field), textOf(body))
      const [input = ''] = new RegExp(`<input id="${field}"[^>]*>`).exec(body) ?? []
      assert.match(input, new RegExp(`aria-describedby="${field}-error[ "]`))
      assert.match(input, /aria-invalid="true"/)
    })
  }

  test('what was typed comes back as text, never as HTML', async () => {
    const { body } = await send(await filled('"><script>alert(1)</script>'))
    assert.doesNotMatch(body, /<script/)
    assert.equal(fieldsOf(body)['name'], '"><script>alert(1)</script>')
  })

  test('a form of another visitor, of another site, of nobody, or without its token makes no account', async () => {
    const other = await filled('benvolio', {}, { ...onion, circuit: 32 })
    const elsewhere = await filled('benvolio', {}, https)
    const { token: _, ...without } = await filled('benvolio')
    for (const fields of [other, elsewhere, without, { ...without, token: 'x' }, { ...await filled('benvolio'), token: other['token'] ?? '' }]) {
      const { status, body } = await send(fields)
      assert.equal(status, 403)
      assert.match(body, /<p class="alert" role="alert" id="form-error">/)
    }
    assert.equal((await send(await filled('benvolio'))).status, 200, 'the name is free still')
  })

  test('a form that another site had sent makes no account, whatever it holds', async () => {
    for (const more of ['Origin: https://verona.lit\r\n', 'Sec-Fetch-Site: cross-site\r\n', 'Sec-Fetch-Site: same-site\r\n', `Origin: https://${onion.host}\r\n`]) {
      assert.equal((await send(await filled('gregory'), onion, more)).status, 403, more)
    }
    const own = `Origin: null\r\nSec-Fetch-Site: same-origin\r\n`
    assert.equal((await send(await filled('gregory'), onion, own)).status, 200)
    assert.equal((await send(await filled('sampson'), onion, `Origin: http://${onion.host}\r\n`)).status, 200)
  })

  test('a field that stands twice is nobody\'s', async () => {
    const fields = await filled('peter')
    const body = `${new URLSearchParams(fields).toString()}&name=abraham`
    const answer = await exchange(onion, `POST /register HTTP/1.1\r\nHost: ${onion.host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`)
    assert.equal(answer.status, 422)
    assert.ok(errorAt(answer.body, 'name'))
  })

  test('where it is by invitation, or closed, there is no form, and one that is sent all the same makes nothing', async () => {
    for (const [way, heading] of [[serving.https('montague.lit'), 'By invitation'], [serving.onion(1, 'onion'), 'Closed']] as const) {
      const { status, body } = await ask(way, '/register')
      assert.equal(status, 200)
      assert.match(body, new RegExp(`<h1>${heading}</h1>`))
      assert.doesNotMatch(body, /<form/)
      assert.equal((await send({ name: 'juliet', password: PASSWORD, again: PASSWORD }, way)).status, 403)
    }
  })
})
