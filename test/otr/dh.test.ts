import assert from 'node:assert/strict'
import { createDiffieHellmanGroup, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isGroupElement } from '../../src/otr/dh.ts'
import { jacobi } from '../../src/otr/jacobi.ts'

const group = createDiffieHellmanGroup('modp5')
const PRIME = group.getPrime()
const P = number(PRIME)

describe('RFC 3526 §2: the 1536-bit group', () => {
  test('p, p-1 and numbers beyond p are refused, and -4 like every negative of a square', () => {
    for (const distance of [0n, 1n, -1n, -5n]) assert.equal(isGroupElement(bytes(P - distance)), false, `p-${distance}`)
    assert.equal(jacobi(bytes(P - 4n), PRIME), -1)
    assert.equal(isGroupElement(bytes(2n ** 1535n)), true)
  })

  test('public keys that OpenSSL makes are in the group, their negatives are not', () => {
    for (let run = 0; run < 20; run++) {
      const person = createDiffieHellmanGroup('modp5')
      const key = number(person.generateKeys())
      assert.equal(isGroupElement(bytes(key)), true)
      assert.equal(isGroupElement(bytes(P - key)), false)
    }
  })

  test('of random numbers one half is in the group, as Euler says which', () => {
    for (let run = 0; run < 20; run++) {
      const value = number(randomBytes(190))
      assert.equal(isGroupElement(bytes(value)), power(value, (P - 1n) / 2n) === 1n)
    }
  })
})

describe('the Jacobi symbol', () => {
  const anyBytes = fc.uint8Array({ minLength: 1, maxLength: 80 })
  /** Few bits, runs of ones: what makes very large quotients, and numbers that agree for long. */
  const lumpyBytes = fc.array(fc.tuple(fc.constantFrom(0, 1, 0x80, 0xff), fc.integer({ min: 1, max: 20 })), { minLength: 1, maxLength: 8 })
    .map((runs) => Uint8Array.from(runs.flatMap(([byte, length]) => Array<number>(length).fill(byte))))
  const numbers = fc.oneof(anyBytes, lumpyBytes)

  test('is that of the definition by reciprocity', () => {
    fc.assert(fc.property(numbers, numbers, (one, other) => {
      const modulus = number(other) | 1n
      const value = number(one) % modulus
      assert.equal(jacobi(bytes(value), bytes(modulus)), reference(value, modulus))
    }), { numRuns: 4000 })
  })

  test('is 0 where the numbers have a common divisor', () => {
    fc.assert(fc.property(numbers, numbers, (one, other) => {
      const divisor = 2n * number(randomBytes(5)) + 3n
      const modulus = (number(other) | 1n) * divisor
      const value = number(one) * divisor % modulus
      assert.equal(jacobi(bytes(value), bytes(modulus)), 0)
    }), { numRuns: 1000 })
  })

  test('holds for two numbers that share all their leading bits', () => {
    for (let offset = 1n; offset < 200n; offset++) {
      assert.equal(jacobi(bytes(P - offset), PRIME), reference(P - offset, P), `p-${offset}`)
    }
  })
})

function number(value: Uint8Array): bigint {
  return BigInt(`0x0${Buffer.from(value).toString('hex')}`)
}

function bytes(value: bigint): Buffer {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n, square = square * square % P) {
    if ((rest & 1n) === 1n) result = result * square % P
  }
  return result
}

function reference(value: bigint, modulus: bigint): number {
  let [a, n, sign] = [value % modulus, modulus, 1]
  while (a !== 0n) {
    while ((a & 1n) === 0n) {
      a >>= 1n
      if ((n & 7n) === 3n || (n & 7n) === 5n) sign = -sign
    }
    [a, n] = [n, a]
    if ((a & 3n) === 3n && (n & 3n) === 3n) sign = -sign
    a %= n
  }
  return n === 1n ? sign : 0
}
