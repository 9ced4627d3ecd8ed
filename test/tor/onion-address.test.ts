import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOnionAddress, onionAddress, parseOnionAddress } from '../../src/tor/onion-address.ts'

/** RFC 8032 §7.1, test 1; the address was computed by another implementation. */
const PUBLIC_KEY = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex')
const ADDRESS = '25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid.onion'

/** The examples of rend-spec-v3, and two services known to many. */
const KNOWN = [
  'pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion',
  'sp3k262uwy4r2k3ycr5awluarykdpag6a7y33jxop4cs2lu5uz5sseqd.onion',
  'xa4r2iadxm55fbnqgwwi5mymqdcofiu3w6rpbtqn7b2dyn7mgwj64jyd.onion',
  'duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion',
  '2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion',
]

test('rend-spec-v3: an address is the key, a checksum and the version', () => {
  assert.equal(onionAddress(PUBLIC_KEY), ADDRESS)
  assert.deepEqual(parseOnionAddress(ADDRESS), PUBLIC_KEY)
})

test('rend-spec-v3: the addresses in the specification, and known ones, are addresses', () => {
  for (const address of KNOWN) {
    const key = parseOnionAddress(address)
    assert.ok(key !== undefined, address)
    assert.equal(onionAddress(key), address)
  }
})

test('an address in upper case is the same address', () => {
  assert.deepEqual(parseOnionAddress(ADDRESS.toUpperCase()), PUBLIC_KEY)
})

test('one wrong character anywhere is noticed', () => {
  for (let place = 0; place < 56; place += 1) {
    const other = ADDRESS[place] === 'a' ? 'b' : 'a'
    const wrong = ADDRESS.slice(0, place) + other + ADDRESS.slice(place + 1)
    assert.equal(isOnionAddress(wrong), false, wrong)
  }
})

for (const [why, text] of [
  ['empty', ''],
  ['of version 2', 'expyuzz4wqqyqhjn.onion'],
  ['without .onion', ADDRESS.slice(0, 56)],
  ['one character short', ADDRESS.slice(1)],
  ['below an address', `www.${ADDRESS}`],
  ['outside the alphabet', `1${ADDRESS.slice(1)}`],
  ['with a Kelvin sign for a k', ADDRESS.replace('k', '\u212a')],
  ['with a dot at the end', `${ADDRESS.slice(1)}.`],
] as const) {
  test(`a name ${why} is no onion address`, () => assert.equal(parseOnionAddress(text), undefined))
}
