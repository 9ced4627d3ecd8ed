import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { extensions } from '../../src/extensions.ts'
import type { Element } from '../../src/xml/element.ts'
import { TestHouse, type TestClient } from '../house.ts'
import {
  answerTo, AVATAR_DATA, AVATAR_METADATA, dataItem, eventsOf, FACE, interested, items, metadata, metadataItem, OTHER_FACE, outcomeOf, payloadOf, publish, publishFace,
  pubsub, submittedForm,
} from './people.ts'

const JULIET = 'juliet@capulet.lit'
const ROMEO = 'romeo@montague.lit'
const VCARD = "<vCard xmlns='vcard-temp'/>"
const NO_PHOTO = "<x xmlns='vcard-temp:x:update'><photo/></x>"

const photo = (face = FACE, type = 'image/png'): string => `<PHOTO><TYPE>${type}</TYPE><BINVAL>${face.base64}</BINVAL></PHOTO>`
const vcard = (inner: string): string => `<vCard xmlns='vcard-temp'>${inner}</vCard>`
const removed = (to: string): string => `${JULIET} > ${to}: <items node='${AVATAR_METADATA}'><item><metadata xmlns='${AVATAR_METADATA}'/></item></items>`

async function scene(): Promise<{ readonly house: TestHouse, readonly juliet: TestClient, readonly romeo: TestClient }> {
  const house = new TestHouse({ extensions })
  await house.befriend(JULIET, ROMEO)
  const romeo = await house.login(`${ROMEO}/orchard`)
  const juliet = await house.login(`${JULIET}/balcony`)
  romeo.forget()
  return { house, juliet, romeo }
}

/** Of each presence that was heard, the hash of the photo; '-' where it says nothing of one. */
function hashesIn(stanzas: readonly Element[]): string[] {
  return stanzas.filter(({ name }) => name === 'presence').map((presence) => {
    const update = presence.child('x', 'vcard-temp:x:update')
    return update === undefined ? '-' : update.childContent('photo', 'vcard-temp:x:update') ?? 'not ready'
  })
}

describe('XEP-0398: User Avatar to vCard-Based Avatars Conversion', () => {
  test('XEP-0398 §2: the account has the feature', async () => {
    const { house, juliet } = await scene()
    assert.match(await payloadOf(house, juliet, 'get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", JULIET), /'urn:xmpp:pep-vcard-conversion:0'/)
  })

  test('XEP-0398 §3.1: what is published becomes the photo; of several formats that which lies here', async () => {
    const { house, juliet } = await scene()
    await outcomeOf(house, juliet, 'set', publish(AVATAR_DATA, dataItem()))
    const elsewhere = `<info id='${OTHER_FACE.id}' type='image/gif' bytes='9' url='https://example.org/a.gif'/>`
    await outcomeOf(house, juliet, 'set', publish(AVATAR_METADATA, metadataItem().replace('<info', `${elsewhere}<info`)))
    assert.equal(await payloadOf(house, juliet, 'get', VCARD), vcard(photo()))
  })

  test('§3.1: metadata of an image that is not there is no photo, and no hash', async () => {
    const { house, juliet, romeo } = await scene()
    await outcomeOf(house, juliet, 'set', publish(AVATAR_METADATA, metadataItem()))
    juliet.says('<presence/>')
    assert.deepEqual(hashesIn(romeo.heard()), ['-'])
    assert.equal(await outcomeOf(house, juliet, 'get', VCARD), 'cancel item-not-found')
  })

  test('XEP-0398 §3.2: the photo is published, data first, by its hash, and contacts are told', async () => {
    const { house, juliet } = await scene()
    const romeo = await interested(house, `${ROMEO}/hall`, AVATAR_METADATA)
    const own = await interested(house, `${JULIET}/chamber`, AVATAR_DATA, AVATAR_METADATA)
    for (const client of [romeo, own]) client.forget()
    assert.equal(await outcomeOf(house, juliet, 'set', vcard(photo(FACE, 'text/html'))), 'result')
    assert.equal(await payloadOf(house, juliet, 'get', items(AVATAR_DATA)), items(AVATAR_DATA, dataItem()))
    assert.equal(await payloadOf(house, juliet, 'get', items(AVATAR_METADATA)), items(AVATAR_METADATA, metadataItem()), 'with the type of the image itself')
    assert.deepEqual(eventsOf(romeo).length, 1)
    assert.deepEqual(eventsOf(own).map((told) => /node='([^']+)'/.exec(told)?.[1]), [AVATAR_DATA, AVATAR_METADATA])
    assert.equal(await outcomeOf(house, juliet, 'set', vcard(`<FN>J</FN>${photo()}`)), 'result')
    assert.deepEqual(eventsOf(romeo), [], 'the same photo is no news')
    assert.equal(await outcomeOf(house, juliet, 'set', vcard('<FN>J</FN>')), 'result')
    assert.deepEqual(eventsOf(romeo), [removed(`${ROMEO}/hall`)])
  })

  test('XEP-0398 §4: the hash goes into presence, broadcast and directed', async () => {
    const { house, juliet, romeo } = await scene()
    await publishFace(house, juliet)
    romeo.forget()
    const tybalt = await house.login('tybalt@capulet.lit/street')
    juliet.says(`<presence><show>away</show></presence><presence to='tybalt@capulet.lit/street'/>`)
    assert.deepEqual(hashesIn(romeo.heard()), [FACE.id])
    assert.deepEqual(hashesIn(tybalt.heard()), [FACE.id])
    juliet.says("<presence><x xmlns='vcard-temp:x:update'/></presence>")
    juliet.says(`<presence><x xmlns='vcard-temp:x:update'><photo>${OTHER_FACE.id}</photo></x></presence>`)
    assert.deepEqual(hashesIn(romeo.heard()), [FACE.id, FACE.id], 'what is not ready, or wrong, is overwritten')
    juliet.says("<presence type='unavailable'/>")
    assert.deepEqual(hashesIn(romeo.heard()), ['-'])
  })

  test('§4: who says that there is none is left alone, until it says something else', async () => {
    const { house, juliet, romeo } = await scene()
    await publishFace(house, juliet)
    juliet.says(`<presence>${NO_PHOTO}</presence>`)
    romeo.forget()
    await publishFace(house, juliet, OTHER_FACE)
    assert.deepEqual(hashesIn(romeo.heard()), [])
    juliet.says(`<presence>${NO_PHOTO}</presence>`)
    juliet.says('<presence/>')
    assert.deepEqual(hashesIn(romeo.heard()), ['', OTHER_FACE.id])
  })

  test('where nobody has an avatar, no presence is touched, but one that is not ready', async () => {
    const { juliet, romeo } = await scene()
    juliet.says("<presence/><presence><x xmlns='vcard-temp:x:update'/></presence>")
    assert.deepEqual(hashesIn(romeo.heard()), ['-', ''])
  })

  test('XEP-0153 §4.1: a new avatar, and its end, is shown by a new presence; status and show stay', async () => {
    const { house, juliet, romeo } = await scene()
    juliet.says('<presence><show>away</show><status>at the window</status></presence>')
    romeo.forget()
    await publishFace(house, juliet)
    romeo.hears(`<presence from='${JULIET}/balcony' to='${ROMEO}'><show>away</show><status>at the window</status>`
      + `<x xmlns='vcard-temp:x:update'><photo>${FACE.id}</photo></x></presence>`)
    await outcomeOf(house, juliet, 'set', pubsub(`<delete node='${AVATAR_METADATA}'/>`, '#owner'))
    assert.deepEqual(hashesIn(romeo.heard()), [''])
    const late = await house.login(`${ROMEO}/late`)
    late.forget()
    await publishFace(house, juliet)
    assert.deepEqual(hashesIn(late.heard()), [FACE.id])
  })

  test('an avatar that is for its owner alone is shown to nobody', async () => {
    const { house, juliet, romeo } = await scene()
    await publishFace(house, juliet, FACE, { access_model: 'whitelist' })
    juliet.says('<presence/>')
    assert.deepEqual(hashesIn(romeo.heard()), ['-'])
    assert.equal(await outcomeOf(house, romeo, 'get', VCARD, JULIET), 'cancel service-unavailable')
    assert.equal(await payloadOf(house, juliet, 'get', VCARD), vcard(photo()))
    await outcomeOf(house, juliet, 'set', vcard(`<NICKNAME>Jule</NICKNAME>${photo()}`))
    assert.equal(await payloadOf(house, romeo, 'get', VCARD, JULIET), vcard('<NICKNAME>Jule</NICKNAME>'))
  })

  test('an open avatar is for strangers, too, and nothing else of the vCard', async () => {
    const { house, juliet } = await scene()
    const tybalt = await house.login('tybalt@capulet.lit/street')
    await publishFace(house, juliet, FACE, { access_model: 'open' })
    await outcomeOf(house, juliet, 'set', vcard(`<NICKNAME>Jule</NICKNAME>${photo()}`))
    assert.equal(await payloadOf(house, tybalt, 'get', VCARD, JULIET), vcard(photo()))
    await outcomeOf(house, juliet, 'set', pubsub(`<configure node='${AVATAR_DATA}'>${submittedForm('node_config', { access_model: 'presence' })}</configure>`, '#owner'))
    assert.equal(await outcomeOf(house, tybalt, 'get', VCARD, JULIET), 'cancel service-unavailable')
  })
})

describe('XEP-0084: User Avatar', () => {
  test('XEP-0084 §3.1: the id of the data is their hash', async () => {
    const { house, juliet } = await scene()
    assert.equal(await outcomeOf(house, juliet, 'set', publish(AVATAR_DATA, dataItem({ ...FACE, id: OTHER_FACE.id }))), 'modify bad-request invalid-payload')
    assert.equal(await outcomeOf(house, juliet, 'set', publish(AVATAR_DATA, dataItem())), 'result')
  })

  test('XEP-0084 §3.5: empty metadata: no avatar any more; an element that is none does not pass for it', async () => {
    const { house, juliet } = await scene()
    const romeo = await interested(house, `${ROMEO}/hall`, AVATAR_METADATA)
    await publishFace(house, juliet)
    romeo.forget()
    for (const broken of [metadata().replace('image/png', 'text/plain'), `<metadata xmlns='${AVATAR_METADATA}'><stop/></metadata>`, "<metadata xmlns='urn:x'/>"]) {
      assert.equal(await outcomeOf(house, juliet, 'set', publish(AVATAR_METADATA, `<item>${broken}</item>`)), 'modify bad-request invalid-payload')
    }
    await outcomeOf(house, juliet, 'set', publish(AVATAR_METADATA, `<item><metadata xmlns='${AVATAR_METADATA}'/></item>`))
    assert.deepEqual(eventsOf(romeo), [removed(`${ROMEO}/hall`)])
    assert.equal(await outcomeOf(house, juliet, 'get', VCARD), 'cancel item-not-found')
  })

  test('XEP-0084 §4.1: data are base64, line feeds or not, and no attributes', async () => {
    const { house, juliet } = await scene()
    const wrapped = dataItem().replace(FACE.base64, FACE.base64.replace(/.{5}/g, '$&\n')).replace('<data ', "<data note='words' ")
    await outcomeOf(house, juliet, 'set', publish(AVATAR_DATA, wrapped))
    assert.equal(await payloadOf(house, juliet, 'get', items(AVATAR_DATA)), items(AVATAR_DATA, dataItem()))
  })

  test('§3.3: a contact that is told can fetch the data, and gets them by the hash alone', async () => {
    const { house, juliet, romeo } = await scene()
    await publishFace(house, juliet)
    const answer = await answerTo(house, romeo, 'get', items(AVATAR_DATA, `<item id='${FACE.id}'/>`), JULIET)
    assert.equal(answer.attrs['from'], JULIET)
    assert.equal(await outcomeOf(house, romeo, 'get', items(AVATAR_DATA, `<item id='${OTHER_FACE.id}'/>`), JULIET), 'cancel item-not-found')
  })
})
