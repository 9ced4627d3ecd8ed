import type { ServedDomain, ServedDomains } from './domains.ts'
import { Jid } from '../xmpp/jid.ts'
import { tell } from './headline.ts'
import type { Session, Sessions } from './sessions.ts'

/** What waits for an operator who is not there; beyond, the oldest is forgotten. */
const MOST_NOTICES = 50

interface Notice {
  readonly subject: string
  readonly text: string
}

/**
 * The accounts by which the operators use this server themselves (`operators` of the configuration), and what the
 * server has to tell them. What comes while none of an account's clients is available waits in memory for the next.
 *
 * An operator is told nothing of a domain that is not linked to the operator's own, or whoever saw that account's
 * screen would learn that one server serves both.
 */
export class Operators {
  readonly #accounts: ReadonlyMap<string, Jid>
  readonly #domains: ServedDomains
  readonly #sessions: Sessions
  readonly #waiting = new Map<string, Notice[]>()

  /** `named` as configured: NAME@DOMAIN, where the domain 'onion' stands for its address. */
  constructor(named: readonly string[], domains: ServedDomains, sessions: Sessions) {
    const labels = new Map(domains.all().map(({ name, label }) => [label, name]))
    this.#accounts = new Map(named.flatMap((text) => {
      const [local = '', domain = ''] = text.split('@')
      const account = Jid.of(local, labels.get(domain) ?? domain)
      return account === undefined ? [] : [[account.toString(), account] as const]
    }))
    this.#domains = domains
    this.#sessions = sessions
  }

  /** Whether the bare JID of it is an operator's account. Whether there is such an account is not asked. */
  includes(account: Jid): boolean {
    return this.#accounts.has(account.bare.toString())
  }

  /**
   * Tells every operator, now or when next available. `about`: the domain that it is about; without it, the server as
   * a whole. No text may name a person: it is shown on screens, and clients keep it.
   */
  tell(subject: string, text: string, about?: ServedDomain): void {
    for (const [name, account] of this.#accounts) {
      if (about !== undefined && !this.#domains.links(about.name, account.domain)) continue
      const available = [...this.#sessions.of(account).values()].filter(({ presence }) => presence !== undefined)
      for (const session of available) tell(session, subject, text)
      if (available.length === 0) this.#wait(name, { subject, text })
    }
  }

  /** A client is available: it is told what waited for its account. */
  available(session: Session): void {
    const name = session.account.toString()
    const notices = this.#waiting.get(name) ?? []
    this.#waiting.delete(name)
    for (const { subject, text } of notices) tell(session, subject, text)
  }

  #wait(name: string, notice: Notice): void {
    const notices = this.#waiting.get(name) ?? []
    this.#waiting.set(name, [...notices, notice].slice(-MOST_NOTICES))
  }
}
