import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { commandLine } from '../../src/operate/command-line.ts'
import { EXIT_CODES, type Exit } from '../../src/operate/exit-code.ts'
import { failureOf } from '../../src/operate/failure.ts'

let folder = ''
before(() => { folder = mkdtempSync(join(tmpdir(), 'sotto-command-')) })
after(() => rmSync(folder, { recursive: true }))

interface Outcome {
  readonly exit: Exit
  readonly stdout: string
  readonly stderr: string
  /** The commands that reached the server. */
  readonly commands: readonly (readonly [string, unknown])[]
  readonly started: readonly (string | undefined)[]
  readonly closed: number
}

/** Types a command line; `typed` is what the person or the pipe at stdin gives, line by line as it is asked for. */
async function type(args: readonly string[], { typed = [], isTTY = false, environment = {} }: {
  readonly typed?: readonly string[]; readonly isTTY?: boolean; readonly environment?: Readonly<Record<string, string>>
} = {}): Promise<Outcome> {
  const commands: [string, unknown][] = []
  const started: (string | undefined)[] = []
  let [stdout, stderr, closed] = ['', '', 0]
  const input = Object.assign(new PassThrough(), { isTTY, setRawMode: () => input })
  const lines = [...typed]
  const questions = new PassThrough()
  questions.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    const line = /: $/.test(text) ? lines.shift() : undefined
    if (line !== undefined) setImmediate(() => input.write(`${line}\r`))
  })
  if (!isTTY) input.end(typed.map((line) => `${line}\n`).join(''))
  const program = commandLine({
    cwd: folder, environment,
    keyboard: { input: input as unknown as NodeJS.ReadStream, questions },
    output: { isTTY, write: (text: string) => { stdout += text } },
    start: async (_config, file) => { started.push(file) },
    operator: async () => ({
      run: async (command, given) => {
        commands.push([command, given])
        if (command === 'account list') return { accounts: ['juliet@capulet.lit', 'nurse@capulet.lit'] }
        if (command === 'account sessions') return { sessions: [{ since: '2025-01-31', way: 'onion', on: 'client' }], ended: (given as { end: boolean }).end }
        if (command === 'account export') return { account: 'juliet@capulet.lit', document: '<server-data/>\n' }
        if (command === 'domain list') return { rulings: [{ domain: '*', ruling: 'block' }, { domain: 'montague.lit', ruling: 'allow' }] }
        if (command.startsWith('domain ')) return given
        if (command === 'onion show') return { services: [] }
        if (command === 'otr show') return { counts: { 'exchange-opened': 2, 'exchange-forged': 0 } }
        return { account: `${(given as { account: string }).account}@capulet.lit` }
      },
      close: async () => { closed++ },
    }),
  })
  let exit: Exit = 'done'
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    const failure = failureOf(error)
    exit = failure.exit
    stderr += failure.message ?? ''
  }
  return { exit, stdout, stderr, commands, started, closed }
}

describe('the command line', () => {
  test('a wrong one is told on stderr, ends with 64, and does nothing', async () => {
    assert.equal(EXIT_CODES.usage.code, 64)
    for (const args of [
      ['nonsense'], ['account'], ['account', 'nonsense'], ['account', 'delete'], ['account', 'password'], ['--nonsense'],
      ['account', 'list', '--nonsense'], ['account', 'list', 'more'], ['account', 'delete', 'a', 'b'], ['config', 'check', 'x'], ['-c'],
    ]) {
      const outcome = await type(args)
      assert.equal(outcome.exit, 'usage', args.join(' '))
      assert.equal(outcome.stdout, '')
      assert.notEqual(outcome.stderr, '')
      assert.deepEqual([...outcome.commands, ...outcome.started], [])
    }
  })

  test('help is no mistake', async () => {
    const { exit, stdout } = await type(['account', 'add', '--help'])
    assert.equal(exit, 'done')
    assert.match(stdout, /^Usage: sotto account add \[options\] \[name\]\n/)
    assert.doesNotMatch(stdout, /-p/)
  })

  test('without a command the server is started, with the file that was named', async () => {
    writeFileSync(join(folder, 'named.toml'), '')
    assert.deepEqual((await type([])).started, [undefined])
    assert.deepEqual((await type(['start', '--config', 'named.toml'])).started, ['named.toml'])
    assert.deepEqual((await type(['--config', 'named.toml'])).started, ['named.toml'])
    assert.deepEqual((await type(['start'], { environment: { SOTTO_CONFIG: 'named.toml' } })).started, ['named.toml'])
    const gone = await type(['start', '--config', 'gone.toml'])
    assert.deepEqual([gone.exit, gone.started], ['config', []])
  })

  test('an account is locked with a reason or without, unlocked, and its sessions are shown and ended', async () => {
    const lock = await type(['account', 'lock', 'juliet', '--reason', 'a quarrel'])
    assert.deepEqual([lock.commands, lock.stdout], [[['account lock', { account: 'juliet', reason: 'a quarrel' }]], 'Locked juliet@capulet.lit\n'])
    assert.deepEqual((await type(['account', 'lock', 'juliet'])).commands, [['account lock', { account: 'juliet' }]])
    assert.equal((await type(['account', 'unlock', 'juliet'])).stdout, 'Unlocked juliet@capulet.lit\n')
    assert.equal((await type(['account', 'sessions', 'juliet'])).stdout, 'client since 2025-01-31, by the onion\n1 in all\n')
    assert.equal((await type(['account', 'sessions', 'juliet', '--end'])).stdout, 'client since 2025-01-31, by the onion\nEnded 1\n')
    assert.deepEqual((await type(['account', 'list', '--locked'])).commands, [['account list', { locked: true }]])
    for (const args of [['lock'], ['unlock'], ['sessions'], ['export'], ['lock', 'juliet', 'a quarrel']]) assert.equal((await type(['account', ...args])).exit, 'usage')
  })

  test('XEP-0227 §6: an export is on stdout, or in a new file that its owner alone can read', async () => {
    assert.equal((await type(['account', 'export', 'juliet'])).stdout, '<server-data/>\n')
    const outcome = await type(['account', 'export', 'juliet', 'juliet.xml'])
    assert.match(outcome.stdout, /^Wrote what is held of juliet@capulet\.lit into juliet\.xml/)
    assert.equal(readFileSync(join(folder, 'juliet.xml'), 'utf8'), '<server-data/>\n')
    assert.equal(statSync(join(folder, 'juliet.xml')).mode & 0o777, 0o600)
    const again = await type(['account', 'export', 'juliet', 'juliet.xml'])
    assert.deepEqual([again.exit, /is there already/.test(again.stderr)], ['data', true])
  })

  test('domains are blocked, allowed and forgotten, several at once, and listed', async () => {
    for (const [command, done] of [['block', 'Blocked'], ['allow', 'Allowed'], ['forget', 'Forgot']] as const) {
      const outcome = await type(['domain', command, '*', 'montague.lit'])
      assert.deepEqual(outcome.commands, [[`domain ${command}`, { domains: ['*', 'montague.lit'] }]])
      assert.equal(outcome.stdout, `${done} *\n${done} montague.lit\n`)
      assert.equal((await type(['domain', command])).exit, 'usage')
    }
    assert.equal((await type(['domain', 'list'])).stdout, 'block *\nallow montague.lit\n')
  })

  test('a password is never taken from the arguments, and not repeated', async () => {
    for (const args of [
      ['add', 'juliet', 'hunter2'], ['add', 'juliet', '--password', 'hunter2'], ['add', 'juliet', '--password=hunter2'],
      ['add', '--password=hunter2'], ['add', 'juliet', '-phunter2'], ['password', 'juliet', 'hunter2'], ['password', 'juliet', '-p', 'hunter2'],
    ]) {
      const outcome = await type(['account', ...args], { typed: ['hunter2'] })
      assert.equal(outcome.exit, 'usage')
      assert.match(outcome.stderr, /^a password is never an argument/)
      assert.doesNotMatch(outcome.stderr + outcome.stdout, /hunter2/)
      assert.deepEqual(outcome.commands, [])
    }
  })

  test('at a terminal the password is asked for twice and not shown', async () => {
    for (const command of ['add', 'password']) {
      const outcome = await type(['account', command, 'juliet'], { typed: ['hunter2', 'hunter2'], isTTY: true })
      assert.equal(outcome.stderr, 'Password: \nThe same again: \n')
      assert.deepEqual(outcome.commands, [[`account ${command}`, { account: 'juliet', password: 'hunter2' }]])
      assert.equal(outcome.closed, 1)
    }
  })

  test('two that differ, none, or Ctrl-C are no password', async () => {
    for (const typed of [['hunter2', 'hunter3'], ['', ''], ['\u0003']]) {
      const outcome = await type(['account', 'add', 'juliet'], { typed, isTTY: true })
      assert.equal(outcome.exit, 'usage', typed.join())
      assert.deepEqual(outcome.commands, [])
      assert.equal(outcome.closed, 1)
    }
  })

  test('without a terminal it is the first line of stdin, as it stands', async () => {
    const outcome = await type(['account', 'add', 'juliet'], { typed: [' two words ', 'more'] })
    assert.deepEqual(outcome.commands, [['account add', { account: 'juliet', password: ' two words ' }]])
    assert.equal(outcome.stdout, 'Made juliet@capulet.lit\n')
    assert.equal(outcome.stderr, '')
    assert.equal((await type(['account', 'add', 'juliet'])).exit, 'usage')
  })

  test('without a name accounts come from the lines of stdin; at a terminal that is a mistake', async () => {
    const outcome = await type(['account', 'add'], { typed: ['juliet hunter2', 'nonsense'] })
    assert.equal(outcome.exit, 'data')
    assert.equal(outcome.stdout, 'line 1: made juliet@capulet.lit\nline 2: write: name, space, password\n')
    assert.equal((await type(['account', 'add'], { isTTY: true })).exit, 'usage')
  })

  test('an account is removed only when somebody said yes', async () => {
    const remove = ['account', 'delete', 'juliet']
    assert.deepEqual((await type(remove, { typed: ['yes'], isTTY: true })).commands, [['account delete', { account: 'juliet' }]])
    assert.deepEqual((await type([...remove, '--yes'])).commands, [['account delete', { account: 'juliet' }]])
    for (const outcome of [await type(remove, { typed: ['y'], isTTY: true }), await type(remove, { typed: ['yes'] })]) {
      assert.notEqual(outcome.exit, 'done')
      assert.deepEqual(outcome.commands, [])
    }
  })

  test('a list is one account a line and nothing else', async () => {
    const outcome = await type(['account', 'list', '--domain', 'capulet.lit'])
    assert.equal(outcome.stdout, 'juliet@capulet.lit\nnurse@capulet.lit\n')
    assert.deepEqual(outcome.commands, [['account list', { domain: 'capulet.lit' }]])
  })

  test('what the audits found is told in numbers', async () => {
    const outcome = await type(['otr', 'show'])
    assert.equal(outcome.stdout, 'exchange-opened 2\nexchange-forged 0\n')
    assert.deepEqual(outcome.commands, [['otr show', {}]])
  })

  test('the records of a domain come from the configuration, and no server is asked', async () => {
    writeFileSync(join(folder, 'dns.toml'), '[[domains]]\nname = "capulet.lit"\n[[listeners]]\nkind = "c2s"\naddress = "::"\nport = 5222\n')
    const outcome = await type(['-c', 'dns.toml', 'dns', 'capulet.lit', '--host', 'xmpp.capulet.lit', '--authority', 'ca.lit'])
    assert.equal(outcome.exit, 'done')
    assert.match(outcome.stdout, /^_xmpp-client\._tcp\.capulet\.lit\. 3600 IN SRV 10 5 5222 xmpp\.capulet\.lit\.$/m)
    assert.match(outcome.stdout, /^capulet\.lit\. 3600 IN CAA 0 issue "ca\.lit"$/m)
    assert.deepEqual([outcome.commands, outcome.closed], [[], 0])
    assert.equal((await type(['-c', 'dns.toml', 'dns', 'verona.lit'])).exit, 'data')
    assert.equal((await type(['-c', 'dns.toml', 'dns', 'capulet.lit', '--host', 'a b'])).exit, 'usage')
    assert.equal((await type(['-c', 'dns.toml', 'dns', 'capulet.lit', 'more'])).exit, 'usage')
  })
})
