import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, afterEach, describe, test } from 'node:test'
import { createLog } from '../../src/log.ts'
import { ControlClient } from '../../src/operate/control-client.ts'
import { LONGEST_LINE } from '../../src/operate/control-protocol.ts'
import { ControlSocket } from '../../src/operate/control-socket.ts'
import { CommandError } from '../../src/routing/command-error.ts'
import type { CommandRoute } from '../../src/routing/extension.ts'

let folder = ''
before(() => { folder = mkdtempSync(join(tmpdir(), 'sotto-control-')) })
after(() => rmSync(folder, { recursive: true }))

const path = () => join(folder, 'control.sock')

describe('the control socket', () => {
  let held: (() => void)[] = []
  let logged: string[] = []
  const commands: readonly CommandRoute[] = [
    { name: 'echo', run: (input) => input },
    { name: 'refuse', run: () => { throw new CommandError('refused', 'there is no such account') } },
    { name: 'break', run: () => { throw new Error('the password is hunter2') } },
    { name: 'hold', run: () => new Promise((resolve) => { held.push(() => resolve('let go')) }) },
    {
      name: 'long', run: async (_input, onProgress) => {
        for (let percent = 0; percent <= 100; percent += 50) {
          onProgress?.({ step: 'sing', percent })
          await new Promise((resolve) => { setImmediate(resolve) })
        }
        return 'sung'
      },
    },
    { name: 'flood', run: (_input, onProgress) => { for (let count = 0; count < 1_000_000; count++) onProgress?.({ step: 'sing', percent: 1 }) } },
    { name: 'held', run: () => held.length },
    { name: 'let go', run: () => { for (const letGo of held.splice(0)) letGo() } },
  ]
  let server: ControlSocket
  const connected = async (): Promise<ControlClient> => {
    const client = await ControlClient.connect(path())
    assert.ok(client !== undefined)
    return client
  }

  beforeEach(async () => {
    held = []
    logged = []
    const log = createLog({ level: 'error', roster: false }, { write: (line) => { logged.push(line) } })
    server = new ControlSocket(path(), commands, log)
    await server.start()
  })
  afterEach(() => server.stop())

  test('can be opened by the server\'s own user alone', () => {
    assert.equal(statSync(path()).mode & 0o777, 0o600)
  })

  test('a command is answered with its result', async () => {
    const client = await connected()
    assert.deepEqual(await client.run('echo', { name: 'juliet', 'ä\n': [1, undefined, 2] }), { name: 'juliet', 'ä\n': [1, null, 2] })
    await client.close()
  })

  test('who asks for it is told how far a command is, before it is answered', async () => {
    const client = await connected()
    const heard: unknown[] = []
    assert.equal(await client.run('long', {}, (progress) => heard.push(progress)), 'sung')
    assert.deepEqual(heard, [0, 50, 100].map((percent) => ({ step: 'sing', percent })))
    assert.equal(await client.run('long', {}), 'sung')
    assert.equal(heard.length, 3)
    await client.close()
  })

  test('nothing is kept for who does not read how far it is', async () => {
    const client = await connected()
    let count = 0
    await client.run('flood', {}, () => { count++ })
    assert.ok(count < 10_000, `${count} lines`)
    await client.close()
  })

  test('answers find their commands whatever order they come in', async () => {
    const client = await connected()
    const first = client.run('hold', {})
    assert.equal(await client.run('echo', 2), 2)
    await client.run('let go', {})
    assert.equal(await first, 'let go')
    await client.close()
  })

  test('a refusal keeps its code and its words', async () => {
    const client = await connected()
    await assert.rejects(client.run('refuse', {}), { name: 'CommandError', code: 'refused', message: 'there is no such account' })
    await assert.rejects(client.run('nothing', {}), { name: 'CommandError', code: 'bad-input', message: /knows no command "nothing"/ })
    await client.close()
  })

  test('a bug is told by a mark that the log has too, and neither repeats what was given', async () => {
    const client = await connected()
    const error: unknown = await client.run('break', {}).catch((reason: unknown) => reason)
    assert.ok(error instanceof CommandError)
    assert.equal(error.code, 'internal')
    const [, mark = 'none'] = /under (\S+)$/.exec(error.message) ?? []
    assert.equal(logged.length, 1)
    assert.ok(logged[0]?.includes(mark))
    assert.doesNotMatch(logged[0] + error.message, /hunter2/)
    await client.close()
  })

  test('a command longer than the bound is refused, and the connection ended', async () => {
    const client = await connected()
    await assert.rejects(client.run('echo', 'x'.repeat(LONGEST_LINE)), { code: 'unavailable', message: 'this command is too long' })
    await assert.rejects(client.run('echo', 1), { code: 'unavailable' })
  })

  test('a command of the longest length is carried out', async () => {
    const client = await connected()
    const text = 'x'.repeat(LONGEST_LINE - '{"id":"1","command":"echo","input":""}'.length)
    assert.equal(await client.run('echo', text), text)
    await client.close()
  })

  test('what is no request is refused without being repeated', async () => {
    const socket = connect(path())
    socket.setEncoding('utf8').write('{"password":"hunter2"\n[]\n7\n')
    const lines: string[] = []
    for await (const chunk of socket) {
      lines.push(...String(chunk).trim().split('\n'))
      if (lines.length === 3) break
    }
    for (const line of lines) {
      assert.match(line, /^\{"id":"","ok":false,"error":\{"message":"no request: .*","code":"bad-input"\}\}$/)
      assert.doesNotMatch(line, /hunter2/)
    }
  })

  test('so many commands run at a time on one connection; further ones wait, and none is lost', async () => {
    const client = await connected()
    const answers = Array.from({ length: 40 }, () => client.run('hold', {}))
    const other = await connected()
    // The first sixteen are held; the rest stays unread until they are let go.
    while (await other.run('held', {}) !== 16) await new Promise(setImmediate)
    let open = true
    const all = Promise.all(answers).finally(() => { open = false })
    while (open) await other.run('let go', {})
    assert.deepEqual(new Set(await all), new Set(['let go']))
    await client.close()
    await other.close()
  })

  test('more programs than the bound are told so', async () => {
    const clients = await Promise.all(Array.from({ length: 16 }, connected))
    await Promise.all(clients.map((client) => client.run('echo', 1)))
    const late = await connected()
    await assert.rejects(late.run('echo', 1), { code: 'unavailable', message: /too many programs/ })
    await clients[0]?.close()
    await Promise.all(clients.map((client) => client.close()))
  })

  test('the end of the server is told to whoever waits', async () => {
    const client = await connected()
    const answer = assert.rejects(client.run('hold', {}), { code: 'unavailable', message: 'the server ended before it had answered' })
    const other = await connected()
    while (await other.run('held', {}) !== 1) await new Promise(setImmediate)
    await server.stop()
    await answer
    await assert.rejects(client.run('echo', 1), { code: 'unavailable' })
  })

  test('a second server on the same path is refused', async () => {
    const second = new ControlSocket(path(), commands, createLog({ level: 'silent', roster: false }))
    await assert.rejects(second.start(), { name: 'ListenError', code: 'EADDRINUSE' })
    const client = await connected()
    assert.equal(await client.run('echo', 'still there'), 'still there')
    await client.close()
  })
})

describe('where no server runs', () => {
  test('a path without a socket is no server', async () => {
    assert.equal(await ControlClient.connect(join(folder, 'gone.sock')), undefined)
  })

  test('a socket that a killed server left is no server, and does not keep the next from starting', async () => {
    const left = join(folder, 'left.sock')
    const killed = createServer().listen(left)
    await once(killed, 'listening')
    // What SIGKILL leaves: the file, and nobody who listens.
    renameSync(left, `${left}.kept`)
    killed.close()
    await once(killed, 'close')
    renameSync(`${left}.kept`, left)
    assert.equal(await ControlClient.connect(left), undefined)
    const server = new ControlSocket(left, [{ name: 'echo', run: (input) => input }], createLog({ level: 'silent', roster: false }))
    await server.start()
    const client = await ControlClient.connect(left)
    assert.equal(await client?.run('echo', 1), 1)
    await client?.close()
    await server.stop()
  })

  test('what is no socket is an error, not an absent server', async () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    // ECONNREFUSED is what Linux says of a file that is no socket; the data directory's lock then says who is there.
    assert.equal(await ControlClient.connect(file), undefined)
    await assert.rejects(ControlClient.connect(join(file, 'below')), { name: 'CommandError', code: 'unavailable', message: /ENOTDIR/ })
  })
})
