import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { ControlClient } from '../../src/operate/control-client.ts'
import { RawStream } from '../scenario/scenario.ts'
import { ask, fieldsOf, textOf, type Answer, type Way } from './browser.ts'
import { Serving } from './site.ts'

const PASSWORD = 'parting is such sweet sorrow'
const ANOTHER = 'a rose by any other name would smell'

describe('the pages of an account', () => {
  let serving: Serving
  let onion: Way
  let https: Way
  let alone: Way
  let operator: ControlClient
  /** A new account for each test. */
  let name = ''
  let count = 0
  before(async () => {
    serving = await Serving.start(`
[[domains]]
name = "capulet.lit"
onion_service = true
registration = "invite"
[[domains]]
name = "onion"
[[listeners]]
kind = "https"
port = 0
domains = ["capulet.lit"]
[[listeners]]
kind = "c2s"
port = 0
domains = ["capulet.lit"]
`, { 'nurse@capulet.lit': PASSWORD, 'nurse@onion': PASSWORD })
    onion = serving.onion(0, 'capulet.lit')
    https = serving.https('capulet.lit')
    alone = serving.onion(1, 'onion')
    const connected = await ControlClient.connect(join(serving.scenario.runtime, 'control.sock'))
    assert.ok(connected !== undefined)
    operator = connected
  })
  after(async () => {
    await operator.close()
    await serving.stop()
  })
  beforeEach(async () => {
    name = `juliet${++count}`
    await operator.run('account add', { account: `${name}@capulet.lit`, password: PASSWORD })
  })

  const cookieOf = (answer: Answer): string => /^[^;]*/.exec(answer.headers.get('set-cookie') ?? '')?.[0] ?? ''
  const with_ = (cookie: string): string => cookie === '' ? '' : `Cookie: ${cookie}\r\n`
  const get = (path: string, cookie = '', way = onion): Promise<Answer> => ask(way, path, undefined, with_(cookie))
  const post = (path: string, fields: Readonly<Record<string, string>>, cookie = '', way = onion): Promise<Answer> => ask(way, path, fields, with_(cookie))
  /** The form with that action in that page, as a browser has it. */
  const formOf = (page: string, action: string): Record<string, string> => {
    const [form = ''] = new RegExp(`<form method="post" action="${action}"[^]*?</form>`).exec(page) ?? []
    return fieldsOf(form)
  }
  const errorAt = (body: string, field: string): string | undefined => new RegExp(`<p class="error" id="${field}-error">([^<]*)</p>`).exec(body)?.[1]
  const alertOf = (body: string): string | undefined => /<p class="alert"[^>]*>([^<]*)</.exec(body)?.[1]

  async function trySignIn(who: string, password: string, way = onion): Promise<Answer> {
    const { body } = await get('/sign-in', '', way)
    return await post('/sign-in', { ...formOf(body, '/sign-in'), name: who, password }, '', way)
  }
  /** The cookie. */
  async function signIn(who = name, password = PASSWORD, way = onion): Promise<string> {
    const answer = await trySignIn(who, password, way)
    assert.equal(answer.status, 303, textOf(answer.body))
    assert.equal(answer.headers.get('location'), '/account')
    return cookieOf(answer)
  }
  const isSignedIn = async (cookie: string, way = onion): Promise<boolean> => /You are signed in/.test((await get('/account', cookie, way)).body)

  test('nothing is shown and nothing done for whoever is not signed in, and no cookie is set', async () => {
    for (const path of ['/account', '/account/password', '/account/delete', '/sign-in']) {
      for (const cookie of ['', 'signed-in=', 'signed-in=AAAA', 'signed-in=x; signed-in=y']) {
        const answer = await get(path, cookie)
        assert.equal(answer.status, 200)
        assert.match(answer.body, /action="\/sign-in"/)
        assert.equal(answer.headers.get('set-cookie'), undefined)
      }
    }
    for (const path of ['/account/password', '/account/delete', '/account/sessions', '/account/data', '/sign-out']) {
      const answer = await post(path, { token: 'x', name, password: PASSWORD, old: PASSWORD, again: PASSWORD })
      assert.doesNotMatch(answer.body, /<server-data/)
      assert.equal(answer.headers.get('set-cookie'), undefined)
    }
    assert.ok(await isSignedIn(await signIn()))
  })

  test('the cookie is for this host alone, for no script and no other site; with TLS it says so by its name', async () => {
    assert.match((await trySignIn(name, PASSWORD)).headers.get('set-cookie') ?? '', /^signed-in=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)
    const secure = (await trySignIn(name, PASSWORD, https)).headers.get('set-cookie') ?? ''
    assert.match(secure, /^__Host-signed-in=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/)
    assert.ok(await isSignedIn(cookieOf(await trySignIn(name, PASSWORD, https)), https))
  })

  test('a wrong password and a name that is none are answered alike, to the byte', async () => {
    const bodies = await Promise.all([[name, 'not this one'], ['nobody', 'not this one'], ['no body!', PASSWORD], ['x'.repeat(500), PASSWORD], [name, '']].map(
      async ([who = '', password = '']) => {
        const answer = await trySignIn(who, password)
        assert.deepEqual([answer.status, answer.headers.get('set-cookie')], [422, undefined])
        return answer.body.replace(/value="[^"]*"/g, '')
      }))
    assert.deepEqual(new Set(bodies).size, 1)
    assert.match(alertOf(bodies[0] ?? '') ?? '', /No account here/)
  })

  test('the whole address, and capitals, are the name; a name of another domain is not', async () => {
    for (const who of [`${name}@capulet.lit`, ` ${name.toUpperCase()} `]) await signIn(who)
    assert.equal((await trySignIn(`${name}@montague.lit`, PASSWORD)).status, 422)
  })

  test('a sign-in is of one domain: at another its cookie is nobody\'s, and so is a name that is there, too', async () => {
    const cookie = await signIn('nurse')
    assert.ok(!await isSignedIn(cookie, alone))
    assert.ok(await isSignedIn(await signIn('nurse', PASSWORD, alone), alone))
    assert.equal((await trySignIn(name, PASSWORD, alone)).status, 422)
  })

  test('who is locked is told so with the right password alone, and a sign-in that is there ends', async () => {
    const cookie = await signIn()
    await operator.run('account lock', { account: `${name}@capulet.lit` })
    assert.ok(!await isSignedIn(cookie))
    const [right, wrong] = [await trySignIn(name, PASSWORD), await trySignIn(name, 'not this one')]
    assert.deepEqual([right.status, wrong.status], [403, 422])
    assert.match(alertOf(right.body) ?? '', /locked/)
  })

  test('a form that we did not give, that was given to another sign-in, or that another site sends, does nothing', async () => {
    const [mine, theirs] = [await signIn(), await signIn('nurse')]
    const forms = async (cookie: string): Promise<Record<string, string>> => formOf((await get('/account/password', cookie)).body, '/account/password')
    const filled = { old: PASSWORD, password: ANOTHER, again: ANOTHER }
    const tokens = [undefined, '', (await forms(theirs))['token'], formOf((await get('/account', mine)).body, '/account/data')['token']]
    for (const token of tokens) {
      const answer = await post('/account/password', token === undefined ? filled : { ...filled, token }, mine)
      assert.deepEqual([answer.status, alertOf(answer.body)], [422, 'This form was open for too long. Here is a new one.'])
    }
    const good = { ...await forms(mine), ...filled }
    for (const header of ['Origin: https://tybalt.lit\r\n', 'Sec-Fetch-Site: cross-site\r\n']) {
      assert.equal((await ask(onion, '/account/password', good, `${with_(mine)}${header}`)).status, 422)
    }
    assert.equal((await ask(onion, '/sign-in', { ...formOf((await get('/sign-in')).body, '/sign-in'), name, password: PASSWORD }, 'Origin: https://tybalt.lit\r\n')).status, 403)
    await signIn() // by the password that it had
    // The circuit may change between a page and its form.
    assert.equal((await post('/account/password', good, mine, { ...onion, circuit: 77 })).status, 200)
  })

  test('signed out, the cookie is gone and opens nothing; a token of another purpose does not sign out', async () => {
    const cookie = await signIn()
    const page = (await get('/account', cookie)).body
    await post('/sign-out', formOf(page, '/account/data'), cookie)
    assert.ok(await isSignedIn(cookie))
    const answer = await post('/sign-out', formOf(page, '/sign-out'), cookie)
    assert.equal(answer.headers.get('location'), '/')
    assert.match(answer.headers.get('set-cookie') ?? '', /^signed-in=; Path=\/; HttpOnly; SameSite=Strict; Max-Age=0$/)
    assert.ok(!await isSignedIn(cookie))
  })

  test('signed in twice in one browser, the first sign-in is over: nobody can put theirs under it', async () => {
    const first = await signIn()
    const { body } = await get('/sign-in', '')
    const answer = await post('/sign-in', { ...formOf(body, '/sign-in'), name, password: PASSWORD }, first)
    assert.notEqual(cookieOf(answer), first)
    assert.deepEqual([await isSignedIn(first), await isSignedIn(cookieOf(answer))], [false, true])
  })

  test('what is kept is shown in numbers, and all of it comes as a file', async () => {
    const juliet = await (await serving.scenario.raw(1)).login('capulet.lit', name, PASSWORD, 'balcony')
    juliet.send("<iq type='set' id='r1'><query xmlns='jabber:iq:roster'><item jid='romeo@montague.lit' name='&lt;b&gt;Romeo'/></query></iq>")
    await juliet.expect(/<iq [^>]*id='r1'/)
    const cookie = await signIn()
    const page = await get('/account', cookie)
    assert.match(textOf(page.body), new RegExp(`Address ?${name}@capulet\\.lit .*Contacts ?1, with`))
    assert.equal(page.headers.get('cache-control'), 'no-store')
    const file = await post('/account/data', formOf(page.body, '/account/data'), cookie)
    assert.deepEqual([file.status, file.headers.get('content-type'), file.headers.get('content-disposition'), file.headers.get('cache-control')],
      [200, 'application/xml; charset=utf-8', `attachment; filename="${name}.xml"`, 'no-store'])
    assert.match(file.body, /^<\?xml version='1\.0' encoding='UTF-8'\?>\n<server-data xmlns='urn:xmpp:pie:0'>/)
    assert.match(file.body, /<item jid='romeo@montague\.lit' name='&lt;b&gt;Romeo' subscription='none'\/>/)
    assert.doesNotMatch(file.body, /nurse/)
    assert.equal((await get('/account/data', cookie)).status, 404)
    juliet.destroy()
  })

  test('a client is ended by its name, all are by one button, and the one who pushed it stays', async () => {
    const clients = await Promise.all(['balcony', 'orchard<i>'].map(async (resource) =>
      (await serving.scenario.raw(1)).login('capulet.lit', name, PASSWORD, resource.replace('<i>', '&lt;i&gt;'))))
    const [cookie, elsewhere] = [await signIn(), await signIn(name, PASSWORD, https)]
    const { body } = await get('/account', cookie)
    assert.match(body, /<code>orchard&lt;i&gt;<\/code>/)
    assert.match(textOf(body), /On pages: you, here, and 1 elsewhere\./)
    assert.equal((await post('/account/sessions', { ...formOf(body, '/account/sessions'), client: 'nowhere' }, cookie)).status, 303)
    await post('/account/sessions', { token: formOf(body, '/account/sessions')['token'] ?? '', client: 'balcony' }, cookie)
    assert.match(await (clients[0] as RawStream).rest(), /<not-authorized/)
    await post('/account/sessions', { token: formOf(body, '/account/sessions')['token'] ?? '', all: 'yes' }, cookie)
    assert.match(await (clients[1] as RawStream).rest(), /<not-authorized/)
    assert.deepEqual([await isSignedIn(cookie), await isSignedIn(elsewhere, https)], [true, false])
  })

  test('another password: the old one is asked again, a poor one is objected to, and others end where it is wanted', async () => {
    const [cookie, elsewhere] = [await signIn(), await signIn(name, PASSWORD, https)]
    const client = await (await serving.scenario.raw(1)).login('capulet.lit', name, PASSWORD, 'balcony')
    const change = async (fields: Readonly<Record<string, string>>): Promise<Answer> => {
      const { ending: _, ...form } = formOf((await get('/account/password', cookie)).body, '/account/password')
      return await post('/account/password', { ...form, old: PASSWORD, password: ANOTHER, again: ANOTHER, ...fields }, cookie)
    }
    for (const [fields, field] of [
      [{ again: `${ANOTHER}!` }, 'again'], [{ password: 'short', again: 'short' }, 'password'], [{ password: 'password123', again: 'password123' }, 'password'],
      [{ old: 'not this one' }, 'old'], [{ old: '' }, 'old'],
    ] as const) {
      const answer = await change(fields)
      assert.equal(answer.status, 422, JSON.stringify(fields))
      assert.notEqual(errorAt(answer.body, field), undefined, `${field}: ${textOf(answer.body)}`)
      assert.ok(!answer.body.includes(ANOTHER) && !answer.body.includes(PASSWORD), 'no page repeats a password')
    }
    assert.equal((await change({})).status, 200)
    assert.equal((await trySignIn(name, PASSWORD)).status, 422)
    assert.ok(await isSignedIn(elsewhere, https))
    client.send(`<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>`)
    await client.expect(/<iq [^>]*id='p'/)
    assert.equal((await change({ old: ANOTHER, password: `${ANOTHER} still`, again: `${ANOTHER} still`, ending: 'yes' })).status, 200)
    assert.match(await client.rest(), /<not-authorized/)
    assert.deepEqual([await isSignedIn(cookie), await isSignedIn(elsewhere, https)], [true, false])
  })

  test('the account is deleted by whoever knows the password and types the name; then the cookie and the form open nothing', async () => {
    const cookie = await signIn()
    const form = formOf((await get('/account/delete', cookie)).body, '/account/delete')
    for (const [fields, field] of [[{ name: 'nurse', password: PASSWORD }, 'name'], [{ name: '', password: PASSWORD }, 'name'], [{ name, password: 'not this one' }, 'password']] as const) {
      const answer = await post('/account/delete', { ...form, ...fields }, cookie)
      assert.equal(answer.status, 422)
      assert.notEqual(errorAt(answer.body, field), undefined)
    }
    const client = await (await serving.scenario.raw(1)).login('capulet.lit', name, PASSWORD, 'balcony')
    const right = { ...form, name: name.toUpperCase(), password: PASSWORD }
    const [one, other] = await Promise.all([post('/account/delete', right, cookie), post('/account/delete', right, cookie)])
    assert.deepEqual([/Your account is gone/.test(one.body), /Your account is gone/.test(other.body)].sort(), [false, true], 'it is sent twice, and done once')
    assert.match(await client.rest(), /<not-authorized/)
    assert.ok(!await isSignedIn(cookie))
    assert.equal((await trySignIn(name, PASSWORD)).status, 422)
    assert.doesNotMatch((await post('/account/delete', right, cookie)).body, /gone/)
  })

  test('whoever tries passwords from one circuit is told to wait, and others sign in, even into other accounts from there later', async () => {
    const circuit = { ...onion, circuit: 99 }
    const statuses: number[] = []
    for (let round = 0; round < 22; round++) statuses.push((await trySignIn(`nobody${round}`, 'not this one', circuit)).status)
    assert.deepEqual(statuses, [...Array.from({ length: 20 }, () => 422), 429, 429])
    assert.equal((await trySignIn(name, PASSWORD, circuit)).status, 429)
    await signIn()
    await signIn(name, PASSWORD, https)
    const client = await (await serving.scenario.raw(1)).login('capulet.lit', name, PASSWORD, 'balcony')
    client.destroy()
  })

  test('wrong passwords on a page count as those of clients do: for one account together', async () => {
    for (let round = 0; round < 10; round++) assert.equal((await trySignIn(name, 'not this one', { ...onion, circuit: 200 + round })).status, 422)
    const answer = await trySignIn(name, PASSWORD)
    assert.deepEqual([answer.status, answer.headers.get('set-cookie')], [429, undefined])
    const client = await (await serving.scenario.raw(1)).secure('capulet.lit')
    client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${name}\0${PASSWORD}`).toString('base64')}</auth>`)
    // An onion and a DNS name are one side only where they are one domain.
    await client.expect(/<failure [^>]*><temporary-auth-failure/)
    client.destroy()
  })
})
