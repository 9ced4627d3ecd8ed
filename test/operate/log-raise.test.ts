import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createLog, type LeveledLog } from '../../src/log.ts'
import { LogRaise } from '../../src/operate/log-raise.ts'
import { CommandError } from '../../src/routing/command-error.ts'
import { NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import { TestHouse, WITHOUT_POLICY, type TestClient } from '../house.ts'

const HALF_AN_HOUR = 30 * 60_000

describe('the operator lets the log tell more for a while', () => {
  function begin(): { readonly house: TestHouse, readonly log: LeveledLog, readonly lines: string[], run(command: string, input?: unknown): unknown } {
    const lines: string[] = []
    const log = createLog({ level: 'error', roster: false }, { write: (line) => { lines.push(line) } })
    const house = new TestHouse({ extensions: [...WITHOUT_POLICY, new LogRaise(log).extension] })
    return { house, log, lines, run: (command, input = {}) => house.installation.tables.commands.get(command)?.run(input) }
  }

  const raise = { milliseconds: HALF_AN_HOUR, reason: 'Some of you cannot connect', level: 'info' }
  const told = (client: TestClient): (string | undefined)[] => client.heard()
    .filter(({ attrs }) => attrs['type'] === 'headline').map((message) => message.childContent('body', NS_CLIENT))

  test('whoever is signed in is told why and until when, before it begins; and when it ended, by itself', async () => {
    const { house, log, lines, run } = begin()
    const juliet = await house.login('juliet@capulet.lit/balcony')
    const levels: string[] = []
    const { send } = juliet
    juliet.send = (stanza) => {
      levels.push(log.level)
      send.call(juliet, stanza)
    }
    run('log raise', raise)
    assert.deepEqual([levels, log.level], [['error'], 'info'])
    const [beginning] = told(juliet)
    assert.match(beginning ?? '', /until 1999-01-04 00:30 UTC: Some of you cannot connect/)
    log.info('said.once')
    house.clock.advance(HALF_AN_HOUR - 1)
    assert.equal(log.level, 'info')
    house.clock.advance(1)
    assert.equal(log.level, 'error')
    assert.match(told(juliet)[0] ?? '', /as it was before/)
    log.info('not.said')
    assert.deepEqual(lines.map((line) => (JSON.parse(line) as { event: string }).event), ['log.raised', 'said.once', 'log.lowered'])
    assert.ok(!lines.join('').includes('Some of you'), 'not even the reason is in it')
  })

  test('whoever signs in meanwhile is told then; afterwards nobody is', async () => {
    const { house, run } = begin()
    run('log raise', raise)
    const juliet = house.connect('juliet@capulet.lit/balcony')
    juliet.says('<presence/>')
    assert.equal(told(juliet).length, 1)
    run('log lower')
    assert.equal(told(juliet).length, 1)
    const romeo = house.connect('romeo@montague.lit/orchard')
    romeo.says('<presence/>')
    assert.deepEqual(told(romeo), [])
  })

  test('a second raise takes the place of the first, with its own end', () => {
    const { house, log, run } = begin()
    run('log raise', raise)
    run('log raise', { ...raise, milliseconds: 2 * HALF_AN_HOUR, level: 'debug' })
    house.clock.advance(HALF_AN_HOUR)
    assert.equal(log.level, 'debug')
    house.clock.advance(HALF_AN_HOUR)
    assert.equal(log.level, 'error')
  })

  test('without a reason, an end, or a higher level it is refused, and nobody hears of it', async () => {
    const { house, log, run } = begin()
    const juliet = await house.login('juliet@capulet.lit/balcony')
    for (const input of [
      {}, { ...raise, reason: ' ' }, { ...raise, milliseconds: 0 }, { ...raise, milliseconds: 25 * 3_600_000 }, { ...raise, level: 'trace' },
      { ...raise, level: 'error' }, { ...raise, level: 'silent' },
    ]) assert.throws(() => run('log raise', input), CommandError, JSON.stringify(input))
    assert.deepEqual([log.level, told(juliet)], ['error', []])
  })
})
