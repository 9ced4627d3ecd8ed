import { timingSafeEqual, createHash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'

/** Where a challenge is good, and for what. */
export interface ChallengePlace {
  readonly purpose: string
  readonly domain: string
  /** Undefined: nobody in particular. */
  readonly peer: string | undefined
}

interface Open {
  readonly place: ChallengePlace
  /** Digests, so that all are of one length. */
  readonly answers: readonly Buffer[]
  readonly expires: number
}

/** Challenges that wait for their answer, of one side (some 1 kB each). */
const MOST_CHALLENGES = 2000

/**
 * Challenges that were given out and not answered yet, in memory alone. Each is good once, for a while, and in its own
 * place; where there are too many the busiest peer loses its oldest one, so that a flood is its own trouble.
 */
export class Challenges {
  readonly #clock: Clock
  readonly #milliseconds: number
  /** In the order in which they were made, so the first is the first to expire. */
  readonly #open = new Map<string, Open>()
  readonly #most: number

  constructor(milliseconds: number, clock: Clock, most = MOST_CHALLENGES) {
    this.#clock = clock
    this.#milliseconds = milliseconds
    this.#most = most
  }

  get size(): number {
    return this.#open.size
  }

  /** Any of the answers is right. */
  open(place: ChallengePlace, answers: readonly string[]): { readonly id: string, readonly expires: number } {
    this.#forgetOld()
    if (this.#open.size >= this.#most) this.#makeRoom()
    const id = randomIdentifier()
    const expires = this.#clock.now() + this.#milliseconds
    this.#open.set(id, { place, answers: answers.map((answer) => digest(plain(answer))), expires })
    return { id, expires }
  }

  /** Whatever the answer, the challenge is used up by it. */
  answer(place: ChallengePlace, id: string, answer: string): boolean {
    const challenge = this.#open.get(id)
    this.#open.delete(id)
    if (challenge === undefined || challenge.expires <= this.#clock.now()) return false
    const { purpose, domain, peer } = challenge.place
    if (purpose !== place.purpose || domain !== place.domain || (peer !== undefined && peer !== place.peer)) return false
    const given = digest(plain(answer.slice(0, LONGEST_ANSWER)))
    return challenge.answers.filter((right) => timingSafeEqual(right, given)).length > 0
  }

  #forgetOld(): void {
    const now = this.#clock.now()
    for (const [id, { expires }] of this.#open) {
      if (expires > now && expires <= now + this.#milliseconds) return // or the clock was set back
      this.#open.delete(id)
    }
  }

  /** Peers without a name are one here. */
  #makeRoom(): void {
    const oldest = new Map<string | undefined, { readonly id: string, count: number }>()
    for (const [id, { place: { peer } }] of this.#open) {
      const held = oldest.get(peer)
      if (held === undefined) oldest.set(peer, { id, count: 1 })
      else held.count++
    }
    let busiest: { readonly id: string, readonly count: number } | undefined
    for (const held of oldest.values()) if (busiest === undefined || held.count > busiest.count) busiest = held
    if (busiest !== undefined) this.#open.delete(busiest.id)
  }
}

const LONGEST_ANSWER = 200

/** As people write it: in either case, with spaces between. */
function plain(answer: string): string {
  return answer.normalize('NFKC').toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '')
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
