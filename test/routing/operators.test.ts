import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TestHouse } from '../house.ts'

const AVAILABLE = '<presence/>'

describe('what the server tells its operators', () => {
  test('comes as a headline from the domain of the operator\'s own account, to each client that is available', () => {
    const house = new TestHouse({ config: { operators: ['nurse@capulet.lit'] } })
    const [one, other, juliet] = [house.connect('nurse@capulet.lit/a'), house.connect('nurse@capulet.lit/b'), house.connect('juliet@capulet.lit/c')]
    for (const client of [one, juliet]) client.says(AVAILABLE)
    for (const client of [one, other, juliet]) client.heard()
    house.installation.host.operators.tell('Backup', 'It failed.')
    const [told] = one.heard()
    assert.deepEqual([told?.name, told?.attrs.type, told?.attrs.from, told?.attrs.to], ['message', 'headline', 'capulet.lit', 'nurse@capulet.lit/a'])
    assert.equal(told?.elements().map((child) => child.content()).join(': '), 'Backup: It failed.')
    assert.deepEqual([other.heard(), juliet.heard()], [[], []])
  })

  test('waits in memory for the next that is available, fifty notices at most, the newest', () => {
    const house = new TestHouse({ config: { operators: ['nurse@capulet.lit'] } })
    for (let count = 1; count <= 60; count++) house.installation.host.operators.tell('Backup', `Number ${count}.`)
    const nurse = house.connect('nurse@capulet.lit/a')
    assert.deepEqual(nurse.heard(), [])
    nurse.says(AVAILABLE)
    const texts = nurse.heard().filter(({ name }) => name === 'message').map((told) => told.elements()[1]?.content())
    assert.equal(texts.length, 50)
    assert.deepEqual([texts[0], texts.at(-1)], ['Number 11.', 'Number 60.'])
    nurse.says(AVAILABLE)
    assert.deepEqual(nurse.heard().filter(({ name }) => name === 'message'), [], 'it is told once')
  })
})
