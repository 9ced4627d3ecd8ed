import { describe, test } from 'node:test'
import { extensions } from '../../src/extensions.ts'
import { TestHouse } from '../house.ts'

/** What a server could be asked, and would be known again by. */
const QUESTIONS = [
  ['XEP-0092 §2', 'which software it runs, and on which system', "<query xmlns='jabber:iq:version'/>"],
  ['XEP-0202 §2', 'its time and its time zone', "<time xmlns='urn:xmpp:time'/>"],
  ['XEP-0012 §5', 'how long it has been running', "<query xmlns='jabber:iq:last'/>"],
] as const

describe('what the server does not tell of the machine', () => {
  const house = new TestHouse({ extensions })
  const juliet = house.connect('juliet@capulet.lit/balcony')
  const refused = (from: string, to: string): string => `<iq from='${from}' to='${to}' id='q' type='error'>`
    + "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"

  for (const [clause, what, payload] of QUESTIONS) {
    test(`${clause}: nobody is told ${what}: service-unavailable to our clients, by the domain and by the account, and to other servers`, () => {
      juliet.says(`<iq to='capulet.lit' id='q' type='get'>${payload}</iq>`)
      juliet.says(`<iq id='q' type='get'>${payload}</iq>`)
      juliet.hears(refused('capulet.lit', 'juliet@capulet.lit/balcony'), refused('juliet@capulet.lit', 'juliet@capulet.lit/balcony'))
      for (const to of ['capulet.lit', 'juliet@capulet.lit', 'nobody@capulet.lit']) {
        house.remoteSays(`<iq from='romeo@verona.lit/orchard' to='${to}' id='q' type='get'>${payload}</iq>`)
        house.departs(refused(to, 'romeo@verona.lit/orchard'))
      }
    })
  }

  test('XEP-0092 §2, XEP-0202 §2, XEP-0012 §5: nor does the server announce that it would tell', () => {
    juliet.says("<iq to='capulet.lit' id='d' type='get'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
    const features = juliet.heard()[0]?.elements()[0]?.elements().map(({ attrs }) => attrs['var']) ?? []
    for (const feature of ['jabber:iq:version', 'urn:xmpp:time', 'jabber:iq:last']) {
      if (features.includes(feature)) throw new Error(`${feature} is announced`)
    }
  })
})
