import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { extensions } from '../src/extensions.ts'
import { TestHouse } from './house.ts'

describe('the switchboard', () => {
  test('policy comes before everything else', () => {
    assert.equal(extensions[0]?.name, 'require-otr')
  })

  test('names are unique: each owns its migrations by its name', () => {
    const names = extensions.map(({ name }) => name)
    assert.equal(new Set(names).size, names.length)
  })

  test('the whole house: a plain message is refused to its sender, a query passes in its canonical form', async () => {
    const house = new TestHouse({ extensions })
    const romeo = await house.login('romeo@montague.lit/orchard')
    const juliet = await house.login('juliet@capulet.lit/balcony')
    romeo.says("<message to='juliet@capulet.lit' id='m1' type='chat'><body>But soft</body></message>")
    juliet.hears()
    const [refusal] = romeo.heard()
    assert.equal(refusal?.attrs['type'], 'error')
    assert.equal(refusal?.elements().at(-1)?.elements()[0]?.name, 'policy-violation')
    romeo.says("<message to='juliet@capulet.lit' id='m2' type='chat'><body>?OTRv23? what light</body></message>")
    assert.equal(juliet.heard()[0]?.childContent('body', 'jabber:client'), '?OTRv23?')
  })

  test('the whole house: two accounts meet, see each other and part', async () => {
    const house = new TestHouse({ extensions })
    await house.befriend('romeo@montague.lit', 'juliet@capulet.lit')
    const romeo = await house.login('romeo@montague.lit/orchard')
    const juliet = await house.login('juliet@capulet.lit/balcony', '<presence><show>chat</show><status>at the window</status></presence>')
    romeo.hears("<presence from='juliet@capulet.lit/balcony' to='romeo@montague.lit'><show>chat</show><status>at the window</status></presence>")
    juliet.leaves()
    romeo.hears("<presence from='juliet@capulet.lit/balcony' to='romeo@montague.lit' type='unavailable'/>")
    assert.deepEqual(house.log.lines, [])
  })
})
