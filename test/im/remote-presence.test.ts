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
      "<presence type='probe' id='*' from='juliet@capulet.lit' to='benvolio@verona.lit'/>",
      "<presence from='juliet@capulet.lit/balcony' to='mercutio@verona.lit'/>",
      "<presence from='juliet@capulet.lit/balcony' to='benvolio@verona.lit'/>")
  })

  test('what was not lost need not be found: nobody is probed at each stream', () => {
    found()
    house.departs()
  })

  test('while it stays away somebody knocks: after 30 to 60 s, then twice as long, at the most after 15 minutes', () => {
    lost()
    house.clock.advance(29_000)
    assert.deepEqual(probes(), [])
    house.clock.advance(31_001)
    assert.equal(probes().length, 1)
    lost()
    house.clock.advance(59_000)
    assert.deepEqual(probes(), [])
    house.clock.advance(61_001)
    assert.equal(probes().length, 1)
    for (let times = 0; times < 10; times++) {
      lost()
      house.clock.advance(15 * MINUTE + 1)
      assert.equal(probes().length, 1)
    }
    found()
    assert.equal(probes().length, 2)
    house.clock.advance(60 * MINUTE)
    assert.deepEqual(probes(), [], 'it was found')
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
