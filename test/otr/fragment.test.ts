import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DEFAULT_SETTINGS } from '../../src/otr/classified.ts'
import { readFragment } from '../../src/otr/fragment.ts'
import { bodyOf } from './vectors.ts'

const SINGLE = bodyOf('edge-frag2-single')
const WHOLE = SINGLE.slice('?OTR,1,1,'.length, -1)

function reads(body: string, maximumBody = DEFAULT_SETTINGS.maximumBody): boolean {
  return readFragment(body, { ...DEFAULT_SETTINGS, maximumBody }, undefined).kind === 'fragment'
}

const HEADERS: Readonly<Record<string, readonly (readonly [body: string, passes: boolean])[]>> = {
  'numbers of one to five digits': [
    ['?OTR,1,2,?OTR:AAID,', true], ['?OTR,00001,00002,?OTR:AAID,', true], ['?OTR,000001,2,?OTR:AAID,', false], ['?OTR,1,000002,?OTR:AAID,', false],
    ['?OTR,,2,?OTR:AAID,', false], ['?OTR, 1,2,?OTR:AAID,', false], ['?OTR,+1,2,?OTR:AAID,', false], ['?OTR,1,2.,?OTR:AAID,', false],
    ['?OTR|00000100|0000ffff,00001,00002,?OTR:AAMD,', true], ['?OTR|100|ffff,000001,2,?OTR:AAMD,', false],
    ['?OTR|100|ffff,1,000002,?OTR:AAMD,', false], ['?OTR|100|ffff, 1,2,?OTR:AAMD,', false],
  ],
  'a number from 1 to the total': [
    ['?OTR,0,2,AAAA,', false], ['?OTR,0,2,?OTR:AAID,', false], ['?OTR,2,1,AAAA.,', false], ['?OTR,2,1,AAAA,', false], ['?OTR,1,0,?OTR:AAID,', false], ['?OTR,2,2,AAAA.,', true],
    ['?OTR,3,2,AAAA,', false],
  ],
  'a total of at most 2048': [['?OTR,1,2048,?OTR:AAID,', true], ['?OTR,1,2049,?OTR:AAID,', false], ['?OTR,1,65535,?OTR:AAID,', false]],
  'a piece without commas that is not empty, and nothing after it': [
    ['?OTR,2,3,,', false], ['?OTR,1,3,,', false], ['?OTR,2,3,A,', true], ['?OTR,2,3,A', false], ['?OTR,2,3,A,A,', false], ['?OTR,2,3,A,A', false],
    ['?OTR,2,3,A,\n', false], ['?OTR,2,3,A, hello', false],
    ['?OTR|100|ffff,2,3,,', false], ['?OTR|100|ffff,2,3,A,A,', false], ['?OTR|100|ffff,2,3,A,A', false], ['?OTR|100|ffff,2,3,A,\n', false],
  ],
  'hexadecimal instance tags from 0x100 on that differ; that of the receiver may be 0': [
    ['?OTR|100|0,1,2,?OTR:AAMC,', true], ['?OTR|ff|ffff,1,2,?OTR:AAMC,', false], ['?OTR|100|ff,1,2,?OTR:AAMC,', false],
    ['?OTR|100|100,1,2,?OTR:AAMC,', false], ['?OTR|xyz|ffff,1,2,?OTR:AAMC,', false], ['?OTR|100g|ffff,1,2,?OTR:AAMC,', false],
    ['?OTR|100|ffffg,1,2,?OTR:AAMC,', false], ['?OTR|123456789|ffff,1,2,?OTR:AAMC,', false], ['?OTR||ffff,1,2,?OTR:AAMC,', false],
    ['?OTR|1|100|ffff,1,2,?OTR:AAQC,', false],
  ],
}

describe('OTR version 3, "Fragmentation": the header has', () => {
  for (const [title, cases] of Object.entries(HEADERS)) {
    test(title, () => {
      for (const [body, passes] of cases) assert.equal(reads(body), passes, body)
    })
  }
})

const PIECES: Readonly<Record<string, readonly (readonly [body: string, passes: boolean])[]>> = {
  'the first one begins like a message of version 2 or 3': [
    ['?OTR,1,9,?,', true], ['?OTR,1,9,?OT,', true], ['?OTR,1,9,?OTR:AAIDxyz,', true], ['?OTR,1,9,?OTR:AAMS,', true],
    ['?OTR,1,9,hello,', false], ['?OTR,1,9,AAAA,', false], ['?OTR,1,9,?OTX,', false], ['?OTR,1,9,?OTR:AAQD,', false], ['?OTR,1,9,?OTR:BAID,', false],
    ['?OTR,1,9,?OTR:ABID,', false], ['?OTR,1,9,?OTR:AAIX,', false], ['?OTR,1,9,?OTRv2?,', false],
  ],
  'the others are base64': [['?OTR,2,9,AZaz09+/,', true], ['?OTR,2,9,hello!,', false], ['?OTR,2,9,hello you,', false], ['?OTR,2,9,é,', false], ['?OTR,2,9,-_,', false]],
  'the prefix goes on only where pieces so far were short enough': [
    ['?OTR,2,9,OTR:A,', true], ['?OTR,2,9,R:A,', true], ['?OTR,3,9,OTR:A,', false], ['?OTR,3,9,TR:A,', true], ['?OTR,5,9,:A,', true], ['?OTR,6,9,:A,', false],
    ['?OTR,2,9,?OTR:A,', false], ['?OTR,2,9,XR:A,', false], ['?OTR,2,9,hello:A,', false], ['?OTR,2,9,xy:A,', false],
  ],
  'a full stop stands at the end of the last one alone': [
    ['?OTR,9,9,AAAA.,', true], ['?OTR,9,9,AAAA,', false], ['?OTR,8,9,AAAA.,', false], ['?OTR,8,9,AA.A,', false], ['?OTR,9,9,A.A.,', false], ['?OTR,1,1,?OTR:AAID,', false],
  ],
  'padding stands at the end of the last three alone': [
    ['?OTR,9,9,A==.,', true], ['?OTR,9,9,=.,', true], ['?OTR,8,9,A==,', true], ['?OTR,7,9,A=,', true], ['?OTR,6,9,A=,', false],
    ['?OTR,9,9,A=A.,', false], ['?OTR,9,9,A===.,', false], ['?OTR,2,9,=A,', false],
  ],
}

describe('OTR version 3, "Fragmentation": of the pieces', () => {
  for (const [title, cases] of Object.entries(PIECES)) {
    test(title, () => {
      for (const [body, passes] of cases) assert.equal(reads(body), passes, body)
    })
  }
})

describe('a fragment', () => {
  test('that is all of its message is judged like the message, and has the same header', () => {
    assert.equal(reads(SINGLE), true)
    assert.equal(reads(`?OTR|100|ffff,1,1,${WHOLE},`), false)
    const other = WHOLE.replace('A', 'B')
    assert.equal(reads(`?OTR,1,1,${other},`), false)
    assert.equal(reads('?OTR,1,1,?OTR:AAID.,'), false)
    const tagged = bodyOf('edge-frag3-single')
    assert.equal(reads(tagged), true)
    const [, sender = '', receiver = ''] = tagged.split(/[|,]/)
    assert.equal(reads(tagged.replace(sender, '00000abc')), false)
    assert.equal(reads(tagged.replace(receiver, '00000abc')), false)
  })

  test('is no longer than a body may be', () => {
    const body = '?OTR,1,2,?OTR:AAID,'
    assert.deepEqual([reads(body, body.length), reads(body, body.length - 1)], [true, false])
  })
})
