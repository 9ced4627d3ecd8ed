import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { TestClock } from '../clock.ts'
import { Scenario, type RawStream } from '../scenario/scenario.ts'
import { ACCOUNTS, bound, DOMAIN, HOUSEHOLD, loggedIn, managed, message, NS_SM, resume, soFar } from '../xep/managed-client.ts'

const MINUTE = 60_000
const [JULIET, ROMEO] = [`juliet@${DOMAIN}`, `romeo@${DOMAIN}`]
const BALCONY = `${JULIET}/balcony`

/** A session whose client is away (XEP-0198), as others see it; Romeo and Juliet see each other. */
describe('a session that is away', () => {
  let scenario: Scenario
  let clock: TestClock
  let romeo: RawStream
  beforeEach(() => { clock = new TestClock(Date.now()) })
  afterEach(() => scenario.stop())

  async function begin(limits = ''): Promise<void> {
    scenario = await Scenario.start(`${HOUSEHOLD}[limits]\nidle_before_ping = "1d"\n${limits}`, ACCOUNTS, clock)
    romeo = await bound(await loggedIn(scenario, 'romeo'), 'orchard')
    const juliet = await bound(await loggedIn(scenario, 'juliet'), 'befriend')
    const subscribe = async (one: RawStream, other: RawStream, from: string, to: string): Promise<void> => {
      one.send(`<presence to='${to}' type='subscribe'/>`)
      await other.expect(/type='subscribe'/)
      other.send(`<presence to='${from}' type='subscribed'/>`)
      await one.expect(new RegExp(`<presence from='${to}/`))
    }
    await subscribe(romeo, juliet, ROMEO, JULIET)
    await subscribe(juliet, romeo, JULIET, ROMEO)
    juliet.send('</stream:stream>')
    await romeo.expect(/<presence [^>]*type='unavailable'[^>]*>/)
  }

  /** Juliet is there, and Romeo knows. */
  async function arrive(attributes?: string): Promise<{ readonly stream: RawStream, readonly id: string }> {
    const juliet = await managed(scenario, 'juliet', 'balcony', attributes)
    await romeo.expect(new RegExp(`<presence [^>]*from='${BALCONY}'[^>]*>`))
    return juliet
  }

  /** Her network is gone, and the server has noticed. */
  async function leave(stream: RawStream): Promise<void> {
    stream.socket.end()
    await stream.rest()
  }

  const bounces = (text: string): string[] => [...text.matchAll(/<message [^>]*type='error'[^>]*id='(\w+)'[^>]*>.*?<error type='(\w+)'><([\w-]+) /g)]
    .concat([...text.matchAll(/<iq [^>]*type='error'[^>]*id='(\w+)'[^>]*>.*?<error type='(\w+)'><([\w-]+) /g)])
    .map(([, id, type, condition]) => `${id} ${type} ${condition}`)

  test('limits.time_to_resume: until then its presence stays as it was; then it is unavailable, and what waited is bounced once', async () => {
    await begin()
    const { stream, id } = await arrive()
    romeo.send(message(BALCONY, 'm1'))
    await stream.expect(/id='m1'/)
    await leave(stream)
    romeo.send(`${message(BALCONY, 'm2')}<iq to='${BALCONY}' type='get' id='q1'><query xmlns='jabber:iq:version'/></iq>`
      + `<message to='${BALCONY}' type='chat' id='m3'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`
      + `<presence to='${BALCONY}'><status>waiting</status></presence>`)
    clock.advance(10 * MINUTE - 1000)
    assert.equal((await soFar(romeo)).replace(/<(r|a) [^>]*>/g, ''), '')
    clock.advance(2000)
    const told = await soFar(romeo)
    assert.match(told, new RegExp(`^<presence [^>]*type='unavailable'[^>]*from='${BALCONY}'|^<presence [^>]*from='${BALCONY}'[^>]*type='unavailable'`))
    assert.deepEqual(bounces(told), ['m1 wait recipient-unavailable', 'm2 wait recipient-unavailable', 'q1 wait recipient-unavailable'])
    clock.advance(20 * MINUTE)
    assert.deepEqual(bounces(await soFar(romeo)), [])
    // Who comes too late learns what of his own was handled (XEP-0198 §5).
    const late = resume(await loggedIn(scenario, 'juliet'), id, 1)
    await late.expect(new RegExp(`^<failed xmlns='${NS_SM}' h='0'><item-not-found `))
    await bound(late, 'balcony')
    assert.doesNotMatch(await soFar(late), /<message/) // nothing was stored
  })

  test('it comes back: nobody has seen it leave, and what it was sent is there once', async () => {
    await begin()
    const { stream, id } = await arrive()
    await leave(stream)
    romeo.send(message(BALCONY, 'm1') + message(JULIET, 'm2'))
    await soFar(romeo)
    clock.advance(9 * MINUTE)
    const again = resume(await loggedIn(scenario, 'juliet'), id, 0)
    await again.expect(/^<resumed [^>]*><message [^>]*id='m1'.*?<message [^>]*id='m2'.*?<\/message>/)
    again.send(`<a xmlns='${NS_SM}' h='2'/>${message(ROMEO, 'm3')}`)
    await romeo.expect(/^<message [^>]*id='m3'/)
    clock.advance(20 * MINUTE) // the time of its absence is not counted any more
    assert.doesNotMatch(await soFar(romeo), /unavailable|error/)
    again.send('</stream:stream>')
    await romeo.expect(/<presence [^>]*type='unavailable'/)
  })

  test('limits.unacknowledged_stanzas: with more the session ends, and each stanza is bounced once', async () => {
    await begin('unacknowledged_stanzas = 3')
    const { stream, id } = await arrive()
    await leave(stream)
    const request = (n: number): string => `<iq to='${BALCONY}' type='get' id='q${n}'><query xmlns='jabber:iq:version'/></iq>`
    romeo.send(request(1) + message(BALCONY, 'm2') + request(3))
    assert.deepEqual(bounces(await soFar(romeo)), [])
    romeo.send(request(4))
    const told = await soFar(romeo)
    assert.match(told, /type='unavailable'/)
    assert.deepEqual(bounces(told), ['m2', 'q1', 'q3', 'q4'].map((lost) => `${lost} wait recipient-unavailable`))
    romeo.send(request(5))
    assert.deepEqual(bounces(await soFar(romeo)), ['q5 cancel service-unavailable'])
    await resume(await loggedIn(scenario, 'juliet'), id, 0).expect(/<failed /)
  })

  test('limits.unacknowledged_bytes: the same of their size', async () => {
    await begin('unacknowledged_bytes = "10kB"')
    const { stream } = await arrive()
    await leave(stream)
    const id = `<stanza-id xmlns='urn:xmpp:sid:0' id='${'i'.repeat(22)}' by='${BALCONY.split('/')[0]}'/>` // XEP-0359
    const bytes = Buffer.byteLength(message(BALCONY, 'm100').replace('>', ` from='${ROMEO}/orchard'>`) + id)
    const fit = Math.floor(10_240 / bytes)
    const ids = Array.from({ length: fit }, (_, index) => `m${100 + index}`)
    romeo.send(ids.map((id) => message(BALCONY, id)).join(''))
    assert.deepEqual(bounces(await soFar(romeo)), [])
    romeo.send(message(BALCONY, 'last'))
    assert.deepEqual(bounces(await soFar(romeo)), [...ids, 'last'].map((lost) => `${lost} wait recipient-unavailable`))
  })

  test('the client acknowledges nothing: its stream ends with resource-constraint, and its session with it', async () => {
    await begin('unacknowledged_stanzas = 3')
    const { stream } = await arrive()
    for (let n = 1; n <= 4; n += 1) romeo.send(message(BALCONY, `m${n}`))
    assert.match(await stream.rest(), /<resource-constraint /)
    assert.equal(bounces(await soFar(romeo)).length, 4)
  })

  test('XEP-0198 §4: without resumption what was not acknowledged is bounced when the stream breaks', async () => {
    await begin()
    const { stream } = await arrive('')
    romeo.send(message(BALCONY, 'm1') + message(BALCONY, 'm2'))
    await stream.expect(/id='m2'/)
    stream.send(`<a xmlns='${NS_SM}' h='1'/>`)
    await leave(stream)
    const told = await soFar(romeo)
    assert.match(told, /type='unavailable'/)
    assert.deepEqual(bounces(told), ['m2 wait recipient-unavailable'])
  })

  test('a message that two resources got is bounced when the last one has lost it, and not at all where one has got it', async () => {
    await begin()
    const balcony = await arrive()
    const chamber = await managed(scenario, 'juliet', 'chamber')
    romeo.send(message(JULIET, 'm1') + message(JULIET, 'm2'))
    for (const { stream } of [balcony, chamber]) await stream.expect(/id='m2'/)
    chamber.stream.send(`<a xmlns='${NS_SM}' h='1'/>`)
    await soFar(chamber.stream)
    await leave(balcony.stream)
    clock.advance(11 * MINUTE)
    assert.deepEqual(bounces(await soFar(romeo)), [])
    await leave(chamber.stream)
    clock.advance(11 * MINUTE)
    assert.deepEqual(bounces(await soFar(romeo)), ['m2 wait recipient-unavailable'])
  })

  test('limits.sessions_per_account: there is room for who comes, as long as somebody is away', async () => {
    await begin('sessions_per_account = 2')
    const first = await arrive()
    const second = await managed(scenario, 'juliet', 'chamber')
    await leave(first.stream)
    const third = await managed(scenario, 'juliet', 'garden')
    await resume(await loggedIn(scenario, 'juliet'), first.id, 0).expect(/<failed /)
    const fourth = await loggedIn(scenario, 'juliet')
    fourth.send(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>tomb</resource></bind></iq>`)
    await fourth.expect(/<iq [^>]*type='error'.*?<resource-constraint /)
    for (const { stream } of [second, third]) stream.send('</stream:stream>')
  })

  test('the server goes down: whoever wrote to it is told', async () => {
    await begin()
    const { stream } = await arrive()
    await leave(stream)
    romeo.send(message(BALCONY, 'm1'))
    await soFar(romeo)
    const stopping = scenario.stop()
    const rest = await romeo.rest()
    await stopping
    scenario = await Scenario.start(HOUSEHOLD) // for afterEach
    assert.match(rest, /<system-shutdown /)
  })
})
