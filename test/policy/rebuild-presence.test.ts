import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Court, JULIET, PLAIN, ROMEO } from './court.ts'

const SHA1 = '0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33'
const STATUS = `<status>${PLAIN}</status>`
const REST = "<priority>5</priority><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://psi-im.org' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/>"
  + `<x xmlns='vcard-temp:x:update'><photo>${SHA1}</photo></x><idle xmlns='urn:xmpp:idle:1' since='1597-01-01T12:00:00Z'/>`
const NOISE = `<nick xmlns='http://jabber.org/protocol/nick'>${PLAIN}</nick><x xmlns='http://jabber.org/protocol/muc#user'><item nick='${PLAIN}'/></x>`
  + `<x xmlns='urn:example:x'>${PLAIN}</x><c xmlns='urn:example:x' hash='x'/>`

const broadcast = (inner: string, type = ''): string =>
  new Court().judge(`<presence${type}>${inner}</presence>`, JULIET, undefined, 'client')

describe('RFC 6121 §4: presence', () => {
  test('a broadcast keeps its status, and of the rest what is no text', () => {
    assert.equal(broadcast(`<show>away</show>${STATUS}${REST}${NOISE}`), `<presence><show>away</show>${STATUS}${REST}</presence>`)
  })

  test('who leaves may say to all why', () => {
    assert.equal(broadcast(STATUS + REST, " type='unavailable'"), `<presence type='unavailable'>${STATUS}</presence>`)
  })

  test('directed presence has no status, out and in', () => {
    const [sent, passed] = [`<presence><show>away</show>${STATUS}${REST}${NOISE}</presence>`, `<presence><show>away</show>${REST}</presence>`]
    assert.equal(new Court().client(sent), passed)
    assert.equal(new Court().remote(sent), passed)
    assert.equal(new Court().client(`<presence type='unavailable'>${STATUS}</presence>`), "<presence type='unavailable'/>")
  })

  test('XEP-0045 §7.2: who enters a room is refused, in and out; a broadcast enters none', () => {
    const room = `<x xmlns='http://jabber.org/protocol/muc'><password>${PLAIN}</password></x>`
    assert.equal(new Court().client(`<presence>${room}</presence>`), 'refused: cancel policy-violation [not sent: OTR required]')
    assert.equal(new Court().remote(`<presence>${room}</presence>`), 'refused: cancel policy-violation')
    assert.equal(broadcast(room), '<presence/>')
    assert.equal(new Court().client(`<presence type='unavailable'>${room}</presence>`), "<presence type='unavailable'/>")
  })

  test('from another server, a status passes to a subscriber\'s account only', () => {
    const sent = `<presence>${STATUS}${REST}</presence>`
    const subscriber = { sees: () => false, follows: () => true }
    assert.equal(new Court(subscriber).judge(sent, ROMEO, 'juliet@capulet.lit', 'remote'), sent)
    assert.equal(new Court(subscriber).remote(sent), `<presence>${REST}</presence>`)
    assert.equal(new Court().judge(sent, ROMEO, 'juliet@capulet.lit', 'remote'), `<presence>${REST}</presence>`)
  })

  test('to one of our accounts, a status is a message, whoever sees whom', () => {
    const subscriber = { sees: () => true, follows: () => true }
    assert.equal(new Court(subscriber).judge(`<presence>${STATUS}</presence>`, JULIET, 'nurse@capulet.lit', 'client'), '<presence/>')
  })

  test('a status is text and nothing else', () => {
    assert.equal(broadcast(`<status note='${PLAIN}'>away<x xmlns='urn:example:x'>${PLAIN}</x></status>`), '<presence><status>away</status></presence>')
  })

  test('XEP-0115 §4: of capabilities all three attributes must look like it, and no other passes', () => {
    const caps = { hash: 'sha-1', node: 'https://psi-im.org', ver: 'QgayPKawpkPSDYmwT/WM94uAlu0=' }
    const write = (attributes: Readonly<Record<string, string>>): string =>
      `<c xmlns='http://jabber.org/protocol/caps'${Object.entries(attributes).map(([name, value]) => ` ${name}='${value}'`).join('')}/>`
    assert.equal(broadcast(write({ ...caps, ext: PLAIN })), `<presence>${write(caps)}</presence>`)
    for (const name of Object.keys(caps)) assert.equal(broadcast(write({ ...caps, [name]: PLAIN })), '<presence/>')
  })

  test('§4.7.2.3: a priority is written in decimal', () => {
    for (const value of ['', '0x10', '1e1', 'high', '-129']) assert.equal(broadcast(`<priority>${value}</priority>`), '<presence/>')
  })

  for (const type of ['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed', 'probe']) {
    test(`${type} carries nothing`, () => {
      const sent = `<presence type='${type}' id='a1'><show>away</show>${STATUS}${REST}${NOISE}</presence>`
      assert.equal(new Court().client(sent), `<presence type='${type}' id='a1'/>`)
      assert.equal(new Court().remote(sent), `<presence type='${type}' id='a1'/>`)
    })
  }

  test('XEP-0379 §3.3: a request carries the token of an invitation, which is no text, and nothing else does', () => {
    const sent = (type: string, token: string): string => `<presence type='${type}' id='a1'><preauth xmlns='urn:xmpp:pars:0' token='${token}'/></presence>`
    for (const court of ['client', 'remote'] as const) {
      assert.equal(new Court()[court](sent('subscribe', '1tMFqYDdKhfe2pwp')), sent('subscribe', '1tMFqYDdKhfe2pwp'))
      for (const token of ['', 'short', 'not a word of it', 'a'.repeat(65)]) assert.equal(new Court()[court](sent('subscribe', token)), `<presence type='subscribe' id='a1'/>`)
      assert.equal(new Court()[court](sent('subscribed', '1tMFqYDdKhfe2pwp')), `<presence type='subscribed' id='a1'/>`)
    }
  })

  test('values that are none are left out', () => {
    assert.equal(broadcast(`<show>${PLAIN}</show><status/><priority>128</priority><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='${PLAIN}' ver='x'/>`
      + `<x xmlns='vcard-temp:x:update'><photo>${PLAIN}</photo></x><idle xmlns='urn:xmpp:idle:1' since='${PLAIN}'/>`), '<presence/>')
    assert.equal(broadcast(`<status>${'a'.repeat(1025)}</status>`), '<presence/>')
  })

  for (const value of ['-128', '0', '127']) {
    test(`§4.7.2.3: the priority may be ${value}`, () => {
      assert.equal(broadcast(`<priority>${value}</priority>`), `<presence><priority>${value}</priority></presence>`)
    })
  }

  for (const update of ["<x xmlns='vcard-temp:x:update'/>", "<x xmlns='vcard-temp:x:update'><photo/></x>"]) {
    test(`XEP-0153 §4.1: an avatar may be unknown, or none: ${update}`, () => assert.equal(broadcast(update), `<presence>${update}</presence>`))
  }

  test('an error keeps condition and type', () => {
    const error = "<error type='wait'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    assert.equal(new Court().remote(`<presence type='error'>${STATUS}${error}</presence>`), `<presence type='error'>${error}</presence>`)
  })

  test('a type that is none is refused', () => {
    assert.equal(new Court().client(`<presence type='${PLAIN}'/>`), 'refused: modify bad-request')
  })
})
