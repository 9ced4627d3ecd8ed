import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RegistrationRefused, type Application } from '../../src/registration/application.ts'
import { jid, Office, PASSWORD } from './office.ts'

const THOUSAND = 1000

/** Sends them all in one turn of the loop; how each was answered, by reason. */
async function flood(office: Office, applications: readonly Application[]): Promise<Map<string, number>> {
  const outcomes = await Promise.allSettled(applications.map((one) => office.house.registration.register(one)))
  const counts = new Map<string, number>()
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof RegistrationRefused, String(outcome.reason))
    const name = outcome.status === 'fulfilled' ? 'made' : (outcome.reason as RegistrationRefused).reason
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}

/** As many names that do not look like each other. */
function nameOf(number: number): string {
  return `${'abcdefghkm'[Math.floor(number / 100) % 10]}${'abcdefghkm'[Math.floor(number / 10) % 10]}${'abcdefghkm'[number % 10]}-montague`
}

/** Nothing is half made: who is known has a row, a way in, and is no more than was said. */
async function assertWhole(office: Office, made: number): Promise<void> {
  const known = office.house.accounts.list('capulet.lit')
  assert.equal(known.length, made)
  for (const account of known) {
    assert.ok(office.house.accounts.exists(account))
    assert.ok(office.house.accounts.claim(account.local, 'capulet.lit').exists)
    assert.ok(office.house.registration.names.objections(office.domain(), account.local).includes('exists'))
  }
}

describe('a thousand registrations at once', () => {
  test('from one circuit: it has its five, and others are served as before', async () => {
    const office = await Office.open()
    try {
      await office.register('juliet', 'before')
      const domain = office.domain()
      const challenges = Array.from({ length: 30 }, () => { office.clock.advance(100); return office.answered('flood') })
      assert.throws(() => office.answered('flood'), RegistrationRefused)
      const flooding = flood(office, Array.from({ length: THOUSAND }, (_, number) => {
        const challenge = challenges[number] ?? { id: 'none', answer: 'none' }
        return { domain, peer: 'flood', name: nameOf(number), password: PASSWORD, challenge }
      }))
      let over = false
      const end = flooding.finally(() => { over = true })
      const other = await office.register('romeo', 'quiet')
      assert.equal(other, 'romeo@capulet.lit')
      assert.ok(await canLogIn(office))
      const counts = await end
      assert.ok(over)
      // Four of a peer are made at a time, so of the five that it may have one is told to come back.
      assert.deepEqual(counts, new Map([['made', 4], ['busy', 1], ['too-many', 25], ['challenge-failed', THOUSAND - 30]]))
      await assertWhole(office, 2 + 4)
      assert.equal(office.house.registration.mode(domain), 'open')
      office.clock.advance(100)
      assert.equal(await office.register('nurse', 'after'), 'nurse@capulet.lit')
    } finally {
      office.close()
    }
  })

  test('from as many circuits: sixty are made in turn, the domain asks for invitations, and logins find their place meanwhile', async () => {
    const office = await Office.open()
    try {
      const domain = office.domain()
      await office.register('juliet', 'before')
      const applications = Array.from({ length: THOUSAND }, (_, number) => {
        office.clock.advance(100)
        const peer = `circuit-${number}`
        return { domain, peer, name: nameOf(number), password: PASSWORD, challenge: office.answered(peer) }
      })
      let over = false
      const flooding = flood(office, applications).finally(() => { over = true })
      assert.ok(await canLogIn(office))
      assert.ok(!over, 'the login did not wait for all of them')
      const guest = await office.house.registration.invite({ domain, milliseconds: 60_000 })
      const counts = await flooding
      // Juliet was one of the sixty.
      assert.deepEqual(counts, new Map([['made', 59], ['too-many', THOUSAND - 59]]))
      await assertWhole(office, 60)
      assert.equal(office.house.registration.mode(domain), 'invite')
      const invited = await office.house.registration.register({ domain, peer: 'circuit-0', name: 'romeo', password: PASSWORD, token: guest?.token ?? '' })
      assert.equal(invited.toString(), 'romeo@capulet.lit', 'an invitation is a right, whatever others did')
    } finally {
      office.close()
    }
  })

  test('what waits is bounded: where the queue is full nothing is begun, and what it took of the rates is given back', async () => {
    const office = await Office.open({ before: '[registration]\nqueue = 4\n' })
    try {
      const domain = office.domain()
      const applications = Array.from({ length: 50 }, (_, number) => {
        office.clock.advance(100)
        const peer = number % 2 === 0 ? undefined : `circuit-${number}`
        return { domain, peer, name: nameOf(number), password: PASSWORD, challenge: office.answered(peer) }
      })
      assert.deepEqual(await flood(office, applications), new Map([['made', 5], ['busy', 45]]))
      await assertWhole(office, 5)
      office.clock.advance(1000)
      for (let number = 50; number < 55; number++) assert.equal(await office.register(nameOf(number), 'after'), `${nameOf(number)}@capulet.lit`)
    } finally {
      office.close()
    }
  })

  test('of two who ask for one name, or for two that look alike, one has it', async () => {
    const office = await Office.open()
    try {
      const applications = ['benvolio', 'Benvolio', 'benvo1io', 'ben.volio'].map((name, number) => {
        const peer = `circuit-${number}`
        return { domain: office.domain(), peer, name, password: PASSWORD, challenge: office.answered(peer) }
      })
      assert.deepEqual(await flood(office, applications), new Map([['made', 1], ['name-taken', 3]]))
      assert.ok(office.house.accounts.exists(jid('benvolio@capulet.lit')))
    } finally {
      office.close()
    }
  })
})

/** Juliet's password is looked at as at a login by PLAIN, in the same queue. */
async function canLogIn(office: Office): Promise<boolean> {
  const { accounts, credentials } = office.house
  return await credentials.matches(accounts.claim('juliet', 'capulet.lit').verifiers.argon2, PASSWORD)
}
