import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { Control } from '../../src/tor/control.ts'
import { AuthenticationFailed, ControlClosed, ControlRefused } from '../../src/tor/tor-error.ts'
import { TestClock } from '../clock.ts'
import { temporaryFolder } from './installed.ts'
import { ScriptedTor, type Script } from './scripted-tor.ts'

const OK: Script = () => '250 OK\r\n'

test('300 commands at once get 300 answers, each its own, however the answers are cut', async (t) => {
  const tor = await ScriptedTor.start(t, systemClock, (line, connection) => {
    const keyword = line.split(' ')[1] ?? ''
    for (const byte of `250+${keyword}=\r\nLog a\r\nvalue of ${keyword}\r\n.\r\n250 OK\r\n`) connection.write(byte)
    return undefined
  })
  const keywords = Array.from({ length: 300 }, (_, index) => `test/${index}`)
  assert.deepEqual(await Promise.all(keywords.map((keyword) => tor.control.getInfo(keyword))), keywords.map((keyword) => `Log a\nvalue of ${keyword}`))
})

test('an error carries tor\'s code, and the connection goes on', async (t) => {
  const tor = await ScriptedTor.start(t, systemClock, (line) => line.startsWith('CLOSE') ? '552 Unknown circuit "7"\r\n' : '250 OK\r\n')
  await assert.rejects(tor.control.closeCircuit('7'), (error) => error instanceof ControlRefused && error.code === 552)
  await tor.control.takeOwnership()
})

test('events reach the owner between answers', async (t) => {
  const tor = await ScriptedTor.start(t, systemClock, () => '650 SIGNAL RELOAD\r\n250 OK\r\n')
  await tor.control.subscribe()
  assert.deepEqual(tor.events, [{ event: 'reloaded' }])
})

test('when tor goes away, what was asked fails, what is asked later fails, and the owner is told once', async (t) => {
  const tor = await ScriptedTor.start(t, systemClock, (_, connection) => void connection.destroy())
  await assert.rejects(Promise.race([tor.control.getInfo('version'), tor.control.takeOwnership()]), ControlClosed)
  assert.ok(await tor.closed instanceof ControlClosed)
  await assert.rejects(tor.control.getInfo('version'), ControlClosed)
})

test('an answer nobody asked for ends the connection, not the process', async (t) => {
  const tor = await ScriptedTor.start(t, systemClock, OK)
  tor.connection.write('250 OK\r\n')
  assert.match((await tor.closed).message, /without being asked/)
})

test('bytes that are no replies end the connection, not the process', async (t) => {
  const tor = await ScriptedTor.start(t, systemClock, OK)
  tor.connection.write('HTTP/1.1 400 Bad Request\r\n')
  assert.match((await tor.closed).message, /no reply/)
})

test('a tor that does not answer within 20 s is given up, with all that waits behind', async (t) => {
  const clock = new TestClock()
  const tor = await ScriptedTor.start(t, clock, () => undefined)
  const asked = Promise.allSettled([tor.control.version(), tor.control.takeOwnership()])
  clock.advance(19_999)
  clock.advance(1)
  for (const outcome of await asked) assert.ok(outcome.status === 'rejected' && outcome.reason instanceof ControlClosed)
})

test('SETCONF names all settings in one command, quoted', async (t) => {
  const tor = await ScriptedTor.start(t, systemClock, OK)
  await tor.control.setConf([['HiddenServiceDir', '/a "b"\\c'], ['HiddenServicePort', '5222 unix:"/d e"']])
  assert.deepEqual(tor.heard, ['SETCONF HiddenServiceDir="/a \\"b\\"\\\\c" HiddenServicePort="5222 unix:\\"/d e\\""'])
})

for (const [what, work] of [
  ['a value with a line break', (control: Control) => control.setConf([['Nickname', 'a\r\nQUIT']])],
  ['a key with a value in it', (control: Control) => control.setConf([['Nickname="a" ORPort', '1']])],
  ['a key to reset with more in it', (control: Control) => control.resetConf('Nickname\r\nQUIT')],
  ['a keyword with a line break', (control: Control) => control.getInfo('version\r\nQUIT')],
  ['two keywords', (control: Control) => control.getInfo('version config-file')],
  ['a circuit with more in it', (control: Control) => control.closeCircuit('7 IfUnused')],
  ['a target with a line break', (control: Control) => control.addOnion(randomBytes(64), ['Port=1,unix:/a\r\nQUIT'])],
  ['a target with a blank', (control: Control) => control.addOnion(randomBytes(64), ['Port=1,unix:/a b'])],
  ['an address that is none', (control: Control) => control.deleteOnion('a\r\nQUIT')],
] as const) {
  test(`nothing is sent for ${what}`, async (t) => {
    const tor = await ScriptedTor.start(t, systemClock, OK)
    await assert.rejects(work(tor.control), RangeError)
    await tor.control.takeOwnership()
    assert.deepEqual(tor.heard, ['TAKEOWNERSHIP'])
  })
}

/** A tor that authenticates as the real one does, with this cookie; `file` is where it says the cookie is. */
function authenticating(cookie: Buffer, file: string): Script {
  const serverNonce = randomBytes(32)
  let expected = ''
  return (line) => {
    const [command, argument = '', nonce = ''] = line.split(' ')
    if (command === 'PROTOCOLINFO') return `250-PROTOCOLINFO 1\r\n250-AUTH METHODS=COOKIE,SAFECOOKIE COOKIEFILE="${file}"\r\n250-VERSION Tor="0.4.9.11"\r\n250 OK\r\n`
    const proof = (side: string) => createHmac('sha256', `Tor safe cookie authentication ${side} hash`)
      .update(Buffer.concat([cookie, Buffer.from(nonce, 'hex'), serverNonce])).digest('hex').toUpperCase()
    if (command === 'AUTHCHALLENGE') {
      expected = proof('controller-to-server')
      return `250 AUTHCHALLENGE SERVERHASH=${proof('server-to-controller')} SERVERNONCE=${serverNonce.toString('hex')}\r\n`
    }
    return argument.toUpperCase() === expected ? '250 OK\r\n' : '515 Authentication failed: Safe cookie response did not match expected value.\r\n'
  }
}

function writeCookie(t: TestContext, content: Buffer): string {
  const file = join(temporaryFolder(t), 'a cookie = "x"').replaceAll('"', '')
  writeFileSync(file, content)
  return file
}

test('control-spec, AUTHCHALLENGE: both sides prove that they know the cookie', async (t) => {
  const cookie = randomBytes(32)
  const file = writeCookie(t, cookie)
  const tor = await ScriptedTor.start(t, systemClock, authenticating(cookie, file))
  await tor.control.authenticate()
  assert.ok(tor.heard.every((line) => !line.includes(cookie.toString('hex'))), 'the cookie itself is not sent')
})

test('whoever does not know the cookie is no tor of ours: nothing more is sent', async (t) => {
  const file = writeCookie(t, randomBytes(32))
  const tor = await ScriptedTor.start(t, systemClock, authenticating(randomBytes(32), file))
  await assert.rejects(tor.control.authenticate(file), AuthenticationFailed)
  assert.equal(tor.heard.some((line) => line.startsWith('AUTHENTICATE')), false)
})

test('control-spec: a cookie has 32 bytes; of any other file nothing is proved', async (t) => {
  const file = writeCookie(t, Buffer.from('a secret of another length'))
  const tor = await ScriptedTor.start(t, systemClock, authenticating(randomBytes(32), file))
  await assert.rejects(tor.control.authenticate(), (error) => error instanceof AuthenticationFailed && error.file === file)
  assert.deepEqual(tor.heard, ['PROTOCOLINFO'])
})

test('a tor that only takes a password is told what to change', async (t) => {
  const tor = await ScriptedTor.start(t, systemClock, () => '250-PROTOCOLINFO 1\r\n250-AUTH METHODS=HASHEDPASSWORD\r\n250 OK\r\n')
  await assert.rejects(tor.control.authenticate(), /CookieAuthentication 1/)
})

test('no control socket: the connection fails as closed', async (t) => {
  const owner = { event: () => {}, closed: () => {} }
  await assert.rejects(Control.connect({ path: join(temporaryFolder(t), 'none') }, owner, systemClock), ControlClosed)
})
