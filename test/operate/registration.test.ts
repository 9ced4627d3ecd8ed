import assert from 'node:assert/strict'
import { Command } from 'commander'
import { after, before, describe, test } from 'node:test'
import type { Operator } from '../../src/operate/control-client.ts'
import { inviteCommandLine } from '../../src/operate/invite.ts'
import { registrationCommandLine } from '../../src/operate/registration.ts'
import { CommandError } from '../../src/routing/command-error.ts'
import { Office, PASSWORD } from '../registration/office.ts'

describe('the operator says who may make an account, at the command line', () => {
  let office: Office
  before(async () => { office = await Office.open({ settings: '[[domains]]\nname = "capulet.lit"\nweb = "https://capulet.lit:5281"\n[[domains]]\nname = "onion"\n' }) })
  after(() => office.close())

  /** What is printed, line by line; the commands are carried out by the real house. */
  async function type(...args: readonly string[]): Promise<string[]> {
    const lines: string[] = []
    const operator: Operator = { run: (command, input) => office.run(command, input), close: () => Promise.resolve() }
    const around = { operate: (work: (one: Operator) => Promise<void>) => work(operator), print: (line: string) => { lines.push(line) } }
    const root = new Command('sotto').exitOverride().configureOutput({ writeErr: () => {} })
    registrationCommandLine(root.command('registration'), around)
    inviteCommandLine(root.command('invite'), { ...around, colors: false })
    await root.parseAsync(args, { from: 'user' })
    return lines
  }

  test('of one domain or of all, and is shown what holds', async () => {
    assert.deepEqual(await type('registration', 'show'), ['capulet.lit: invite (configured)', 'onion: invite (configured)'])
    assert.deepEqual(await type('registration', 'open', 'onion'), ['onion: open (switched)'])
    assert.deepEqual(await type('registration', 'closed'), ['capulet.lit: closed (switched)', 'onion: closed (switched)'])
    assert.deepEqual(await type('registration', 'invite', 'capulet.lit'), ['capulet.lit: invite (switched)'])
    assert.deepEqual(await type('registration', 'show'), ['capulet.lit: invite (switched)', 'onion: closed (switched)'])
    await assert.rejects(type('registration', 'open', 'verona.lit'), CommandError)
    await assert.rejects(type('registration', 'ajar'))
  })

  test('an invitation is a link, a page and a QR code, which can be listed and taken back, and used', async () => {
    const [until = '', link = '', page = '', ...qr] = await type('invite', 'create', '--domain', 'capulet.lit', '--name', 'juliet', '--for', '2d')
    assert.match(until, /^Good until 1999-01-06 00:00 UTC for one account; sotto invite revoke [0-9a-f]{10} takes it back\.$/)
    assert.match(link, /^xmpp:juliet@capulet\.lit\?register;preauth=[a-z2-8]{26}$/)
    const token = link.slice(-26)
    assert.equal(page, `https://capulet.lit:5281/invite/${token}`)
    assert.match(qr.join('\n'), /^[\u2580\u2584\u2588 \n]{500,}$/)
    const id = /revoke ([0-9a-f]{10})/.exec(until)?.[1] ?? ''
    assert.deepEqual(await type('invite', 'list'), [`${id}  until 1999-01-06 00:00 UTC  juliet@capulet.lit  once`])
    await office.house.registration.register({ domain: office.domain(), peer: undefined, name: 'juliet', password: PASSWORD, token })
    assert.deepEqual(await type('invite', 'list', '--domain', 'capulet.lit'), [])
    await assert.rejects(type('invite', 'revoke', id), /no such invitation/)
    const [several = ''] = await type('invite', 'create', '-d', 'capulet.lit', '--uses', '30')
    assert.match(several, /^Good until 1999-01-11 00:00 UTC for 30 accounts/)
    const other = /revoke ([0-9a-f]{10})/.exec(several)?.[1] ?? ''
    assert.deepEqual(await type('invite', 'list'), [`${other}  until 1999-01-11 00:00 UTC  (any name)@capulet.lit  30 times`])
    assert.deepEqual(await type('invite', 'revoke', other), [`Took back ${other}`])
    assert.deepEqual(await type('invite', 'list'), [])
  })

  test('what the operator should mind is said first', async () => {
    const [closed = '', named = ''] = await type('invite', 'create', '-d', 'onion', '-n', 'postmaster')
    assert.match(closed, /^Mind: the name is one by which others take an account for the server's own\.$/)
    assert.match(named, /^Mind: nobody can use it while registration at onion is closed\.$/)
    for (const args of [['--for', 'soon'], ['--for', '0d'], ['--for', '367d'], ['--uses', 'many'], ['--uses', '0'], ['-n', '-x'], ['-n', '\u212aing']]) {
      await assert.rejects(type('invite', 'create', '-d', 'capulet.lit', ...args), CommandError, args.join(' '))
    }
  })
})
