import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { addAccounts, type BulkResult } from '../../src/operate/bulk.ts'
import { linesOf } from '../../src/operate/password-prompt.ts'
import { CommandError } from '../../src/routing/command-error.ts'

/** Answers as the server does, later than asked and the first last, and remembers what came. */
function operator() {
  const given: unknown[] = []
  let running = 0
  let most = 0
  return {
    given,
    most: () => most,
    async run(_command: string, input: unknown) {
      given.push(input)
      most = Math.max(most, ++running)
      for (let turn = 0; turn < 10 - given.length; turn++) await new Promise(setImmediate)
      running--
      const { account } = input as { account: string }
      if (account === 'taken') throw new CommandError('refused', 'the account exists already')
      if (account === 'broken') throw new Error('with a password in it')
      return { account: `${account}@capulet.lit` }
    },
    async close() {},
  }
}

async function resultsOf(text: string, server = operator()): Promise<BulkResult[]> {
  const results: BulkResult[] = []
  for await (const result of addAccounts(server, linesOf(Readable.from([text])))) results.push(result)
  return results
}

describe('accounts from lines of stdin', () => {
  test('each line is told by itself, in order, and a bad one keeps no other from being tried', async () => {
    assert.deepEqual(await resultsOf('juliet secret12\n\ntaken secret12\n# the Nurse comes later\nromeo\nbroken x\nnurse@capulet.lit secret12'), [
      { line: 1, outcome: { account: 'juliet@capulet.lit' } },
      { line: 3, outcome: { refused: 'the account exists already' } },
      { line: 5, outcome: { refused: 'write: name, space, password' } },
      { line: 6, outcome: { refused: 'the server failed' } },
      { line: 7, outcome: { account: 'nurse@capulet.lit@capulet.lit' } },
    ])
  })

  test('the password is all that follows the first space, with its own spaces', async () => {
    const server = operator()
    await resultsOf('juliet  wherefore art thou \r\nromeo\tby\tanother', server)
    assert.deepEqual(server.given, [
      { account: 'juliet', password: ' wherefore art thou ' },
      { account: 'romeo', password: 'by\tanother' },
    ])
  })

  test('a few are worked on at a time, however many there are', async () => {
    const server = operator()
    const results = await resultsOf(Array.from({ length: 50 }, (_, index) => `a${index} secret12`).join('\n'), server)
    assert.equal(results.length, 50)
    assert.deepEqual(results.map(({ line }) => line), Array.from({ length: 50 }, (_, index) => index + 1))
    assert.ok(server.most() <= 4)
  })
})
