/** What may be told of software in disco#info between accounts, so that entity capabilities can be verified. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { extensions } from '../../src/extensions.ts'
import { verificationString } from '../../src/xmpp/disco-info.ts'
import { NS_DISCO_INFO } from '../../src/xmpp/namespaces.ts'
import { parse, TestHouse } from '../house.ts'
import { Court, PLAIN } from './court.ts'

const IDENTITIES = "<identity category='client' type='pc' name='Psi 0.11' xml:lang='en'/><identity category='client' type='pc' name='Ψ 0.11' xml:lang='el'/>"
const FEATURES = ['caps', 'disco#info', 'disco#items', 'muc'].map((name) => `<feature var='http://jabber.org/protocol/${name}'/>`).join('')
const field = (name: string, ...values: readonly string[]): string => (
  `<field var='${name}'${name === 'FORM_TYPE' ? " type='hidden'" : ''}>${values.map((value) => `<value>${value}</value>`).join('')}</field>`)
const form = (...fields: readonly string[]): string => `<x xmlns='jabber:x:data' type='result'>${fields.join('')}</x>`

const TYPE = field('FORM_TYPE', 'urn:xmpp:dataforms:softwareinfo')
const PROTOCOLS = field('ip_version', 'ipv4', 'ipv6')
/** XEP-0115 §5.3, its form and its verification string. */
const PSI = form(TYPE, PROTOCOLS, field('os', 'Mac'), field('os_version', '10.5.1'), field('software', 'Psi'), field('software_version', '0.11'))
const PSI_VER = 'q07IKJEyjvHSyhy//CH0CxmKi8w='

const query = (inner: string, ver: string | undefined): string => (
  `<query xmlns='${NS_DISCO_INFO}'${ver === undefined ? '' : ` node='http://psi-im.org#${ver}'`}${inner === '' ? '/>' : `>${inner}</query>`}`)
const iq = (type: string, inner: string, addresses = ''): string => `<iq type='${type}' id='q1'${addresses}>${inner}</iq>`

/** The hash of what a client says, as XEP-0115 §5.1 makes it. */
function verOf(inner: string, hash = 'sha-1'): string {
  const [info] = parse(query(inner, undefined))
  assert.ok(info)
  return verificationString(info, hash) ?? ''
}

/** What arrives of that answer, from a client of ours and from another server, where somebody asks for that hash. */
function passed(answer: string, ver: string | undefined): string {
  const [ours, others] = [new Court(), new Court()]
  ours.remote(iq('get', query('', ver)))
  others.client(iq('get', query('', ver)))
  const arrived = ours.client(iq('result', query(answer, ver)))
  assert.equal(others.remote(iq('result', query(answer, ver))), arrived)
  return arrived
}

describe('XEP-0115 §5.4: what a client tells of its software passes where the hash covers it', () => {
  test('the example of §5.3, between accounts of two servers: the hash of what arrives is the one that was said', () => {
    const house = new TestHouse({ extensions })
    const juliet = house.connect('juliet@capulet.lit/balcony')
    juliet.says(iq('get', query('', PSI_VER), " to='romeo@verona.example/garden'"))
    house.remoteSays(iq('result', query(IDENTITIES + FEATURES + PSI, PSI_VER), " from='romeo@verona.example/garden' to='juliet@capulet.lit/balcony'"))
    const info = juliet.heard().flatMap((stanza) => stanza.child('query', NS_DISCO_INFO) ?? [])
    assert.deepEqual(info.map((each) => verificationString(each, 'sha-1')), [PSI_VER])
  })

  for (const [what, inner] of Object.entries({
    'nothing but its type': form(TYPE),
    'one protocol': form(TYPE, field('ip_version', 'ipv6')),
    'an empty value': form(TYPE, field('os_version', '')),
    '64 characters, and all that stand for something': form(TYPE, field('software', `${'a'.repeat(61)} ~;`), field('os', '!#%()*+,-./0:=?@[]^_{|}')),
  })) {
    for (const hash of ['sha-1', 'sha-256', 'sha-512']) {
      test(`${what}: ${hash}`, () => {
        const ver = verOf(IDENTITIES + FEATURES + inner, hash)
        const [arrived] = parse(passed(IDENTITIES + FEATURES + inner, ver)).flatMap((stanza) => stanza.elements())
        assert.ok(arrived)
        assert.equal(arrived.elements().at(-1)?.name, 'x')
        assert.equal(verificationString(arrived, hash), ver)
      })
    }
  }

  test('and nothing beside its values, which no hash covers', () => {
    const noted = PSI.replace("type='result'>", `type='${PLAIN}' note='${PLAIN}'><title>${PLAIN}</title><reported>${PLAIN}</reported>${PLAIN}`)
      .replace("<field var='os'>", `<field var='os' type='${PLAIN}' label='${PLAIN}'><desc>${PLAIN}</desc>`)
      .replace('<value>Mac<', `<value note='${PLAIN}'>Mac<`)
    assert.equal(verOf(IDENTITIES + FEATURES + noted), PSI_VER)
    const arrived = passed(IDENTITIES + FEATURES + noted, PSI_VER)
    assert.equal(arrived, passed(IDENTITIES + FEATURES + PSI, PSI_VER))
    assert.match(arrived, /<value>Mac<\/value>/)
    assert.ok(!arrived.includes(PLAIN))
  })
})

describe('all other forms are left out, and what is told besides passes', () => {
  /** The form, and where it could be mistaken for another one, that one: neither's hash lets it pass. */
  const deviations: Readonly<Record<string, string | readonly [string, string]>> = {
    'another type': [form(field('FORM_TYPE', 'urn:xmpp:dataforms:other'), PROTOCOLS), form(TYPE, PROTOCOLS)],
    'two types': [form(field('FORM_TYPE', 'urn:xmpp:dataforms:softwareinfo', 'urn:xmpp:dataforms:other'), PROTOCOLS), form(TYPE, PROTOCOLS)],
    'without a type': [form(PROTOCOLS), form(TYPE, PROTOCOLS)],
    'a type that is not hidden': form(TYPE.replace(" type='hidden'", ''), PROTOCOLS),
    'a field that is not listed': [form(TYPE, field('mood', 'fine')), form(TYPE)],
    'an icon': form(TYPE, "<field var='icon'><media xmlns='urn:xmpp:media-element'><uri type='image/png'>http://x</uri></media></field>"),
    'a field without a name': form(TYPE, '<field><value>x</value></field>'),
    'a field twice': form(TYPE, field('os', 'Mac'), field('os', 'Linux')),
    'several values': [form(TYPE, field('software', 'Psi', 'Gajim')), form(TYPE, field('software', 'Psi'))],
    'no value': form(TYPE, field('software')),
    '65 characters': form(TYPE, field('software', 'a'.repeat(65))),
    'several lines': form(TYPE, field('software', 'Psi\nGajim')),
    'a tab': form(TYPE, field('software', 'Psi\tGajim')),
    'letters beyond ASCII': form(TYPE, field('software', 'Ψ')),
    'characters that cannot be seen': form(TYPE, field('software', 'Psi\u200b')),
    'the sign that separates parts': form(TYPE, field('software', 'Psi&lt;os')),
    'protocols that there are not': form(TYPE, field('ip_version', 'ipv5')),
    'one protocol that there is not': form(TYPE, field('ip_version', 'ipv4', 'ipv5')),
    'more after a protocol': form(TYPE, field('ip_version', 'ipv4 or so')),
    'more before a protocol': form(TYPE, field('ip_version', 'my ipv4')),
    'three protocols': form(TYPE, field('ip_version', 'ipv4', 'ipv6', 'ipv4')),
    'a second form, which no hash covers': PSI + form(PROTOCOLS),
    'two forms': PSI + form(field('FORM_TYPE', 'urn:xmpp:dataforms:zzz'), field('os', 'Mac')),
    'a second form of its type': PSI + PSI,
  }
  for (const [what, cases] of Object.entries(deviations)) {
    test(what, () => {
      const forms = typeof cases === 'string' ? [cases] : cases
      for (const covered of forms) {
        const ver = verOf(IDENTITIES + FEATURES + covered) || PSI_VER
        assert.equal(passed(IDENTITIES + FEATURES + forms[0], ver), iq('result', query(IDENTITIES + FEATURES, ver)))
      }
    })
  }

  test('text to which the client is not bound by the hash that was asked for', () => {
    const said = PSI.replace('Mac', PLAIN)
    assert.equal(passed(IDENTITIES + FEATURES + said, PSI_VER), iq('result', query(IDENTITIES + FEATURES, PSI_VER)))
  })

  test('where nobody asked for a hash', () => {
    assert.equal(passed(IDENTITIES + FEATURES + PSI, undefined), iq('result', query(IDENTITIES + FEATURES, undefined)))
  })

  test('where another part was changed, so that no hash comes out right', () => {
    const told = IDENTITIES.replace('Psi 0.11', 'a'.repeat(65)) + FEATURES + PSI
    const ver = verOf(told)
    assert.equal(passed(told, ver), iq('result', query(IDENTITIES.replace(" name='Psi 0.11'", '') + FEATURES, ver)))
  })
})
