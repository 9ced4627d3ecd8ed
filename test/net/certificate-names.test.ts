import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { GeneralName } from '@peculiar/asn1-x509'
import { CertificateNames, type XmppService } from '../../src/net/certificate-names.ts'
import { dns, otherName, srv, xmpp } from './authority.ts'

function namesOf(...names: readonly GeneralName[]): CertificateNames {
  const all = CertificateNames.of(names)
  assert.ok(all !== undefined)
  return all
}

type Row = readonly [name: GeneralName, domain: string, covered: boolean]

/** What a certificate with that one name says of a domain as server, and that it says nothing of a domain nobody meant. */
function judged(rows: readonly Row[]): void {
  for (const [name, domain, covered] of rows) {
    const what = `${JSON.stringify(name)} for ${JSON.stringify(domain)}`
    assert.equal(namesOf(name).covers(domain, 'xmpp-server'), covered, what)
    assert.equal(namesOf(name).covers('capulet.lit', 'xmpp-server'), false, what)
  }
}

describe('RFC 6120 §13.7.1.2, RFC 9525: the domains that a certificate speaks for', () => {
  test('dNSName: the whole name, in any case', () => {
    judged([
      [dns('montague.lit'), 'montague.lit', true],
      [dns('Montague.LIT'), 'montague.lit', true],
      [dns('montague.lit'), 'MONTAGUE.lit', true],
      [dns('montague.lit'), 'chat.montague.lit', false],
      [dns('chat.montague.lit'), 'montague.lit', false],
      [dns('montague.lit'), 'xmontague.lit', false],
      [dns('localhost'), 'localhost', true],
      [dns(''), 'montague.lit', false],
      [dns('montague.lit.'), 'montague.lit', false],
      [dns('montague.lit\0.capulet.lit'), 'montague.lit', false],
      [dns(' montague.lit'), 'montague.lit', false],
      [dns('_xmpp-server.montague.lit'), 'montague.lit', false],
      [dns('romeo@montague.lit'), 'montague.lit', false],
    ])
  })

  test('RFC 9525 §6.3: a wildcard is the whole first label, stands for one label, and never for none', () => {
    judged([
      [dns('*.montague.lit'), 'chat.montague.lit', true],
      [dns('*.montague.lit'), 'CHAT.montague.lit', true],
      [dns('*.montague.lit'), 'montague.lit', false],
      [dns('*.montague.lit'), '.montague.lit', false],
      [dns('*.montague.lit'), 'a.b.montague.lit', false],
      [dns('*.montague.lit'), '*.montague.lit', false],
      [dns('*.montague.lit'), 'xn--bcher-kva.montague.lit', true],
      [dns('c*.montague.lit'), 'chat.montague.lit', false],
      [dns('*t.montague.lit'), 'chat.montague.lit', false],
      [dns('ch*t.montague.lit'), 'chat.montague.lit', false],
      [dns('**.montague.lit'), 'chat.montague.lit', false],
      [dns('*.*.lit'), 'chat.montague.lit', false],
      [dns('chat.*.lit'), 'chat.montague.lit', false],
      [dns('xn--*.montague.lit'), 'xn--bcher-kva.montague.lit', false],
      [dns('*'), 'localhost', false],
      [dns('*.'), 'localhost', false],
      [dns('*.lit'), 'montague.lit', false],
    ])
  })

  test('RFC 9525 §6.3: names in Unicode are compared by their A-labels', () => {
    judged([
      [dns('xn--bcher-kva.lit'), 'bücher.lit', true],
      [dns('xn--bcher-kva.lit'), 'BÜCHER.lit', true],
      [dns('XN--BCHER-KVA.lit'), 'xn--bcher-kva.lit', true],
      [dns('*.xn--bcher-kva.lit'), 'chat.bücher.lit', true],
      [srv('_xmpp-server.xn--bcher-kva.lit'), 'bücher.lit', true],
      [xmpp('bücher.lit'), 'xn--bcher-kva.lit', true],
      [dns('bücher.lit'), 'bücher.lit', false], // RFC 5280 §7.2: A-labels only
      [srv('_xmpp-server.bücher.lit'), 'bücher.lit', false],
      [dns('xn--bcher-kva.lit'), 'bucher.lit', false],
      [dns('xn--\u0430.lit'), 'xn--\u0430.lit', false],
    ])
  })

  test('SRVName: an IA5String "_xmpp-server.domain", for that service alone, without wildcards', () => {
    judged([
      [srv('_xmpp-server.montague.lit'), 'montague.lit', true],
      [srv('_XMPP-Server.Montague.lit'), 'montague.lit', true],
      [srv('_xmpp-server.montague.lit'), 'chat.montague.lit', false],
      [srv('_xmpp-client.montague.lit'), 'montague.lit', false],
      [srv('_imaps.montague.lit'), 'montague.lit', false],
      [srv('_xmpp-server._tcp.montague.lit'), 'montague.lit', false],
      [srv('xmpp-server.montague.lit'), 'montague.lit', false],
      [srv('_xmpp-server.*.montague.lit'), 'chat.montague.lit', false],
      [srv('*.montague.lit'), 'chat.montague.lit', false],
      [srv('_xmpp-server.'), 'montague.lit', false],
      [srv('_xmpp-server.montague.lit', 0x0c), 'montague.lit', false],
      [srv('_xmpp-server.montague.lit', 0x16 | 0x80), 'montague.lit', false],
    ])
    const services: readonly XmppService[] = ['xmpp-client', 'xmpp-server']
    for (const one of services) {
      for (const other of services) assert.equal(namesOf(srv(`_${one}.montague.lit`)).covers('montague.lit', other), one === other)
    }
  })

  test('XmppAddr: a UTF8String that is a domain; a person\'s address is no domain', () => {
    judged([
      [xmpp('montague.lit'), 'montague.lit', true],
      [xmpp('Montague.Lit'), 'montague.lit', true],
      [xmpp('romeo@montague.lit'), 'montague.lit', false],
      [xmpp('montague.lit/garden'), 'montague.lit', false],
      [xmpp('*.montague.lit'), 'chat.montague.lit', false],
      [xmpp(''), 'montague.lit', false],
      [xmpp('montague.lit', 0x16), 'montague.lit', false],
      [xmpp(Buffer.from('montague.lit\xff', 'latin1')), 'montague.lit', false],
      [otherName('1.3.6.1.4.1.311.20.2.3', 0x0c, Buffer.from('montague.lit')), 'montague.lit', false],
    ])
  })

  test('an IP address is no domain, in whatever form it is written', () => {
    for (const name of [dns('192.0.2.1'), xmpp('192.0.2.1'), xmpp('[2001:db8::1]'), srv('_xmpp-server.192.0.2.1'),
      new GeneralName({ iPAddress: '192.0.2.1' }), dns('*.0.2.1')]) {
      const names = namesOf(name)
      assert.equal(names.covers('192.0.2.1', 'xmpp-server'), false)
      assert.equal(names.covers('[2001:db8::1]', 'xmpp-server'), false)
    }
    assert.equal(namesOf(xmpp('192.0.2.1'), dns('192.0.2.1')).isEmpty, true)
  })

  test('DER: a length that is not the text\'s is no text; a long one is read', () => {
    const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.lit`
    assert.equal(namesOf(xmpp(long)).covers(long, 'xmpp-server'), true)
    const broken = (...bytes: readonly number[]): GeneralName => {
      const name = xmpp('x')
      assert.ok(name.otherName !== undefined)
      name.otherName.value = Uint8Array.from(bytes).buffer
      return name
    }
    for (const bytes of [[], [0x0c], [0x0c, 2, 0x61], [0x0c, 0, 0x61], [0x0c, 0x80, 0x61, 0, 0], [0x0c, 0x81], [0x0c, 0x82, 0],
      [0x0c, 0x84, 0, 0, 0, 1, 0x61], [0x0c, 0xff, 0x61]]) {
      assert.equal(namesOf(broken(...bytes)).isEmpty, true, bytes.join(' '))
    }
    assert.equal(namesOf(broken(0x0c, 0x82, 0, 1, 0x61)).covers('a', 'xmpp-server'), true)
  })

  test('what is no domain is never covered, whatever the certificate says', () => {
    const names = namesOf(dns('montague.lit'), dns('*.montague.lit'), xmpp('montague.lit'))
    for (const domain of ['', '.', '..', '*', 'montague.lit..', 'romeo@montague.lit', ' montague.lit', 'a..montague.lit', 'x'.repeat(5000)]) {
      assert.equal(names.covers(domain, 'xmpp-server'), false, domain)
    }
  })

  test('whatever the names are, a domain that none of them is stays uncovered', () => {
    const text = fc.oneof(fc.string(), fc.domain(), fc.domain().map((domain) => `*.${domain}`), fc.domain().map((domain) => `_xmpp-server.${domain}`))
    const name = fc.oneof(text.map(dns), text.map((one) => srv(one)), text.map((one) => xmpp(one)))
    fc.assert(fc.property(fc.array(name, { maxLength: 5 }), (names) => {
      assert.equal(namesOf(...names).covers('capulet.nowhere.invalid', 'xmpp-server'), false)
    }))
  })
})
