import { describe, test } from 'node:test'
import { TestHouse } from '../house.ts'

describe('XEP-0199: XMPP Ping', () => {
  const house = new TestHouse()
  const juliet = house.connect('juliet@capulet.lit/balcony')

  test('XEP-0199 §4.2: a client pings its server', () => {
    juliet.says("<iq to='capulet.lit' id='c2s1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
    juliet.hears("<iq from='capulet.lit' to='juliet@capulet.lit/balcony' id='c2s1' type='result'/>")
  })

  test('XEP-0199 §4.2: without an address the server answers for the account', () => {
    juliet.says("<iq id='c2s2' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
    juliet.hears("<iq from='juliet@capulet.lit' to='juliet@capulet.lit/balcony' id='c2s2' type='result'/>")
  })

  test('XEP-0199 §4.3: a server pings this one', () => {
    house.remoteSays("<iq from='verona.lit' to='capulet.lit' id='s2s1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
    house.departs("<iq from='capulet.lit' to='verona.lit' id='s2s1' type='result'/>")
  })

  test('nobody learns by a ping whether an account exists', () => {
    for (const account of ['nurse@capulet.lit', 'nobody@capulet.lit']) {
      juliet.says(`<iq to='${account}' id='c2c' type='get'><ping xmlns='urn:xmpp:ping'/></iq>`)
      juliet.hears(`<iq from='${account}' to='juliet@capulet.lit/balcony' id='c2c' type='error'>
        <error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`.replace(/\n\s*/g, ''))
    }
  })
})
