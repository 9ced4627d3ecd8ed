import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { classify } from '../../src/otr/message.ts'
import { peek } from '../../src/otr/peek.ts'
import { bodyVectors } from './vectors.ts'

describe('reading how a validated body is addressed', () => {
  test('agrees with the whole classification on every body that passes, in the form that is relayed', () => {
    for (const { name, body } of bodyVectors.filter(({ valid }) => valid)) {
      const classified = classify(body)
      switch (classified.kind) {
        case 'query':
          assert.deepEqual(peek(classified.canonical), { kind: 'query', versions: classified.versions }, name)
          break
        case 'error':
          assert.deepEqual(peek(classified.canonical), { kind: 'error' }, name)
          break
        case 'encoded': {
          const { bytes, ...addressed } = classified
          assert.deepEqual(peek(body), addressed, name)
          assert.equal(bytes.toString('base64'), body.slice('?OTR:'.length, -1))
          break
        }
        case 'fragment': {
          const { kind, version, senderTag, receiverTag } = classified
          assert.deepEqual(peek(body), { kind, version, senderTag, receiverTag }, name)
          break
        }
        default:
          assert.fail(name)
      }
    }
  })

  test('never throws, whatever the body', () => {
    const start = fc.constantFrom('', '?OTR', '?OTR:', '?OTR:AAMD', '?OTRv', '?OTR,', '?OTR|', '?OTR|1|')
    fc.assert(fc.property(start, fc.string({ unit: 'binary' }), (prefix, rest) => { peek(prefix + rest) }))
  })
})
