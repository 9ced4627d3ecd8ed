import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { TestHouse, type TestClient } from '../house.ts'

const [LOCAL, REMOTE] = ['capulet.lit', 'verona.lit']
const MINUTE = 60_000

describe('a server with contacts of ours is lost', () => {
  let house: TestHouse
  let juliet: TestClient

  beforeEach(async () => {
    house = new TestHouse()
    juliet = house.connect('juliet@capulet.lit/balcony')
    juliet.says("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq><presence/>")
    for (const name of ['mercutio', 'benvolio']) await befriend(`${name}@verona.lit`)
    house.departed.length = 0
    juliet.forget()
  })

  /** Juliet and someone elsewhere see each other. */
  async function befriend(contact: string): Promise<void> {
    juliet.says(`<presence to='${contact}' type='subscribe'/>`)
    house.remoteSays(`<presence from='${contact}' to='juliet@capulet.lit' type='subscribed'/><presence from='${contact}' to='juliet@capulet.lit' type='subscribe'/>`)
    juliet.says(`<presence to='${contact}' type='subscribed'/>`)
    await house.settled()
  }

  const lost = (): void => house.installation.tables.servers.lost(LOCAL, REMOTE)
  const found = (): void => house.installation.tables.servers.found(LOCAL, REMOTE)
  const shows = (...resources: string[]): void => {
    for (const resource of resources) house.remoteSays(`<presence from='${resource}' to='juliet@capulet.lit'/>`)
    juliet.forget()
  }
  const unavailable = (resource: string): string => `<presence type='unavailable' from='${resource}' to='juliet@capulet.lit'/>`
  const probes = (): string[] => house.departed.splice(0).filter(({ attrs }) => attrs['type'] === 'probe').map(({ attrs }) => attrs['to'] ?? '')

  test('RFC 6121 §4.5: each resource that was available there is unavailable, and that is said once', () => {
    shows('mercutio@verona.lit/x', 'mercutio@verona.lit/y', 'benvolio@verona.lit/z')
    lost()
    juliet.hears(unavailable('mercutio@verona.lit/x'), unavailable('mercutio@verona.lit/y'), unavailable('benvolio@verona.lit/z'))
    lost()
    juliet.hears()
  })

  test('who had left before is not said to leave; from a bare JID all resources leave', () => {
    shows('mercutio@verona.lit/x', 'mercutio@verona.lit/y', 'benvolio@verona.lit/z')
    house.remoteSays("<presence type='unavailable' from='mercutio@verona.lit/y' to='juliet@capulet.lit'/><presence type='unavailable' from='benvolio@verona.lit' to='juliet@capulet.lit'/>")
    juliet.forget()
    lost()
    juliet.hears(unavailable('mercutio@verona.lit/x'))
  })

  test('another domain of ours, or of theirs, is not concerned', () => {
    shows('mercutio@verona.lit/x')
    house.installation.tables.servers.lost('montague.lit', REMOTE)
    house.installation.tables.servers.lost(LOCAL, 'mantua.lit')
    juliet.hears()
  })

  test('a stranger\'s presence is not remembered', () => {
    shows('tybalt@verona.lit/x')
    lost()
    juliet.hears()
  })

  test('one contact with resources without end takes no memory without end', () => {
    shows(...Array.from({ length: 40 }, (_, index) => `mercutio@verona.lit/${index}`))
    lost()
    assert.equal(juliet.heard().length, 16)
  })

  test('RFC 6121 §4.3: once it is there again contacts are probed, and told who of ours is available', () => {
    lost()
    house.departed.length = 0
    found()
    house.departs(
      "<presence type='probe' id='*' from='juliet@capulet.lit' to='mercutio@verona.lit'/>",
      "<presence from='juliet@capulet.lit/balcony' to='mercutio@verona.lit'/>",
      "<presence type='probe' id='*' from='juliet@capulet.lit' to='benvolio@verona.lit'/>",
      "<presence from='juliet@capulet.lit/balcony' to='benvolio@verona.lit'/>")
  })

  test('what was not lost need not be found: nobody is probed at each stream', () => {
    found()
    house.departs()
  })

  /** How long it takes until the next probe: milliseconds, to the second. */
  const untilProbed = (): number => {
    const start = house.clock.now()
    for (let waited = 0; waited < 3600; waited++) {
      house.clock.advance(1000)
      if (probes().length > 0) return house.clock.now() - start
    }
    return Infinity
  }

  for (const [what, answer] of [['is refused each time', lostAgain], ['comes to nothing', () => undefined]] as const) {
    test(`while it stays away somebody knocks, also where that ${what}: after 30 to 60 s, then twice as long, at the most after 15 minutes`, () => {
      lost()
      house.departed.length = 0
      for (const shortest of [0.5, 1, 2, 4, 7.5, 7.5, 7.5]) {
        const waited = untilProbed()
        assert.ok(waited >= shortest * MINUTE - 1000 && waited <= 2 * shortest * MINUTE + 2000, `${waited} ms, not ${shortest} to ${2 * shortest} minutes`)
        answer()
      }
      found()
      assert.equal(probes().length, 2)
      house.clock.advance(60 * MINUTE)
      assert.deepEqual(probes(), [], 'it was found')
    })
  }

  function lostAgain(): void {
    lost()
  }

  test('whoever is knocked at, in the end it is one whom the account does not block', async () => {
    juliet.says("<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='mercutio@verona.lit'/></block></iq>")
    await house.settled()
    lost()
    house.departed.length = 0
    for (let hours = 0; hours < 12 && house.departed.length === 0; hours++) house.clock.advance(60 * MINUTE)
    assert.equal(probes()[0], 'benvolio@verona.lit')
  })

  test('RFC 6121 §4.4.2: those who see, and are not seen, are not knocked at, but told once it is there again', async () => {
    for (const name of ['mercutio', 'benvolio']) juliet.says(`<presence to='${name}@verona.lit' type='unsubscribe'/>`)
    lost()
    house.departed.length = 0
    house.clock.advance(60 * MINUTE)
    house.departs()
    found()
    house.departs("<presence from='juliet@capulet.lit/balcony' to='mercutio@verona.lit'/>", "<presence from='juliet@capulet.lit/balcony' to='benvolio@verona.lit'/>")
  })

  test('RFC 6121 §3.1.2: a request that nobody answered is sent again once it is there again', () => {
    juliet.says("<presence to='paris@verona.lit' type='subscribe'/>")
    lost()
    house.departed.length = 0
    found()
    assert.deepEqual(house.departed.filter(({ attrs }) => attrs['type'] === 'subscribe').map(({ attrs }) => attrs['to']), ['paris@verona.lit'])
  })

  test('what is seen while nobody is there to see it is not remembered', async () => {
    juliet.leaves()
    house.remoteSays("<presence from='mercutio@verona.lit/x' to='juliet@capulet.lit'/>")
    juliet = await house.login('juliet@capulet.lit/balcony')
    lost()
    juliet.hears()
  })

  test('servers of which nobody here has contacts leave nothing behind', () => {
    const waiting = house.clock.waiting
    for (let number = 0; number < 50; number++) house.installation.tables.servers.lost(LOCAL, `${number}.example`)
    assert.equal(house.clock.waiting, waiting + 50)
    house.clock.advance(MINUTE)
    assert.equal(house.clock.waiting, waiting)
    house.departs()
    assert.deepEqual(house.log.lines, [])
  })

  test('nobody knocks for those who are not there', () => {
    lost()
    juliet.leaves()
    house.departed.length = 0
    house.clock.advance(60 * MINUTE)
    house.departs()
  })

  test('a server that comes and goes in quick turns makes us look for its contacts every 30 s at the most', () => {
    lost()
    found()
    assert.equal(probes().length, 2)
    for (let times = 0; times < 10; times++) {
      lost()
      found()
    }
    assert.deepEqual(probes(), [])
    house.clock.advance(30_000)
    assert.equal(probes().length, 2)
    house.clock.advance(10 * MINUTE)
    assert.deepEqual(probes(), [])
  })
})
