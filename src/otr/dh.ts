import { jacobi } from './jacobi.ts'

/** The prime of the 1536-bit group (RFC 3526 §2), 2^1536 - 2^1472 - 1 + 2^64 * (floor(2^1406 * pi) + 741804). */
const PRIME = Buffer.from(
  'ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd'
  + 'ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed'
  + 'ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f'
  + '83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca237327ffffffffffffffff', 'hex')

const PRIME_LESS_ONE = Buffer.from(PRIME)
PRIME_LESS_ONE.writeUInt8(0xfe, PRIME.length - 1)

/** A genuine key is shorter than the prime by a byte once in 256; one of less than 176 bytes comes once in 2^128. */
export const LEAST_KEY_BYTES = 176
export const MOST_KEY_BYTES = PRIME.length

/**
 * Is this number, big-endian without leading zeros and of LEAST_KEY_BYTES to MOST_KEY_BYTES, a power of the group's
 * generator, and neither 1 nor p-1?
 *
 * The generator 2 is a square modulo p, and p is a safe prime, so its powers are exactly the squares: the Jacobi
 * symbol tells them. Half of all numbers are none; so is the negative of every one that is.
 */
export function isGroupElement(key: Buffer): boolean {
  return (key.length < MOST_KEY_BYTES || key.compare(PRIME_LESS_ONE) < 0) && jacobi(key, PRIME) === 1
}
