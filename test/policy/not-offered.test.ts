import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { extensions } from '../../src/extensions.ts'
import { NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import { TestHouse, type TestClient } from '../house.ts'

const JULIET = 'juliet@capulet.lit/balcony'
const iq = (payload: string, to = '', type = 'set'): string => `<iq type='${type}' id='f'${to === '' ? '' : ` to='${to}'`}>${payload}</iq>`
const form = (namespace: string): string => `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>${namespace}</value></field></x>`
const DATA = '?OTRv23?'

/** What fights OTR and is therefore not here: what a client asks, and the error it gets. */
const FEATURES: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  'carbons (XEP-0280)': [
    [iq("<enable xmlns='urn:xmpp:carbons:2'/>"), 'cancel feature-not-implemented'],
    [iq("<disable xmlns='urn:xmpp:carbons:2'/>"), 'cancel feature-not-implemented'],
    [iq("<enable xmlns='urn:xmpp:carbons:2'/>", 'juliet@capulet.lit'), 'cancel feature-not-implemented'],
  ],
  'archive (XEP-0313)': [
    [iq("<query xmlns='urn:xmpp:mam:2'/>"), 'cancel service-unavailable'],
    [iq("<query xmlns='urn:xmpp:mam:2'/>", '', 'get'), 'cancel service-unavailable'],
    [iq(`<query xmlns='urn:xmpp:mam:2'>${form('urn:xmpp:mam:2')}</query>`, 'juliet@capulet.lit'), 'cancel service-unavailable'],
    [iq("<prefs xmlns='urn:xmpp:mam:2' default='always'/>"), 'cancel service-unavailable'],
    [iq("<query xmlns='urn:xmpp:mam:2'/>", 'capulet.lit'), 'cancel service-unavailable'],
  ],
  'upload (XEP-0363)': [
    [iq("<request xmlns='urn:xmpp:http:upload:0' filename='a' size='1'/>", 'capulet.lit', 'get'), 'cancel service-unavailable'],
    [iq("<request xmlns='urn:xmpp:http:upload:0' filename='a' size='1'/>", 'upload.capulet.lit', 'get'), 'cancel service-unavailable'],
    [iq("<request xmlns='urn:xmpp:http:upload:0' filename='a' size='1'/>", 'upload.verona.example', 'get'), 'cancel service-unavailable'],
  ],
  'group chat (XEP-0045, XEP-0249)': [
    ["<presence id='f' to='orchard@rooms.capulet.lit/juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>", 'cancel policy-violation'],
    ["<presence id='f' to='orchard@capulet.lit/juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>", 'cancel policy-violation'],
    [`<message id='f' to='orchard@rooms.verona.example' type='groupchat'><body>${DATA}</body></message>`, 'cancel policy-violation'],
    [`<message id='f' to='orchard@capulet.lit' type='groupchat'><body>${DATA}</body></message>`, 'cancel policy-violation'],
    [iq(`<query xmlns='http://jabber.org/protocol/muc#owner'/>`, 'orchard@rooms.verona.example', 'get'), 'cancel service-unavailable'],
    [iq(`<query xmlns='http://jabber.org/protocol/muc#admin'/>`, 'orchard@rooms.verona.example'), 'cancel service-unavailable'],
  ],
  'messages for later (XEP-0013, XEP-0160)': [
    [`<message id='f' to='nurse@capulet.lit' type='chat'><body>${DATA}</body></message>`, 'cancel service-unavailable'],
    [`<message id='f' to='nurse@capulet.lit'><body>${DATA}</body></message>`, 'cancel service-unavailable'],
    [`<message id='f' to='nobody@capulet.lit' type='chat'><body>${DATA}</body></message>`, 'cancel service-unavailable'],
    [iq("<offline xmlns='http://jabber.org/protocol/offline'><fetch/></offline>", '', 'get'), 'cancel service-unavailable'],
  ],
  'publishing to contacts (XEP-0163)': [
    [iq("<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='http://jabber.org/protocol/tune'><item/></publish></pubsub>"), 'cancel feature-not-implemented'],
    [iq("<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:example:x'><item><x xmlns='urn:example:x'/></item></publish></pubsub>"), 'cancel feature-not-implemented'],
    [iq("<pubsub xmlns='http://jabber.org/protocol/pubsub'><create node='urn:xmpp:microblog:0'/></pubsub>"), 'cancel feature-not-implemented'],
    [iq("<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:omemo:2:devices'><item><devices xmlns='urn:xmpp:omemo:2'/></item></publish></pubsub>"), 'cancel feature-not-implemented'],
  ],
}

function toldIn(client: TestClient): string[] {
  return client.heard().map((answer) => {
    const error = answer.child('error', NS_CLIENT)
    assert.equal(answer.attrs['id'], 'f')
    return `${error?.attrs['type']} ${error?.elements()[0]?.name}`
  })
}

describe('what fights OTR is not half there', () => {
  for (const [feature, requests] of Object.entries(FEATURES)) {
    test(`${feature}: each request has its error, and nothing leaves`, async () => {
      const house = new TestHouse({ extensions })
      const juliet = await house.login(JULIET)
      for (const [request, told] of requests) {
        juliet.says(request)
        assert.deepEqual(toldIn(juliet), [told], request)
        house.departs()
      }
    })
  }

  test('none of it is advertised: neither by the domain, nor by an account, nor on a stream', async () => {
    const house = new TestHouse({ extensions })
    const { features } = house.installation.host
    const streams = house.installation.streamFeatures.client.map(({ namespace }) => namespace)
    const advertised = [...features.server, ...features.account, ...streams]
    assert.ok(advertised.length > 8)
    const withheld = /carbons|mam|upload|protocol\/muc|conference|msgoffline|protocol\/offline/
    assert.deepEqual(advertised.filter((feature) => withheld.test(feature)), [])
  })

  test('the same error tells programs what has to be sent instead, as docs/otr-required.md has it', async () => {
    const house = new TestHouse({ extensions, config: { policy: { otr_versions: ['3'] } } })
    const juliet = await house.login(JULIET)
    juliet.says("<message id='f' to='nurse@capulet.lit' type='chat'><body>good night</body></message>")
    juliet.says("<message id='f' to='orchard@capulet.lit' type='groupchat'><body>good night</body></message>")
    const required = juliet.heard().map((answer) => answer.child('error', NS_CLIENT)?.child('otr-required', 'urn:sotto:otr-required:0')?.attrs)
    assert.deepEqual(required, [{ versions: '3', query: '?OTRv3?' }, { versions: '3', query: '?OTRv3?' }])
  })
})
