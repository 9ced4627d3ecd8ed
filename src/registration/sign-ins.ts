import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Jid } from '../xmpp/jid.ts'

/** Somebody who signed in on a page. */
export interface SignIn {
  readonly account: Jid
  /** The day, as '2025-01-31'. */
  readonly since: string
  readonly onion: boolean
}

/** A sign-in ends when it was not used for so long, and so long after its beginning in any case. */
export const IDLE_MILLISECONDS = 15 * 60_000
const LONGEST_MILLISECONDS = 12 * 60 * 60_000
/** Of one account; of one domain. One more, and the one that was not used for the longest time ends. */
const MOST_OF_ACCOUNT = 8
const MOST = 20_000
const SECRET_BYTES = 32

interface Entry extends SignIn {
  readonly began: number
  used: number
}

/**
 * Who is signed in on the pages: in memory alone, and by the hash of the secret that the browser keeps, so that nobody
 * who sees this memory is signed in. They end when the server does.
 */
export class SignIns {
  readonly #clock: Clock
  /** By the secret's hash, in the order of their last use. */
  readonly #entries = new Map<string, Entry>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The secret of a new one. */
  begin(account: Jid, onion: boolean): string {
    this.#forgetOld()
    const now = this.#clock.now()
    this.#makeRoom(MOST_OF_ACCOUNT, (entry) => entry.account.equals(account.bare))
    this.#makeRoom(MOST, (entry) => entry.account.domain === account.domain)
    const secret = randomBytes(SECRET_BYTES).toString('base64url')
    this.#entries.set(hash(secret), { account: account.bare, since: new Date(now).toISOString().slice(0, 10), onion, began: now, used: now })
    return secret
  }

  /** Whose secret it is; from now on it is not idle. At another domain it is nobody's. */
  find(secret: string, domain: string): SignIn | undefined {
    this.#forgetOld()
    const key = hash(secret)
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.account.domain !== domain) return undefined
    entry.used = this.#clock.now()
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry
  }

  end(secret: string): void {
    this.#entries.delete(hash(secret))
  }

  /** All of an account but the one with that secret. */
  endAll(account: Jid, spared?: string): void {
    const kept = spared === undefined ? undefined : hash(spared)
    for (const [key, entry] of this.#entries) if (key !== kept && entry.account.equals(account.bare)) this.#entries.delete(key)
  }

  /** Of an account, in the order of their last use. */
  of(account: Jid): readonly SignIn[] {
    this.#forgetOld()
    return [...this.#entries.values()].filter((entry) => entry.account.equals(account.bare))
  }

  /** Of those that are meant, there are fewer than so many then. */
  #makeRoom(most: number, isMeant: (entry: Entry) => boolean): void {
    const meant = [...this.#entries].filter(([, entry]) => isMeant(entry))
    const [oldest] = meant
    if (oldest !== undefined && meant.length >= most) this.#entries.delete(oldest[0])
  }

  #forgetOld(): void {
    const now = this.#clock.now()
    for (const [key, { used, began }] of this.#entries) {
      // A clock that was set back lets nobody stay longer.
      const isOld = now - used >= IDLE_MILLISECONDS || now < used || now - began >= LONGEST_MILLISECONDS
      if (isOld) this.#entries.delete(key)
    }
  }
}

/** Found by its hash, a secret is compared in no time that tells of it. */
function hash(secret: string): string {
  return createHash('sha256').update(secret).digest('base64')
}
