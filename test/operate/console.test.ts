import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TestClock } from '../clock.ts'
import { Console } from '../../src/operate/console.ts'

const ADDRESS = `${'a'.repeat(56)}.onion`

/** Time that passes when a test says so. */
function consoleOn(isTTY: boolean) {
  const written: string[] = []
  const clock = new TestClock()
  const console = new Console({ isTTY, write: (text: string) => written.push(text) }, clock, 'sotto account add NAME')
  return { console, clock, text: () => written.join('') }
}

describe('the console', () => {
  test('in a file each step of tor is a line, once', () => {
    const { console, text } = consoleOn(false)
    console.bootstrap(0, 'Starting')
    console.bootstrap(0, 'Starting')
    console.bootstrap(45, 'Asking for relay descriptors')
    console.bootstrap(100, 'Done')
    assert.equal(text(), 'Tor: 0 % (Starting)\nTor: 45 % (Asking for relay descriptors)\nTor: 100 % (Done)\n')
  })

  test('on a terminal the progress is one line that changes, and what follows stands below it', () => {
    const { console, text } = consoleOn(true)
    console.bootstrap(0, 'Starting')
    console.bootstrap(45, 'Loading')
    console.onionReachable(ADDRESS)
    assert.equal(text(), `\r\u001b[KTor: 0 % (Starting)\r\u001b[KTor: 45 % (Loading)\nReachable over Tor: ${ADDRESS}\n`)
  })

  test('shows the onion address, its QR code, the listeners, and how the first account is made', async () => {
    const { console, text } = consoleOn(false)
    await console.serving({
      domains: [{ label: 'onion', onionAddress: ADDRESS }, { label: 'capulet.lit', onionAddress: undefined }],
      listeners: ['127.0.0.1:5222'], noAccounts: true,
    })
    const lines = text().split('\n')
    assert.equal(lines[0], `Onion address: ${ADDRESS}`)
    assert.ok(lines.filter((line) => /^[ █▀▄]{30,}$/.test(line)).length > 10)
    assert.ok(lines.includes('Domain: capulet.lit'))
    assert.ok(lines.includes('Listening on 127.0.0.1:5222'))
    assert.ok(lines.includes('  sotto account add NAME'))
    assert.doesNotMatch(text(), /\u001b/)
  })

  test('on a terminal the QR code is black on white whatever the terminal\'s own colors are', async () => {
    const { console, text } = consoleOn(true)
    await console.serving({ domains: [{ label: 'onion', onionAddress: ADDRESS }], listeners: [], noAccounts: false })
    assert.match(text(), /\u001b\[/)
  })

  test('where there are accounts nobody is told how to make one', async () => {
    const { console, text } = consoleOn(false)
    await console.serving({ domains: [], listeners: [], noAccounts: false })
    assert.equal(text(), '')
  })

  test('a minute without progress is told, with what still works, and what to look at', () => {
    const { console, clock, text } = consoleOn(false)
    console.bootstrap(10, 'Connecting')
    clock.advance(59_999)
    assert.doesNotMatch(text(), /not there/)
    clock.advance(1)
    assert.match(text(), /Tor is not there yet: no progress for 60 seconds at 10 % \(Connecting\): .*tor\.torrc.*\n.*the listeners are served/)
  })

  test('one reason why tor is not there is told once, until tor was there', () => {
    const { console, text } = consoleOn(false)
    for (const reason of ['no program', 'no program', 'no network', 'no network']) console.torUnreachable(reason)
    console.bootstrap(100, 'Done')
    console.torUnreachable('no network')
    assert.deepEqual(text().split('\n').filter((line) => line.startsWith('Tor is not')), [
      'Tor is not there yet: no program.', 'Tor is not there yet: no network.', 'Tor is not there yet: no network.',
    ])
  })

  test('progress, the end of it, or stopping keeps that from being told', () => {
    for (const rest of [
      (console: Console) => console.bootstrap(100, 'Done'),
      (console: Console) => console.stopping(),
    ]) {
      const { console, clock, text } = consoleOn(false)
      console.bootstrap(10, 'Connecting')
      clock.advance(50_000)
      console.bootstrap(20, 'Loading')
      clock.advance(50_000)
      rest(console)
      clock.advance(600_000)
      assert.doesNotMatch(text(), /not there/)
    }
  })

  test('that an onion was published again is no news', () => {
    const { console, text } = consoleOn(false)
    console.onionReachable(ADDRESS)
    console.onionReachable(ADDRESS)
    assert.equal(text(), `Reachable over Tor: ${ADDRESS}\n`)
  })
})
