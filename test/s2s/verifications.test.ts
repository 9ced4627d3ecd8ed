import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Verifications } from '../../src/s2s/verifications.ts'
import { StanzaError } from '../../src/xmpp/stanza-error.ts'
import { TestClock } from '../clock.ts'

const AFTER = 1000

/** Of what was added, in order, how it was judged: a condition where by an error; undefined where not yet. */
async function judgements(added: readonly Promise<unknown>[]): Promise<unknown[]> {
  const open = Symbol('open')
  const all = await Promise.all(added.map((one) => Promise.race([one, new Promise((resolve) => { setImmediate(resolve, open) })])))
  return all.map((one) => one === open ? undefined : one instanceof StanzaError ? one.condition : one)
}

test('XEP-0220 §2.1.2: an answer counts once it was asked for, once, and for the stream that it names', async () => {
  const clock = new TestClock(0)
  const verifications = new Verifications(clock, AFTER)
  const added = [verifications.add('one', 'k1'), verifications.add('two', 'k2')]
  verifications.settle('one', 'valid')
  assert.deepEqual(await judgements(added), [undefined, undefined], 'nobody was asked')
  assert.deepEqual(verifications.unasked().map(({ id, key }) => [id, key]), [['one', 'k1'], ['two', 'k2']])
  assert.deepEqual(verifications.unasked(), [])
  verifications.settle('three', 'valid')
  verifications.settle('one', 'invalid')
  verifications.settle('one', 'valid')
  assert.deepEqual(await judgements(added), ['invalid', undefined])
  verifications.settle('two', 'perhaps')
  assert.deepEqual(await judgements(added), ['invalid', 'remote-server-timeout'])
  assert.ok(verifications.empty)
})

test('one stream is asked about once at a time, and sixteen in all', async () => {
  const verifications = new Verifications(new TestClock(0), AFTER)
  const added = Array.from({ length: 17 }, (_, index) => verifications.add(`${index}`, 'key'))
  assert.deepEqual((await judgements(added)).filter((one) => one !== undefined), ['resource-constraint'])
  const others = new Verifications(new TestClock(0), AFTER)
  assert.deepEqual(await judgements([others.add('one', 'key'), others.add('one', 'another')]), [undefined, 'resource-constraint'])
})

test('s2s.time_to_connect: whoever does not answer is not waited for, and nobody waits when it cannot be asked', async () => {
  const clock = new TestClock(0)
  const verifications = new Verifications(clock, AFTER)
  const added = [verifications.add('one', 'key')]
  clock.advance(AFTER)
  added.push(verifications.add('two', 'key'))
  verifications.fail(new StanzaError('remote-server-not-found'))
  assert.deepEqual(await judgements(added), ['remote-server-timeout', 'remote-server-not-found'])
})
