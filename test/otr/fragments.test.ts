import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { TestClock } from '../clock.ts'
import { DEFAULT_SETTINGS, type Fragment } from '../../src/otr/classified.ts'
import { Fragments } from '../../src/otr/fragments.ts'
import { classify } from '../../src/otr/message.ts'
import { bodyOf, sequenceVectors } from './vectors.ts'

const ROMEO = { from: 'romeo@montague.lit/garden', to: 'juliet@capulet.lit', sender: 'romeo@montague.lit' }
const DATA = bodyOf('edge-frag2-single').slice('?OTR,1,1,'.length, -1)

describe('sequences of fragments, genuine and forged', () => {
  for (const { name, bodies, expect } of sequenceVectors) {
    test(name, () => {
      const fragments = new Fragments<string>(new TestClock(), DEFAULT_SETTINGS, () => {})
      assert.deepEqual(bodies.map((body) => verdict(fragments, body)), expect)
    })
  }

  for (const { name, bodies, expect } of sequenceVectors.filter((vector) => vector.expect.at(-1) === 'release')) {
    test(`${name}: not one of its fragments may be missing or come twice`, () => {
      for (let index = 1; index < bodies.length; index++) {
        if (expect.length !== bodies.length || name === 'seq-restart') continue
        for (const order of [bodies.toSpliced(index, 1), bodies.toSpliced(index, 0, bodies[index] ?? '')]) {
          const fragments = new Fragments<string>(new TestClock(), DEFAULT_SETTINGS, () => {})
          const verdicts = order.map((body) => verdict(fragments, body))
          const doubled = order.length > bodies.length && index === bodies.length - 1
          assert.equal(verdicts.includes('release'), doubled, `at ${index}`)
        }
      }
    })
  }
})

describe('slices of every size', () => {
  for (const size of [1, 2, 3, 4, 5, 8, 9, 40, 200, DATA.length]) {
    test(`a message in pieces of ${size} characters goes on once it is whole`, () => {
      const fragments = new Fragments<string>(new TestClock(), DEFAULT_SETTINGS, () => {})
      const bodies = slices(DATA, size)
      const outcomes = bodies.map((body) => fragments.offer(ROMEO, fragmentOf(body), body))
      const last = outcomes.at(-1)
      assert.deepEqual(last?.outcome === 'released' && last.stanzas, bodies)
      assert.ok(outcomes.slice(0, -1).every(({ outcome }) => outcome === 'held'))
    })
  }

  test('text in slices is refused at its first piece, before any is held', () => {
    for (const body of slices('?OTR:hello Juliet.'.replaceAll(' ', ''), 9)) {
      assert.match(verdict(new Fragments<string>(new TestClock(), DEFAULT_SETTINGS, () => {}), body), /drop/)
    }
  })
})

describe('what a sender is told', () => {
  test('one refusal for a whole series, however many fragments follow', () => {
    const fragments = new Fragments<string>(new TestClock(), DEFAULT_SETTINGS, () => {})
    const outcomes = slices(DATA, 40).toSpliced(2, 1).map((body) => fragments.offer(ROMEO, fragmentOf(body), body).outcome)
    assert.deepEqual(outcomes.slice(0, 3), ['held', 'held', 'refused'])
    assert.ok(outcomes.slice(3).every((outcome) => outcome === 'ignored'))
  })

  test('one word for a series that is given up: its time is up, it begins anew, or something else comes between', () => {
    const clock = new TestClock()
    const told: string[] = []
    const fragments = new Fragments<string>(clock, DEFAULT_SETTINGS, (first) => told.push(first))
    const [first = '', second = ''] = slices(DATA, 40)
    const begin = (name: string): unknown => [first, second].map((body) => fragments.offer(ROMEO, fragmentOf(body), name))
    begin('late')
    clock.advance(60_000)
    assert.deepEqual(told.splice(0), ['late'])
    begin('begun anew')
    begin('interrupted')
    assert.deepEqual(told.splice(0), ['begun anew'])
    fragments.interrupt(ROMEO)
    assert.deepEqual(told.splice(0), ['interrupted'])
  })

  test('no word more for a series that was refused, and none for one that went on', () => {
    const clock = new TestClock()
    const told: string[] = []
    const fragments = new Fragments<string>(clock, DEFAULT_SETTINGS, (first) => told.push(first))
    for (const body of slices(DATA, 40).toSpliced(2, 2)) fragments.offer(ROMEO, fragmentOf(body), body)
    for (const body of slices(DATA, 40).slice(0, -1).toSpliced(2, 1)) fragments.offer(ROMEO, fragmentOf(body), body)
    fragments.interrupt(ROMEO)
    for (const body of slices(DATA, 40)) fragments.offer(ROMEO, fragmentOf(body), body)
    clock.advance(60_000)
    assert.deepEqual(told, [])
  })

  test('a fragment that counts another total is refused', () => {
    const [first = '', second = ''] = slices(DATA, 210)
    assert.equal(slices(DATA, 210).length, 2)
    const fragments = new Fragments<string>(new TestClock(), DEFAULT_SETTINGS, () => {})
    assert.equal(fragments.offer(ROMEO, fragmentOf(first.replace('?OTR,1,2,', '?OTR,1,3,')), '').outcome, 'held')
    assert.equal(fragments.offer(ROMEO, fragmentOf(second), '').outcome, 'refused')
  })

  test('a later fragment without a first one is refused', () => {
    const fragments = new Fragments<string>(new TestClock(), DEFAULT_SETTINGS, () => {})
    assert.equal(fragments.offer(ROMEO, fragmentOf('?OTR,2,3,AAMD,'), '').outcome, 'refused')
  })
})

describe('bounds', () => {
  test('a series is forgotten after 60 s', () => {
    const clock = new TestClock()
    const fragments = new Fragments<string>(clock, DEFAULT_SETTINGS, () => {})
    const [first, second] = slices(DATA, 210)
    assert.equal(fragments.offer(ROMEO, fragmentOf(first ?? ''), '').outcome, 'held')
    clock.advance(59_999)
    assert.equal(clock.waiting, 1)
    clock.advance(1)
    assert.equal(clock.waiting, 0)
    assert.equal(fragments.offer(ROMEO, fragmentOf(second ?? ''), '').outcome, 'refused')
  })

  test('no timer is left once a series has ended', () => {
    const clock = new TestClock()
    const fragments = new Fragments<string>(clock, DEFAULT_SETTINGS, () => {})
    for (const body of slices(DATA, 50)) fragments.offer(ROMEO, fragmentOf(body), body)
    assert.equal(clock.waiting, 0)
  })

  test('a sender holds four series at once and no more; another sender still may', () => {
    const fragments = new Fragments<string>(new TestClock(), DEFAULT_SETTINGS, () => {})
    const first = fragmentOf('?OTR,1,3,?OTR:AAID,')
    const to = (number: number) => ({ ...ROMEO, to: `nurse${number}@capulet.lit` })
    for (let number = 0; number < 4; number++) assert.equal(fragments.offer(to(number), first, '').outcome, 'held')
    assert.equal(fragments.offer(to(4), first, '').outcome, 'refused')
    assert.equal(fragments.offer({ ...to(4), sender: 'mercutio@montague.lit' }, first, '').outcome, 'held')
    fragments.interrupt(to(0))
    assert.equal(fragments.offer(to(4), first, '').outcome, 'held')
  })

  test('all senders together hold 1024 series and no more', () => {
    const fragments = new Fragments<string>(new TestClock(), DEFAULT_SETTINGS, () => {})
    const first = fragmentOf('?OTR,1,3,?OTR:AAID,')
    const offer = (number: number) => fragments.offer({ from: `${number}`, to: 'juliet', sender: `${number}` }, first, '').outcome
    for (let number = 0; number < 1024; number++) assert.equal(offer(number), 'held')
    assert.equal(offer(1024), 'refused')
  })

  test('all held fragments together take 32 MB and no more', () => {
    const fragments = new Fragments<string>(new TestClock(), DEFAULT_SETTINGS, () => {})
    const first = fragmentOf(`?OTR,1,3,?OTR:AAID${'A'.repeat(250_000)},`)
    const outcomes = Array.from({ length: 140 }, (_, number) =>
      fragments.offer({ from: `${number}`, to: 'juliet', sender: `${number}` }, first, '').outcome)
    assert.equal(outcomes.filter((outcome) => outcome === 'held').length, Math.floor(2 ** 25 / (250_009 + 1024)))
  })

  test('later fragments count as well, and what was refused or has ended counts no longer', () => {
    const fragments = new Fragments<string>(new TestClock(), DEFAULT_SETTINGS, () => {})
    const first = (length: number) => fragmentOf(`?OTR,1,3,?OTR:AAID${'A'.repeat(length)},`)
    const later = (length: number) => fragmentOf(`?OTR,2,3,${'A'.repeat(length)},`)
    const from = (number: number) => ({ from: `${number}`, to: 'juliet', sender: `${number}` })
    for (let number = 0; number < 140; number++) {
      fragments.offer(from(number), first(250_000), '')
      assert.equal(fragments.offer(from(number), fragmentOf('?OTR,3,3,A.,'), '').outcome, 'refused')
      assert.equal(fragments.offer(from(number), first(250_000), '').outcome, 'held')
      fragments.interrupt(from(number))
    }
    for (let number = 0; number < 166; number++) assert.equal(fragments.offer(from(number), first(200_000), '').outcome, 'held')
    assert.equal(fragments.offer(from(166), first(150_000), '').outcome, 'held')
    assert.equal(fragments.offer(from(0), later(50_000), '').outcome, 'refused')
    assert.equal(fragments.offer(from(1), later(50_000), '').outcome, 'held', 'what was refused makes room')
  })

  test('pieces together are no longer than a body may be', () => {
    const fragments = new Fragments<string>(new TestClock(), DEFAULT_SETTINGS, () => {})
    const piece = 'A'.repeat(200_000)
    assert.equal(fragments.offer(ROMEO, fragmentOf(`?OTR,1,3,?OTR:AAID${piece},`), '').outcome, 'held')
    assert.equal(fragments.offer(ROMEO, fragmentOf(`?OTR,2,3,${piece},`), '').outcome, 'refused')
  })

  test('the parties of a conversation do not complete each other', () => {
    const fragments = new Fragments<string>(new TestClock(), DEFAULT_SETTINGS, () => {})
    const [first, second] = slices(DATA, 210)
    fragments.offer(ROMEO, fragmentOf(first ?? ''), '')
    const others = [{ ...ROMEO, from: 'romeo@montague.lit/street' }, { ...ROMEO, to: 'juliet@capulet.lit/balcony' }]
    for (const other of others) assert.equal(fragments.offer(other, fragmentOf(second ?? ''), '').outcome, 'refused')
  })
})

describe('many at a time', () => {
  test('conversations that are interleaved in any way all come through, and each as it was sent', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 2, maxLength: 12 })
    fc.assert(fc.property(sizes, fc.infiniteStream(fc.nat()), (all, order) => {
      const fragments = new Fragments<string>(new TestClock(), DEFAULT_SETTINGS, () => assert.fail('given up'))
      const queues = all.map((size) => slices(DATA, size))
      const released = queues.map(() => [] as readonly string[])
      const sent = queues.map((queue) => [...queue])
      while (queues.some((queue) => queue.length > 0)) {
        const waiting = queues.flatMap((queue, index) => queue.length > 0 ? [index] : [])
        const index = waiting[(order.next().value ?? 0) % waiting.length] ?? 0
        const body = queues[index]?.shift() ?? ''
        const outcome = fragments.offer({ from: `${index}`, to: 'juliet', sender: `${index}` }, fragmentOf(body), body)
        if (outcome.outcome === 'released') released[index] = outcome.stanzas
        else assert.equal(outcome.outcome, 'held')
      }
      assert.deepEqual(released, sent)
    }), { numRuns: 30 })
  })

  test('whatever comes is held within bounds, and nothing is left of it after 60 s', () => {
    const piece = fc.record({ who: fc.nat(5), index: fc.integer({ min: 1, max: 6 }), total: fc.integer({ min: 1, max: 6 }), at: fc.nat(400) })
    fc.assert(fc.property(fc.array(piece, { maxLength: 200 }), (pieces) => {
      const clock = new TestClock()
      const fragments = new Fragments<string>(clock, DEFAULT_SETTINGS, () => {})
      for (const { who, index, total, at } of pieces) {
        const text = index === 1 ? DATA.slice(0, 9 + at) : DATA.slice(9 + at, 20 + at)
        const classified = classify(`?OTR,${index},${total},${text},`)
        if (classified.kind !== 'fragment') continue
        const { outcome } = fragments.offer({ from: `${who}`, to: 'juliet', sender: `${who % 2}` }, classified, '')
        assert.notEqual(outcome, 'released')
        assert.ok(clock.waiting <= 6)
      }
      clock.advance(60_000)
      assert.equal(clock.waiting, 0)
    }))
  })

  test('takes time linear in the number of fragments', () => {
    const [few, many] = [256, 2048].map((total) => {
      const message = `?OTR:AAID${'A'.repeat(total * 40)}`
      const bodies = Array.from({ length: total }, (_, index) => `?OTR,${index + 1},${total},${message.slice(index * 40, index * 40 + 40)}${index + 1 === total ? '.' : ''},`)
      let least = Infinity
      for (let run = 0; run < 5; run++) {
        const fragments = new Fragments<string>(new TestClock(), DEFAULT_SETTINGS, () => {})
        const start = performance.now()
        for (const body of bodies) fragments.offer(ROMEO, fragmentOf(body), body)
        least = Math.min(least, performance.now() - start)
      }
      return least
    }) as [number, number]
    // Eight times as many; a quadratic reader would take 64 times as long. The constant forgives a busy machine.
    assert.ok(many < 24 * few + 3, `${few} ms, then ${many} ms`)
  })
})

function slices(message: string, size: number): string[] {
  const total = Math.ceil(message.length / size)
  return Array.from({ length: total }, (_, index) => `?OTR,${index + 1},${total},${message.slice(index * size, (index + 1) * size)},`)
}

function fragmentOf(body: string): Fragment {
  const classified = classify(body)
  assert.equal(classified.kind, 'fragment', body)
  return classified as Fragment
}

function verdict(fragments: Fragments<string>, body: string): 'hold' | 'release' | 'drop' {
  const classified = classify(body)
  if (classified.kind !== 'fragment') {
    fragments.interrupt(ROMEO)
    return classified.kind === 'encoded' ? 'release' : 'drop'
  }
  const { outcome } = fragments.offer(ROMEO, classified, body)
  return outcome === 'held' ? 'hold' : outcome === 'released' ? 'release' : 'drop'
}
