import { QueueFull, WorkQueue } from '../auth/work-queue.ts'

/** Accounts that are being made for one peer at a time; more are its own flood. */
const MOST_OF_ONE_PEER = 4

/**
 * Whose turn it is to have a password hashed for a new account: one at a time, so that of what is hashed at once in the
 * server there always is a place for logins, and no peer fills the queue alone.
 */
export class Turns {
  readonly #queue: WorkQueue
  readonly #ofPeers = new Map<string, number>()

  constructor(waiting: number) {
    this.#queue = new WorkQueue(1, waiting)
  }

  /** A peer without a name has no limit of its own. @throws QueueFull */
  async take<T>(peer: string | undefined, work: () => Promise<T>): Promise<T> {
    if (peer === undefined) return await this.#queue.run(work)
    const taken = this.#ofPeers.get(peer) ?? 0
    if (taken >= MOST_OF_ONE_PEER) throw new QueueFull()
    this.#ofPeers.set(peer, taken + 1)
    try {
      return await this.#queue.run(work)
    } finally {
      const rest = (this.#ofPeers.get(peer) ?? 1) - 1
      if (rest > 0) this.#ofPeers.set(peer, rest)
      else this.#ofPeers.delete(peer)
    }
  }
}
