import type { Clock } from '../clock.ts'
import { isIdentifier } from '../xmpp/identifiers.ts'
import type { Jid } from '../xmpp/jid.ts'

/** For that long a client that comes too late learns what it need not send again. */
const KEPT_MILLISECONDS = 86_400_000
/** Of each account. */
const MOST = 4

interface Former {
  readonly id: string
  readonly count: string
}

/** Sessions that were away for too long: by which id, and how many stanzas of theirs were handled (XEP-0198 §5). */
export class FormerSessions {
  readonly #clock: Clock
  readonly #accounts = new Map<string, readonly Former[]>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(account: Jid, former: Former): void {
    const key = account.toString()
    this.#accounts.set(key, [...this.#accounts.get(key) ?? [], former].slice(-MOST))
    this.#clock.after(KEPT_MILLISECONDS, () => {
      const rest = (this.#accounts.get(key) ?? []).filter((one) => one !== former)
      if (rest.length > 0) this.#accounts.set(key, rest)
      else this.#accounts.delete(key)
    })
  }

  /** How many stanzas of that session were handled; undefined where the account had none of that id. */
  count(account: Jid, id: string): string | undefined {
    return this.#accounts.get(account.toString())?.find((former) => isIdentifier(former.id, id))?.count
  }
}
