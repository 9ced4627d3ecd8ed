import { DROP, type Extension, type Host, type Verdict } from '../routing/extension.ts'
import type { Envelope } from '../routing/envelope.ts'
import type { Database, Migration } from '../store/database.ts'
import { domainpart } from '../xmpp/domainpart.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'

export type DomainRuling = 'allow' | 'block'

/** The name of all remote domains that have no ruling of their own. */
export const ALL_DOMAINS = '*'

/** RFC 6120 §8.3.3.10: "e.g., sending to entities at a blacklisted domain". */
const NOT_ALLOWED = new StanzaError('not-allowed', { text: 'This server has no contact with that domain.' })

const MIGRATIONS: readonly Migration[] = [{
  step: 1,
  sql: `CREATE TABLE remote_domain (
    domain TEXT PRIMARY KEY,
    ruling TEXT NOT NULL CHECK (ruling IN ('allow', 'block'))
  ) STRICT, WITHOUT ROWID;`,
}]

/**
 * Which remote domains this server has to do with: all that the operator has not blocked. A ruling holds for the
 * domain and for what is below it, down to the next ruling; '*' is above all of them, so that whoever blocks '*' allows
 * one by one, and 'onion' is every onion. Changes are in force at once. The only code that touches its table.
 */
export class DomainList {
  readonly #rulings = new Map<string, DomainRuling>()
  #database: Database | undefined
  #changed: (() => void) | undefined

  /** Judges what goes to remote domains and comes from them; installed before whatever acts on such stanzas. */
  readonly extension: Extension = {
    name: 's2s-domains',
    implements: [],
    migrations: MIGRATIONS,
    install: (host) => {
      this.#database = host.database
      this.#load()
      const kinds = ['message', 'presence', 'iq'] as const
      return {
        outgoing: [{ kinds, judge: (envelope) => this.#judgeOutgoing(host, envelope) }],
        incoming: [{ kinds, judge: (envelope) => this.#judgeIncoming(host, envelope) }],
      }
    },
  }

  /** Told after each change: streams that are open may no longer be allowed. */
  set onChange(changed: () => void) {
    this.#changed = changed
  }

  /**
   * May there be a stream with that domain, in either direction? The text need be no domain; then there may not. The
   * stream is otherwise refused with <policy-violation/> (RFC 6120 §4.9.3.14).
   */
  mayConnect(domain: string): boolean {
    const name = domainpart(domain)
    if (name === undefined) return false
    for (let part = name; part !== ''; part = part.slice(part.indexOf('.') + 1)) {
      const ruling = this.#rulings.get(part)
      if (ruling !== undefined) return ruling === 'allow'
      if (!part.includes('.')) break
    }
    return this.#rulings.get(ALL_DOMAINS) !== 'block'
  }

  /** By domain, in order. */
  all(): readonly (readonly [domain: string, ruling: DomainRuling])[] {
    return [...this.#rulings].sort(([one], [other]) => one < other ? -1 : 1)
  }

  /** Rules, or takes rulings back; resolves once it is on disk. `domains` are normalized, or ALL_DOMAINS. */
  async rule(domains: readonly string[], ruling: DomainRuling | undefined): Promise<void> {
    const database = this.#database
    if (database === undefined) throw new Error('the list of domains was not installed')
    for (const domain of domains) if (ruling === undefined) this.#rulings.delete(domain); else this.#rulings.set(domain, ruling)
    const written = database.write(() => {
      const remove = database.statement('DELETE FROM remote_domain WHERE domain = ?')
      const insert = database.statement('INSERT INTO remote_domain (domain, ruling) VALUES (?, ?)')
      for (const domain of domains) {
        remove.run(domain)
        if (ruling !== undefined) insert.run(domain, ruling)
      }
    })
    try {
      await written
    } catch (cause) {
      this.#load() // the disk has the truth
      throw cause
    } finally {
      this.#changed?.()
    }
  }

  #load(): void {
    this.#rulings.clear()
    const rows = this.#database?.statement<{ domain: string; ruling: DomainRuling }>('SELECT domain, ruling FROM remote_domain').all()
    for (const { domain, ruling } of rows ?? []) this.#rulings.set(domain, ruling)
  }

  /** A client is told; what the server sends in its name (presence, probes) stays here in silence. */
  #judgeOutgoing({ domains }: Host, { from, to, directed, origin }: Envelope): Verdict {
    if (!directed || domains.links(from.domain, to.domain) || this.mayConnect(to.domain)) return undefined
    return origin === 'client' ? NOT_ALLOWED : DROP
  }

  /** Nothing is answered, IQ requests included: an answer would be a stream to that domain. */
  #judgeIncoming({ domains }: Host, { from }: Envelope): Verdict {
    return domains.serves(from.domain) || this.mayConnect(from.domain) ? undefined : DROP
  }
}
