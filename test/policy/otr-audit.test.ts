import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { extensions } from '../../src/extensions.ts'
import { TestHouse, type TestClient } from '../house.ts'
import { readVectors } from '../otr/vectors.ts'
import type { Said } from '../otr/party.ts'

const BODIES = readVectors<Said>('ping-pong.jsonl').filter(({ body }) => body.startsWith('?OTR:')).slice(0, 40)
const [COMMIT, KEY, REVEAL] = BODIES.map(({ body }) => body)
assert.ok(COMMIT !== undefined && KEY !== undefined && REVEAL !== undefined)

/** The genuine commitment but for what is committed to. */
function forged(): string {
  const bytes = Buffer.from(COMMIT?.slice(5, -1) ?? '', 'base64')
  randomBytes(196).copy(bytes, 15)
  return `?OTR:${bytes.toString('base64')}.`
}

function fragments(body: string): string[] {
  const bytes = Buffer.from(body.slice(5, 21), 'base64')
  const [sender, receiver] = [bytes.readUInt32BE(3).toString(16), bytes.readUInt32BE(7).toString(16)]
  return [body.slice(0, 100), body.slice(100)].map((piece, index) => `?OTR|${sender}|${receiver},${index + 1},2,${piece},`)
}

const chat = (to: string, body: string): string => `<message to='${to}' id='m' type='chat'><body>${body}</body></message>`
const bodies = (client: TestClient): (string | undefined)[] => client.heard().map((stanza) => stanza.childContent('body', 'jabber:client'))

async function house(config = {}): Promise<{ readonly house: TestHouse; readonly juliet: TestClient; readonly romeo: TestClient }> {
  const built = new TestHouse({ extensions, config })
  const juliet = await built.login('juliet@capulet.lit/balcony')
  const romeo = await built.login('romeo@montague.lit/orchard')
  return { house: built, juliet, romeo }
}

function counts(built: TestHouse): Readonly<Record<string, number>> {
  const shown = built.installation.tables.commands.get('otr show')?.run({}) as { readonly counts: Readonly<Record<string, number>> }
  return shown.counts
}

describe('the audit of key exchanges', () => {
  test('a genuine conversation passes, and is counted without a name', async () => {
    const { house: built, juliet, romeo } = await house()
    for (const { from, body } of BODIES) {
      if (from === 'juliet') juliet.says(chat('romeo@montague.lit/orchard', body))
      else romeo.says(chat('juliet@capulet.lit', body))
      assert.deepEqual(bodies(from === 'juliet' ? romeo : juliet), [body])
    }
    const { 'exchange-opened': opened, data, 'mac-key-matched': matched, ...others } = counts(built)
    assert.deepEqual([opened, data], [1, 36])
    assert.ok((matched ?? 0) > 10)
    assert.ok(Object.values(others).every((count) => count === 0), JSON.stringify(others))
    assert.doesNotMatch(JSON.stringify(counts(built)), /@|capulet|montague|balcony/)
  })

  test('a Reveal Signature that does not open the commitment is refused, and its sender told why', async () => {
    const { house: built, juliet, romeo } = await house()
    juliet.says(chat('romeo@montague.lit', forged()))
    romeo.says(chat('juliet@capulet.lit/balcony', KEY))
    juliet.forget()
    romeo.forget()
    juliet.says(chat('romeo@montague.lit/orchard', REVEAL))
    romeo.hears()
    const [refusal] = juliet.heard()
    assert.equal(refusal?.attrs['type'], 'error')
    assert.ok(refusal.child('error', 'jabber:client')?.child('policy-violation', 'urn:ietf:params:xml:ns:xmpp-stanzas'))
    assert.equal(counts(built)['exchange-forged'], 1)
  })

  test('in fragments it is judged alike', async () => {
    const { juliet, romeo } = await house()
    for (const commit of [forged(), COMMIT]) {
      for (const piece of fragments(commit)) juliet.says(chat('romeo@montague.lit', piece))
      assert.equal(bodies(romeo).length, 2)
      juliet.forget()
      for (const piece of fragments(REVEAL)) juliet.says(chat('romeo@montague.lit/orchard', piece))
      assert.equal(bodies(romeo).length, commit === COMMIT ? 2 : 0)
      assert.equal(juliet.heard().length, commit === COMMIT ? 0 : 1)
    }
  })

  test('on the way from and to other servers as well', async () => {
    const { house: built, juliet } = await house()
    const remote = (body: string): string => `<message from='mercutio@verona.lit/inn' to='juliet@capulet.lit' type='chat'><body>${body}</body></message>`
    built.remoteSays(remote(forged()) + remote(REVEAL))
    assert.equal(bodies(juliet).length, 1)
    built.departed.length = 0
    for (const body of [forged(), REVEAL]) juliet.says(chat('mercutio@verona.lit', body))
    assert.equal(built.departed.length, 1)
  })

  test('where this server did not see the commitment nothing is refused: it may have been restarted', async () => {
    const { juliet, romeo } = await house()
    juliet.says(chat('romeo@montague.lit/orchard', REVEAL))
    assert.deepEqual(bodies(romeo), [REVEAL])
  })

  test('another client of the sender is another conversation', async () => {
    const { house: built, juliet, romeo } = await house()
    juliet.says(chat('romeo@montague.lit', forged()))
    const chamber = await built.login('juliet@capulet.lit/chamber')
    romeo.forget()
    chamber.says(chat('romeo@montague.lit', REVEAL))
    assert.deepEqual(bodies(romeo), [REVEAL])
  })

  test('policy.otr_audit = false: nothing is audited', async () => {
    const { house: built, juliet, romeo } = await house({ policy: { otr_audit: false } })
    for (const body of [forged(), REVEAL]) juliet.says(chat('romeo@montague.lit/orchard', body))
    assert.equal(bodies(romeo).length, 2)
    assert.equal(counts(built), undefined)
  })
})
