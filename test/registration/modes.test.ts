import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RegistrationOutput } from '../../src/operate/registration.ts'
import type { Element } from '../../src/xml/element.ts'
import { NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import { Office, PASSWORD, refused } from './office.ts'

const HOUR = 3_600_000
const FEW = '[registration]\naccounts_per_domain = 3\naccounts = 4\n'
const subjects = (heard: readonly Element[]): (string | undefined)[] => heard.map((stanza) => stanza.childContent('subject', NS_CLIENT))
const bodies = (heard: readonly Element[]): (string | undefined)[] => heard.map((stanza) => stanza.childContent('body', NS_CLIENT))

describe('who may make an account', () => {
  test('the operator switches it while the server runs, and it holds over a restart', async () => {
    const office = await Office.open()
    const show = async (one: Office) => (await one.run('registration show', {}) as RegistrationOutput).domains
    assert.deepEqual(await show(office), [
      { domain: 'capulet.lit', mode: 'open', wanted: 'open', source: 'configured' }, { domain: 'onion', mode: 'open', wanted: 'open', source: 'configured' },
    ])
    for (const mode of ['invite', 'closed']) await office.run('registration set', { mode, domain: 'capulet.lit' })
    const application = { domain: office.domain(), peer: 'a', name: 'juliet', password: PASSWORD }
    await assert.rejects(office.house.registration.register(application), refused('closed'))
    assert.throws(() => office.house.registration.challenge(application), refused('closed'))
    assert.equal(await office.register('nurse', 'a', { domain: office.domain('onion') }), `nurse@${office.domain('onion').name}`)
    office.house.close()
    const again = await Office.open({ folder: office.folder, clock: office.clock })
    try {
      assert.deepEqual(await show(again), [
        { domain: 'capulet.lit', mode: 'closed', wanted: 'closed', source: 'switched' }, { domain: 'onion', mode: 'open', wanted: 'open', source: 'configured' },
      ])
      await again.run('registration set', { mode: 'open', domain: 'capulet.lit' })
      assert.equal(await again.register('juliet', 'a'), 'juliet@capulet.lit')
      for (const input of [{}, { mode: 'ajar' }, { mode: 'open', domain: 1 }, 'open', undefined]) {
        await assert.rejects(again.run('registration set', input), /say one of closed, invite, open/)
      }
      await assert.rejects(again.run('registration set', { mode: 'open', domain: 'verona.lit' }), /does not serve/)
    } finally {
      again.close()
    }
  })

  test('in a flood an open domain asks for invitations for a while, and its operators are told once, and when it is over', async () => {
    const office = await Office.open({ before: 'operators = ["friar@capulet.lit", "friar@onion"]\n[registration]\naccounts_per_domain = 3\naccounts = 3\n' })
    try {
      const { registration } = office.house
      const [friar, monk] = [office.login('friar@capulet.lit/cell'), office.login(`friar@${office.domain('onion').name}/cell`)]
      for (const [number, name] of ['sampson', 'gregory', 'abraham'].entries()) await office.register(name, `circuit-${number}`)
      assert.equal(registration.mode(office.domain()), 'invite')
      assert.equal(registration.mode(office.domain('onion')), 'open', 'the other side has as many of its own')
      assert.throws(() => office.answered('circuit-9'), refused('invitation-needed'))
      const invitation = await registration.invite({ domain: office.domain(), milliseconds: HOUR })
      await registration.register({ domain: office.domain(), peer: 'a', name: 'balthasar', password: PASSWORD, token: invitation?.token ?? '' })
      assert.deepEqual(subjects(friar), ['Too many new accounts'])
      office.clock.advance(59_999)
      assert.deepEqual(subjects(friar), ['Too many new accounts'])
      office.clock.advance(1)
      assert.deepEqual(bodies(friar).slice(1), ['4 accounts were made at capulet.lit.'], 'together, within a minute')
      office.clock.advance(HOUR)
      assert.equal(registration.mode(office.domain()), 'open')
      assert.deepEqual(subjects(friar).slice(2), ['Registration is open again'])
      assert.equal(await office.register('peter', 'circuit-1'), 'peter@capulet.lit')
      assert.deepEqual(monk, [], 'the operator of the unlinked side learns nothing')
      const said = JSON.stringify(bodies(friar))
      for (const name of ['sampson', 'gregory', 'abraham', 'balthasar']) assert.ok(!said.includes(name))
    } finally {
      office.close()
    }
  })

  test('what all domains of a side made together narrows each of them', async () => {
    const office = await Office.open({ before: FEW, settings: '[[domains]]\nname = "capulet.lit"\nregistration = "open"\n[[domains]]\nname = "montague.lit"\nregistration = "open"\n' })
    try {
      const [capulet, montague] = [office.domain(), office.domain('montague.lit')]
      for (const name of ['sampson', 'gregory']) await office.register(name, 'circuit-1', { domain: capulet })
      for (const name of ['abraham', 'balthasar']) {
        assert.equal(office.house.registration.mode(capulet), 'open')
        await office.register(name, 'circuit-2', { domain: montague })
      }
      assert.deepEqual([capulet, montague].map((domain) => office.house.registration.mode(domain)), ['invite', 'invite'])
      // The operator knows better, of the one.
      assert.deepEqual(await office.run('registration show', { domain: 'montague.lit' }), { domains: [
        { domain: 'montague.lit', mode: 'invite', wanted: 'open', source: 'configured', narrowedUntil: office.clock.now() + HOUR },
      ] })
      await office.run('registration set', { mode: 'open', domain: 'montague.lit' })
      assert.deepEqual([capulet, montague].map((domain) => office.house.registration.mode(domain)), ['invite', 'open'])
      assert.equal(await office.register('peter', 'circuit-3', { domain: montague }), 'peter@montague.lit')
      office.clock.advance(HOUR)
      assert.equal(office.house.registration.mode(capulet), 'open')
    } finally {
      office.close()
    }
  })
})
