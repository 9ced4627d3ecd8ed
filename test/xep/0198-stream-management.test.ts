import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Scenario, type RawStream } from '../scenario/scenario.ts'
import { TestClock } from '../clock.ts'
import {
  ACCOUNTS, attribute, bound, DOMAIN, handled, HOUSEHOLD, loggedIn, managed, message, NS_SM, PASSWORD, resume, soFar,
} from './managed-client.ts'

const MINUTE = 60_000
const JULIET = `juliet@${DOMAIN}`
const stanzaError = (condition: string): string => `<${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>`

/** The client's network is gone, and the server has noticed. */
async function cut(stream: RawStream): Promise<void> {
  stream.socket.end()
  await stream.rest()
}

describe('XEP-0198: what a client asks for', () => {
  let scenario: Scenario
  let clock: TestClock
  let seat = 0
  before(async () => { scenario = await Scenario.start(HOUSEHOLD, ACCOUNTS, clock = new TestClock(Date.now())) })
  after(() => scenario.stop())

  /** Nobody else has this resource. */
  const balcony = (): string => `balcony-${seat += 1}`
  const ping = (id: string): string => `<iq type='get' id='${id}' to='${DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>`

  test('XEP-0198 §2: it is offered once the client has authenticated', async () => {
    const stream = await scenario.raw()
    await stream.secure(DOMAIN)
    assert.doesNotMatch(stream.heard.replace(/<inline>.*<\/inline>/, ''), /urn:xmpp:sm:3/) // with the login: §9
    const response = Buffer.from(`\0juliet\0${PASSWORD}`).toString('base64')
    stream.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${response}</auth>`)
    await stream.expect(/<success[^>]*>/)
    const [features] = await stream.open(DOMAIN).expect(/<stream:features>.*<\/stream:features>/)
    assert.match(features, /<sm xmlns='urn:xmpp:sm:3'\/>/)
    stream.destroy()
  })

  test('XEP-0198 §3: <enable/> is answered with <enabled/>; without resume there is no id', async () => {
    const stream = await bound(await loggedIn(scenario, 'juliet'), balcony())
    stream.send(`<enable xmlns='${NS_SM}'/>`)
    await stream.expect(/^<enabled xmlns='urn:xmpp:sm:3'\/>/)
    stream.send('</stream:stream>')
  })

  test('XEP-0198 §3: <enabled/> says resume, and for how long: as the server has it, or less where the client wants less', async () => {
    for (const [asked, max] of [["resume='1'", '600'], ["resume='true' max='90'", '90'], ["resume='true' max='9000'", '600'], ["resume='true' max='x'", '600']] as const) {
      const stream = await bound(await loggedIn(scenario, 'juliet'), balcony())
      stream.send(`<enable xmlns='${NS_SM}' ${asked}/>`)
      const [enabled] = await stream.expect(/<enabled [^>]*>/)
      assert.deepEqual([attribute(enabled, 'resume'), attribute(enabled, 'max'), attribute(enabled, 'location')], ['true', max, undefined], asked)
      stream.send('</stream:stream>')
    }
  })

  test('XEP-0198 §3: before a resource is bound <enable/> is answered with <failed/>, and a resource can still be bound', async () => {
    const stream = await loggedIn(scenario, 'juliet')
    stream.send(`<enable xmlns='${NS_SM}'/>`)
    await stream.expect(new RegExp(`^<failed xmlns='${NS_SM}'>${stanzaError('unexpected-request')}</failed>`))
    await bound(stream, balcony())
    stream.send('</stream:stream>')
  })

  test('XEP-0198 §3: a second <enable/> ends the stream, and what can be resumed with it', async () => {
    const { stream, id } = await managed(scenario, 'juliet', balcony())
    stream.send(`<enable xmlns='${NS_SM}'/>`)
    assert.match(await stream.rest(), /<policy-violation /)
    const again = resume(await loggedIn(scenario, 'juliet'), id, 0)
    await again.expect(/<failed /)
    again.destroy()
  })

  test('XEP-0198 §4: <r/> is answered with the number of stanzas that came since <enable/>, whatever became of them', async () => {
    const { stream } = await managed(scenario, 'juliet', balcony())
    assert.equal(await handled(stream), '0')
    stream.send(`${ping('p')}<message to='nobody@${DOMAIN}'/><message to='@@'/><iq/>`)
    assert.equal(await handled(stream), '4')
    stream.send('</stream:stream>')
  })

  test('XEP-0198 §4: <a/> has an h, also the last one, which comes before the server ends the stream', async () => {
    const { stream } = await managed(scenario, 'juliet', balcony())
    stream.send(`${ping('p')}</stream:stream>`)
    assert.match(await stream.rest(), /<a xmlns='urn:xmpp:sm:3' h='1'\/><\/stream:stream>$/)
  })

  test('XEP-0198 §4: h begins again at 0 after 2^32-1: one less than nothing is as much too high as one more', async () => {
    for (const h of ['4294967295', '2']) {
      const { stream } = await managed(scenario, 'juliet', balcony())
      stream.send(`${ping('p')}<a xmlns='${NS_SM}' h='${h}'/>`)
      assert.match(await stream.rest(), new RegExp(`<undefined-condition [^>]*/><handled-count-too-high xmlns='${NS_SM}' h='${h}' send-count='1'/></stream:error>`))
    }
  })

  test('an h that is no number, or too great for one, ends the stream', async () => {
    for (const h of ['', '-1', '4294967296', 'x']) {
      const { stream } = await managed(scenario, 'juliet', balcony())
      assert.match(await stream.send(`<a xmlns='${NS_SM}' h='${h}'/>`).rest(), /<bad-format /)
    }
  })

  test('what is no part of it, or comes without <enable/>, ends the stream', async () => {
    for (const nonza of ['a', 'r', 'resumed']) {
      const stream = await bound(await loggedIn(scenario, 'juliet'), balcony())
      assert.match(await stream.send(`<${nonza} xmlns='${NS_SM}' h='0'/>`).rest(), /<unsupported-stanza-type /)
    }
  })

  test('the server asks once for all that it sent in a turn, and again only when it was answered', async () => {
    const { stream } = await managed(scenario, 'juliet', balcony())
    stream.send(ping('p1') + ping('p2'))
    await stream.expect(/^<iq [^>]*id='p1'[^>]*><iq [^>]*id='p2'[^>]*><r xmlns='urn:xmpp:sm:3'\/>/)
    stream.send(ping('p3'))
    await stream.expect(/^<iq [^>]*id='p3'[^>]*>/)
    stream.send(`<a xmlns='${NS_SM}' h='2'/>`)
    await stream.expect(/^<r xmlns='urn:xmpp:sm:3'\/>/)
    stream.send(`<a xmlns='${NS_SM}' h='3'/>`)
    assert.equal(await soFar(stream), '')
    stream.send('</stream:stream>')
  })

  test('limits.idle_before_ping: instead of a ping, which would be counted, it is asked what it has handled', async () => {
    const { stream } = await managed(scenario, 'juliet', balcony())
    clock.advance(6 * MINUTE)
    await stream.expect(/^<r xmlns='urn:xmpp:sm:3'\/>/)
    stream.send('</stream:stream>')
  })

  test('XEP-0198 §5: a stream that can be resumed has an id which nobody can guess', async () => {
    const { stream, id } = await managed(scenario, 'juliet', balcony())
    assert.match(id, /^[\w-]{22}$/)
    stream.send('</stream:stream>')
  })

  test('XEP-0198 §5: no other session gets that id, and with the session it is worth nothing', async () => {
    const ids = new Set<string>()
    for (let round = 0; round < 5; round += 1) {
      const { stream, id } = await managed(scenario, 'juliet', balcony())
      ids.add(id)
      stream.send('</stream:stream>')
      await stream.rest()
      const again = resume(await loggedIn(scenario, 'juliet'), id, 0)
      await again.expect(/<failed /)
      again.destroy()
    }
    assert.equal(ids.size, 5)
  })

  test('XEP-0198 §5: <resumed/> names the former stream, and how many stanzas of the client were handled', async () => {
    const { stream, id } = await managed(scenario, 'juliet', balcony())
    stream.send(ping('p'))
    await stream.expect(/id='p'/)
    await cut(stream)
    const again = resume(await loggedIn(scenario, 'juliet'), id, 1)
    await again.expect(new RegExp(`^<resumed xmlns='${NS_SM}' previd='${id}' h='1'/>`))
    again.send(ping('q'))
    await again.expect(/^<iq [^>]*id='q'/)
    assert.equal(await handled(again), '2') // it goes on where it was
    again.send('</stream:stream>')
  })

  test('XEP-0198 §5: what the client has not handled is sent again, in order, and nothing else', async () => {
    const seatOfJuliet = balcony()
    const juliet = await managed(scenario, 'juliet', seatOfJuliet)
    const romeo = await bound(await loggedIn(scenario, 'romeo'), 'orchard')
    const to = `${JULIET}/${seatOfJuliet}`
    romeo.send(message(to, 'm1') + message(to, 'm2') + message(to, 'm3'))
    await juliet.stream.expect(/id='m3'/)
    await cut(juliet.stream)
    romeo.send(message(to, 'm4'))
    assert.doesNotMatch(await soFar(romeo), /error/)
    const again = resume(await loggedIn(scenario, 'juliet'), juliet.id, 2)
    await again.expect(/^<resumed [^>]*><message [^>]*id='m3'[^>]*>.*?<\/message><message [^>]*id='m4'[^>]*>.*?<\/message><r /)
    again.send(`<a xmlns='${NS_SM}' h='4'/></stream:stream>`)
    await again.rest()
    assert.doesNotMatch(await soFar(romeo), /error/)
    romeo.send('</stream:stream>')
  })

  test('XEP-0198 §5: an id that is not known is answered with <failed/>, and a resource can still be bound', async () => {
    const stream = resume(await loggedIn(scenario, 'juliet'), 'unknown', 0)
    await stream.expect(new RegExp(`^<failed xmlns='${NS_SM}'>${stanzaError('item-not-found')}</failed>`))
    await bound(stream, balcony())
    stream.send('</stream:stream>')
  })

  test('XEP-0198 §5: a former stream that still hangs is ended with conflict, and its session goes on', async () => {
    const { stream, id } = await managed(scenario, 'juliet', balcony())
    stream.send(ping('p'))
    await stream.expect(/id='p'/)
    const again = resume(await loggedIn(scenario, 'juliet'), id, 1)
    await again.expect(/<resumed /)
    assert.match(await stream.rest(), /<stream:error><conflict [^>]*\/><\/stream:error><\/stream:stream>$/)
    assert.equal(await handled(again), '1')
    again.send('</stream:stream>')
  })

  test('a client comes back by another way in than it left by', async () => {
    const { stream, id } = await managed(scenario, 'juliet', balcony())
    stream.destroy()
    const again = resume(await loggedIn(scenario, 'juliet', 1), id, 0)
    await again.expect(/<resumed /)
    again.destroy()
    const back = resume(await loggedIn(scenario, 'juliet', 0), id, 0)
    await back.expect(/<resumed /)
    back.send('</stream:stream>')
  })

  test('no other account can resume it, or learn that it is there', async () => {
    const { stream, id } = await managed(scenario, 'juliet', balcony())
    const romeo = resume(await loggedIn(scenario, 'romeo'), id, 0)
    await romeo.expect(new RegExp(`^<failed xmlns='${NS_SM}'>${stanzaError('item-not-found')}</failed>`))
    assert.equal(await handled(stream), '0')
    romeo.destroy()
    stream.send('</stream:stream>')
  })

  test('XEP-0198 §6: a <resume/> without previd or h, and one where a resource is bound, are answered with <failed/>', async () => {
    const stream = await loggedIn(scenario, 'juliet')
    for (const attributes of ["h='0'", "previd='x'", "previd='x' h='-1'", "previd='x' h='4294967296'"]) {
      stream.send(`<resume xmlns='${NS_SM}' ${attributes}/>`)
      await stream.expect(new RegExp(`^<failed xmlns='${NS_SM}'>${stanzaError('bad-request')}</failed>`))
    }
    await bound(stream, balcony())
    resume(stream, 'x', 0)
    await stream.expect(new RegExp(`^<failed xmlns='${NS_SM}'>${stanzaError('unexpected-request')}</failed>`))
    stream.send('</stream:stream>')
  })

  test('XEP-0198 §6: who resumes with an h that is too high is told so; the session waits for one who knows better', async () => {
    const { stream, id } = await managed(scenario, 'juliet', balcony())
    stream.send(ping('p'))
    await stream.expect(/id='p'/)
    await cut(stream)
    const mistaken = resume(await loggedIn(scenario, 'juliet'), id, 2)
    assert.match(await mistaken.rest(), /<handled-count-too-high xmlns='urn:xmpp:sm:3' h='2' send-count='1'\/>/)
    const again = resume(await loggedIn(scenario, 'juliet'), id, 0)
    await again.expect(/^<resumed [^>]*><iq [^>]*id='p'/)
    again.send('</stream:stream>')
  })

  test('XEP-0198 §7: a client that ends its stream as agreed cannot resume it', async () => {
    const { stream, id } = await managed(scenario, 'juliet', balcony())
    stream.send('</stream:stream>')
    await stream.rest()
    const again = resume(await loggedIn(scenario, 'juliet'), id, 0)
    await again.expect(/<failed /)
    again.destroy()
  })

  test('a client that breaks the rules of XML cannot resume what it broke', async () => {
    const { stream, id } = await managed(scenario, 'juliet', balcony())
    assert.match(await stream.send('<a><b></a>').rest(), /<not-well-formed /)
    const again = resume(await loggedIn(scenario, 'juliet'), id, 0)
    await again.expect(/<failed /)
    again.destroy()
  })

  /** A login by SASL2 (XEP-0388) with that inside, and what follows in the same turn. */
  async function login(inside: string): Promise<{ stream: RawStream, features: string, success: string }> {
    const stream = await scenario.raw()
    await stream.secure(DOMAIN)
    const features = stream.heard.slice(stream.heard.lastIndexOf('<stream:features>'))
    const response = Buffer.from(`\0juliet\0${PASSWORD}`).toString('base64')
    stream.send(`<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>${response}</initial-response>${inside}</authenticate>`)
    const [success] = await stream.expect(/<success .*?<\/success>/)
    return { stream, features, success }
  }
  const bind = (inside = ''): string => `<bind xmlns='urn:xmpp:bind:0'><tag>T</tag>${inside}</bind>`
  const enable = `<enable xmlns='${NS_SM}' resume='true'/>`

  test('XEP-0198 §9.1: a login that binds enables it as well, counting from what follows', async () => {
    const { stream, features, success } = await login(bind(enable))
    assert.match(features, /<inline>.*<sm xmlns='urn:xmpp:sm:3'\/>.*<feature var='urn:xmpp:sm:3'\/>/)
    assert.match(success, /<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='[\w-]{22}' resume='true' max='600'\/><\/bound>/)
    const [after] = await stream.expect(/<stream:features>.*?<\/stream:features>|<stream:features\/>/)
    assert.doesNotMatch(after, /urn:xmpp:sm:3/)
    stream.send(ping('p'))
    await stream.expect(/^<iq [^>]*id='p'[^>]*><r /)
    assert.equal(await handled(stream), '1')
    stream.send(`<a xmlns='${NS_SM}' h='1'/></stream:stream>`)
    assert.doesNotMatch(await stream.rest(), /handled-count-too-high/)
  })

  test('XEP-0198 §9.2: <resume/> inside a login comes before <bind/>, which is ignored then, and no features follow', async () => {
    const resource = balcony()
    const former = await managed(scenario, 'juliet', resource)
    former.stream.send(ping('p'))
    await former.stream.expect(/id='p'/)
    const { stream, success } = await login(`<resume xmlns='${NS_SM}' previd='${former.id}' h='0'/>${bind(enable)}`)
    assert.match(success, new RegExp(`<authorization-identifier>${JULIET}/${resource}</authorization-identifier><resumed xmlns='${NS_SM}' previd='${former.id}' h='1'/></success>`))
    await stream.expect(/^<iq [^>]*id='p'[^>]*><r /)
    assert.match(await former.stream.rest(), /<conflict /)
    assert.equal(await handled(stream), '1')
    stream.send('</stream:stream>')
  })

  test('XEP-0198 §9.2: where it fails, <success/> holds <failed/>, and <bind/> is processed', async () => {
    const { stream, success } = await login(`<resume xmlns='${NS_SM}' previd='unknown' h='0'/>${bind(enable)}`)
    assert.match(success, new RegExp(`<failed xmlns='${NS_SM}'>${stanzaError('item-not-found')}</failed><bound [^>]*><enabled `))
    stream.send('</stream:stream>')
  })

  test('XEP-0198 §10: before the client has authenticated nothing is resumed', async () => {
    const { stream, id } = await managed(scenario, 'juliet', balcony())
    const stranger = await scenario.raw()
    await stranger.secure(DOMAIN)
    assert.match(await resume(stranger, id, 0).rest(), /<unsupported-stanza-type /)
    assert.equal(await handled(stream), '0')
    stream.send('</stream:stream>')
  })

  test('who binds the resource of a session that is away ends it', async () => {
    const seatOfJuliet = balcony()
    const { stream, id } = await managed(scenario, 'juliet', seatOfJuliet)
    await cut(stream)
    const next = await bound(await loggedIn(scenario, 'juliet'), seatOfJuliet)
    const late = resume(await loggedIn(scenario, 'juliet'), id, 0)
    await late.expect(/<failed /)
    late.destroy()
    next.send('</stream:stream>')
  })
})
