import { createRequire } from 'node:module'

/*
 * npm's otr writes the revealed key as a number. Once in 256 times it begins with a zero byte, which is then left out,
 * and what is sent is no OTR. Whoever imports this file has it draw again.
 */
const numbers = createRequire(import.meta.url)('otr/vendor/bigint.js') as {
  randBigInt: (bits: number) => unknown
  readonly bitSize: (number: unknown) => number
}
const { randBigInt, bitSize } = numbers
numbers.randBigInt = (bits) => {
  let number = randBigInt(bits)
  while (bits === 128 && bitSize(number) <= 120) number = randBigInt(bits)
  return number
}
