import { describe, test } from 'node:test'
import { TestHouse } from '../house.ts'

describe('presence', () => {
  test('RFC 6121 §4.2.2: initial presence goes to subscribers and to all own resources', async () => {
    const house = new TestHouse()
    await house.befriend('juliet@capulet.lit', 'romeo@montague.lit')
    const romeo = await house.login('romeo@montague.lit/orchard')
    const juliet = house.connect('juliet@capulet.lit/balcony')
    juliet.says("<presence id='p1'><show>away</show></presence>")
    romeo.hears("<presence id='p1' from='juliet@capulet.lit/balcony' to='romeo@montague.lit'><show>away</show></presence>")
    juliet.hears(
      "<presence id='p1' from='juliet@capulet.lit/balcony' to='juliet@capulet.lit'><show>away</show></presence>",
      "<presence from='romeo@montague.lit/orchard' to='juliet@capulet.lit/balcony'/>",
    )
  })
})
