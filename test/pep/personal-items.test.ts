import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PersonalItems } from '../../src/pep/personal-items.ts'
import { element } from '../../src/xml/element.ts'
import { jid, TestHouse } from '../house.ts'

const JULIET = jid('juliet@capulet.lit')
const NODE = 'urn:example:x'
const SETTINGS = { access: 'whitelist', maxItems: 10, sendsLast: false } as const

function payload(text: string) {
  return element('urn:example:x', 'x', {}, text)
}

/** More accounts than are kept in memory. */
function lookAtOthers(items: PersonalItems): void {
  for (let number = 0; number < 20_001; number++) for (const _ of items.nodes(jid(`extra${number}@capulet.lit`))) assert.fail('nobody has anything')
}

describe('what people publish and keep', () => {
  test('is read again where memory had no room for it', async () => {
    const house = new TestHouse()
    const items = house.installation.host.shared(PersonalItems)
    await Promise.all([items.configure(JULIET, NODE, SETTINGS), items.put(JULIET, NODE, 'a', payload('small')), items.put(JULIET, NODE, 'b', payload('x'.repeat(5000)))])
    const before = items.node(JULIET, NODE)
    lookAtOthers(items)
    assert.notEqual(items.node(JULIET, NODE), before)
    assert.deepEqual([...items.node(JULIET, NODE)?.items.keys() ?? []], ['a', 'b'])
    for (const [id, text] of [['a', 'small'], ['b', 'x'.repeat(5000)]] as const) {
      const item = items.item(JULIET, NODE, id)
      assert.ok(item)
      assert.equal(items.payload(JULIET, item).content(), text)
    }
  })

  test('stays in memory until it is on disk', async () => {
    const house = new TestHouse()
    const items = house.installation.host.shared(PersonalItems)
    const written = [items.configure(JULIET, NODE, SETTINGS), items.put(JULIET, NODE, 'a', payload('small'))]
    lookAtOthers(items)
    assert.ok(items.item(JULIET, NODE, 'a'))
    await Promise.all(written)
    assert.equal(house.database.statement<{ count: number }>('SELECT count(*) AS count FROM pep_item').get()?.count, 1)
  })

  test('is where it was before, where a write failed', async () => {
    const house = new TestHouse()
    const items = house.installation.host.shared(PersonalItems)
    await items.configure(JULIET, NODE, SETTINGS)
    await items.put(JULIET, NODE, 'a', payload('first'))
    house.database.statement('CREATE TRIGGER full BEFORE INSERT ON pep_item BEGIN SELECT RAISE(ABORT, \'full\'); END').run()
    const refused = items.put(JULIET, NODE, 'a', payload('second'))
    assert.ok(refused instanceof Promise)
    await assert.rejects(refused)
    const item = items.item(JULIET, NODE, 'a')
    assert.ok(item)
    assert.equal(items.payload(JULIET, item).content(), 'first')
  })

  test('moved to another account, or another place, does not open', async () => {
    const house = new TestHouse()
    const items = house.installation.host.shared(PersonalItems)
    await items.configure(JULIET, NODE, SETTINGS)
    await items.put(JULIET, NODE, 'a', payload('x'.repeat(5000)))
    house.database.statement('UPDATE pep_node SET account = ?').run('tybalt@capulet.lit')
    house.database.statement('UPDATE pep_item SET account = ?').run('tybalt@capulet.lit')
    const other = new TestHouse({ database: house.database }).installation.host.shared(PersonalItems)
    assert.throws(() => other.item(jid('tybalt@capulet.lit'), NODE, 'a'), /seal/)
  })
})
