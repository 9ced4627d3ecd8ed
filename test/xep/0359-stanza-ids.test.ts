import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TestHouse, type TestClient } from '../house.ts'
import type { Element } from '../../src/xml/element.ts'

const NS = 'urn:xmpp:sid:0'

async function meet(): Promise<{ house: TestHouse, romeo: TestClient, juliet: TestClient }> {
  const house = new TestHouse()
  return { house, romeo: await house.login('romeo@montague.lit/orchard'), juliet: await house.login('juliet@capulet.lit/chamber') }
}

function ids(message: Element | undefined): Element[] {
  return message?.elements().filter((child) => child.namespace === NS) ?? []
}

describe('XEP-0359: Unique and Stable Stanza IDs', () => {
  test('XEP-0359 §3.3: a message has one id in the name of the account that it is for', async () => {
    const { romeo, juliet } = await meet()
    romeo.says(`<message to='juliet@capulet.lit/chamber' type='chat'><body>Hi</body></message>`)
    const [id, ...others] = ids(juliet.heardWhole()[0])
    assert.deepEqual([id?.name, id?.attrs['by'], others.length], ['stanza-id', 'juliet@capulet.lit', 0])
  })

  test('XEP-0359 §3.1: an id that a sender gave in our name is deleted, those of others stay', async () => {
    const { romeo, juliet } = await meet()
    romeo.says(`<message to='juliet@capulet.lit/chamber' type='chat'><body>Hi</body><stanza-id xmlns='${NS}' id='forged' by='Juliet@capulet.lit'/>`
      + `<stanza-id xmlns='${NS}' id='forged' by='juliet@capulet.lit'/><stanza-id xmlns='${NS}' id='theirs' by='room@chat.montague.lit'/></message>`)
    const all = ids(juliet.heardWhole()[0])
    assert.deepEqual(all.map(({ attrs }) => attrs['by']), ['room@chat.montague.lit', 'juliet@capulet.lit'])
    assert.ok(all.every(({ attrs }) => attrs['id'] !== 'forged'))
  })

  test('XEP-0359 §2.2: the id that the origin gave stays as it is', async () => {
    const { romeo, juliet } = await meet()
    romeo.says(`<message to='juliet@capulet.lit/chamber' type='chat'><body>Hi</body><origin-id xmlns='${NS}' id='mine'/></message>`)
    assert.equal(ids(juliet.heardWhole()[0]).find(({ name }) => name === 'origin-id')?.attrs['id'], 'mine')
  })

  test('XEP-0359 §6: no two ids are alike, and neither tells of the other', async () => {
    const { romeo, juliet } = await meet()
    for (let count = 0; count < 20; count++) romeo.says(`<message to='juliet@capulet.lit/chamber' type='chat'><body>${count}</body></message>`)
    const all = juliet.heardWhole().map((message) => ids(message)[0]?.attrs['id'] ?? '')
    assert.equal(new Set(all).size, 20)
    assert.equal(new Set(all.map((id) => id.slice(0, 4))).size, 20, 'they are no counter')
  })

  test('what is no message to an account has none', async () => {
    const { romeo, juliet } = await meet()
    romeo.says(`<presence to='juliet@capulet.lit/chamber'/><message to='juliet@capulet.lit/chamber' type='error'><error type='cancel'/></message>`)
    for (const stanza of juliet.heardWhole()) assert.deepEqual(ids(stanza), [])
  })
})
