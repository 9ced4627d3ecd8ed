import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { extensions } from '../../src/extensions.ts'
import { TestHouse } from '../house.ts'
import { FACE, outcomeOf, payloadOf, publish, publishFace } from './people.ts'

const JULIET = 'juliet@capulet.lit'
const ROMEO = 'romeo@montague.lit'
const ASK = "<vCard xmlns='vcard-temp'/>"
const PHOTO = `<PHOTO><TYPE>image/png</TYPE><BINVAL>${FACE.base64}</BINVAL></PHOTO>`
const vcard = (inner: string): string => `<vCard xmlns='vcard-temp'>${inner}</vCard>`
const WHOLE = `<FN>Juliet Capulet</FN><N><FAMILY>Capulet</FAMILY></N><NICKNAME>Jule</NICKNAME><DESC>by the window</DESC>`

async function scene(config = {}): Promise<{ readonly house: TestHouse, set(inner: string): Promise<string>, seenBy(address: string): Promise<string> }> {
  const house = new TestHouse({ extensions, config })
  await house.befriend(JULIET, ROMEO)
  const juliet = await house.login(`${JULIET}/balcony`)
  return {
    house,
    set: (inner) => outcomeOf(house, juliet, 'set', vcard(inner)),
    seenBy: async (address) => {
      const client = house.connect(`${address}/x`)
      const outcome = await outcomeOf(house, client, 'get', ASK, JULIET)
      return outcome === 'result' ? await payloadOf(house, client, 'get', ASK, JULIET) : outcome
    },
  }
}

describe('XEP-0054: vcard-temp', () => {
  test('XEP-0054 §3.1: one\'s own vCard is returned, or item-not-found', async () => {
    const { set, seenBy } = await scene()
    assert.equal(await seenBy(JULIET), 'cancel item-not-found')
    assert.equal(await set(WHOLE + PHOTO), 'result')
    assert.equal(await seenBy(JULIET), vcard(WHOLE + PHOTO))
    assert.equal(await set(''), 'result')
    assert.equal(await seenBy(JULIET), 'cancel item-not-found')
  })

  test('XEP-0054 §3.2: nobody sets another\'s vCard', async () => {
    const { house, seenBy } = await scene()
    const romeo = await house.login(`${ROMEO}/orchard`)
    assert.equal(await outcomeOf(house, romeo, 'set', vcard('<FN>x</FN>'), JULIET), 'cancel service-unavailable', 'by the policy')
    const open = new TestHouse()
    assert.equal(await outcomeOf(open, await open.login(`${ROMEO}/orchard`), 'set', vcard('<FN>x</FN>'), JULIET), 'auth forbidden', 'and without it')
    assert.equal(await seenBy(JULIET), 'cancel item-not-found')
  })

  test('XEP-0054 §3.3: the server answers for the account; without a vCard, or without an account, it is service-unavailable', async () => {
    const { house, set, seenBy } = await scene()
    const tybalt = await house.login('tybalt@capulet.lit/street')
    assert.equal(await seenBy(ROMEO), 'cancel service-unavailable')
    await set(WHOLE)
    assert.notEqual(await seenBy(ROMEO), 'cancel service-unavailable')
    for (const account of [JULIET, 'nurse@capulet.lit', 'nobody@capulet.lit']) {
      assert.equal(await outcomeOf(house, tybalt, 'get', ASK, account), 'cancel service-unavailable')
    }
  })

  test('contacts see photo and nickname, and nothing else that a person wrote', async () => {
    const { set, seenBy } = await scene()
    await set(WHOLE + PHOTO)
    assert.equal(await seenBy(ROMEO), vcard(`<NICKNAME>Jule</NICKNAME>${PHOTO}`))
    await set('<FN>words</FN><DESC>words</DESC>')
    assert.equal(await seenBy(ROMEO), 'cancel service-unavailable', 'what has nothing to show is not there')
    await set(`<NICKNAME>${'a'.repeat(65)}</NICKNAME>`)
    assert.equal(await seenBy(ROMEO), 'cancel service-unavailable')
  })

  test('a nickname that was published (XEP-0172) stands in, where the card has none', async () => {
    const { house, set, seenBy } = await scene()
    const juliet = await house.login(`${JULIET}/chamber`)
    await outcomeOf(house, juliet, 'set', publish('http://jabber.org/protocol/nick', "<item><nick xmlns='http://jabber.org/protocol/nick'>Jule</nick></item>"))
    assert.equal(await seenBy(ROMEO), vcard('<NICKNAME>Jule</NICKNAME>'))
    await set('<NICKNAME>Juliet</NICKNAME>')
    assert.equal(await seenBy(ROMEO), vcard('<NICKNAME>Juliet</NICKNAME>'))
  })

  test('a photo that is none is refused, and so is a card that has no room; what was there stays', async () => {
    const { set, seenBy } = await scene({ pep: { item: '8kB' } })
    await set(WHOLE)
    assert.equal(await set(`<PHOTO><TYPE>image/png</TYPE><BINVAL>${Buffer.from('words').toString('base64')}</BINVAL></PHOTO>`), 'modify not-acceptable')
    assert.equal(await set(`<PHOTO><BINVAL>not base64</BINVAL></PHOTO>`), 'modify not-acceptable')
    assert.equal(await set(`<DESC>${'x'.repeat(9000)}</DESC>`), 'modify not-acceptable payload-too-big')
    assert.equal(await seenBy(JULIET), vcard(WHOLE))
    assert.equal(await set(`<FN>x</FN><PHOTO><EXTVAL>https://example.org/a.png</EXTVAL></PHOTO>`), 'result')
    assert.equal(await seenBy(JULIET), vcard('<FN>x</FN>'), 'addresses of images elsewhere are not kept')
  })

  test('a photo goes as it came: with a card, or by who published it', async () => {
    const { house, set, seenBy } = await scene()
    await set(`<FN>Juliet</FN>${PHOTO}`)
    await set('<FN>Juliet</FN>')
    assert.equal(await seenBy(JULIET), vcard('<FN>Juliet</FN>'), 'the card that had it has it no longer')
    await publishFace(house, house.connect(`${JULIET}/pep`))
    await set('<FN>Juliet Capulet</FN>')
    assert.equal(await seenBy(JULIET), vcard(`<FN>Juliet Capulet</FN>${PHOTO}`), 'a card that says nothing of it leaves it alone')
    await set('<FN>Juliet Capulet</FN><PHOTO><BINVAL/></PHOTO>')
    assert.equal(await seenBy(JULIET), vcard('<FN>Juliet Capulet</FN>'), 'and one that says that there is none does not')
  })

  test('a vCard of the domain is nowhere', async () => {
    const { house } = await scene()
    const juliet = house.connect(`${JULIET}/x`)
    assert.equal(await outcomeOf(house, juliet, 'get', ASK, 'capulet.lit'), 'cancel service-unavailable')
    assert.equal(await outcomeOf(house, juliet, 'set', vcard('<FN>x</FN>'), 'capulet.lit'), 'cancel service-unavailable')
  })

  test('XEP-0054 §4: it is told as a feature', async () => {
    const { house } = await scene()
    const { features } = house.installation.host
    assert.ok(features.server.includes('vcard-temp') && features.account.includes('vcard-temp'))
  })
})
