import { jacobi } from './jacobi.ts'

export const POINT_BYTES = 57
export const SCALAR_BYTES = 57

/** The field of Ed448-Goldilocks and its curve x^2 + y^2 = 1 + d*x^2*y^2 (RFC 8032 §5.2). */
const PRIME = 2n ** 448n - 2n ** 224n - 1n
const D = PRIME - 39_081n
const FIELD_BYTES = 56
const PRIME_BYTES = bytesOf(PRIME)

/**
 * Are these POINT_BYTES the encoding of a point on the curve that is not the identity (RFC 8032 §5.2.3)?
 *
 * x is not computed: it exists where (y^2 - 1) / (d*y^2 - 1) is a square, which the Jacobi symbol of the product tells.
 */
export function isPoint(encoded: Buffer): boolean {
  if (((encoded[FIELD_BYTES] ?? 0) & 0x7f) !== 0) return false // only the sign of x is here
  const y = littleEndian(encoded.subarray(0, FIELD_BYTES))
  if (y >= PRIME || y === 0n) return false // at 0 there are points of order 4; those at 1 and -1 have no symbol
  const square = y * y % PRIME
  const product = (square - 1n) * (D * square % PRIME - 1n) % PRIME
  return jacobi(bytesOf((product + PRIME) % PRIME), PRIME_BYTES) === 1
}

/** Is it the encoding of a number below 2^446, as scalars modulo the order of the curve's base point are? */
export function isScalar(encoded: Buffer): boolean {
  return encoded[SCALAR_BYTES - 1] === 0 && (encoded[SCALAR_BYTES - 2] ?? 0) < 0x40
}

function littleEndian(bytes: Buffer): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}

function bytesOf(number: bigint): Buffer {
  return Buffer.from(number.toString(16).padStart(FIELD_BYTES * 2, '0'), 'hex')
}
