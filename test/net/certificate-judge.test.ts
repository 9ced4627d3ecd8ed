import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { GeneralName } from '@peculiar/asn1-x509'
import { Authorities } from '../../src/net/authorities.ts'
import { judge, type Distrust } from '../../src/net/certificate-judge.ts'
import { selfSigned } from '../../src/net/certificate.ts'
import { keyFingerprint } from '../../src/net/peer-certificate.ts'
import {
  alternativeNames, CLIENT_AUTH, dns, EMAIL_PROTECTION, Issued, nameConstraints, NOW, SERVER_AUTH, srv, unknownExtension, USAGE, xmpp,
  type Wishes,
} from './authority.ts'

const DAY = 86_400_000
const MONTAGUE = [dns('montague.lit')]

/** 'trusted', or why not. */
function verdict(chain: readonly Uint8Array[], roots: readonly Issued[], now = NOW): Distrust | 'trusted' {
  const judged = judge(chain, { authorities: new Authorities(roots.map(({ pem }) => pem)), now })
  return judged.trusted ? 'trusted' : judged.reason
}

describe('RFC 6120 §13.7.2: a certificate is believed by its path to an authority', async () => {
  const root = await Issued.root()
  const intermediate = await root.authority()
  const stranger = await Issued.root({ subject: 'CN=Root of Mantua' })

  test('directly below an authority, and with another one between', async () => {
    const direct = await root.issue({ names: MONTAGUE })
    const below = await intermediate.issue({ names: MONTAGUE })
    assert.equal(verdict([direct.der], [root]), 'trusted')
    assert.equal(verdict([below.der, intermediate.der], [root]), 'trusted')
    assert.equal(verdict([below.der, root.der, stranger.der, intermediate.der], [root]), 'trusted', 'in any order')
    assert.equal(verdict([below.der], [intermediate]), 'trusted', 'an authority that we believe need not be signed by itself')
  })

  test('who breaks off below the authority that we believe is untrusted', async () => {
    const below = await intermediate.issue({ names: MONTAGUE })
    assert.equal(verdict([below.der], [root]), 'untrusted')
    assert.equal(verdict([below.der, intermediate.der], [stranger]), 'untrusted')
    assert.equal(verdict([below.der, intermediate.der, root.der], [stranger]), 'untrusted', 'a root that the peer brings is nobody')
    assert.equal(verdict([below.der, intermediate.der], []), 'untrusted')
  })

  test('an authority of the same name with another key signed nothing', async () => {
    const impostor = await Issued.root()
    const forged = await impostor.issue({ names: MONTAGUE })
    assert.equal(verdict([forged.der], [root]), 'untrusted')
    assert.equal(verdict([forged.der, impostor.der], [root]), 'untrusted')
  })

  test('a byte of it changed, and the signature no longer holds', async () => {
    const { der } = await root.issue({ names: MONTAGUE })
    const at = der.indexOf('montague')
    der[at] = 'n'.charCodeAt(0)
    assert.equal(verdict([der], [root]), 'untrusted')
  })

  test('one path will do: a cross-signed authority is believed though the other signer is unknown or out of date', async () => {
    const old = await Issued.root({ subject: 'CN=Old Root', to: NOW - DAY })
    const cross = await intermediate.signedBy(old)
    const below = await intermediate.issue({ names: MONTAGUE })
    assert.equal(verdict([below.der, cross.der, intermediate.der], [old, root]), 'trusted')
    assert.equal(verdict([below.der, intermediate.der, cross.der], [old, root]), 'trusted')
    assert.equal(verdict([below.der, cross.der], [old]), 'expired')
    const circle = await root.signedBy(intermediate)
    assert.equal(verdict([below.der, intermediate.der, circle.der, cross.der], [stranger]), 'untrusted')
  })

  test('the operator may vouch for a self-signed certificate; nobody else can', async () => {
    const own = await Issued.root({ subject: 'CN=montague.lit', authority: false, usage: USAGE.digitalSignature, names: MONTAGUE })
    assert.equal(verdict([own.der], [root]), 'self-signed')
    assert.equal(verdict([own.der], [root, own]), 'trusted')
    const forMail = await Issued.root({ subject: 'CN=montague.lit', authority: false, usage: USAGE.digitalSignature, names: MONTAGUE, purposes: [EMAIL_PROTECTION] })
    assert.equal(verdict([forMail.der], [forMail]), 'wrong-purpose', 'but not for another purpose')
    const { certificate } = await selfSigned('montague.lit', NOW)
    const made = Buffer.from(certificate.replace(/-.*-|\s/g, ''), 'base64')
    assert.equal(verdict([made], [root]), 'self-signed', 'as this server makes them')
  })

  const refused: readonly (readonly [string, Wishes, Distrust])[] = [
    ['that expired yesterday', { to: NOW - DAY }, 'expired'],
    ['that is for tomorrow', { from: NOW + DAY }, 'not-yet-valid'],
    ['without subjectAltName, whatever its common name says', { subject: 'CN=montague.lit', names: undefined as never }, 'nameless'],
    ['with an empty subjectAltName', { names: [] }, 'nameless'],
    ['that names a person only', { names: [xmpp('romeo@montague.lit')] }, 'nameless'],
    ['that names an address only', { names: [new GeneralName({ iPAddress: '192.0.2.1' })] }, 'nameless'],
    ['for mail only', { purposes: [EMAIL_PROTECTION] }, 'wrong-purpose'],
    ['whose key is for encryption only', { usage: USAGE.keyEncipherment }, 'wrong-purpose'],
    ['that is an authority itself (RFC 6120 §13.7.1.1)', { authority: true, usage: USAGE.digitalSignature }, 'wrong-purpose'],
    ['with a critical extension that nobody knows (RFC 5280 §4.2)', { extensions: [unknownExtension(true)] }, 'unknown-extension'],
    ['signed with SHA-1', { hash: 'SHA-1' }, 'weak'],
    ['with a key of 1024 bits', { rsaBits: 1024 }, 'weak'],
    ['with an extension twice (RFC 5280 §4.2)', { extensions: [alternativeNames([dns('capulet.lit')])] }, 'malformed'],
    ['with a thousand names and one', { names: Array.from({ length: 1001 }, (_, n) => dns(`h${n}.montague.lit`)) }, 'malformed'],
  ]
  for (const [what, wishes, reason] of refused) {
    test(`${reason}: one ${what}`, async () => {
      const { names, ...others } = wishes
      const wanted = 'names' in wishes ? names === undefined ? {} : { names } : { names: MONTAGUE }
      assert.equal(verdict([(await root.issue({ ...others, ...wanted })).der], [root]), reason)
    })
  }

  const accepted: readonly (readonly [string, Wishes])[] = [
    ['for servers only, as public authorities issue them from 2026 on', { purposes: [SERVER_AUTH] }],
    ['for clients only', { purposes: [CLIENT_AUTH] }],
    ['for XMPP only (RFC 6120 §13.7.1.4)', { purposes: ['1.3.6.1.5.5.7.8.5'] }],
    ['for whatever its owner likes', { purposes: ['2.5.29.37.0'] }],
    ['without subject', { subject: '' }],
    ['with an extension that nobody knows and need not know', { extensions: [unknownExtension(false)] }],
    ['with an RSA key of 2048 bits', { rsaBits: 2048 }],
    ['with a key on P-521', { curve: 'P-521' }],
    ['to its last second', { to: NOW }],
  ]
  for (const [what, wishes] of accepted) {
    test(`trusted: one ${what}`, async () => {
      assert.equal(verdict([(await root.issue({ names: MONTAGUE, ...wishes })).der], [root]), 'trusted')
    })
  }

  const between: readonly (readonly [string, Wishes, Distrust | 'trusted'])[] = [
    ['that expired', { to: NOW - DAY }, 'expired'],
    ['that is for tomorrow', { from: NOW + DAY }, 'not-yet-valid'],
    ['that is no authority (RFC 5280 §6.1.4 k)', { authority: false, usage: USAGE.keyCertSign }, 'not-an-authority'],
    ['that may not sign certificates (RFC 5280 §6.1.4 n)', { usage: USAGE.digitalSignature }, 'untrusted'],
    ['with a critical extension that nobody knows', { extensions: [unknownExtension(true)] }, 'unknown-extension'],
    ['for mail only', { purposes: [EMAIL_PROTECTION] }, 'wrong-purpose'],
    ['for clients only, above one for servers only', { purposes: [CLIENT_AUTH] }, 'wrong-purpose'],
    ['for servers only', { purposes: [SERVER_AUTH] }, 'trusted'],
    ['signed with SHA-1', { hash: 'SHA-1' }, 'weak'],
    ['with a key of 1024 bits', { rsaBits: 1024 }, 'weak'],
    ['for montague.lit', { extensions: [nameConstraints([dns('montague.lit')])] }, 'trusted'],
    ['for capulet.lit', { extensions: [nameConstraints([dns('capulet.lit')])] }, 'name-not-permitted'],
    ['for all but montague.lit', { extensions: [nameConstraints([], [dns('montague.lit')])] }, 'name-not-permitted'],
    ['for names of a form that we cannot judge', { extensions: [nameConstraints([srv('_xmpp-server.montague.lit')])] }, 'name-not-permitted'],
  ]
  for (const [what, wishes, expected] of between) {
    test(`${expected}: below an authority ${what}`, async () => {
      const authority = await root.authority(wishes)
      const below = await authority.issue({ names: MONTAGUE })
      assert.equal(verdict([below.der, authority.der], [root]), expected)
    })
  }

  test('an authority that we believe is held to its own terms', async () => {
    for (const [wishes, expected] of [
      [{ to: NOW - DAY }, 'expired'],
      [{ extensions: [nameConstraints([dns('capulet.lit')])] }, 'name-not-permitted'],
      [{ purposes: [EMAIL_PROTECTION] }, 'wrong-purpose'],
      [{ hash: 'SHA-1' }, 'trusted'], // by whom a root is signed says nothing
    ] as const) {
      const own = await Issued.root({ subject: 'CN=Terms', ...wishes })
      assert.equal(verdict([(await own.issue({ names: MONTAGUE, hash: 'SHA-256' })).der], [own]), expected)
    }
  })

  test('RFC 5280 §4.2.1.9: no more authorities below than the path length says', async () => {
    for (const [pathLength, expected] of [[0, 'path-too-long'], [1, 'trusted']] as const) {
      const top = await Issued.root({ subject: 'CN=Short', pathLength })
      const first = await top.authority({ subject: 'CN=First' })
      const direct = await top.issue({ names: MONTAGUE })
      const below = await first.issue({ names: MONTAGUE })
      assert.equal(verdict([direct.der], [top]), 'trusted')
      assert.equal(verdict([below.der, first.der], [top]), expected)
      const second = await first.authority({ subject: 'CN=Second' })
      const deep = await second.issue({ names: MONTAGUE })
      assert.equal(verdict([deep.der, second.der, first.der], [top]), 'path-too-long')
    }
  })

  test('RFC 5280 §4.2.1.10: an authority for some names signs no others, in whatever form', async () => {
    const permitted = await root.authority({ extensions: [nameConstraints([dns('montague.lit')])] })
    const excluded = await root.authority({ extensions: [nameConstraints([], [dns('secret.montague.lit')])] })
    for (const [authority, name, expected] of [
      [permitted, dns('chat.montague.lit'), 'trusted'],
      [permitted, dns('*.montague.lit'), 'trusted'],
      [permitted, srv('_xmpp-server.montague.lit'), 'trusted'],
      [permitted, dns('xmontague.lit'), 'name-not-permitted'],
      [permitted, srv('_xmpp-server.capulet.lit'), 'name-not-permitted'],
      [permitted, xmpp('capulet.lit'), 'name-not-permitted'],
      [excluded, dns('montague.lit'), 'trusted'],
      [excluded, dns('*.chat.montague.lit'), 'trusted'],
      [excluded, dns('SECRET.montague.lit'), 'name-not-permitted'],
      [excluded, dns('very.secret.montague.lit'), 'name-not-permitted'],
      [excluded, dns('*.montague.lit'), 'name-not-permitted'],
      [excluded, xmpp('secret.montague.lit'), 'name-not-permitted'],
    ] as const) {
      const { der } = await authority.issue({ names: [dns('ok.montague.lit'), name] })
      assert.equal(verdict([der, authority.der], [root]), expected, JSON.stringify(name))
    }
  })

  test('nothing, and what is no certificate, is refused', async () => {
    const { der } = await root.issue({ names: MONTAGUE })
    assert.equal(verdict([], [root]), 'absent')
    for (const bytes of [Buffer.alloc(0), Buffer.from('certificate'), der.subarray(1), der.subarray(0, -1), Buffer.concat([der, Buffer.of(0)]),
      Buffer.from(`-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`), Buffer.alloc(32 * 1024 + 1, 0x30)]) {
      assert.equal(verdict([bytes], [root]), 'malformed')
    }
    assert.equal(verdict([der, Buffer.from('and rubbish')], [root]), 'trusted', 'what the path does not need is overlooked')
  })

  test('malformed DER takes no time', () => {
    const nested = Buffer.alloc(32 * 1024, Buffer.of(0x30, 0x80))
    const began = process.cpuUsage()
    for (let n = 0; n < 10; n++) assert.equal(verdict([nested, nested, nested], [root]), 'malformed')
    const { user, system } = process.cpuUsage(began)
    assert.ok(user + system < 1_000_000, `${user + system} µs`)
  })

  test('a peer cannot keep us busy with signatures: a chain as long as TLS lets through is judged at once', async () => {
    const decoys = await Promise.all(Array.from({ length: 12 }, () => Issued.root()))
    const { der } = await root.issue({ names: MONTAGUE })
    assert.equal(verdict([der, ...decoys.map((one) => one.der)], [stranger]), 'untrusted')
    assert.equal(verdict([der, ...decoys.map((one) => one.der)], [root]), 'trusted')
  })

  test('nor with paths that lead back to where they came from: after twenty signatures nobody is believed', async () => {
    const [here, there] = [await Issued.root({ subject: 'CN=Here' }), await Issued.root({ subject: 'CN=There' })]
    const there4 = await Promise.all(Array.from({ length: 4 }, () => here.signedBy(there)))
    const back4 = await Promise.all(Array.from({ length: 4 }, () => there.signedBy(here)))
    const out = await here.signedBy(root, { pathLength: 0 })
    const { der } = await here.issue({ names: MONTAGUE })
    assert.equal(verdict([der, out.der], [root]), 'trusted')
    assert.equal(verdict([der, ...[...there4, ...back4, out].map((one) => one.der)], [root]), 'path-too-long')
  })

  test('whatever the bytes are, judging never throws', async () => {
    const { der } = await intermediate.issue({ names: [dns('montague.lit'), srv('_xmpp-server.montague.lit'), xmpp('montague.lit')] })
    const settings = { authorities: new Authorities([root.pem]), now: NOW }
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 }), (chain) => {
      assert.equal(judge(chain, settings).trusted, false)
    }))
    const mutation = fc.record({ at: fc.nat(der.length - 1), byte: fc.nat(255), cut: fc.nat(3) })
    fc.assert(fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), fc.boolean(), (mutations, upper) => {
      let bytes = Buffer.from(upper ? intermediate.der : der)
      for (const { at, byte, cut } of mutations) {
        bytes[Math.min(at, bytes.length - 1)] = byte
        if (cut === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])
      }
      const changed = !bytes.equals(upper ? intermediate.der : der)
      const judged = judge(upper ? [der, bytes] : [bytes, intermediate.der], settings)
      assert.equal(judged.trusted, !changed)
    }), { numRuns: 1000 })
  })
})

test('the fingerprint is the key\'s: a certificate made anew keeps it', async () => {
  const first = await Issued.root()
  const anew = await first.signedBy(first, { to: NOW + 500 * DAY })
  assert.notDeepEqual(anew.der, first.der)
  assert.deepEqual(keyFingerprint(anew.der), keyFingerprint(first.der))
  assert.equal(keyFingerprint(first.der)?.length, 32)
  assert.notDeepEqual(keyFingerprint((await Issued.root()).der), keyFingerprint(first.der))
  assert.equal(keyFingerprint(Buffer.from('none')), undefined)
})
