import type { Clock } from '../clock.ts'
import type { Connection } from '../net/connection.ts'

/**
 * Ends a turn of the event loop for all outboxes together: what was put into them while the turn's input was read
 * goes out with one write each.
 */
export class WriteTurn {
  readonly #waiting: Outbox[] = []
  #planned = false
  readonly #flush = (): void => {
    this.#planned = false
    const outboxes = this.#waiting.splice(0)
    for (const outbox of outboxes) outbox.flush()
  }

  add(outbox: Outbox): void {
    this.#waiting.push(outbox)
    if (this.#planned) return
    this.#planned = true
    setImmediate(this.#flush)
  }
}

/**
 * Written at once at the most, in characters. What is more waits for the operating system to take these: so a slow peer
 * that reads is told from one that does not, however much a session that is resumed has to be sent at once.
 */
const SLICE = 64 * 1024

/**
 * The bytes of one stream that are not written yet: many stanzas of a turn, one write.
 *
 * It is bounded. A peer that does not read is cut off once more than `limit` bytes wait for it, or once what waits
 * has not moved for `drainMilliseconds` (the stream's sweep asks `overdue`): over a slow circuit a socket can stay
 * writable for ever and deliver nothing, so a full buffer is the only sign of a dead peer.
 */
export class Outbox {
  readonly #connection: Connection
  readonly #turn: WriteTurn
  readonly #clock: Clock
  #pending = ''
  #blockedSince = 0

  constructor(connection: Connection, turn: WriteTurn, clock: Clock) {
    this.#connection = connection
    this.#turn = turn
    this.#clock = clock
  }

  /** Takes text to be written; false where more than `limit` bytes wait already: the peer must be cut off. */
  put(text: string, limit: number): boolean {
    if (this.#pending === '') {
      this.#pending = text
      this.#turn.add(this)
    } else {
      this.#pending += text
    }
    return this.#blockedSince === 0 || this.#pending.length + this.#connection.unsent <= limit
  }

  /** Writes what waits, unless the operating system has not taken the last write yet. */
  flush(): void {
    while (this.#pending !== '' && this.#blockedSince === 0) {
      const end = sliceEnd(this.#pending)
      const text = this.#pending.slice(0, end)
      this.#pending = this.#pending.slice(end)
      if (!this.#connection.write(text)) this.#blockedSince = this.#clock.elapsed()
    }
  }

  /** The operating system has taken everything. */
  drained(): void {
    this.#blockedSince = 0
    this.flush()
  }

  /** Writes all that waits, whatever the state of the connection: the stream's last words. */
  flushLast(): void {
    this.#blockedSince = 0
    const text = this.#pending
    this.#pending = ''
    if (text !== '') this.#connection.write(text)
  }

  /** Has what waits not moved for so long? */
  overdue(now: number, drainMilliseconds: number): boolean {
    return this.#blockedSince !== 0 && now - this.#blockedSince > drainMilliseconds
  }
}

/** Not between the halves of a surrogate pair: each part is written as UTF-8 of its own. */
function sliceEnd(text: string): number {
  if (text.length <= SLICE) return text.length
  const last = text.charCodeAt(SLICE - 1)
  return last >= 0xd800 && last <= 0xdbff ? SLICE - 1 : SLICE
}
