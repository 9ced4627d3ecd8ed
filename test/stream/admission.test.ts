import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { configSchema, type Limits } from '../../src/config/schema.ts'
import { Admission, Admissions } from '../../src/stream/admission.ts'

function limits(changed: Partial<Limits>): Limits {
  return { ...configSchema.parse({}).limits, ...changed }
}

describe('how many streams there may be', () => {
  test('limits.streams_per_peer: one circuit or network has so many, and others have theirs', () => {
    const admission = new Admission(limits({ streams_per_peer: 2 }))
    const place = admission.enter('circuit 1')
    assert.ok(place !== undefined && admission.enter('circuit 1') !== undefined)
    assert.equal(admission.enter('circuit 1'), undefined)
    assert.notEqual(admission.enter('circuit 2'), undefined)
    place.leave()
    assert.notEqual(admission.enter('circuit 1'), undefined)
  })

  test('peers without a name, as on loopback, share the totals alone', () => {
    const admission = new Admission(limits({ streams_per_peer: 1, streams: 3 }))
    for (let n = 0; n < 3; n++) assert.notEqual(admission.enter(undefined), undefined)
    assert.equal(admission.enter(undefined), undefined)
    assert.equal(admission.enter('circuit 1'), undefined)
  })

  test('limits.streams_before_login: new circuits are no way around it, and whoever logs in makes room', () => {
    const admission = new Admission(limits({ streams_before_login: 2 }))
    const places = [1, 2].map((n) => admission.enter(`circuit ${n}`))
    assert.equal(admission.enter('circuit 3'), undefined)
    places[0]?.loggedIn()
    assert.notEqual(admission.enter('circuit 3'), undefined)
    assert.equal(admission.enter('circuit 4'), undefined)
  })

  test('a place is given back once, however often it is left', () => {
    const admission = new Admission(limits({ streams: 1 }))
    const place = admission.enter('circuit 1')
    place?.leave()
    place?.leave()
    assert.notEqual(admission.enter('circuit 1'), undefined)
    assert.equal(admission.enter('circuit 1'), undefined)
  })

  test('an onion that no DNS name leads to has places of its own; a listener that names both has those of the others', () => {
    const admissions = new Admissions(limits({ streams: 1 }))
    const onion = `${'a'.repeat(56)}.onion`
    const of = (...domains: string[]): Admission => admissions.of(new Map(domains.map((domain) => [domain, undefined])))
    assert.equal(of('capulet.lit'), of('montague.lit', onion))
    for (const admission of [of('capulet.lit'), of(onion)]) {
      assert.notEqual(admission.enter('circuit 1'), undefined)
      assert.equal(admission.enter('circuit 2'), undefined)
    }
    assert.equal(admissions.refused, 2)
  })
})
