import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TestHouse, type TestClient } from '../house.ts'

const JULIET = 'juliet@capulet.lit'
const ROMEO = 'romeo@montague.lit'
const QUERY = '?OTRv23?'
const DATA = 0x03
const COMMIT = 0x02

/** The start of an OTR message, which is all that delivery reads; version 3 where tags are given. */
function encoded(type: number, tags?: readonly [sender: number, receiver: number]): string {
  const header = Buffer.alloc(tags === undefined ? 60 : 62)
  header.writeUInt16BE(tags === undefined ? 2 : 3, 0)
  header.writeUInt8(type, 2)
  if (tags !== undefined) {
    header.writeUInt32BE(tags[0], 3)
    header.writeUInt32BE(tags[1], 7)
  }
  return `?OTR:${header.toString('base64')}.`
}

function chat(to: string, body: string, type = 'chat'): string {
  return `<message to='${to}' id='m1' type='${type}'><body>${body}</body></message>`
}

/** Who of these got the message, and only that. */
function got(...clients: readonly TestClient[]): string[] {
  return clients.filter((client) => client.heard().some(({ name, attrs }) => name === 'message' && attrs['type'] !== 'error'))
    .map((client) => client.jid.resource)
}

function refused(client: TestClient): string | undefined {
  const errors = client.heard().filter(({ attrs }) => attrs['type'] === 'error')
  assert.ok(errors.length <= 1, 'answered once')
  return errors[0]?.elements()[0]?.elements()[0]?.name
}

async function house(...priorities: readonly (readonly [resource: string, priority: number])[]) {
  const built = new TestHouse()
  const romeo = built.connect(`${ROMEO}/orchard`)
  const juliets: TestClient[] = []
  for (const [resource, priority] of priorities) {
    juliets.push(await built.login(`${JULIET}/${resource}`, `<presence><priority>${priority}</priority></presence>`))
  }
  for (const client of juliets) client.forget()
  return { house: built, romeo, juliets }
}

describe('messages to a bare JID', () => {
  for (const type of ['normal', 'chat']) {
    test(`RFC 6121 §8.5.2.1.1: "${type}" goes to the one resource of non-negative priority, its address unchanged`, async () => {
      const { romeo, juliets: [balcony, chamber] } = await house(['balcony', 0], ['chamber', -1])
      romeo.says(chat(JULIET, QUERY, type))
      balcony?.hears(`<message from='${ROMEO}/orchard' to='${JULIET}' id='m1' type='${type}'><body>${QUERY}</body></message>`)
      chamber?.hears()
      romeo.hears()
    })

    for (const [why, account, priorities] of [
      ['§8.5.2.1.1: only negative priorities', JULIET, [['balcony', -1], ['chamber', -5]]],
      ['§8.5.2.2.1: nobody is there', JULIET, []],
      ['§8.5.1: no such account', 'nobody@capulet.lit', []],
    ] as const) {
      test(`RFC 6121 ${why}: "${type}" is service-unavailable, and nothing is stored`, async () => {
        const { house: built, romeo, juliets } = await house(...priorities)
        romeo.says(chat(account, QUERY, type))
        romeo.hears(`<message from='${account}' to='${ROMEO}/orchard' id='m1' type='error'><error type='cancel'>`
          + "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
        for (const juliet of juliets) juliet.leaves()
        const later = await built.login(`${JULIET}/later`)
        assert.deepEqual(got(later), [])
      })
    }
  }

  test('RFC 6121 §8.5.1: a message to an account that is not there is service-unavailable', async () => {
    const { romeo } = await house()
    for (const to of ['nobody@capulet.lit', 'nobody@capulet.lit/there']) {
      for (const type of ['normal', 'chat', 'groupchat']) {
        romeo.says(chat(to, QUERY, type))
        assert.equal(refused(romeo), 'service-unavailable', `${to} ${type}`)
      }
    }
  })

  for (const type of ['normal', 'chat', 'headline']) {
    test(`RFC 6121 §8.5.2.1.1: "${type}" never goes to a resource of negative priority`, async () => {
      const { romeo, juliets: [balcony, chamber, street] } = await house(['balcony', -1], ['chamber', 0], ['street', -128])
      romeo.says(chat(JULIET, QUERY, type))
      assert.equal(chamber?.heard().length, 1)
      for (const client of [balcony, street]) client?.hears()
      chamber?.leaves()
      for (const client of [balcony, street]) client?.forget()
      romeo.says(chat(JULIET, QUERY, type))
      for (const client of [balcony, street]) client?.hears()
    })
  }

  for (const priorities of [[], [-1], [0], [0, 7]]) {
    test(`RFC 6121 §8.5.2.1.1: \`to\` stays a bare JID; with priorities [${priorities}]`, async () => {
      const { romeo, juliets } = await house(...priorities.map((priority, index) => [`r${index}`, priority] as const))
      for (const type of ['normal', 'chat', 'headline']) romeo.says(chat(JULIET, QUERY, type))
      for (const client of juliets) {
        for (const { name, attrs } of client.heard()) if (name === 'message') assert.equal(attrs['to'], JULIET)
      }
    })
  }

  test('RFC 6121 §5.2.2: without a type, or with one that nobody knows, it is "normal"', async () => {
    for (const type of ['', " type='verse'"]) {
      const { romeo, juliets: [balcony, chamber] } = await house(['balcony', 0], ['chamber', 7])
      romeo.says(`<message to='${JULIET}' id='m1'${type}><body>?OTRv2?</body></message>`)
      assert.deepEqual([balcony, chamber].map((client) => client?.heard().length), [0, 1], type)
      romeo.says(`<message to='${JULIET}/gone' id='m1'${type}><body>${QUERY}</body></message>`)
      assert.equal(refused(romeo), 'service-unavailable', 'it falls back to nobody')
    }
  })

  test('RFC 6121 §8.5.2.2.1: with nobody available "groupchat" is service-unavailable', async () => {
    const { house: built, romeo } = await house()
    const street = built.connect(`${JULIET}/street`)
    romeo.says(chat(JULIET, QUERY, 'groupchat'))
    assert.deepEqual([got(street), refused(romeo)], [[], 'service-unavailable'])
  })

  test('RFC 6121 §8.5.2.2.1: with nobody available "headline" and "error" are ignored', async () => {
    const { house: built, romeo } = await house()
    const street = built.connect(`${JULIET}/street`)
    for (const type of ['headline', 'error']) romeo.says(chat(JULIET, QUERY, type))
    street.hears()
    romeo.hears()
  })

  test('a resource that is connected but not available gets none', async () => {
    const built = new TestHouse()
    const juliet = built.connect(`${JULIET}/balcony`)
    const romeo = built.connect(`${ROMEO}/orchard`)
    romeo.says(chat(JULIET, QUERY))
    assert.deepEqual([got(juliet), refused(romeo)], [[], 'service-unavailable'])
  })

  test('RFC 6121 §8.5.2.1.1: "groupchat" is service-unavailable', async () => {
    const { romeo, juliets } = await house(['balcony', 0])
    romeo.says(chat(JULIET, QUERY, 'groupchat'))
    assert.deepEqual([got(...juliets), refused(romeo)], [[], 'service-unavailable'])
  })

  test('RFC 6121 §8.5.2.1.1: "headline" goes to all non-negative resources', async () => {
    const { romeo, juliets } = await house(['balcony', 0], ['chamber', 7], ['street', -1])
    romeo.says(chat(JULIET, QUERY, 'headline'))
    assert.deepEqual(got(...juliets), ['balcony', 'chamber'])
    romeo.hears()
  })

  test('RFC 6121 §8.5.2.1.1: "headline" is dropped where only negative resources are', async () => {
    const { romeo, juliets } = await house(['street', -1])
    romeo.says(chat(JULIET, QUERY, 'headline'))
    assert.deepEqual(got(...juliets), [])
    romeo.hears()
  })

  test('RFC 6121 §8.5.2.1.1: "error" is dropped', async () => {
    const { romeo, juliets } = await house(['balcony', 0])
    romeo.says(`<message to='${JULIET}' id='m1' type='error'/>`)
    assert.deepEqual(got(...juliets), [])
    romeo.hears()
  })

  test('chat states and receipts that nobody gets are dropped without an answer', async () => {
    const { romeo } = await house()
    for (const to of [JULIET, `${JULIET}/gone`, 'nobody@capulet.lit', 'capulet.lit']) {
      romeo.says(`<message to='${to}' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`)
      romeo.says(`<message to='${to}' id='r'><received xmlns='urn:xmpp:receipts' id='m1'/></message>`)
    }
    romeo.hears()
  })

  test('RFC 6121 §8.2: a message without `to` is for the own account', async () => {
    const { juliets: [balcony, chamber] } = await house(['balcony', 0], ['chamber', 1])
    balcony?.says(`<message id='m1' type='chat'><body>${QUERY}</body></message>`)
    assert.ok(chamber)
    assert.deepEqual(got(chamber), ['chamber'])
  })
})

describe('messages to a full JID', () => {
  for (const type of ['normal', 'chat', 'headline', 'error']) {
    test(`RFC 6121 §8.5.3.1: "${type}" goes to that resource, whatever its priority`, async () => {
      const { romeo, juliets } = await house(['balcony', -1], ['chamber', 5])
      romeo.says(`<message to='${JULIET}/balcony' type='${type}'><body>${QUERY}</body></message>`)
      assert.equal(juliets[0]?.heard().length, 1)
      assert.equal(juliets[1]?.heard().length, 0)
    })
  }

  test('RFC 6121 §8.5.3.2.1: a chat message to a resource that is gone falls back, if it starts a conversation', async () => {
    const { romeo, juliets } = await house(['balcony', 0])
    romeo.says(chat(`${JULIET}/gone`, QUERY))
    assert.deepEqual([got(...juliets), refused(romeo)], [['balcony'], undefined])
  })

  for (const body of [encoded(DATA), encoded(COMMIT, [0x100, 0]), encoded(DATA, [0x100, 0x200]), '?OTR,1,2,?OTR:AAM,', '?OTR|00000100|00000200,00001,00002,?OTR:AAM,']) {
    test(`${body.slice(0, 16)}… to a resource that is gone is not given to another, which could not read it`, async () => {
      const { romeo, juliets } = await house(['balcony', 0])
      romeo.says(chat(`${JULIET}/gone`, body))
      assert.deepEqual([got(...juliets), refused(romeo)], [[], 'service-unavailable'])
    })
  }

  test('RFC 6121 §8.5.3.2.1: "normal" and "groupchat" do not fall back, "headline" is dropped', async () => {
    const { romeo, juliets } = await house(['balcony', 0])
    for (const type of ['normal', 'groupchat']) {
      romeo.says(chat(`${JULIET}/gone`, QUERY, type))
      assert.deepEqual([got(...juliets), refused(romeo)], [[], 'service-unavailable'])
    }
    romeo.says(chat(`${JULIET}/gone`, QUERY, 'headline'))
    assert.deepEqual([got(...juliets), refused(romeo)], [[], undefined])
  })

  test('RFC 6121 §8.5.3.2.1: "error" is dropped', async () => {
    const { romeo, juliets } = await house(['balcony', 0])
    romeo.says(chat(`${JULIET}/gone`, QUERY, 'error'))
    assert.deepEqual([got(...juliets), refused(romeo)], [[], undefined])
  })

  test('RFC 6121 §8.5.3.2.1: a chat message with nobody to fall back to is service-unavailable', async () => {
    for (const priorities of [[], [['balcony', -1]]] as const) {
      const { romeo, juliets } = await house(...priorities)
      romeo.says(chat(`${JULIET}/gone`, QUERY))
      assert.deepEqual([got(...juliets), refused(romeo)], [[], 'service-unavailable'])
    }
  })
})

test('RFC 6121 §8.5.2.1.1: what belongs to no conversation yet goes to the most available resource', async () => {
  const { romeo, juliets } = await house(['balcony', 0], ['chamber', 9])
  romeo.says(`<message to='${JULIET}' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`)
  assert.deepEqual(got(...juliets), ['chamber'])
})

test('RFC 6121 §8.5.2.1.1: an error to a bare JID is dropped', async () => {
  const { romeo, juliets } = await house(['balcony', 0])
  romeo.says(`<message to='${JULIET}' id='m1' type='error'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
  juliets[0]?.hears()
  romeo.hears()
})

describe('several resources and OTR', () => {
  test('a query that offers version 3 goes to all non-negative resources, one of version 2 to the most available', async () => {
    const { romeo, juliets } = await house(['balcony', 1], ['chamber', 9], ['street', 1], ['tomb', -1])
    romeo.says(chat(JULIET, '?OTRv23?'))
    assert.deepEqual(got(...juliets), ['balcony', 'chamber', 'street'])
    romeo.says(chat(JULIET, '?OTRv2?'))
    assert.deepEqual(got(...juliets), ['chamber'])
  })

  test('version 3 goes to the resource that uses the receiver\'s instance tag, and to all while nobody is known to', async () => {
    const { romeo, juliets } = await house(['balcony', 0], ['chamber', 9])
    const [balcony] = juliets
    romeo.says(chat(JULIET, encoded(COMMIT, [0x100, 0])))
    assert.deepEqual(got(...juliets), ['balcony', 'chamber'])
    romeo.says(chat(JULIET, encoded(DATA, [0x100, 0x200])))
    assert.deepEqual(got(...juliets), ['balcony', 'chamber'])
    balcony?.says(chat(`${ROMEO}/orchard`, encoded(DATA, [0x200, 0x100])))
    romeo.says(chat(JULIET, encoded(DATA, [0x100, 0x200])))
    romeo.says(chat(JULIET, '?OTR|00000100|00000200,00001,00002,?OTR:AAM,'))
    assert.deepEqual(got(...juliets), ['balcony'])
    balcony?.leaves()
    romeo.says(chat(JULIET, encoded(DATA, [0x100, 0x200])))
    assert.deepEqual(got(...juliets), ['chamber'])
  })

  test('a tag that moved goes with the resource that used it last', async () => {
    const { romeo, juliets } = await house(['balcony', 0], ['chamber', 0])
    for (const index of [1, 0, 1, 0]) {
      juliets[index]?.says(chat(ROMEO, encoded(DATA, [0x200, 0x100])))
      romeo.says(chat(JULIET, encoded(DATA, [0x100, 0x200])))
      assert.deepEqual(got(...juliets), [['balcony', 'chamber'][index]])
    }
  })

  test('the tag of another account is not taken for one of this', async () => {
    const { house: built, romeo, juliets } = await house(['balcony', 0], ['chamber', 9])
    const tybalt = await built.login('tybalt@capulet.lit/street')
    tybalt.says(chat(ROMEO, encoded(DATA, [0x200, 0x100])))
    romeo.says(chat(JULIET, encoded(DATA, [0x100, 0x200])))
    assert.deepEqual(got(tybalt, ...juliets), ['balcony', 'chamber'])
  })

  test('version 2 goes to the resource that last wrote to this contact, else to the most available', async () => {
    const { romeo, juliets } = await house(['balcony', 0], ['chamber', 9])
    const [balcony, chamber] = juliets
    romeo.says(chat(JULIET, encoded(DATA)))
    assert.deepEqual(got(...juliets), ['chamber'])
    balcony?.says(chat(ROMEO, '?OTRv2?'))
    romeo.says(chat(JULIET, encoded(DATA)))
    romeo.says(chat(JULIET, '?OTR,1,2,?OTR:AAI,'))
    romeo.says(`<message to='${JULIET}' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`)
    assert.deepEqual(got(...juliets), ['balcony'])
    chamber?.says(chat('nurse@capulet.lit', '?OTRv2?'))
    romeo.says(chat(JULIET, encoded(DATA)))
    assert.deepEqual(got(...juliets), ['balcony'])
    chamber?.says(chat(`${ROMEO}/orchard`, encoded(DATA)))
    romeo.says(chat(JULIET, encoded(DATA)))
    assert.deepEqual(got(...juliets), ['chamber'])
  })

  test('conversations with remote contacts are known as well', async () => {
    const { house: built, juliets } = await house(['balcony', 0], ['chamber', 9])
    juliets[0]?.says(chat('mercutio@verona.lit', encoded(COMMIT, [0x300, 0])))
    built.remoteSays(`<message from='mercutio@verona.lit/a' to='${JULIET}' type='chat'><body>${encoded(DATA, [0x100, 0x300])}</body></message>`)
    assert.deepEqual(got(...juliets), ['balcony'])
  })

  test('of equal priorities the resource that was bound last is the most available', async () => {
    const { romeo, juliets } = await house(['balcony', 0], ['chamber', 0])
    romeo.says(chat(JULIET, encoded(DATA)))
    assert.deepEqual(got(...juliets), ['chamber'])
  })
})

describe('IQ to a full JID', () => {
  const ASK = (to: string) => `<iq to='${to}' id='q1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>`

  test('RFC 6121 §11: a request reaches the resource only from one who may know that it is there', async () => {
    const built = new TestHouse()
    await built.befriend(JULIET, ROMEO)
    const juliet = await built.login(`${JULIET}/balcony`)
    const chamber = await built.login(`${JULIET}/chamber`)
    const romeo = await built.login(`${ROMEO}/orchard`)
    const tybalt = await built.login('tybalt@capulet.lit/street')
    const cases: readonly (readonly [TestClient, boolean])[] = [[romeo, true], [chamber, true], [tybalt, false]]
    for (const [client, reaches] of cases) {
      juliet.forget()
      client.forget()
      client.says(ASK(`${JULIET}/balcony`))
      assert.deepEqual([juliet.heard().length, refused(client)], reaches ? [1, undefined] : [0, 'service-unavailable'])
    }
    juliet.says("<presence to='tybalt@capulet.lit/street'/>")
    tybalt.forget()
    tybalt.says(ASK(`${JULIET}/balcony`))
    assert.deepEqual([juliet.heard().length, refused(tybalt)], [1, undefined])
  })

  test('RFC 6121 §8.5.3.1: an answer reaches the resource from anybody', async () => {
    const { romeo, juliets: [balcony] } = await house(['balcony', 0])
    romeo.says(`<iq to='${JULIET}/balcony' id='q1' type='result'/>`)
    balcony?.hears(`<iq from='${ROMEO}/orchard' to='${JULIET}/balcony' id='q1' type='result'/>`)
  })

  test('RFC 6121 §8.5.2.1.3: one to the bare JID is answered for the account, and no resource gets it', async () => {
    const built = new TestHouse()
    await built.befriend(JULIET, ROMEO)
    const juliet = await built.login(`${JULIET}/balcony`)
    const romeo = await built.login(`${ROMEO}/orchard`)
    juliet.forget()
    for (const payload of ["<query xmlns='http://jabber.org/protocol/disco#info'/>", "<verse xmlns='urn:example:verse'/>"]) {
      for (const type of ['get', 'set']) {
        romeo.forget()
        romeo.says(`<iq to='${JULIET}' id='q1' type='${type}'>${payload}</iq>`)
        assert.deepEqual(romeo.heard().map(({ attrs }) => [attrs['from'], attrs['id']]), [[JULIET, 'q1']])
      }
    }
    romeo.says(`<iq to='${JULIET}' id='q1' type='result'/><iq to='${JULIET}' id='q2' type='error'/>`)
    juliet.hears()
  })

  test('RFC 6121 §8.5.1: to an account that is not there it is service-unavailable', async () => {
    const { romeo } = await house()
    romeo.says(ASK('nobody@capulet.lit/there'))
    assert.equal(refused(romeo), 'service-unavailable')
    for (const payload of ["<query xmlns='http://jabber.org/protocol/disco#info'/>", "<verse xmlns='urn:example:verse'/>"]) {
      romeo.says(`<iq to='nobody@capulet.lit' id='q1' type='get'>${payload}</iq>`)
      assert.equal(refused(romeo), 'service-unavailable', payload)
    }
  })

  test('what an account answers to its owner alone is forbidden to others, whether or not it is there', async () => {
    const { romeo } = await house()
    for (const to of [JULIET, 'nobody@capulet.lit']) {
      romeo.says(ASK(to))
      assert.equal(refused(romeo), 'forbidden')
    }
  })

  test('RFC 6121 §8.5.3.2.3: a request to a resource that is gone is service-unavailable', async () => {
    const { romeo } = await house()
    romeo.says(ASK(`${JULIET}/gone`))
    assert.equal(refused(romeo), 'service-unavailable')
  })
})
