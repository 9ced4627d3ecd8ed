import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Visit } from './site.ts'

/** How long a form may be filled in. */
const LIFETIME_MILLISECONDS = 3_600_000

/**
 * Proofs that a form was given out by us, to this visitor, for this purpose, and not long ago: no other site can have a
 * browser send one (CSRF). They hold no state and no cookie, and end with the process.
 */
export class FormTokens {
  readonly #key = randomBytes(32)
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `bound`: further things that it holds for alone, e.g. a session. */
  issue(purpose: string, visit: Visit, bound = ''): string {
    const expires = (this.#clock.now() + LIFETIME_MILLISECONDS).toString(36)
    const nonce = randomBytes(12).toString('base64url')
    return `${expires}.${nonce}.${this.#sign(purpose, visit, bound, expires, nonce).toString('base64url')}`
  }

  holds(token: string, purpose: string, visit: Visit, bound = ''): boolean {
    const [, expires = '', nonce = '', signature = ''] = /^([0-9a-z]{1,12})\.([\w-]{16})\.([\w-]{43})$/.exec(token) ?? []
    const given = Buffer.from(signature, 'base64url')
    const expected = this.#sign(purpose, visit, bound, expires, nonce)
    return given.length === expected.length && timingSafeEqual(given, expected) && Number.parseInt(expires, 36) > this.#clock.now()
  }

  #sign(purpose: string, { site, peer }: Visit, bound: string, expires: string, nonce: string): Buffer {
    const what = [purpose, site.kind, site.domain.name, peer ?? '', bound, expires, nonce]
    return createHmac('sha256', this.#key).update(JSON.stringify(what)).digest()
  }
}
