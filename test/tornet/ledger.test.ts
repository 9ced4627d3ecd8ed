import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ledger } from './ledger.ts'

const BROKEN = 'remote-server-timeout'

/** Three stanzas, written and taken. */
function ledger(): Ledger {
  const made = new Ledger('Juliet to Romeo')
  for (const number of [1, 2, 3]) {
    made.wrote(number)
    made.taken(number)
  }
  return made
}

function problemsOf(happens: (ledger: Ledger) => void): string[] {
  const made = ledger()
  happens(made)
  return made.problems().map((problem) => problem.slice('Juliet to Romeo: '.length))
}

test('each stanza is delivered, or bounced once; one whose acknowledgement was lost may be both', () => {
  assert.deepEqual(problemsOf((made) => {
    made.delivered(1)
    made.bounced(2, 'service-unavailable')
    made.delivered(3)
    made.bounced(3, BROKEN)
  }), [])
})

test('none is delivered or bounced twice, or delivered and refused', () => {
  assert.deepEqual(problemsOf((made) => {
    for (const number of [1, 1, 3]) made.delivered(number)
    for (const number of [2, 2]) made.bounced(number, BROKEN)
    made.bounced(3, 'service-unavailable')
  }), ['1 was delivered 2 times', '2 was bounced 2 times', '3 was delivered, and bounced with service-unavailable'])
})

test('what was lost is lost with its sender\'s server, if that held it', () => {
  const lost = '3 was lost, and no server that held it was killed'
  const happens = (last: number) => (made: Ledger) => {
    made.delivered(1)
    made.killed('sender', last)
    made.delivered(2)
  }
  assert.deepEqual(problemsOf(happens(3)), [])
  assert.deepEqual(problemsOf(happens(2)), [lost])
})

test('or with its receiver\'s, but not where one before it was bounced: so the former had not been acknowledged, either', () => {
  const lost = (number: number) => `${number} was lost, and no server that held it was killed`
  assert.deepEqual(problemsOf((made) => {
    made.killed('receiver', 3)
    made.bounced(3, BROKEN)
  }), [])
  assert.deepEqual(problemsOf((made) => {
    made.killed('receiver', 3)
    made.bounced(2, BROKEN)
  }), [lost(3)])
  assert.deepEqual(problemsOf((made) => {
    made.bounced(1, BROKEN)
    made.killed('receiver', 2)
  }), [lost(3)])
})

test('the table has a row for each direction', () => {
  const [made, other] = [ledger(), ledger()]
  made.delivered(1)
  made.bounced(1, BROKEN)
  made.bounced(2, BROKEN)
  made.killed('sender', 3)
  assert.deepEqual(Ledger.table([made, other]).map((line) => line.split(/ {2,}/)), [
    ['', 'written', 'taken', 'delivered', 'bounced', 'both', 'lost with sender', 'lost with receiver', 'bounces by condition'],
    ['Juliet to Romeo', '3', '3', '1', '2', '1', '1', '0', `2 ${BROKEN}`],
    ['Juliet to Romeo', '3', '3', '0', '0', '0', '0', '0'],
  ])
})
