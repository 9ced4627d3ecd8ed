import type { Clock, Timer } from '../clock.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import type { Judgement } from './dialback.ts'

/** So many streams may claim to be one domain at a time; nobody honest needs more than two. */
const MOST_AT_A_TIME = 16

const NO_ROOM = new StanzaError('resource-constraint')
const NO_ANSWER = new StanzaError('remote-server-timeout')

interface Verification {
  readonly id: string
  readonly key: string
  readonly resolve: (judgement: Judgement) => void
  readonly deadline: Timer
  asked: boolean
}

/** What one other server is asked: whether keys are its own. By the ids of the streams on which they were shown. */
export class Verifications {
  readonly #clock: Clock
  readonly #milliseconds: number
  readonly #outstanding = new Map<string, Verification>()

  constructor(clock: Clock, milliseconds: number) {
    this.#clock = clock
    this.#milliseconds = milliseconds
  }

  get empty(): boolean {
    return this.#outstanding.size === 0
  }

  /** Resolves always: with the answer, or with an error where none comes in time. */
  add(id: string, key: string): Promise<Judgement> {
    if (this.#outstanding.has(id) || this.#outstanding.size >= MOST_AT_A_TIME) return Promise.resolve(NO_ROOM)
    return new Promise((resolve) => {
      const deadline = this.#clock.after(this.#milliseconds, () => this.#settle(id, NO_ANSWER))
      this.#outstanding.set(id, { id, key, resolve, deadline, asked: false })
    })
  }

  /** Those not asked yet; they count as asked from now on. */
  unasked(): readonly Verification[] {
    const list = [...this.#outstanding.values()].filter(({ asked }) => !asked)
    for (const one of list) one.asked = true
    return list
  }

  /** An answer came: it counts if it was asked for (XEP-0220 §2.1.2), and anything but 'valid' or 'invalid' is an error. */
  settle(id: string, type: string): void {
    if (this.#outstanding.get(id)?.asked !== true) return
    this.#settle(id, type === 'valid' || type === 'invalid' ? type : NO_ANSWER)
  }

  fail(error: StanzaError): void {
    for (const id of [...this.#outstanding.keys()]) this.#settle(id, error)
  }

  #settle(id: string, judgement: Judgement): void {
    const verification = this.#outstanding.get(id)
    if (verification === undefined) return
    this.#outstanding.delete(id)
    verification.deadline.cancel()
    verification.resolve(judgement)
  }
}
