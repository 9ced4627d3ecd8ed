import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Jid } from '../../src/xmpp/jid.ts'

const [sharpS, pi, capitalSigma, sigma, finalSigma, king, romanFour] =
  ['\u00df', '\u03c0', '\u03a3', '\u03c3', '\u03c2', '\u265a', '\u2163']

describe('RFC 7622 §3.5: examples', () => {
  const legal: [number, string, [string, string, string]][] = [
    [1, 'juliet@example.com', ['juliet', 'example.com', '']],
    [2, 'juliet@example.com/foo', ['juliet', 'example.com', 'foo']],
    [3, 'juliet@example.com/foo bar', ['juliet', 'example.com', 'foo bar']],
    [4, 'juliet@example.com/foo@bar', ['juliet', 'example.com', 'foo@bar']],
    [5, 'foo\\20bar@example.com', ['foo\\20bar', 'example.com', '']],
    [6, 'fussball@example.com', ['fussball', 'example.com', '']],
    [7, `fu${sharpS}ball@example.com`, [`fu${sharpS}ball`, 'example.com', '']],
    [8, `${pi}@example.com`, [`${pi}`, 'example.com', '']],
    [9, `${capitalSigma}@example.com/foo`, [`${sigma}`, 'example.com', 'foo']],
    [10, `${sigma}@example.com/foo`, [`${sigma}`, 'example.com', 'foo']],
    [11, `${finalSigma}@example.com/foo`, [`${finalSigma}`, 'example.com', 'foo']],
    [12, `king@example.com/${king}`, ['king', 'example.com', `${king}`]],
    [13, 'example.com', ['', 'example.com', '']],
    [14, 'example.com/foobar', ['', 'example.com', 'foobar']],
    [15, 'a.example.com/b@example.net', ['', 'a.example.com', 'b@example.net']],
  ]
  for (const [number, text, parts] of legal) {
    test(`RFC 7622 §3.5: table 1, ${number}: ${text} is a JID`, () => {
      const jid = Jid.parse(text)
      assert.deepEqual(jid && [jid.local, jid.domain, jid.resource], parts)
    })
  }
  const violations: [number, string][] = [
    [16, '"juliet"@example.com'],
    [17, 'foo bar@example.com'],
    [18, 'juliet@example.com/ foo'],
    [19, '@example.com/'],
    [20, `henry${romanFour}@example.com`],
    [21, `${king}@example.com`],
    [22, 'juliet@'],
    [23, '/foobar'],
  ]
  for (const [number, text] of violations) {
    test(`RFC 7622 §3.5: table 2, ${number}: ${text} is no JID`, () => { assert.equal(Jid.parse(text), undefined) })
  }
})

describe('RFC 7622 §3: what is the same JID', () => {
  const same: [string, string, string][] = [
    ['ASCII letters in any case', 'Juliet@Example.COM', 'juliet@example.com'],
    ['RFC 7622 §3.2: one final dot of the domain', 'juliet@example.com./balcony', 'juliet@example.com/balcony'],
    ['RFC 7622 §3.2.1: an A-label and its U-label', 'juliet@xn--bcher-kva.example', 'juliet@b\u00fccher.example'],
    ['RFC 7622 §3.2.2: fullwidth letters of a domain', '\uff45\uff58.example', 'ex.example'],
    ['a domain with sharp s, which IDNA 2008 keeps', 'Fu\u00df.example', 'fu\u00df.example'],
    ['RFC 8265 §3.3: fullwidth letters of a localpart', '\uff2a\uff55liet@example.com', 'juliet@example.com'],
    ['halfwidth katakana with their voicing mark', '\uff76\uff9e@example.com', '\u30ac@example.com'],
    ['composed and decomposed letters of a localpart', 'e\u0301@example.com', '\u00e9@example.com'],
    ['composed and decomposed letters of a resourcepart', 'a@example.com/e\u0301', 'a@example.com/\u00e9'],
    ['Hangul in pieces, as some clients send it', '\u1112\u1161\u11ab@example.com', '\ud55c@example.com'],
    ['case code point by code point, without a final sigma', '\u03a3\u0391\u03a3@example.com', '\u03c3\u03b1\u03c3@example.com'],
    ['RFC 8265 §4.2: spaces of any kind in a resourcepart', 'a@example.com/x\u00a0y\u3000z', 'a@example.com/x y z'],
    ['RFC 5952: IPv6 addresses', 'a@[2001:DB8:0:0::1]', 'a@[2001:db8::1]'],
  ]
  for (const [title, one, other] of same) {
    test(title, () => {
      assert.equal(Jid.parse(one)?.toString(), other)
      assert.equal(Jid.parse(other)?.toString(), other)
    })
  }
  test('case matters in a resourcepart', () => {
    assert.equal(Jid.parse('a@b/Balcony')?.toString(), 'a@b/Balcony')
  })
  test('a compatibility letter stays what it is in a resourcepart', () => {
    assert.equal(Jid.parse(`a@b/${romanFour}`)?.resource, romanFour)
  })
})

describe('RFC 7622: what is a JID and what is none', () => {
  const onion = `${'a2b3c4d5'.repeat(7)}.onion`
  const jids: [string, string][] = [
    ['an onion domain', `romeo@${onion}/x`],
    ['an IPv4 address', 'a@127.0.0.1'],
    ['an unqualified host name', 'a@localhost'],
    ['a catalan middle dot between two l', 'col\u00b7lega@example.com'],
    ['a katakana middle dot among katakana', '\u30a2\u30fb\u30a2@example.com'],
    ['Hebrew', '\u05d0\u05d1@\u05d0\u05d1.example'],
    ['ZERO WIDTH JOINER after a virama', '\u0915\u094d\u200d\u0937@example.com'],
    ['ZERO WIDTH NON-JOINER between letters that join', '\u0628\u200c\u0628@example.com'],
    ['an emoji as resource', 'a@b/\u{1f600}'],
    ['the longest label', `a@${'a'.repeat(63)}.example`],
    ['1023 bytes of localpart', `${'a'.repeat(1023)}@b`],
    ['1023 bytes of resourcepart', `a@b/${'\u20ac'.repeat(341)}`],
    ['1023 fullwidth letters, which are 1023 bytes when mapped', `${'\uff41'.repeat(1023)}@b`],
  ]
  for (const [title, text] of jids) test(`${title} is`, () => { assert.notEqual(Jid.parse(text), undefined) })

  const none: [string, string][] = [
    ['nothing', ''],
    ['RFC 7622 §3.4: an empty resourcepart', 'a@b/'],
    ['RFC 7622 §3.3: an empty localpart', '@b'],
    ['two at signs', 'a@b@c'],
    ['two final dots', 'a@b..'],
    ['a dot alone', 'a@.'],
    ['an empty label', 'a@b..c'],
    ['an underscore in a domain', 'a@b_c'],
    ['a label that begins with a hyphen', 'a@-b'],
    ['a label that ends with a hyphen', 'a@b-.c'],
    ['a label with reserved hyphens', 'a@ab--cd'],
    ['a label of 64 bytes', `a@${'a'.repeat(64)}`],
    ['a domain of 254 bytes', `a@${'a.'.repeat(126)}aa`],
    ['a broken A-label', 'a@xn--\u00fc'],
    ['an A-label of ASCII only', 'a@xn--a-.b'],
    ['a symbol in a domain', 'a@\u2603.net'],
    ['a percent escape in a domain', 'a@%41.com'],
    ['a space in a domain', 'a@b c'],
    ['an IPv6 address without brackets', 'a@::1'],
    ['an IPv6 address that is none', 'a@[1::2::3]'],
    ['an IPv6 address with a zone', 'a@[fe80::1%25eth0]'],
    ['an unfinished bracket', 'a@[::1'],
    ['RFC 7622 §3.3: 1024 bytes of localpart', `${'a'.repeat(1024)}@b`],
    ['1024 bytes of localpart beyond ASCII', `${'\u00e9'.repeat(512)}@b`],
    ['RFC 7622 §3.4: 1024 bytes of resourcepart', `a@b/${'a'.repeat(1024)}`],
    ['an endless localpart', `${'\uff41'.repeat(5000)}@b`],
    ['a control character in a localpart', 'a\u0007@b'],
    ['NUL in a resourcepart', 'a@b/\0'],
    ['DELETE in a resourcepart', 'a@b/\x7f'],
    ['a line feed in a resourcepart', 'a@b/x\ny'],
    ['a bidirectional control in a resourcepart', 'a@b/x\u202ey'],
    ['ZERO WIDTH JOINER alone in a resourcepart', 'a@b/x\u200dy'],
    ['ZERO WIDTH NON-JOINER between letters that do not join', 'x\u200cy@b'],
    ['ZERO WIDTH NON-JOINER at the beginning', '\u200c\u0628@b'],
    ['a middle dot between other letters', 'a\u00b7b@c'],
    ['a katakana middle dot alone', 'a\u30fbb@c'],
    ['Arabic digits of two kinds', '\u0628\u0660\u06f0@b'],
    ['Hebrew and Latin mixed against the Bidi Rule', '\u05d0a@b'],
    ['Latin then Hebrew', 'a\u05d0@b'],
    ['a code point that is not assigned', '\u0378@b'],
    ['a private code point', 'a@b/\ue000'],
    ['half of a surrogate pair', 'a@b/\ud800'],
    ['an ideographic space in a localpart', 'a\u3000b@c'],
    ['a fullwidth at sign', 'a\uff20b@c'],
    ['a fullwidth slash in a localpart', 'a\uff0fb@c'],
    ['a no-break space at the front of a resourcepart', 'a@b/\u00a0x'],
    ['old Hangul that does not compose', '\u1112@b'],
    ['a ligature', '\ufb01@b'],
    ...Array.from('"&\'/:<>@', (excluded): [string, string] => [`RFC 7622 §3.3.1: ${excluded} in a localpart`, `a${excluded}b@c/d`])
      .filter(([, text]) => text !== 'a/b@c/d'),
  ]
  for (const [title, text] of none) test(`${title} is not`, () => { assert.equal(Jid.parse(text), undefined) })

  test('RFC 7622 §3.1: the first slash ends the bare JID, whatever follows', () => {
    assert.deepEqual([Jid.parse('a/b@c/d')?.domain, Jid.parse('a/b@c/d')?.resource], ['a', 'b@c/d'])
  })
})

describe('Jid', () => {
  test('its parts, its bare JID and its server', () => {
    const jid = Jid.parse('Romeo@Montague.lit/orchard')
    assert.equal(jid?.bare.toString(), 'romeo@montague.lit')
    assert.equal(jid?.server.toString(), 'montague.lit')
    assert.equal(jid?.bare.bare, jid?.bare)
    assert.equal(jid?.isBare, false)
    assert.equal(jid?.withResource('tomb')?.toString(), 'romeo@montague.lit/tomb')
    assert.equal(jid?.withResource(''), undefined)
    assert.equal(jid?.withResource(' '), undefined)
  })

  test('of() normalizes each part and refuses what parse() refuses', () => {
    assert.equal(Jid.of('Romeo', 'Montague.lit.', 'Orchard')?.toString(), 'romeo@montague.lit/Orchard')
    assert.equal(Jid.of('', 'montague.lit')?.toString(), 'montague.lit')
    assert.equal(Jid.of('romeo', ''), undefined)
    assert.equal(Jid.of('ro/meo', 'montague.lit'), undefined)
  })

  test('what was parsed before is parsed the same again, also when many others came between', () => {
    const first = Jid.parse('Nurse@capulet.lit')
    assert.equal(Jid.parse('Nurse@capulet.lit'), first)
    for (let number = 0; number < 12_000; number++) Jid.parse(`n${number}@capulet.lit`)
    assert.equal(Jid.parse('Nurse@capulet.lit')?.toString(), 'nurse@capulet.lit')
  })

  test('normalizing twice changes nothing', () => {
    const letters = fc.string({ unit: fc.oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
      fc.constantFrom('a', 'A', '\u0130', '\u212a', '\u03a3', '\u0301', '\u1100', '\uff21', '\u200d', '\u094d', '\u05d0', '\u0661')) })
    fc.assert(fc.property(letters, letters, letters, (local, domain, resource) => {
      const jid = Jid.of(local, domain === '' ? 'b' : domain, resource) ?? Jid.of(local, 'b', '')
      if (jid === undefined) return
      assert.equal(Jid.parse(jid.toString())?.toString(), jid.toString())
      assert.equal(Jid.of(jid.local, jid.domain, jid.resource)?.toString(), jid.toString())
    }), { numRuns: 2000 })
  })
})
