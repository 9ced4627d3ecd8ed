/** Numbers are little-endian arrays of limbs, in doubles: a limb times a cofactor (< 2^27) stays exact below 2^53. */
const LIMB_BITS = 24
const LIMB = 2 ** LIMB_BITS
const LIMB_BYTES = 3
/** So many leading bits steer the steps of one round. */
const LEADING_BITS = 52

/**
 * The Jacobi symbol (a|n) of two numbers in big-endian bytes, n odd, a < n.
 *
 * Euclid's algorithm by Lehmer's method: the leading bits of both numbers decide some fifteen steps at once, which
 * are then made on the whole numbers as one linear map. Factors of two are not removed; instead the symbol is kept
 * for a pair of which one, the denominator, is odd, and each step corrects its sign from the lowest bits.
 * Quadratic in the length. Not in constant time: for public keys.
 */
export function jacobi(a: Uint8Array, n: Uint8Array): -1 | 0 | 1 {
  const limbs = Math.ceil(Math.max(a.length, n.length) / LIMB_BYTES)
  const pair = new Pair(toLimbs(n, limbs), toLimbs(a, limbs))
  let unfinished = true
  while (unfinished) unfinished = pair.reduce()
  return pair.symbol
}

function toLimbs(bytes: Uint8Array, length: number): Float64Array {
  const limbs = new Float64Array(length)
  for (let limb = 0, at = bytes.length - 1; at >= 0; limb++, at -= LIMB_BYTES) {
    limbs[limb] = byteAt(bytes, at) | byteAt(bytes, at - 1) << 8 | byteAt(bytes, at - 2) << 16
  }
  return limbs
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0
}

/**
 * Two numbers x and y on their way to their greatest common divisor. One of them, the denominator, is always odd.
 * Over all steps the sign times (y|x) where x is the denominator, or times (x|y) where y is, stays what it was.
 */
class Pair {
  #x: Float64Array
  #y: Float64Array
  /** Index of the highest limb that is not 0 in both. */
  #top: number
  #denominatorIsX = true
  /** 1 where the sign is negative. */
  #negative = 0

  /** @param x odd */
  constructor(x: Float64Array, y: Float64Array) {
    this.#x = x
    this.#y = y
    this.#top = x.length - 1
    this.#trim()
  }

  /** Makes as many of Euclid's steps as the leading bits decide; false once one of the numbers is 0. */
  reduce(): boolean {
    const exact = this.#top < 2
    let u = this.#leading(this.#x)
    let v = this.#leading(this.#y)
    if (u < v) {
      this.#swap();
      [u, v] = [v, u]
    }
    let xLow = limb(this.#x, 0)
    let yLow = limb(this.#y, 0)
    // After the steps so far the numbers are |a*x - b*y| and |c*x - d*y|; each step changes both signs.
    let a = 1, b = 0, c = 0, d = 1
    let steps = 0
    while (v > 0) {
      const quotient = Math.floor(u / v)
      const rest = u - quotient * v
      const nextD = b + quotient * d
      // The bits left out change the rest by less than nextD (which is not less than nextC): it is surely not negative.
      if (!exact && rest < nextD) break
      const nextC = a + quotient * c
      const restLow = xLow - Math.imul(quotient, yLow) | 0
      this.#subtracted(xLow, yLow, quotient, restLow)
      this.#denominatorIsX = !this.#denominatorIsX
      u = v; v = rest
      xLow = yLow; yLow = restLow
      a = c; b = d; c = nextC; d = nextD
      steps++
    }
    if (exact) return this.#finish(u)
    if (steps === 0) return this.#divide()
    if (steps % 2 === 0) this.#apply(a, -b, -c, d)
    else this.#apply(-a, b, c, -d)
    return true
  }

  /** After the last step: (0|1) = 1, and with any other common divisor the symbol is 0. */
  get symbol(): -1 | 0 | 1 {
    if (this.#top !== 0 || limb(this.#x, 0) !== 1) return 0
    return this.#negative === 0 ? 1 : -1
  }

  /** Keeps the sign right where x becomes x - quotient * y; all that matters are the lowest three bits. */
  #subtracted(xLow: number, yLow: number, quotient: number, restLow: number): void {
    if (!this.#denominatorIsX) return // (x|y) depends on x modulo y alone
    if ((yLow & 1) === 1) {
      // Both are odd: by reciprocity y becomes the denominator, with the other sign if both are 3 modulo 4.
      this.#negative ^= xLow >> 1 & yLow >> 1 & 1
      this.#denominatorIsX = false
    } else if ((yLow & 2) === 2) {
      // y = 2z, z odd: (2|x) depends on x modulo 8, and (z|x) turns with z and z*quotient by reciprocity, twice.
      const changed = xLow ^ restLow
      this.#negative ^= (quotient & yLow >> 2 ^ changed >> 1 ^ changed >> 2) & 1
    } // and for y divisible by 4 the symbol (y|x) has the period y in x
  }

  /** x, y = a*x + b*y, c*x + d*y; neither is negative, and both are shorter than x. */
  #apply(a: number, b: number, c: number, d: number): void {
    const x = this.#x
    const y = this.#y
    let xCarry = 0
    let yCarry = 0
    for (let i = 0; i <= this.#top; i++) {
      const xLimb = limb(x, i)
      const yLimb = limb(y, i)
      const xSum = a * xLimb + b * yLimb + xCarry
      const ySum = c * xLimb + d * yLimb + yCarry
      xCarry = Math.floor(xSum / LIMB)
      yCarry = Math.floor(ySum / LIMB)
      x[i] = xSum - xCarry * LIMB
      y[i] = ySum - yCarry * LIMB
    }
    this.#trim()
  }

  /** One step by long division: for a quotient that the leading bits cannot hold, or two numbers that agree in them. */
  #divide(): boolean {
    let yTop = this.#top
    while (yTop >= 0 && limb(this.#y, yTop) === 0) yTop--
    if (yTop < 0) return false
    // The divisor is rounded up, and the quotient down by more than all roundings: x never becomes negative.
    let ratio = twoLimbs(this.#x, this.#top) / (twoLimbs(this.#y, yTop) + 1) * (1 - 2 ** -40)
    let shift = this.#top - yTop
    while (ratio < 1 && shift > 0) {
      ratio *= LIMB
      shift--
    }
    if (ratio < 1 && this.#isLess()) this.#swap()
    this.#subtract(Math.max(Math.floor(ratio), 1), shift)
    return true
  }

  /** x = x - quotient * y * LIMB^shift */
  #subtract(quotient: number, shift: number): void {
    const x = this.#x
    const xLow = limb(x, 0)
    let carry = 0
    for (let i = shift; i <= this.#top; i++) {
      const difference = limb(x, i) - quotient * limb(this.#y, i - shift) + carry
      carry = Math.floor(difference / LIMB)
      x[i] = difference - carry * LIMB
    }
    this.#subtracted(xLow, limb(this.#y, 0), shift === 0 ? quotient : 0, limb(x, 0))
    this.#trim()
  }

  /** Both numbers were known wholly: nothing is left but their greatest common divisor. */
  #finish(divisor: number): boolean {
    this.#x.fill(0)
    this.#y.fill(0)
    this.#x[0] = divisor === 1 ? 1 : 0
    this.#top = 0
    return false
  }

  /** The leading bits of one of the numbers; the whole number where both have at most two limbs. */
  #leading(number: Float64Array): number {
    const top = this.#top
    if (top < 2) return twoLimbs(number, 1)
    const length = 32 - Math.clz32(Math.max(limb(this.#x, top), limb(this.#y, top)))
    const bits = Math.min(LIMB_BITS, LEADING_BITS - LIMB_BITS - length)
    return twoLimbs(number, top) * (1 << bits) + (limb(number, top - 2) >> LIMB_BITS - bits)
  }

  #isLess(): boolean {
    for (let i = this.#top; i >= 0; i--) {
      const difference = limb(this.#x, i) - limb(this.#y, i)
      if (difference !== 0) return difference < 0
    }
    return false
  }

  #swap(): void {
    [this.#x, this.#y] = [this.#y, this.#x]
    this.#denominatorIsX = !this.#denominatorIsX
  }

  #trim(): void {
    while (this.#top > 0 && limb(this.#x, this.#top) === 0 && limb(this.#y, this.#top) === 0) this.#top--
  }
}

/** The limb `at` and the one below it. */
function twoLimbs(number: Float64Array, at: number): number {
  return limb(number, at) * LIMB + limb(number, at - 1)
}

function limb(number: Float64Array, at: number): number {
  return number[at] ?? 0
}
