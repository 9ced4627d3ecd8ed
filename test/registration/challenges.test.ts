import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inflateSync } from 'node:zlib'
import { drawn } from '../../src/registration/captcha-picture.ts'
import { Challenges } from '../../src/registration/challenges.ts'
import { asked } from '../../src/registration/question.ts'
import { SIGNS } from '../../src/registration/signs.ts'
import { TestClock } from '../clock.ts'
import { solved } from './office.ts'

const MINUTE = 60_000
const place = { purpose: 'registration', domain: 'capulet.lit', peer: 'circuit-1' }

describe('a challenge', () => {
  test('is answered in either case, with spaces or without', () => {
    const challenges = new Challenges(10 * MINUTE, new TestClock())
    for (const answer of ['X7 YA', 'x7ya', ' X7-YA. ', 'x 7 y a', 'x7 ya', '\uff38\uff17ya']) {
      const { id } = challenges.open(place, ['x7ya', 'another way'])
      assert.ok(challenges.answer(place, id, answer), answer)
    }
    assert.ok(challenges.answer(place, challenges.open(place, ['x7ya', 'another way']).id, 'Another, way!'))
    for (const answer of ['', 'x7y', 'x7yaa', 'a7yx', 'x'.repeat(1_000_000)]) {
      assert.ok(!challenges.answer(place, challenges.open(place, ['x7ya']).id, answer))
    }
  })

  test('is good once, right or wrong', () => {
    const challenges = new Challenges(10 * MINUTE, new TestClock())
    for (const first of ['rose', 'thorn']) {
      const { id } = challenges.open(place, ['rose'])
      challenges.answer(place, id, first)
      assert.ok(!challenges.answer(place, id, 'rose'))
    }
    assert.equal(challenges.size, 0)
  })

  test('is good in its own place: purpose, domain, peer; and used up by a try elsewhere', () => {
    const challenges = new Challenges(10 * MINUTE, new TestClock())
    for (const other of [{ ...place, purpose: 'removal' }, { ...place, domain: 'montague.lit' }, { ...place, peer: 'circuit-2' }, { ...place, peer: undefined }]) {
      const { id } = challenges.open(place, ['rose'])
      assert.ok(!challenges.answer(other, id, 'rose'))
      assert.ok(!challenges.answer(place, id, 'rose'))
    }
    const nobody = { ...place, peer: undefined }
    assert.ok(challenges.answer(place, challenges.open(nobody, ['rose']).id, 'rose'), 'nobody\'s is good for anybody')
  })

  test('expires to the millisecond, and is forgotten', () => {
    const clock = new TestClock()
    const challenges = new Challenges(10 * MINUTE, clock)
    const [early, late] = [challenges.open(place, ['rose']), challenges.open(place, ['rose'])]
    assert.equal(early.expires, 10 * MINUTE)
    clock.advance(10 * MINUTE - 1)
    assert.ok(challenges.answer(place, early.id, 'rose'))
    clock.advance(1)
    assert.ok(!challenges.answer(place, late.id, 'rose'))
    challenges.open(place, ['rose'])
    clock.advance(10 * MINUTE)
    challenges.open(place, ['rose'])
    assert.equal(challenges.size, 1)
  })

  test('where there are too many, the busiest peer loses its oldest one, and nobody else any', () => {
    const challenges = new Challenges(10 * MINUTE, new TestClock(), 100)
    const quiet = { ...place, peer: 'quiet' }
    const kept = challenges.open(quiet, ['rose'])
    const flood = Array.from({ length: 500 }, () => challenges.open(place, ['rose']))
    assert.equal(challenges.size, 100)
    assert.ok(challenges.answer(quiet, kept.id, 'rose'))
    assert.ok(!challenges.answer(place, flood[0]?.id ?? '', 'rose'))
    assert.ok(challenges.answer(place, flood.at(-1)?.id ?? '', 'rose'))
  })
})

describe('what is asked', () => {
  test('a person can answer it, and seldom is it the same', () => {
    const questions = Array.from({ length: 300 }, () => asked())
    for (const { text, answers } of questions) {
      const challenges = new Challenges(MINUTE, new TestClock())
      assert.ok(challenges.answer(place, challenges.open(place, answers).id, solved(text)), text)
      assert.doesNotMatch(text, /\d|undefined/)
      assert.ok(text.length < 300)
    }
    assert.equal(new Set(questions.map(({ text }) => text)).size, 300)
    assert.ok(new Set(questions.map(({ answers }) => answers[0])).size > 290)
  })

  test('a picture is a PNG of one size, small, and never the same', () => {
    const pictures = Array.from({ length: 20 }, () => drawn())
    for (const { text, png } of pictures) {
      assert.match(text, new RegExp(`^[${Object.keys(SIGNS).join('')}]{5}$`))
      assert.doesNotMatch(text, /(.)\1/)
      assert.deepEqual([...png.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
      const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)]
      const data = png.indexOf('IDAT')
      const rows = inflateSync(png.subarray(data + 4, data + 4 + png.readUInt32BE(data - 4)))
      assert.equal(rows.length, height * (width + 1))
      const shades = new Set(rows)
      assert.ok(shades.size > 20, 'it is drawn with soft edges')
      assert.ok(png.length < 10_000, String(png.length))
    }
    assert.equal(new Set(pictures.map(({ text }) => text)).size, 20)
  })
})
