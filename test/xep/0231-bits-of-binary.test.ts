import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, afterEach, before, describe, test } from 'node:test'
import { element, type Element } from '../../src/xml/element.ts'
import { NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import { Applicant, conditionOf } from '../clients/applicant.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { text } from '../clients/xml-text.ts'
import { Scenario } from '../scenario/scenario.ts'

const SERVER = `
[[domains]]
name = "capulet.lit"
registration = "open"
[[listeners]]
kind = "c2s"
port = 0
[tor]
enabled = false
[auth]
argon2_memory = "7168kB"
argon2_passes = 1
scram_iterations = 65536
`
const DOMAIN = 'capulet.lit'
const PASSWORD = 'wherefore art thou'
const NS_BITS = 'urn:xmpp:bob'

describe('XEP-0231, for the picture of a form', () => {
  let scenario: Scenario
  const applicants: Applicant[] = []
  before(async () => { scenario = await Scenario.start(SERVER, { 'juliet@capulet.lit': PASSWORD }) })
  after(() => scenario.stop())
  afterEach(() => { for (const one of applicants.splice(0)) one.cut() })

  const options = () => ({ route: { host: '127.0.0.1', port: scenario.ports[0] ?? 0 }, security: 'starttls' } as const)
  const reach = async (): Promise<Applicant> => {
    const applicant = await Applicant.reach(options(), DOMAIN)
    applicants.push(applicant)
    return applicant
  }
  const data = (cid?: string): Element => element(NS_BITS, 'data', { cid })

  test('XEP-0231 §2.3: it is retrieved by an IQ-get with its cid', async () => {
    const applicant = await reach()
    const { cid } = await applicant.form()
    const answer = await applicant.ask('get', data(cid), { to: DOMAIN })
    assert.equal(answer.attrs['type'], 'result')
    const bits = answer.child('data', NS_BITS)
    assert.equal(bits?.attrs['cid'], cid)
    assert.equal(bits?.attrs['type'], 'image/png')
    const bytes = Buffer.from(bits?.content() ?? '', 'base64')
    assert.equal(bytes.subarray(1, 4).toString(), 'PNG')
    // §2.5: the hash "of the binary data itself".
    assert.equal(cid, `sha1+${createHash('sha1').update(bytes).digest('hex')}@bob.xmpp.org`)
  })

  test('XEP-0231 §2.4: what is ephemeral MUST have max-age 0', async () => {
    const applicant = await reach()
    const bits = (await applicant.ask('get', data((await applicant.form()).cid))).child('data', NS_BITS)
    assert.equal(bits?.attrs['max-age'], '0')
  })

  test('XEP-0231 §2.5: base64 MUST NOT include whitespace', async () => {
    const applicant = await reach()
    const bits = (await applicant.ask('get', data((await applicant.form()).cid))).child('data', NS_BITS)
    assert.match(bits?.content() ?? '', /^[A-Za-z0-9+/]+={0,2}$/)
  })

  test('XEP-0231 §2.1: it is small, and comes with the form, too, inside its query', async () => {
    const applicant = await reach()
    const { query, cid } = await applicant.form()
    const inside = query.child('data', NS_BITS)
    const bits = (await applicant.ask('get', data(cid))).child('data', NS_BITS)
    assert.equal(inside?.content(), bits?.content())
    assert.ok(Buffer.from(bits?.content() ?? '', 'base64').length <= 8192)
  })

  test('XEP-0221 §2: the media element tells size and type, and where it is', async () => {
    const { query, cid } = await (await reach()).form()
    const png = Buffer.from(query.child('data', NS_BITS)?.content() ?? '', 'base64')
    assert.match(text(query), new RegExp(`<media xmlns=['"]urn:xmpp:media-element['"] width=['"]${png.readUInt32BE(16)}['"] height=['"]${png.readUInt32BE(20)}['"]>`
      + `<uri type=['"]image/png['"]>cid:${cid.replace('+', '\\+')}</uri></media>`))
  })

  test('XEP-0231 §2.3: item-not-found for all else: another cid, none, the picture of another stream, one that was replaced or answered', async () => {
    const [applicant, other] = [await reach(), await reach()]
    const missing = async (cid: string | undefined): Promise<void> => assert.equal(conditionOf(await applicant.ask('get', data(cid))), 'item-not-found')
    await missing(`sha1+${'0'.repeat(40)}@bob.xmpp.org`)
    await missing((await other.form()).cid)
    const first = await applicant.form()
    const { cid, challenge, answer: right } = await applicant.form()
    await missing(undefined)
    await missing(first.cid)
    assert.equal((await applicant.ask('get', data(cid))).attrs['type'], 'result')
    assert.equal(conditionOf(await applicant.submit({ challenge, qa: right, username: 'juliet', password: PASSWORD })), 'conflict')
    await missing(cid)
  })

  test('a set is a bad request, and so is another element', async () => {
    const applicant = await reach()
    const { cid } = await applicant.form()
    assert.equal(conditionOf(await applicant.ask('set', data(cid))), 'bad-request')
    assert.equal(conditionOf(await applicant.ask('get', element(NS_BITS, 'bits', { cid }))), 'bad-request')
  })

  test('XEP-0231 §3: support MUST be advertised; §2.3: who is logged in finds nothing', async (t) => {
    const juliet = await XmppClient.login({ ...options(), jid: 'juliet@capulet.lit', password: PASSWORD })
    t.after(() => juliet.cut())
    const { cid } = await (await reach()).form()
    const ask = (payload: Element): Promise<Element> => juliet.request(element(NS_CLIENT, 'iq', { type: 'get', to: DOMAIN }, payload))
    assert.match(text(await ask(element('http://jabber.org/protocol/disco#info', 'query'))), /<feature var=['"]urn:xmpp:bob['"]/)
    assert.equal(conditionOf(await ask(data(cid))), 'item-not-found')
  })
})
